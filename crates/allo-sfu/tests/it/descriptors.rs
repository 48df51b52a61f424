//! Dependency descriptors as a browser writes them, which sends AV1 in three layers.

use crate::bit_writer::BitWriter;
use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::client::{LAYERS, Tag};

/// A descriptor that is to be sent, or came.
#[derive(Debug, Clone)]
pub(crate) struct Descriptor(pub(crate) Vec<u8>);

#[derive(Debug)]
struct Serializer;

impl ExtensionSerializer for Serializer {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Descriptor(bytes)) = values.user_values.get() else { return 0 };
        buffer[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, bytes: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Descriptor(bytes.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values.user_values.get().is_some_and(|Descriptor(bytes)| bytes.len() > 16)
    }
}

pub(crate) fn extension() -> Extension {
    let uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    Extension::with_serializer(uri, Serializer)
}

/// Returns what stands before a packet that has these bytes as its descriptor.
pub(crate) fn described(descriptor: Vec<u8>) -> ExtensionValues {
    let mut values = ExtensionValues::default();
    values.user_values.set(Descriptor(descriptor));
    values
}

/// Returns what stands before a packet after so many keyframes, with three layers that build on each other in keyframes alone (`L3T1_KEY`).
pub(crate) fn values(tag: Tag, keyframes: u32, ends_layer: bool) -> ExtensionValues {
    let layers = u32::try_from(LAYERS.len()).unwrap();
    let frame = (tag.frame * layers + u32::from(tag.layer)) & 0xffff;
    // Each keyframe has other numbers for its templates than the one before.
    let offset = keyframes % 10 * 6;
    let template = offset + 2 * u32::from(tag.layer) + u32::from(!tag.is_keyframe);
    let mut bits = BitWriter::default();
    bits.put(tag.begins.into(), 1).put(ends_layer.into(), 1).put(template, 6).put(frame, 16);
    if tag.is_keyframe && tag.layer == 0 && tag.begins {
        bits.put(0b10000, 5).put(offset, 6).put(layers - 1, 5);
        for next in [0, 2, 0, 2, 0, 3] {
            bits.put(next, 2);
        }
        // What each is to each of three decode targets.
        let targets = [2, 2, 2, 2, 0, 0, 0, 2, 2, 0, 2, 0, 0, 0, 2, 0, 0, 2];
        for target in targets {
            bits.put(target, 2);
        }
        // To which frames each refers: none, that of the same layer, that of the layer below.
        for reach in [None, Some(3), Some(1), Some(3), Some(1), Some(3)] {
            if let Some(reach) = reach {
                bits.put(1, 1).put(reach - 1, 4);
            }
            bits.put(0, 1);
        }
        // No chains, but heights.
        bits.put(0, 2).put(1, 1);
        for (_, height, _) in LAYERS {
            bits.put(u32::from(height) * 16 / 9 - 1, 16).put(u32::from(height) - 1, 16);
        }
    }
    described(bits.bytes)
}
