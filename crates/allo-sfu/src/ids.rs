//! The names of things, as numbers that are quick to compare.

use std::time::Duration;

/// Names a media room of this worker. The control plane gives the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u64);

/// Names a participant of this worker. The control plane gives the number, and never again to anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId(pub u64);

/// Names a media line of one transport by its place in the offer, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u8);

/// Names a track: one source of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId {
    /// Who sends it.
    pub publisher: ParticipantId,
    /// The line that it is sent on.
    pub line: LineId,
}

/// Names a file of a room. The control plane gives the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Names a layer of a track, from 0 for the lowest, whether each comes in a stream of its own or they build on each other in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(pub u8);

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackKind {
    /// Sound, in Opus.
    Audio,
    /// Pictures, in VP8, H.264, VP9 or AV1.
    Video,
}

/// A number of bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// Returns so many thousand bits per second.
    pub const fn kbps(kilobits: u64) -> Self {
        Self(kilobits * 1_000)
    }

    /// Returns this share of it, in hundredths.
    #[must_use]
    pub const fn percent(self, percent: u64) -> Self {
        Self(self.0.saturating_mul(percent) / 100)
    }

    /// Returns the sum, which stops at the largest number.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns how long so many bytes take.
    #[must_use]
    pub fn time_of(self, bytes: u64) -> Duration {
        Duration::from_micros(bytes.saturating_mul(8_000_000) / self.0.max(1))
    }

    /// Returns what is left, or nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
