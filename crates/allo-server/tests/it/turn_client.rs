//! What a TURN client asks for, by whichever way its messages go.

use std::net::SocketAddr;

use crate::{
    relay::{Pass, UDP},
    turn_wire::{
        ALLOCATE, CHANNEL, CHANNEL_BIND, CREATE_PERMISSION, ERROR, Message, NONCE, PEER, REALM, REFRESH,
        TRANSPORT, USERNAME,
    },
};

/// What a client is asked with next.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    nonce: String,
    transaction: u8,
}

/// A TURN client, which says what a test wants said.
pub(crate) trait Ask {
    fn turns(&mut self) -> &mut Turns;

    /// Sends bytes, and returns what comes next.
    async fn exchange(&mut self, bytes: &[u8]) -> Message;

    fn message(&mut self, kind: u16) -> Message {
        let turns = self.turns();
        turns.transaction += 1;
        Message::new(kind, turns.transaction)
    }

    /// Asks for a nonce.
    async fn challenge(&mut self) {
        let request = self.message(ALLOCATE).with(TRANSPORT, &UDP).bytes();
        let challenge = self.exchange(&request).await;
        assert_eq!((challenge.kind, challenge.error()), (ALLOCATE | ERROR, Some(401)));
        self.turns().nonce = challenge.text(NONCE);
    }

    /// Sends a request with credentials; returns the answer to it.
    async fn ask(&mut self, pass: &Pass, request: Message) -> Message {
        let Pass { username, credential } = pass;
        let request = request.with(USERNAME, username.as_bytes()).with(REALM, b"allo");
        let request = request.with(NONCE, self.turns().nonce.as_bytes());
        let answer = self.exchange(&request.proved(username, "allo", credential)).await;
        assert_eq!(answer.transaction, request.transaction);
        answer
    }

    async fn allocate(&mut self, pass: &Pass) -> Message {
        let request = self.message(ALLOCATE).with(TRANSPORT, &UDP);
        self.ask(pass, request).await
    }

    async fn permit(&mut self, pass: &Pass, peer: SocketAddr) -> Message {
        let request = self.message(CREATE_PERMISSION).with_address(PEER, peer);
        self.ask(pass, request).await
    }

    async fn bind(&mut self, pass: &Pass, peer: SocketAddr) -> Message {
        let request = self.message(CHANNEL_BIND).with(CHANNEL, &[0x40, 0, 0, 0]).with_address(PEER, peer);
        self.ask(pass, request).await
    }

    async fn refresh(&mut self, pass: &Pass) -> Message {
        let request = self.message(REFRESH);
        self.ask(pass, request).await
    }
}
