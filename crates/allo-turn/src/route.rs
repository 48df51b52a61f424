//! For which server a message is, where several share an address.

use crate::{
    credentials::{Subject, subject},
    message::{Class, Message, Method, kind},
};

/// Returns whether bytes are for a TURN server, and nobody else: a message about an allocation, channel data, or a question how its sender
/// is seen.
///
/// Binding requests with a user name are not among them: they are ICE's (RFC 8445 §7.2).
pub fn is_turn(bytes: &[u8]) -> bool {
    match bytes.first().map(|first| first >> 6) {
        Some(0) => Message::parse(bytes).is_some_and(|message| match (message.class, message.method) {
            (Class::Request, Method::Binding) => message.get(kind::USERNAME).is_none(),
            (_, method) => method != Method::Binding,
        }),
        Some(1) => true,
        _ => false,
    }
}

/// Returns whose request this says to be. Whether it is, only the server that gave the credentials can tell.
pub fn subject_of(bytes: &[u8]) -> Option<Subject> {
    let message = Message::parse(bytes)?;
    let is_request = message.class == Class::Request && message.method != Method::Binding;
    subject(message.text(kind::USERNAME)?).filter(|_| is_request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Writer;

    fn request(method: Method, username: &str) -> Vec<u8> {
        Writer::new(Class::Request, method, [7; 12]).push(kind::USERNAME, username.as_bytes()).finish()
    }

    #[test]
    fn a_check_of_connectivity_is_not_for_a_turn_server() {
        assert!(is_turn(&request(Method::Allocate, "12c.ada")));
        assert!(is_turn(&[0x40, 0, 0, 0]));
        assert!(!is_turn(&request(Method::Binding, "serv:clie")));
        assert!(is_turn(&Writer::new(Class::Request, Method::Binding, [7; 12]).finish()));
        assert!(!is_turn(&Writer::new(Class::Success, Method::Binding, [7; 12]).finish()));
        for bytes in [&[][..], &[0; 20], &[0x80; 20], &[22; 20]] {
            assert!(!is_turn(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn a_request_says_whose_it_is() {
        assert_eq!(subject_of(&request(Method::Allocate, "12c.ada")), Some(Subject(0xada)));
        assert_eq!(subject_of(&request(Method::Refresh, "12c.0ada")), None);
        assert_eq!(subject_of(&request(Method::Binding, "12c.ada")), None);
        assert_eq!(subject_of(&[0x40, 0, 0, 0]), None);
    }
}
