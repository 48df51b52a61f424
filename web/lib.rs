//! Allo's web client, as the files that a browser asks for.
//!
//! `build.rs` builds the TypeScript beside this file and embeds the result: the program needs no folder of files,
//! and a path from the network is only ever looked up in a table.

/// A file of the web client.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served, with the leading slash.
    pub path: &'static str,
    /// Its media type, for `Content-Type`.
    pub content_type: &'static str,
    /// An entity tag, in its quotes: it changes when the content does.
    pub etag: &'static str,
    /// Whether the path has a hash of the content in it, so that a browser need never ask again.
    pub is_immutable: bool,
    /// The content; `None` where it is so large that the compressed one alone is embedded.
    pub identity: Option<&'static [u8]>,
    /// The content compressed with brotli, where that is shorter.
    pub brotli: Option<&'static [u8]>,
}

/// Every file, sorted by path.
pub static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Returns the file served at `path`.
pub fn asset(path: &str) -> Option<&'static Asset> {
    let index = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_nothing_beside_the_table_is() {
        let page = asset("/index.html").expect("build.rs refuses a client without it");
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(!page.is_immutable);
        for path in ["", "/", "index.html", "/../Cargo.toml", "/index.html/", "/index.html\0"] {
            assert!(asset(path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn each_file_is_found_by_its_path() {
        for expected in ASSETS {
            assert_eq!(asset(expected.path).expect("sorted").etag, expected.etag);
            assert_eq!(expected.is_immutable, expected.path.starts_with("/assets/"));
            match (expected.identity, expected.brotli) {
                (Some(identity), brotli) => assert!(brotli.is_none_or(|b| b.len() < identity.len())),
                (None, brotli) => assert!(brotli.is_some(), "{}", expected.path),
            }
        }
    }
}
