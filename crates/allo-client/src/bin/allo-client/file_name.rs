//! Names under which files of others may be written.

use std::path::{Path, PathBuf};

use tokio::fs::{File, OpenOptions};

/// The longest name, in bytes. File systems take 255, and a number may have to go into it.
const BYTES_MAX: usize = 200;
/// An ending that is longer than this is none.
const ENDING_BYTES_MAX: usize = 20;
/// Files of the same name in one folder. Beyond it the next one is not taken.
const NUMBERS_MAX: u32 = 1000;

/// Makes a name of what somebody else calls a file: of one part, not hidden, without anything that a terminal or a file system would
/// take for more than a letter.
pub(crate) fn safe_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|c| !is_odd(*c)).collect();
    let is_edge = |c: char| c == '.' || c.is_whitespace();
    let (stem, ending) = split(visible.trim_matches(is_edge));
    let stem = cut(stem, BYTES_MAX - ending.len()).trim_end_matches(is_edge);
    if stem.is_empty() { "file".to_owned() } else { format!("{stem}{ending}") }
}

/// Makes a new file in a folder, under that name or one with a number. What is there stays as it is.
pub(crate) async fn create(folder: &Path, name: &str) -> std::io::Result<(PathBuf, File)> {
    let (stem, ending) = split(name);
    let mut number = 0;
    loop {
        let path = match number {
            0 => folder.join(name),
            number => folder.join(format!("{stem} ({number}){ending}")),
        };
        match OpenOptions::new().write(true).create_new(true).open(&path).await {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < NUMBERS_MAX => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Divides a name before its ending, which has the dot.
fn split(name: &str) -> (&str, &str) {
    let at = name.rfind('.').filter(|at| *at > 0 && name.len() - at <= ENDING_BYTES_MAX);
    name.split_at(at.unwrap_or(name.len()))
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Controls, what some file systems keep for themselves, and what turns the text around it about.
fn is_odd(c: char) -> bool {
    c.is_control()
        || "<>:\"|?*".contains(c)
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_part_and_shows_what_it_is() {
        for (text, name) in [
            ("plan.pdf", "plan.pdf"),
            ("Grüße aus Rom.tar.gz", "Grüße aus Rom.tar.gz"),
            ("../x", "x"),
            ("/etc/passwd", "passwd"),
            ("C:\\Windows\\a.txt", "a.txt"),
            (".bashrc", "bashrc"),
            ("a\u{1b}[2Jb\n\0.txt", "a[2Jb.txt"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            ("CON:", "CON"),
            (" . a . ", "a"),
        ] {
            assert_eq!(safe_name(text), name, "{text:?}");
        }
        for text in ["", ".", "..", "../..", "/", "\\", "\u{202e}", "\n", " ", "***"] {
            assert_eq!(safe_name(text), "file", "{text:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_before_its_ending() {
        let name = safe_name(&format!("{}.pdf", "é".repeat(1_000)));
        assert!(name.len() <= BYTES_MAX && name.ends_with("é.pdf"), "{name}");
        assert_eq!(safe_name(&format!("a.{}", "b".repeat(1_000))).len(), BYTES_MAX);
    }

    #[tokio::test]
    async fn what_is_there_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.pdf"), b"old").unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path().join("plan (1).pdf")).unwrap();
        let (path, _) = create(folder.path(), "plan.pdf").await.unwrap();
        assert_eq!(path, folder.path().join("plan (2).pdf"));
        assert_eq!(std::fs::read(folder.path().join("plan.pdf")).unwrap(), b"old");
        assert!(create(&folder.path().join("none"), "plan.pdf").await.is_err());
    }
}
