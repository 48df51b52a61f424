//! The data channel of a transport.

use std::time::Instant;

use str0m::channel::{ChannelConfig, ChannelId};

use super::Transport;

/// The one channel, which both ends know of without a word (RFC 8832 is not spoken).
#[derive(Debug)]
pub(super) struct Channel {
    /// The name of its line.
    pub(super) mid: String,
    pub(super) id: ChannelId,
    pub(super) is_open: bool,
    /// Bytes that were written to it.
    written: u64,
}

impl Transport {
    /// Makes the channel, if it is asked for and not there.
    pub(super) fn open_channel(&mut self, mid: Option<String>) {
        let Some(mid) = mid.filter(|_| self.channel.is_none()) else { return };
        let config =
            ChannelConfig { label: "files".to_owned(), negotiated: Some(0), ..ChannelConfig::default() };
        let id = self.contain(|rtc| Ok(rtc.direct_api().create_data_channel(config)));
        self.channel = id.map(|id| Channel { mid, id, is_open: false, written: 0 });
    }

    /// Returns whether messages can be sent.
    pub(crate) fn has_channel(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.is_open)
    }

    /// Sends a message, and returns how much was written so far. `None`: too much waits already.
    pub(crate) fn send_message(&mut self, now: Instant, message: &[u8]) -> Option<u64> {
        let id = self.channel.as_ref().filter(|channel| channel.is_open)?.id;
        let written = self.contain(|rtc| match rtc.channel(id) {
            Some(mut channel) => channel.write(true, message),
            None => Ok(false),
        });
        if written != Some(true) {
            return None;
        }
        self.turn(now);
        let channel = self.channel.as_mut()?;
        channel.written += u64::try_from(message.len()).unwrap_or_default();
        Some(channel.written)
    }

    /// Returns how much of that is there.
    pub(crate) fn arrived(&mut self) -> u64 {
        let Some(Channel { id, written, .. }) = self.channel else { return 0 };
        let unsent = self.contain(|rtc| Ok(rtc.channel(id).map(|mut channel| channel.buffered_amount())));
        let unsent = unsent.flatten().and_then(|unsent| u64::try_from(unsent).ok());
        written.saturating_sub(unsent.unwrap_or(written))
    }
}
