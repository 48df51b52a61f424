//! The files that a participant sends and takes by the data channel.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use str0m::channel::ChannelId;

/// The files that a client has, and those that come to it.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) channel: Option<ChannelId>,
    pub(crate) is_open: bool,
    pub(crate) own: BTreeMap<u32, Vec<u8>>,
    /// The places that it was asked for, and when.
    pub(crate) asked: Vec<(Instant, u32)>,
    /// Parts that came, by file and place.
    pub(crate) came: BTreeMap<(u32, u32), Vec<u8>>,
    /// How many came, and when the latest did.
    pub(crate) count: usize,
    pub(crate) came_at: Option<Instant>,
    /// Messages that wait to be sent.
    pub(crate) outgoing: VecDeque<Vec<u8>>,
}

impl Files {
    /// Makes a part as it goes on the wire.
    pub(crate) fn part(file: u32, place: u32, bytes: &[u8]) -> Vec<u8> {
        [&2u32.to_be_bytes()[..], &file.to_be_bytes(), &place.to_be_bytes(), bytes].concat()
    }

    /// Returns a file that came, put together.
    pub(crate) fn whole(&self, file: u32) -> Vec<u8> {
        let parts = self.came.iter().filter(|((of, _), _)| *of == file);
        parts.flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    pub(super) fn handle(&mut self, now: Instant, message: &[u8]) {
        let number = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        let (file, place) = (number(4), number(8));
        if number(0) == 2 {
            let known = self.came.insert((file, place), message[12..].to_vec());
            assert_eq!(known, None, "each part comes once");
            self.count += 1;
            self.came_at = Some(now);
            return;
        }
        assert_eq!((number(0), message.len()), (1, 12));
        self.asked.push((now, place));
        if let Some(bytes) = self.own.get(&file) {
            let at = usize::try_from(place).unwrap();
            let part = &bytes[at..bytes.len().min(at + 16_384)];
            self.outgoing.push_back(Self::part(file, place, part));
        }
    }
}
