//! What is said in writing.

use std::collections::VecDeque;
use std::time::Instant;

use allo_protocol::{ChatMessage, ParticipantId};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::refusal::Refusal;

/// The longest text, in bytes. A longer one is refused.
pub(crate) const TEXT_BYTES_MAX: usize = 4000;

/// Messages kept for those who come later. Beyond, the oldest is forgotten.
const MESSAGES_MAX: usize = 200;

/// Bytes of text kept for them. Beyond, the oldest are forgotten.
///
/// Higher: latecomers learn more. Lower: a snapshot costs less; with all that is around the text, it must fit into an outbox.
const HISTORY_BYTES_MAX: usize = 48 * 1024;

/// The longest grapheme cluster kept, in bytes. Longer ones, which are towers of marks, are dropped; families of emoji are shorter.
const GRAPHEME_BYTES_MAX: usize = 64;

/// What was said in a room, as far as it is kept.
#[derive(Debug, Default)]
pub(crate) struct History {
    messages: VecDeque<(Instant, ChatMessage)>,
    bytes: usize,
}

impl History {
    /// Keeps a message that is said now.
    pub(crate) fn push(&mut self, now: Instant, message: ChatMessage) {
        self.bytes += message.text.len();
        self.messages.push_back((now, message));
        while self.messages.len() > MESSAGES_MAX || self.bytes > HISTORY_BYTES_MAX {
            let Some((_, oldest)) = self.messages.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }

    /// Returns whether a message has this number.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.messages.iter().any(|(_, message)| message.id == id)
    }

    /// Returns what is meant for somebody, the oldest first.
    pub(crate) fn of(&self, now: Instant, reader: &ParticipantId) -> Vec<ChatMessage> {
        let is_for = |message: &ChatMessage| {
            message.to.as_ref().is_none_or(|to| to == reader || message.from == *reader)
        };
        let told = self.messages.iter().filter(|(_, message)| is_for(message));
        told.map(|(at, message)| {
            let age = now.saturating_duration_since(*at).as_secs();
            ChatMessage { age_s: u32::try_from(age).unwrap_or(u32::MAX), ..message.clone() }
        })
        .collect()
    }
}

/// Reads a text: NFC, no control characters but line feeds and tabs, nothing that turns the text around it about.
pub(crate) fn parse(text: &str) -> Result<String, Refusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::TextTooLong { bytes_max: TEXT_BYTES_MAX });
    }
    let lines = text.replace("\r\n", "\n");
    let visible: String = lines.chars().filter(|c| !is_hidden(*c)).nfc().collect();
    let text: String = visible.graphemes(true).filter(|g| g.len() <= GRAPHEME_BYTES_MAX).collect();
    // To compose characters can make a text longer, by little.
    match text.trim_end() {
        text if text.trim().is_empty() => Err(Refusal::TextEmpty),
        text if text.len() > TEXT_BYTES_MAX => Err(Refusal::TextTooLong { bytes_max: TEXT_BYTES_MAX }),
        text => Ok(text.to_owned()),
    }
}

/// Marks and isolates of direction are part of how some languages are written, and end with the text; overrides only deceive.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e001f}')
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn person(name: &str) -> ParticipantId {
        ParticipantId::try_from(name.to_owned()).unwrap()
    }

    fn message(id: u32, from: &str, to: Option<&str>, text: &str) -> ChatMessage {
        let (from, to) = (person(from), to.map(person));
        ChatMessage { id, from, display_name: String::new(), to, text: text.to_owned(), age_s: 0 }
    }

    #[test]
    fn text_stays_as_it_was_written() {
        for text in [
            "Hi",
            "a\n\tb",
            "<b>&amp;",
            "javascript:alert(1)",
            "مرحبا \u{200f}Ada",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
        ] {
            assert_eq!(parse(text).ok().as_deref(), Some(text));
        }
        assert_eq!(parse("a\r\nb").ok().as_deref(), Some("a\nb"));
        assert_eq!(parse("e\u{301}\n\n").ok().as_deref(), Some("é"));
    }

    #[test]
    fn text_loses_what_deceives() {
        assert_eq!(parse("\u{202e}txt.exe\u{0}\u{1b}[31m").ok().as_deref(), Some("txt.exe[31m"));
        let tower = format!("a{}b", "\u{301}".repeat(1000));
        assert_eq!(parse(&tower).ok().as_deref(), Some("b"));
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for text in ["", " \n\t", "\u{202e}", "\u{200b}"] {
            assert_eq!(parse(text), Err(Refusal::TextEmpty));
        }
        let too_long = Err(Refusal::TextTooLong { bytes_max: TEXT_BYTES_MAX });
        assert_eq!(parse(&"a".repeat(TEXT_BYTES_MAX)).map(|text| text.len()), Ok(TEXT_BYTES_MAX));
        assert_eq!(parse(&"a".repeat(TEXT_BYTES_MAX + 1)), too_long);
        // This character has two bytes, and four when it is normalised.
        assert_eq!(parse(&"\u{344}".repeat(TEXT_BYTES_MAX / 2)), Err(Refusal::TextEmpty), "and is a tower");
    }

    #[test]
    fn latecomers_learn_the_latest_and_nothing_that_was_not_meant_for_them() {
        let start = Instant::now();
        let mut history = History::default();
        history.push(start, message(1, "ada", None, "hello"));
        history.push(start, message(2, "ada", Some("grace"), "psst"));
        let later = start + Duration::from_secs(65);
        let ids = |reader| history.of(later, &person(reader)).iter().map(|m| m.id).collect::<Vec<_>>();
        assert_eq!((ids("alan"), ids("grace"), ids("ada")), (vec![1], vec![1, 2], vec![1, 2]));
        assert_eq!(history.of(later, &person("alan"))[0].age_s, 65);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let start = Instant::now();
        let mut history = History::default();
        (0..1000).for_each(|n| history.push(start, message(n, "ada", None, "hi")));
        assert_eq!(history.of(start, &person("alan")).len(), MESSAGES_MAX);
        assert!(history.has(999) && !history.has(1));
        (0..20).for_each(|n| history.push(start, message(n, "ada", None, &"a".repeat(TEXT_BYTES_MAX))));
        let kept = history.of(start, &person("alan"));
        assert_eq!(kept.iter().map(|m| m.text.len()).sum::<usize>(), history.bytes);
        assert!(history.bytes <= HISTORY_BYTES_MAX && kept.len() == 12);
    }
}
