//! One stream to a participant: what a slot sends, and what it sends again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::header::{Extensions, Header, Notes, renumber};
use super::rtcp::SenderReport;
use super::srtp::{Sealer, TAG_MAX, Window};
use crate::continuity::PictureNumbers;
use crate::ids::{LineId, TrackKind};
use crate::packet::Codec;

/// Packets that are kept to be sent again. Beyond, the oldest are forgotten.
///
/// Higher: losses are repaired at higher bitrates. Lower: less memory, 100 bytes a packet; what is in it belongs to all who get it.
const KEPT: usize = 512;

/// How long they are kept.
///
/// Higher: losses are repaired over longer round trips. Lower: less memory, where a slot carries little.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// What is around the payload of a packet at most: the headers with all that can be in them but a dependency descriptor, the number of what is
/// sent again, padding, the tag.
const AROUND_MAX: usize = 64 + 2 + 1 + TAG_MAX;

/// What a line agreed upon about the stream to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) line: LineId,
    pub(crate) kind: TrackKind,
    pub(crate) ssrc: u32,
    /// The SSRC of what is sent again, and under which payload type each is (RFC 4588).
    pub(crate) repair: Option<u32>,
    pub(crate) repair_types: Vec<(u8, u8)>,
    pub(crate) extensions: Extensions,
}

/// A packet of media under the numbers of its slot.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The sequence number, extended: never the same for two packets.
    pub(crate) sequence: u64,
    pub(crate) time: u32,
    pub(crate) pt: u8,
    pub(crate) is_marked: bool,
    /// Whether a byte of padding is added.
    pub(crate) is_padded: bool,
    pub(crate) notes: Notes,
    /// The numbers to put into its descriptor, and of which codec that is.
    pub(crate) picture: Option<(Codec, PictureNumbers)>,
    pub(crate) payload: Arc<[u8]>,
}

impl Outgoing {
    /// Returns how large it is at most when it is sealed.
    pub(crate) fn size_max(&self) -> usize {
        self.payload.len() + self.notes.descriptor.as_ref().map_or(0, |it| it.len()) + AROUND_MAX
    }

    /// Returns the number of its frame, which stands in the header of AV1.
    fn frame(&self) -> Option<u16> {
        self.picture.filter(|(codec, _)| *codec == Codec::Av1).map(|(_, numbers)| numbers.picture_id)
    }
}

#[derive(Debug)]
struct Kept {
    packet: Outgoing,
    sent_at: Instant,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) setup: Setup,
    /// The same number twice would be the same key stream twice.
    window: Window,
    kept: VecDeque<Kept>,
    /// The number of the next that is sent again. It starts at one, as the numbers of slots do.
    next_repair: u64,
    packets: u32,
    bytes: u32,
    /// The latest packet: its time, and when it came.
    latest: Option<(u32, Instant)>,
    pub(crate) reported: bool,
}

impl Stream {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            window: Window::default(),
            kept: VecDeque::new(),
            next_repair: 1,
            packets: 0,
            bytes: 0,
            latest: None,
            reported: true,
        }
    }

    /// Appends a packet that came then, sealed, and keeps it if it can be sent again. Returns nothing for one whose number was used.
    pub(crate) fn seal(
        &mut self,
        now: Instant,
        sealer: &Sealer,
        (packet, came_at): (Outgoing, Instant),
        transport_sequence: u16,
        datagrams: &mut Vec<u8>,
    ) -> Option<()> {
        if !self.window.admit(packet.sequence) {
            return None;
        }
        let header = Header {
            pt: packet.pt,
            is_marked: packet.is_marked,
            has_padding: packet.is_padded,
            sequence: (packet.sequence & 0xffff) as u16,
            time: packet.time,
            ssrc: self.setup.ssrc,
            transport_sequence,
            notes: &packet.notes,
            frame: packet.frame(),
        };
        let start = datagrams.len();
        let payload_start = start + header.write(&self.setup.extensions, datagrams);
        datagrams.extend_from_slice(&packet.payload);
        if let Some(numbers) = packet.picture {
            renumber(&mut datagrams[payload_start..], numbers);
        }
        // The last byte says how many there are (RFC 3550 §5.1).
        datagrams.extend(packet.is_padded.then_some(1));
        sealer.seal(datagrams, (start, payload_start), self.setup.ssrc, packet.sequence)?;
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u32::try_from(packet.payload.len()).unwrap_or(0));
        self.latest = Some((packet.time, came_at));
        self.reported = false;
        if self.setup.repair.is_some() {
            self.keep(now, packet);
        }
        Some(())
    }

    fn keep(&mut self, now: Instant, packet: Outgoing) {
        let is_old = |kept: &Kept| now.saturating_duration_since(kept.sent_at) > KEPT_FOR;
        while self.kept.len() >= KEPT || self.kept.front().is_some_and(is_old) {
            self.kept.pop_front();
        }
        // To look for its place would fetch a dozen packets from memory, and nearly always it is the last.
        let at = if self.is_late(packet.sequence) {
            self.kept.partition_point(|kept| kept.packet.sequence < packet.sequence)
        } else {
            self.kept.len()
        };
        self.kept.insert(at, Kept { packet, sent_at: now });
    }

    /// Returns a packet that can be sent again, unless it was within `pause`: then word of that cannot have come yet.
    pub(crate) fn find(&self, now: Instant, sequence: u16, pause: Duration) -> Option<u64> {
        let last = self.kept.back()?.packet.sequence;
        let behind = u64::from(((last & 0xffff) as u16).wrapping_sub(sequence));
        let sequence = last.checked_sub(behind)?;
        let kept = &self.kept[self.position(sequence)?];
        (now.saturating_duration_since(kept.sent_at) >= pause).then_some(sequence)
    }

    /// Returns whether one with a higher number was sent before it.
    pub(crate) fn is_late(&self, sequence: u64) -> bool {
        self.kept.back().is_some_and(|last| last.packet.sequence > sequence)
    }

    /// Returns how large a packet is that was found.
    pub(crate) fn size(&self, sequence: u64) -> usize {
        self.position(sequence).map_or(0, |at| self.kept[at].packet.payload.len())
    }

    /// Returns how large a packet is at most when it is sealed that was found.
    pub(crate) fn size_max(&self, sequence: u64) -> usize {
        self.position(sequence).map_or(0, |at| self.kept[at].packet.size_max())
    }

    /// Returns the latest packet that can be sent again, and how large it is.
    pub(crate) fn latest_kept(&self) -> Option<(u64, usize)> {
        self.kept.back().map(|kept| (kept.packet.sequence, kept.packet.payload.len()))
    }

    /// Appends a packet that was found once more, sealed.
    pub(crate) fn seal_again(
        &mut self,
        now: Instant,
        sealer: &Sealer,
        sequence: u64,
        transport_sequence: u16,
        datagrams: &mut Vec<u8>,
    ) -> Option<()> {
        let at = self.position(sequence)?;
        let kept = &mut self.kept[at];
        kept.sent_at = now;
        let (ssrc, packet) = (self.setup.repair?, &kept.packet);
        let pt = self.setup.repair_types.iter().find(|(of, _)| *of == packet.pt)?.1;
        let number = self.next_repair;
        self.next_repair += 1;
        let header = Header {
            pt,
            is_marked: packet.is_marked,
            has_padding: false,
            sequence: (number & 0xffff) as u16,
            time: packet.time,
            ssrc,
            transport_sequence,
            notes: &packet.notes,
            frame: packet.frame(),
        };
        let start = datagrams.len();
        let payload_start = start + header.write(&self.setup.extensions, datagrams);
        datagrams.extend_from_slice(&((packet.sequence & 0xffff) as u16).to_be_bytes());
        datagrams.extend_from_slice(&packet.payload);
        if let Some(numbers) = packet.picture {
            renumber(&mut datagrams[payload_start + 2..], numbers);
        }
        sealer.seal(datagrams, (start, payload_start), ssrc, number)
    }

    fn position(&self, sequence: u64) -> Option<usize> {
        self.kept.binary_search_by_key(&sequence, |kept| kept.packet.sequence).ok()
    }

    /// Returns what is to be said of the stream at a time, which is `time` in units of 2^-32 s, if anything was sent since the last report.
    pub(crate) fn report(&mut self, now: Instant, time: u64) -> Option<SenderReport> {
        let (media_time, at) = self.latest.filter(|_| !self.reported)?;
        self.reported = true;
        let rate = match self.setup.kind {
            TrackKind::Audio => 48_000,
            TrackKind::Video => 90_000,
        };
        let units = now.saturating_duration_since(at).as_micros() * rate / 1_000_000;
        let media_time = media_time.wrapping_add(u32::try_from(units).unwrap_or(0));
        let Self { setup: Setup { ssrc, .. }, packets, bytes, .. } = *self;
        Some(SenderReport { ssrc, time, media_time, packets, bytes })
    }
}
