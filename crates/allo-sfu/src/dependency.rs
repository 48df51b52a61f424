//! The dependency descriptor, a header extension that says of which layer a packet of AV1 is (AV1 RTP specification, appendix A). Nothing
//! of the payload has to be read for that, and it may be encrypted.
//!
//! A packet names one of the **templates** that the first packet of the latest keyframe brought. Of a template it is kept here to what layer
//! it belongs and how far back it reaches; for what a decoder can be spared within a layer is not asked.

use crate::structure::{LAYERS_MAX, Structure};

/// Where it is agreed upon in SDP.
pub(crate) const DEPENDENCY_DESCRIPTOR_URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Templates that there can be: a packet has six bits for theirs. With more of them it is malformed.
const TEMPLATES_MAX: usize = 64;

/// What a descriptor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The number of the frame, which is the part that one layer has of a picture.
    pub frame: u16,
    /// The spatial layer, 0 for the lowest.
    pub spatial: u8,
    /// Whether it can be decoded without the pictures before it, given the layers below it.
    pub is_independent: bool,
    /// Whether it is the first packet of its layer's part of a picture.
    pub begins_layer: bool,
    /// Whether it is the last packet of that.
    pub ends_layer: bool,
    /// What this packet and those after it refer to, if it says so. The first of a keyframe does.
    pub templates: Option<Templates>,
}

/// What the packets of a stream refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    /// The number of the first.
    offset: u8,
    decode_targets: u32,
    all: Vec<Template>,
    /// Which layers there are.
    pub structure: Structure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Template {
    spatial: u8,
    /// How many frames it lies behind the oldest that it refers to; 0 if it refers to none.
    reach: u16,
}

/// Why nothing is known of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It names a template that is not there: the packet that brings it is yet to come, or it came long ago.
    Unknown,
    /// It is cut off, or says what cannot be.
    Malformed,
}

impl DependencyDescriptor {
    /// Reads a descriptor, given the templates that the packets before it brought.
    pub fn parse(bytes: &[u8], before: Option<&Templates>) -> Result<Self, Unread> {
        let mut bits = Bits { bytes, at: 0 };
        let (begins_layer, ends_layer, id, frame) = read_mandatory(&mut bits).ok_or(Unread::Malformed)?;
        // What three bytes say is all, or more follows.
        let extended = if bytes.len() > 3 { read_extended(&mut bits) } else { Some(Extended::default()) };
        let extended = extended.ok_or(Unread::Malformed)?;
        let is_misplaced = extended.templates.is_some() && !begins_layer;
        if is_misplaced {
            return Err(Unread::Malformed);
        }
        let templates = extended.templates.as_ref().or(before).ok_or(Unread::Unknown)?;
        let Template { spatial, reach } = *templates.find(id).ok_or(Unread::Unknown)?;
        let reach = extended.read_reach(&mut bits, templates, reach).ok_or(Unread::Malformed)?;
        // The frames of one picture have numbers in a row.
        let is_independent = reach <= u16::from(spatial);
        Ok(Self { frame, spatial, is_independent, begins_layer, ends_layer, templates: extended.templates })
    }

    /// Returns whether a decoder can begin here.
    pub fn begins_keyframe(&self) -> bool {
        self.templates.is_some() && self.spatial == 0
    }
}

/// Puts another number of the frame into a descriptor. One that is cut off is left.
pub fn renumber(descriptor: &mut [u8], frame: u16) {
    if let Some(place) = descriptor.get_mut(1..3) {
        place.copy_from_slice(&frame.to_be_bytes());
    }
}

impl Templates {
    fn find(&self, id: u8) -> Option<&Template> {
        self.all.get(usize::from(id.wrapping_sub(self.offset) & 0x3f))
    }
}

/// What may stand behind the fixed part.
#[derive(Debug, Default)]
struct Extended {
    templates: Option<Templates>,
    has_active_targets: bool,
    has_targets: bool,
    has_references: bool,
}

impl Extended {
    /// Reads how far a frame reaches that differs from its template.
    fn read_reach(&self, bits: &mut Bits<'_>, templates: &Templates, usual: u16) -> Option<u16> {
        if self.has_active_targets {
            bits.skip(templates.decode_targets)?;
        }
        if self.has_targets {
            bits.skip(2 * templates.decode_targets)?;
        }
        if !self.has_references {
            return Some(usual);
        }
        let mut reach = 0;
        loop {
            let size = bits.take(2)?;
            if size == 0 {
                return Some(reach);
            }
            reach = reach.max(u16::try_from(bits.take(4 * size)? + 1).ok()?);
        }
    }
}

fn read_mandatory(bits: &mut Bits<'_>) -> Option<(bool, bool, u8, u16)> {
    let (begins, ends) = (bits.flag()?, bits.flag()?);
    Some((begins, ends, bits.take(6)?.try_into().ok()?, bits.take(16)?.try_into().ok()?))
}

fn read_extended(bits: &mut Bits<'_>) -> Option<Extended> {
    let has_templates = bits.flag()?;
    let (has_active_targets, has_targets, has_references) = (bits.flag()?, bits.flag()?, bits.flag()?);
    // What it says of chains comes last, and is not asked for.
    let _has_chains = bits.flag()?;
    let templates = if has_templates { Some(read_templates(bits)?) } else { None };
    Some(Extended { templates, has_active_targets, has_targets, has_references })
}

fn read_templates(bits: &mut Bits<'_>) -> Option<Templates> {
    let offset = bits.take(6)?.try_into().ok()?;
    let decode_targets = bits.take(5)? + 1;
    let mut all = read_layers(bits)?;
    let count = u32::try_from(all.len()).ok()?;
    bits.skip(2 * decode_targets * count)?;
    for template in &mut all {
        while bits.flag()? {
            template.reach = template.reach.max(u16::try_from(bits.take(4)? + 1).ok()?);
        }
    }
    let chains = bits.take_below(decode_targets + 1)?;
    if chains > 0 {
        for _ in 0..decode_targets {
            bits.take_below(chains)?;
        }
        bits.skip(4 * chains * count)?;
    }
    let highest = all.last().map_or(0, |template| template.spatial);
    let mut structure = Structure::new(usize::from(highest) + 1);
    if bits.flag()? {
        for height in structure.heights_mut() {
            let _width = bits.take(16)?;
            *height = u16::try_from(bits.take(16)?).ok()?.saturating_add(1);
        }
    }
    Some(Templates { offset, decode_targets, all, structure })
}

/// Reads of which layer each template is. There is one at least.
fn read_layers(bits: &mut Bits<'_>) -> Option<Vec<Template>> {
    let mut all = vec![Template::default()];
    let mut spatial = 0;
    loop {
        match bits.take(2)? {
            // The same layer, or the next of those in time, of which all are forwarded.
            0 | 1 => {}
            2 => spatial += 1,
            _ => return Some(all),
        }
        if all.len() == TEMPLATES_MAX || usize::from(spatial) == LAYERS_MAX {
            return None;
        }
        all.push(Template { spatial, reach: 0 });
    }
}

/// Bits one after the other, the highest of a byte first.
#[derive(Debug)]
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let is_set = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(is_set)
    }

    /// Reads a number of at most 16 bits.
    fn take(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    /// Reads a number below another one, which takes a bit less where that is enough (appendix A.4.1, `ns`).
    fn take_below(&mut self, end: u32) -> Option<u32> {
        let width = u32::BITS - end.leading_zeros();
        let short = (1 << width) - end;
        let number = self.take(width - 1)?;
        if number < short { Some(number) } else { Some((number << 1) - short + self.take(1)?) }
    }

    fn skip(&mut self, bits: u32) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(bits).ok()?)?;
        (self.at <= 8 * self.bytes.len()).then_some(())
    }
}

#[cfg(test)]
#[path = "../tests/it/bit_writer.rs"]
mod bit_writer;

#[cfg(test)]
mod tests {
    use super::bit_writer::BitWriter;
    use super::*;

    /// The number of the first template in these tests.
    const OFFSET: u32 = 60;

    /// The first packet of a keyframe as Chromium sends it with `L3T1_KEY`: three layers, of each a template for the keyframe and one for
    /// the pictures after it.
    fn keyframe() -> Vec<u8> {
        let mut writer = BitWriter::default();
        writer.put(0b10, 2).put(OFFSET, 6).put(0x0102, 16);
        writer.put(0b10000, 5).put(OFFSET, 6).put(3 - 1, 5);
        for next in [0, 2, 0, 2, 0, 3] {
            writer.put(next, 2);
        }
        // What each is to each of three decode targets, of which one builds on all that is below it in keyframes.
        for targets in [[2, 2, 2], [2, 0, 0], [0, 2, 2], [0, 2, 0], [0, 0, 2], [0, 0, 2]] {
            for target in targets {
                writer.put(target, 2);
            }
        }
        for reach in [0, 3, 1, 3, 1, 3] {
            if reach > 0 {
                writer.put(1, 1).put(reach - 1, 4);
            }
            writer.put(0, 1);
        }
        // Three chains, one for each decode target. Of numbers below three, 0 takes one bit and the others two.
        writer.put(3, 2).put(0b0, 1).put(0b10, 2).put(0b11, 2);
        for _ in 0..6 {
            writer.put(0x123, 12);
        }
        writer.put(1, 1);
        for (width, height) in [(320, 180), (640, 360), (1280, 720)] {
            writer.put(width - 1, 16).put(height - 1, 16);
        }
        writer.bytes
    }

    fn templates() -> Templates {
        DependencyDescriptor::parse(&keyframe(), None).unwrap().templates.unwrap()
    }

    /// A packet of a later frame. Flags say that it begins or ends that.
    fn later(flags: u32, template: u32) -> BitWriter {
        let mut writer = BitWriter::default();
        writer.put(flags, 2).put((OFFSET + template) & 0x3f, 6).put(0x0103, 16);
        writer
    }

    fn parse(writer: &BitWriter) -> Result<DependencyDescriptor, Unread> {
        DependencyDescriptor::parse(&writer.bytes, Some(&templates()))
    }

    #[test]
    fn a_keyframe_says_how_high_its_layers_are() {
        let read = DependencyDescriptor::parse(&keyframe(), None).unwrap();
        assert_eq!((read.frame, read.spatial), (0x0102, 0));
        assert!(read.begins_keyframe() && read.is_independent && read.begins_layer && !read.ends_layer);
        assert_eq!(read.templates.unwrap().structure.heights(), [180, 360, 720]);
    }

    #[test]
    fn later_packets_are_of_the_layers_of_their_templates() {
        let layers = [(0, 0, true), (1, 0, false), (2, 1, true), (3, 1, false), (4, 2, true), (5, 2, false)];
        for (template, spatial, is_independent) in layers {
            let read = parse(&later(0b01, template)).unwrap();
            assert_eq!((read.frame, read.spatial, read.is_independent), (0x0103, spatial, is_independent));
            assert!(read.ends_layer && !read.begins_layer && !read.begins_keyframe());
        }
        assert_eq!(parse(&later(0b10, 6)), Err(Unread::Unknown));
        assert_eq!(DependencyDescriptor::parse(&later(0b10, 0).bytes, None), Err(Unread::Unknown));
    }

    #[test]
    fn a_frame_may_differ_from_its_template() {
        let mut writer = later(0b11, 3);
        // Only two targets can be decoded; it is needed by none; and it refers to the frame before it, and to one that is 300 back.
        writer.put(0b01110, 5).put(0b011, 3).put(0, 6).put(1, 2).put(0, 4).put(3, 2).put(299, 12).put(0, 2);
        assert!(!parse(&writer).unwrap().is_independent);
        let mut writer = later(0b11, 3);
        writer.put(0b00010, 5).put(1, 2).put(0, 4).put(0, 2);
        assert!(parse(&writer).unwrap().is_independent, "it builds on the layer below it alone");
    }

    #[test]
    fn one_that_is_cut_off_is_malformed() {
        let whole = keyframe();
        for end in 0..whole.len() {
            // Three bytes are a whole one, of a template that is not known.
            let expected = if end == 3 { Unread::Unknown } else { Unread::Malformed };
            assert_eq!(DependencyDescriptor::parse(&whole[..end], None), Err(expected), "{end}");
        }
    }

    #[test]
    fn templates_come_with_the_beginning_of_a_frame_alone() {
        let mut misplaced = keyframe();
        misplaced[0] &= 0x7f;
        assert_eq!(DependencyDescriptor::parse(&misplaced, None), Err(Unread::Malformed));
    }

    #[test]
    fn more_templates_and_layers_than_there_can_be_are_malformed() {
        let with = |next: u32, count: usize| {
            let mut writer = BitWriter::default();
            writer.put(0b10, 2).put(0, 22).put(0b10000, 5).put(0, 11);
            (0..count).for_each(|_| _ = writer.put(next, 2));
            // None refers to others, there are no chains, and heights are not said.
            writer.put(3, 2).put(0, 32).put(0, 32).put(0, 32).put(0, 32).put(0, 32).put(0, 32).put(0, 32);
            DependencyDescriptor::parse(&writer.bytes, None)
        };
        assert!(with(1, 63).is_ok() && with(2, 7).is_ok());
        assert_eq!([with(0, 64), with(2, 8)], [Err(Unread::Malformed), Err(Unread::Malformed)]);
    }

    #[test]
    fn the_number_of_the_frame_is_put_where_it_stands() {
        let mut descriptor = keyframe();
        renumber(&mut descriptor, 0x5678);
        let read = DependencyDescriptor::parse(&descriptor, None).unwrap();
        assert_eq!(
            DependencyDescriptor { frame: 0x0102, ..read },
            DependencyDescriptor::parse(&keyframe(), None).unwrap()
        );
        let mut cut = [0x80, 1];
        renumber(&mut cut, 0x5678);
        assert_eq!(cut, [0x80, 1]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..256)) {
            if let Ok(read) = DependencyDescriptor::parse(&bytes, Some(&templates())) {
                let layers = read.templates.map_or(3, |it| it.structure.heights().len());
                proptest::prop_assert!(usize::from(read.spatial) < layers);
            }
        }
    }
}
