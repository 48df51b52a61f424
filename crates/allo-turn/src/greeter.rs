//! The beginning of a connection, where several servers share an address: nobody knows yet for which of them it is.

use std::time::Instant;

use crate::{
    Client,
    credentials::{Subject, TurnSecret, subject},
    message::{Class, Message, Method, Writer, kind},
};

/// What becomes of the first requests on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Greeting {
    /// It says whose it is, and is for the server that gave this one credentials. Whether it is true, only that server can tell.
    Hand(Subject),
    /// It does not say whose it is, and is answered with what is needed to do so.
    Challenge(Vec<u8>),
    /// It is nothing to begin with. The connection is to be closed.
    Refuse,
}

/// Answers whoever has not said yet who they are, and keeps nothing of them.
///
/// It is for connections, whose other end is known to be there: how often one is answered is for the caller to bound.
#[derive(Debug, Clone)]
pub struct Greeter {
    secret: TurnSecret,
    realm: String,
}

impl Greeter {
    /// Makes one for all servers with this secret and realm.
    pub fn new(secret: TurnSecret, realm: String) -> Self {
        Self { secret, realm }
    }

    /// Says what is to be done with a request.
    pub fn greet(&self, now: Instant, client: Client, bytes: &[u8]) -> Greeting {
        let Some(message) = Message::parse(bytes) else { return Greeting::Refuse };
        let begins = (Class::Request, Method::Allocate);
        if (message.class, message.method) != begins {
            return Greeting::Refuse;
        }
        if let Some(subject) = message.text(kind::USERNAME).and_then(subject) {
            return Greeting::Hand(subject);
        }
        let nonce = self.secret.nonce(now, client);
        let answer = Writer::new(Class::Error, message.method, message.transaction).push_error(401);
        let answer = answer.push(kind::REALM, self.realm.as_bytes()).push(kind::NONCE, nonce.as_bytes());
        Greeting::Challenge(answer.finish())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its virtual time somewhere")]
mod tests {
    use crate::TurnProtocol;

    use super::*;

    const CLIENT: TurnProtocol = TurnProtocol::Tcp;

    fn request(class: Class, method: Method, username: Option<&str>) -> Vec<u8> {
        let writer = Writer::new(class, method, [7; 12]);
        match username {
            Some(username) => writer.push(kind::USERNAME, username.as_bytes()).finish(),
            None => writer.finish(),
        }
    }

    #[test]
    fn who_does_not_say_who_they_are_is_told_how_and_then_handed_on() {
        let now = Instant::now();
        let secret = TurnSecret::new([1; 32], now);
        let greeter = Greeter::new(secret.clone(), "allo".to_owned());
        let address = ([192, 0, 2, 1], 1).into();
        let client = Client { protocol: CLIENT, address, local: address };
        for username in [None, Some("nobody")] {
            let Greeting::Challenge(answer) =
                greeter.greet(now, client, &request(Class::Request, Method::Allocate, username))
            else {
                panic!("no challenge")
            };
            let answer = Message::parse(&answer).unwrap();
            assert_eq!((answer.class, answer.transaction), (Class::Error, [7; 12]));
            assert_eq!(answer.get(kind::ERROR_CODE), Some([0, 0, 4, 1].as_slice()));
            assert!(secret.is_good_nonce(now, answer.text(kind::NONCE).unwrap(), client));
        }
        let named = request(Class::Request, Method::Allocate, Some("12c.ada"));
        assert_eq!(greeter.greet(now, client, &named), Greeting::Hand(Subject(0xada)));
        for other in [
            request(Class::Request, Method::Binding, Some("12c.ada")),
            request(Class::Request, Method::Refresh, Some("12c.ada")),
            request(Class::Indication, Method::Send, None),
            request(Class::Success, Method::Allocate, None),
            vec![0x40, 0, 0, 0],
            vec![],
        ] {
            assert_eq!(greeter.greet(now, client, &other), Greeting::Refuse, "{other:?}");
        }
    }
}
