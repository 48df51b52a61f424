//! The dependency descriptors that the engine finds before packets, and what they refer to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::dependency::{DEPENDENCY_DESCRIPTOR_URI, DependencyDescriptor, Templates, Unread};
use crate::ids::{LayerId, LineId};

/// Packets that wait for their templates: those of a keyframe whose first packet was overtaken, or was lost and is asked for. Beyond it the oldest
/// are given up.
///
/// Higher: keyframes survive a loss over longer round trips. Lower: less memory for who sends what makes no sense.
const EARLY_MAX: usize = 64;

/// Returns what the engine is to look for before packets.
pub(super) fn extension() -> Extension {
    Extension::with_serializer(DEPENDENCY_DESCRIPTOR_URI, Reader)
}

/// Returns the descriptor before a packet. It has at most 255 bytes, for its length is said in one.
pub(super) fn descriptor_of(values: &ExtensionValues) -> Option<Arc<[u8]>> {
    values.user_values.get().map(|Found(bytes)| bytes.clone())
}

/// A descriptor as it stands before a packet.
#[derive(Debug)]
struct Found(Arc<[u8]>);

#[derive(Debug)]
struct Reader;

impl ExtensionSerializer for Reader {
    /// Writes nothing: the engine sends no media.
    fn write_to(&self, _buffer: &mut [u8], _values: &ExtensionValues) -> usize {
        0
    }

    fn parse_value(&self, bytes: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Found(bytes.into()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

/// What the descriptors of each stream refer to, and packets that came before that.
#[derive(Debug)]
pub(super) struct Descriptors<P> {
    /// One for each layer that the offer names, which bounds them.
    known: BTreeMap<(LineId, LayerId), Known>,
    early: VecDeque<(Place, P)>,
    /// Those of them that can be made sense of now.
    due: VecDeque<P>,
}

/// Where a packet stands in its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    pub(super) sequence: u64,
}

#[derive(Debug)]
struct Known {
    /// That of the packet that brought them.
    from: Place,
    templates: Templates,
}

impl<P> Default for Descriptors<P> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), early: VecDeque::new(), due: VecDeque::new() }
    }
}

impl<P> Descriptors<P> {
    /// Reads the descriptor before a packet of a stream.
    pub(super) fn read(
        &mut self,
        stream: (LineId, LayerId),
        place: Place,
        descriptor: &[u8],
    ) -> Result<DependencyDescriptor, Unread> {
        let known = self.known.get(&stream).filter(|known| known.from.ssrc == place.ssrc);
        let is_newest = known.is_none_or(|known| known.from.sequence <= place.sequence);
        let read = DependencyDescriptor::parse(descriptor, known.map(|known| &known.templates))?;
        if let Some(templates) = read.templates.clone().filter(|_| is_newest) {
            self.known.insert(stream, Known { from: place, templates });
            let (of_stream, others): (VecDeque<_>, _) =
                self.early.drain(..).partition(|(early, _)| early.ssrc == place.ssrc);
            self.early = others;
            let later = of_stream.into_iter().filter(|(early, _)| early.sequence > place.sequence);
            self.due.extend(later.map(|(_, packet)| packet));
        }
        Ok(read)
    }

    /// Keeps a packet that cannot be made sense of yet. Returns whether nothing at all is known of its stream, so that a keyframe is missed.
    pub(super) fn keep(&mut self, stream: (LineId, LayerId), place: Place, packet: P) -> bool {
        let known = self.known.get(&stream).filter(|known| known.from.ssrc == place.ssrc);
        let is_late = known.is_some_and(|known| known.from.sequence > place.sequence);
        if !is_late {
            let above = (self.early.len() + 1).saturating_sub(EARLY_MAX);
            self.early.drain(..above);
            self.early.push_back((place, packet));
        }
        known.is_none()
    }

    /// Returns a packet that can be made sense of now, if there is one.
    pub(super) fn poll(&mut self) -> Option<P> {
        self.due.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: (LineId, LayerId) = (LineId(1), LayerId(0));

    const fn place(sequence: u64) -> Place {
        Place { ssrc: 7, sequence }
    }

    /// The first packet of a keyframe that has two templates with these numbers, and a packet after it, of the second.
    fn keyframe_and_later(offset: u8) -> ([u8; 8], [u8; 3]) {
        // After the second template there are no more, neither refers to anything, and of chains and heights nothing is said.
        let bits = u64::from(0x80 | offset) << 56 | 0b1_0000 << 35 | u64::from(offset) << 29 | 0b11 << 20;
        (bits.to_be_bytes(), [0xc0 | (offset + 1), 0, 1])
    }

    #[test]
    fn packets_wait_for_their_templates_and_no_more_than_so_many() {
        let mut descriptors = Descriptors::default();
        let (first, later) = keyframe_and_later(9);
        for sequence in 11..=100 {
            assert_eq!(descriptors.read(STREAM, place(sequence), &later), Err(Unread::Unknown));
            assert!(descriptors.keep(STREAM, place(sequence), sequence), "a keyframe is missed");
            assert_eq!(descriptors.poll(), None);
        }
        assert!(descriptors.read(STREAM, place(10), &first).unwrap().begins_keyframe());
        let due: Vec<_> = std::iter::from_fn(|| descriptors.poll()).collect();
        assert_eq!(due, (100 - 63..=100).collect::<Vec<_>>(), "the oldest were given up");
        for sequence in due {
            assert!(descriptors.read(STREAM, place(sequence), &later).is_ok());
        }
    }

    #[test]
    fn packets_before_a_keyframe_do_not_wait_for_its_templates() {
        let mut descriptors = Descriptors::default();
        let ((first, later), (second, _)) = (keyframe_and_later(9), keyframe_and_later(20));
        descriptors.read(STREAM, place(10), &first).unwrap();
        descriptors.read(STREAM, place(20), &second).unwrap();
        assert_eq!(descriptors.read(STREAM, place(19), &later), Err(Unread::Unknown));
        assert!(!descriptors.keep(STREAM, place(19), 19), "nothing is missed");
        // An older keyframe that comes again does not take the place of the newer one.
        descriptors.read(STREAM, place(10), &first).unwrap();
        assert_eq!((descriptors.poll(), descriptors.early.len()), (None, 0));
        assert_eq!(descriptors.read(STREAM, place(21), &later), Err(Unread::Unknown));
    }
}
