//! Names that people type: of rooms and of themselves.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation as _;

/// Names that stand for the server's own pages, now or later. Names with a dot need not be here: no room has one.
const RESERVED: [&str; 9] =
    ["admin", "api", "assets", "diagnostics", "health", "login", "metrics", "turn", "ws"];

/// Bytes for each grapheme cluster allowed in a display name, over the whole name: enough for any script and for most
/// emoji, and a bound for clusters of a thousand combining marks, which are cut off.
const BYTES_PER_GRAPHEME: usize = 4;

/// The longest single cluster kept. A family of four with skin tones has 41 bytes; longer ones are dropped.
const GRAPHEME_BYTES_MAX: usize = 48;

/// The name of a room, as the server writes it. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

/// A room cannot have this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadRoomName {
    /// Nothing is left of it.
    #[error("The room needs a name.")]
    Empty,
    /// It has more than the allowed number of bytes.
    #[error("This room name is too long.")]
    TooLong,
    /// It has a character that is neither letter, digit, `-`, `_` nor white space.
    #[error("A room name is made of letters, digits, - and _.")]
    Character,
    /// It is the name of one of the server's own pages.
    #[error("This name is reserved: choose another one for the room.")]
    Reserved,
}

impl RoomName {
    /// Normalises what someone typed or followed a link to.
    pub fn parse(text: &str, bytes_max: u32) -> Result<Self, BadRoomName> {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        // Normalising changes the length by a small factor only: far longer texts need not be looked at.
        if text.len() > bytes_max.saturating_mul(8) {
            return Err(BadRoomName::TooLong);
        }
        let lower = text.trim().nfc().collect::<String>().to_lowercase();
        let name: String = lower.nfc().map(|c| if c.is_whitespace() { '-' } else { c }).collect();
        let is_allowed = |c: char| c.is_alphanumeric() || is_combining_mark(c) || c == '-' || c == '_';
        if name.is_empty() {
            Err(BadRoomName::Empty)
        } else if name.len() > bytes_max {
            Err(BadRoomName::TooLong)
        } else if !name.chars().all(is_allowed) {
            Err(BadRoomName::Character)
        } else if RESERVED.contains(&name.as_str()) {
            Err(BadRoomName::Reserved)
        } else {
            Ok(Self(name.into()))
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Whoever knows a room's name can come in: it is kept out of logs.
impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomName(..)")
    }
}

/// A person's name, fit to be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

/// Nothing that can be shown is left of a display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Please give a name that others can read.")]
pub struct BadDisplayName;

impl DisplayName {
    /// Normalises what someone typed: NFC, no controls, no bidirectional overrides, nothing invisible, folded white
    /// space, cut to `graphemes_max` clusters.
    pub fn parse(text: &str, graphemes_max: u32) -> Result<Self, BadDisplayName> {
        let mut name = clean(text, graphemes_max);
        // What was removed may have stood between two characters that are something else together. Each turn shortens the name.
        loop {
            let again = clean(&name, graphemes_max);
            if again == name {
                break;
            }
            name = again;
        }
        if name.chars().any(|c| !c.is_whitespace() && !is_joiner(c) && !is_combining_mark(c)) {
            Ok(Self(name))
        } else {
            Err(BadDisplayName)
        }
    }

    /// Returns this name, with a number behind it when one of `taken` would be mistaken for it.
    pub(crate) fn unique<'a>(self, taken: impl Iterator<Item = &'a DisplayName>) -> Self {
        let taken: Vec<String> = taken.map(Self::skeleton).collect();
        if !taken.contains(&self.skeleton()) {
            return self;
        }
        // One more candidate than names taken: one of them is free.
        let mut candidates = (2..=taken.len() + 2).map(|n| Self(format!("{} ({n})", self.0)));
        candidates.find(|name| !taken.contains(&name.skeleton())).unwrap_or(self)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what two names have in common when a reader would take one for the other.
    fn skeleton(&self) -> String {
        self.0.chars().filter(|c| !is_joiner(*c)).flat_map(char::to_lowercase).collect()
    }
}

// A person's name does not belong in a log.
impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(..)")
    }
}

/// The longest name of a file, in grapheme clusters. A longer one is cut.
const FILE_NAME_GRAPHEMES: u32 = 128;

/// Reads the name of a file: as a person's, without the path before it, and without dots at its ends, by which it would be hidden or
/// name a folder. `None`: nothing is left that could be shown.
pub(crate) fn parse_file_name(text: &str) -> Option<String> {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = DisplayName::parse(last, FILE_NAME_GRAPHEMES).ok()?;
    let is_end = |c: char| c == '.' || c.is_whitespace() || is_joiner(c);
    Some(name.0.trim_matches(is_end).to_owned()).filter(|name| DisplayName::parse(name, 1).is_ok())
}

/// Removes what is not to be shown, and cuts the rest.
fn clean(text: &str, graphemes_max: u32) -> String {
    let graphemes_max = usize::try_from(graphemes_max).unwrap_or(usize::MAX);
    let bytes_max = graphemes_max.saturating_mul(BYTES_PER_GRAPHEME);
    let visible: String = text.chars().map(space_for_white).filter(|c| !is_hidden(*c)).nfc().collect();
    let folded = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut name = String::new();
    for grapheme in folded.graphemes(true).filter(|g| g.len() <= GRAPHEME_BYTES_MAX).take(graphemes_max) {
        if name.len() + grapheme.len() > bytes_max {
            break;
        }
        name.push_str(grapheme);
    }
    name.trim_matches(|c: char| c.is_whitespace() || is_joiner(c)).to_owned()
}

fn space_for_white(c: char) -> char {
    if c.is_whitespace() { ' ' } else { c }
}

/// The two joiners shape Persian and Indic words and build emoji: they stay inside a name.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Characters that show nothing, or that turn the text around them about.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(text: &str) -> Result<String, BadRoomName> {
        RoomName::parse(text, 128).map(|name| name.as_str().to_owned())
    }

    fn person(text: &str) -> Option<String> {
        DisplayName::parse(text, 64).ok().map(|name| name.0)
    }

    #[test]
    fn a_name_is_its_own_normal_form() {
        for text in ["y\u{200b}\u{301}", "\u{1100}\u{feff}\u{1161}", "a \u{200b} b", "e\u{200d}\u{200b}"] {
            let name = person(text).unwrap();
            assert_eq!(person(&name).as_deref(), Some(&*name), "{text:?}");
        }
        assert_eq!(person("y\u{200b}\u{301}").as_deref(), Some("\u{fd}"), "as it looks, so it is");
    }

    #[test]
    fn a_room_name_is_written_one_way() {
        assert_eq!(room("  Family Dinner "), Ok("family-dinner".to_owned()));
        assert_eq!(room("Re\u{301}union_2"), Ok("réunion_2".to_owned()));
        assert_eq!(room("会议"), Ok("会议".to_owned()));
    }

    #[test]
    fn what_cannot_be_a_room_name_is_refused() {
        assert_eq!(room(" \n"), Err(BadRoomName::Empty));
        assert_eq!(room(&"a".repeat(129)), Err(BadRoomName::TooLong));
        assert_eq!(room(&"a".repeat(1_000_000)), Err(BadRoomName::TooLong));
        assert_eq!(room("WS"), Err(BadRoomName::Reserved));
        for text in ["a/b", "..", "ca.crt", "<b>", "a\u{202e}b", "a\0b", "a\u{200b}b", "a?b", "a#b", "%2e"] {
            assert_eq!(room(text), Err(BadRoomName::Character), "{text:?}");
        }
    }

    #[test]
    fn a_display_name_keeps_what_people_write() {
        for name in [
            "Ada Lovelace",
            "Zoë",
            "张伟",
            "نیلوفر",
            "می\u{200c}خواهم",
            "👩\u{200d}👩\u{200d}👧",
            "O'Brien <3",
        ] {
            assert_eq!(person(name).as_deref(), Some(name));
        }
        assert_eq!(person(" Ada \t\n Lovelace ").as_deref(), Some("Ada Lovelace"));
        assert_eq!(person("Zoe\u{308}").as_deref(), Some("Zoë"));
    }

    #[test]
    fn a_display_name_loses_what_deceives() {
        assert_eq!(person("\u{202e}adA").as_deref(), Some("adA"));
        assert_eq!(person("A\u{200b}d\u{feff}a").as_deref(), Some("Ada"));
        assert_eq!(person("A\u{1b}[31mda\r\n").as_deref(), Some("A[31mda"));
        assert_eq!(person("\u{200d}Ada\u{200d}").as_deref(), Some("Ada"));
    }

    #[test]
    fn a_display_name_that_shows_nothing_is_refused() {
        for text in ["", "   ", "\u{200b}", "\u{202e}\u{202d}", "\u{3164}", "\u{200d}", "\u{301}"] {
            assert_eq!(person(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_display_name_is_cut_at_a_cluster() {
        assert_eq!(person(&"é".repeat(100)), Some("é".repeat(64)));
        let bomb = format!("A{}", "\u{301}".repeat(5000));
        assert_eq!(person(&format!("{bomb}da")).as_deref(), Some("da"));
        assert!(person(&"👩\u{200d}👩\u{200d}👧".repeat(64)).unwrap().len() <= 256);
    }

    #[test]
    fn a_file_has_a_name_without_path_that_shows_what_it_is() {
        let file = |text: &str| parse_file_name(text);
        assert_eq!(file("report 2026.pdf").as_deref(), Some("report 2026.pdf"));
        assert_eq!(file("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(file("C:\\Users\\ada\\a.txt").as_deref(), Some("a.txt"));
        assert_eq!(file("photo\u{202e}gpj.exe").as_deref(), Some("photogpj.exe"));
        assert_eq!(file(".bashrc").as_deref(), Some("bashrc"));
        assert_eq!(file("a\0b\n.html").as_deref(), Some("ab .html"));
        assert_eq!(
            file("<img src=x onerror=alert(1)>.png").as_deref(),
            Some("<img src=x onerror=alert(1)>.png")
        );
        for text in ["", "..", "a/", ". .", "\u{200b}", "..\\"] {
            assert_eq!(file(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let name = |text| DisplayName::parse(text, 64).unwrap();
        let taken = [name("Ada"), name("ada (2)")];
        assert_eq!(name("ADA").unique(taken.iter()).as_str(), "ADA (3)");
        assert_eq!(name("A\u{200d}da").unique(taken.iter()).as_str(), "A\u{200d}da (3)");
        assert_eq!(name("Grace").unique(taken.iter()).as_str(), "Grace");
    }
}
