//! The web client's files, and the page itself under the name of every room.

use allo_room::RoomName;
use allo_web::Asset;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Bytes,
    header::{self, HeaderMap, HeaderValue},
};

use super::{Answer, not_found, text};

/// Where people try their devices and their network. No room has that name.
const DIAGNOSTICS: &str = "/diagnostics";

/// Answers with a file of the web client.
pub(super) fn answer<B>(request: &Request<B>, room_name_bytes: u32) -> Answer {
    let path = request.uri().path();
    let is_page = path == "/" || path == DIAGNOSTICS || is_room(path, room_name_bytes);
    let asset = allo_web::asset(if is_page { "/index.html" } else { path });
    asset.map_or_else(not_found, |asset| serve(asset, request.headers()))
}

/// Returns whether `path` is one segment, and that a name which a room can have.
fn is_room(path: &str, bytes_max: u32) -> bool {
    let segment = path.strip_prefix('/').unwrap_or(path);
    percent_decoded(segment).is_some_and(|name| RoomName::parse(&name, bytes_max).is_ok())
}

/// Decodes a segment of a path (RFC 3986 §2.1); `None` when it is malformed or not UTF-8.
pub(crate) fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn serve(asset: &'static Asset, request: &HeaderMap) -> Answer {
    let is_known = values(request, header::IF_NONE_MATCH)
        .any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == asset.etag || tag == "*");
    let mut answer = Response::new(Full::default());
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let cache = if asset.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return answer;
    }
    let brotli = asset.brotli.filter(|_| accepts_brotli(request));
    let Some(content) = brotli.or(asset.identity) else {
        return text(StatusCode::NOT_ACCEPTABLE, "This file is served compressed with brotli only.");
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if brotli.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    *answer.body_mut() = Full::new(Bytes::from_static(content));
    answer
}

fn accepts_brotli(request: &HeaderMap) -> bool {
    values(request, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused =
            weight.trim().strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("br") && !is_refused
    })
}

/// Returns the values of a header that is a list.
fn values(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_has_the_page_and_nothing_else_has() {
        for path in ["/family", "/Family%20meeting", "/caf%C3%A9", "/a_b-c"] {
            assert!(is_room(path, 128), "{path}");
        }
        let long = format!("/{}", "a".repeat(129));
        let hostile = [
            "/",
            "/a/b",
            "/..",
            "/%2e%2e",
            "/..%2f..%2fetc",
            "/a\\b",
            "/%5c",
            "/a%00",
            "/%",
            "/%f",
            "/%zz",
            "/%ff",
            "/ws",
            "/favicon.ico",
            "/%0d%0a",
            &long,
        ];
        for path in hostile {
            assert!(!is_room(path, 128), "{path}");
        }
    }

    #[test]
    fn brotli_is_served_to_those_who_want_it() {
        let accepts = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
            accepts_brotli(&headers)
        };
        for text in ["br", "gzip, deflate, br", "gzip;q=1.0, BR;q=0.1"] {
            assert!(accepts(text), "{text}");
        }
        for text in ["", "gzip", "br;q=0", "br;q=0.000", "brotli"] {
            assert!(!accepts(text), "{text}");
        }
    }
}
