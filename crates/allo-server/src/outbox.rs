//! What waits to be sent on one WebSocket.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

/// What is to be done on a WebSocket, in this order.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Send a message.
    Text(Utf8Bytes),
    /// Close it, with this code.
    Close(u16),
}

/// Where the rooms leave messages for one WebSocket.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Bounded; beyond, [`Self::push`] fails.
    queue: mpsc::Sender<Outgoing>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    cut: CancellationToken,
}

/// The other end of an [`Outbox`].
#[derive(Debug)]
pub(crate) struct OutboxReader {
    queue: mpsc::Receiver<Outgoing>,
    bytes: Arc<AtomicUsize>,
    /// Cancelled when the WebSocket is to go without what still waits.
    pub(crate) cut: CancellationToken,
}

/// The outbox holds as much as it may: its client does not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Makes an outbox of at most `messages` and `bytes`.
pub(crate) fn outbox(messages: usize, bytes_max: usize) -> (Outbox, OutboxReader) {
    let (sender, receiver) = mpsc::channel(messages);
    let bytes = Arc::new(AtomicUsize::new(0));
    let cut = CancellationToken::new();
    let reader = OutboxReader { queue: receiver, bytes: bytes.clone(), cut: cut.clone() };
    (Outbox { queue: sender, bytes, bytes_max, cut }, reader)
}

impl Outbox {
    /// Leaves a message. One for a WebSocket that is gone is dropped.
    pub(crate) fn push(&self, text: Utf8Bytes) -> Result<(), Full> {
        let length = text.len();
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length > self.bytes_max {
            return Err(Full);
        }
        match self.queue.try_send(Outgoing::Text(text)) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }

    /// Closes the WebSocket after what waits, or at once when too much does.
    pub(crate) fn close(self, code: u16) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Outgoing::Close(code)) {
            self.cut.cancel();
        }
    }

    /// Closes the WebSocket at once.
    pub(crate) fn cut(self) {
        self.cut.cancel();
    }
}

impl OutboxReader {
    /// Returns what to do next; `None` when there will be nothing more.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        self.queue.recv().await
    }

    /// Records that a message is on its way.
    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_takes_so_many_messages() {
        let (outbox, _reader) = outbox(2, 100);
        assert_eq!(outbox.push("a".into()), Ok(()));
        assert_eq!(outbox.push("b".into()), Ok(()));
        assert_eq!(outbox.push("c".into()), Err(Full));
    }

    #[tokio::test]
    async fn an_outbox_takes_so_many_bytes_until_they_are_sent() {
        let (outbox, mut reader) = outbox(100, 10);
        assert_eq!(outbox.push("12345678".into()), Ok(()));
        assert!(matches!(reader.next().await, Some(Outgoing::Text(text)) if text == "12345678"));
        reader.sent(8);
        assert_eq!(outbox.push("12345678".into()), Ok(()));
        assert_eq!(outbox.push("123".into()), Err(Full));
    }

    #[tokio::test]
    async fn a_close_comes_last_unless_there_is_no_room_for_it() {
        let (first, mut reader) = outbox(2, 100);
        first.push("a".into()).unwrap();
        first.close(1000);
        assert!(matches!(reader.next().await, Some(Outgoing::Text(_))));
        assert!(matches!(reader.next().await, Some(Outgoing::Close(1000))));
        assert!(!reader.cut.is_cancelled());

        let (second, reader) = outbox(1, 100);
        second.push("a".into()).unwrap();
        second.close(4413);
        assert!(reader.cut.is_cancelled());
    }
}
