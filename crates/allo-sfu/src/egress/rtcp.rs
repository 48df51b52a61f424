//! Reports about what was sent (RFC 3550 §6.4, RFC 4585, RFC 3611, and feedback on transport-wide sequence numbers), and those that go out.

/// Statuses of one feedback that are looked at: as many packets as are remembered. What comes after was not sent.
const STATUSES_MAX: usize = 2_048;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

/// Something that the other end says of what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report<'a> {
    /// How a stream comes in.
    Block { ssrc: u32, last_report: u32, delay: u32 },
    /// Packets are missing.
    Missing { ssrc: u32, list: Missing<'a> },
    /// A decoder needs a keyframe.
    KeyframeWanted { ssrc: u32 },
    /// When packets arrived.
    Arrivals(Arrivals<'a>),
    /// The clock of someone who only receives, to be said again.
    Clock { ssrc: u32, time: u32 },
}

/// The pairs of a list of missing packets: a sequence number, and the bits of the sixteen after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing<'a>(&'a [u8]);

impl Missing<'_> {
    pub(crate) fn sequences(&self) -> impl Iterator<Item = u16> {
        self.0.chunks_exact(4).flat_map(|pair| {
            let (first, more) =
                (u16::from_be_bytes([pair[0], pair[1]]), u16::from_be_bytes([pair[2], pair[3]]));
            let after = (0..16).filter(move |bit| more & (1 << bit) != 0);
            std::iter::once(first).chain(after.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// Feedback on transport-wide sequence numbers (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrivals<'a> {
    pub(crate) first: u16,
    count: u16,
    /// In units of 64 ms, of 24 bits.
    pub(crate) reference: u32,
    rest: &'a [u8],
}

impl<'a> Arrivals<'a> {
    fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_at_checked(8)?;
        Some(Self {
            first: u16::from_be_bytes([head[0], head[1]]),
            count: u16::from_be_bytes([head[2], head[3]]),
            reference: u32::from_be_bytes([0, head[4], head[5], head[6]]),
            rest,
        })
    }

    /// Returns for each packet, from the first on, when it arrived, in units of 250 µs after the reference time; `None` if it had not.
    pub(crate) fn times(&self) -> Vec<Option<i32>> {
        let count = usize::from(self.count).min(STATUSES_MAX);
        let mut sizes: Vec<u8> = Vec::with_capacity(count);
        let mut rest = self.rest;
        let mut left = usize::from(self.count);
        while left > 0 {
            let Some((chunk, after)) = rest.split_first_chunk::<2>() else { break };
            let chunk = u16::from_be_bytes(*chunk);
            rest = after;
            let statuses = statuses(chunk);
            let read = statuses.len().min(left);
            left -= read;
            let free = count - sizes.len();
            sizes.extend(statuses.take(read.min(free)));
        }
        let mut time = 0;
        let arrival = |size: u8| {
            let (delta, after) = match size {
                1 => rest.split_first().map(|(byte, after)| (i32::from(*byte), after))?,
                2 => {
                    let (bytes, after) = rest.split_first_chunk::<2>()?;
                    (i32::from(i16::from_be_bytes(*bytes)), after)
                }
                _ => return None,
            };
            rest = after;
            // At most 2,048 of 16 bits each.
            time += delta;
            Some(time)
        };
        sizes.into_iter().map(arrival).collect()
    }
}

/// Returns the sizes of the deltas of a chunk's packets, 0 for those that did not arrive.
fn statuses(chunk: u16) -> impl ExactSizeIterator<Item = u8> {
    let (symbols, bits) = match chunk >> 14 {
        0 | 1 => (chunk & 0x1fff, 0),
        2 => (14, 1),
        _ => (7, 2),
    };
    (0..symbols).map(move |n| {
        let symbol =
            if bits == 0 { chunk >> 13 & 3 } else { chunk >> (14 - bits * (n + 1)) & ((1 << bits) - 1) };
        // It has two bits at most.
        symbol.to_be_bytes()[1]
    })
}

/// Gives all that is said of what was sent to `take`. Returns whether there is more in it, which is about what came in.
///
/// What is malformed ends it: the rest has no meaning.
pub(crate) fn read<'a>(mut compound: &'a [u8], mut take: impl FnMut(Report<'a>)) -> bool {
    let mut has_more = false;
    while let Some(packet) = next(&mut compound) {
        let (format, kind, body) = packet;
        has_more |= read_one(format, kind, body, &mut take).unwrap_or(false);
    }
    has_more
}

/// Takes the first packet off a compound: its format or count, its kind, and what comes after its first word.
fn next<'a>(compound: &mut &'a [u8]) -> Option<(u8, u8, &'a [u8])> {
    let (head, _) = compound.split_first_chunk::<4>()?;
    let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (packet, rest) = compound.split_at_checked(4 * (words + 1))?;
    *compound = rest;
    let mut body = &packet[4..];
    if head[0] & 0x20 != 0 {
        let padding = usize::from(*body.last()?);
        body = body.get(..body.len().checked_sub(padding)?)?;
    }
    (head[0] >> 6 == 2).then_some((head[0] & 0x1f, head[1], body))
}

fn read_one<'a>(format: u8, kind: u8, body: &'a [u8], take: &mut impl FnMut(Report<'a>)) -> Option<bool> {
    match (kind, format) {
        (SENDER_REPORT, _) => {
            read_blocks(format, body.get(24..)?, take);
            return Some(true);
        }
        (RECEIVER_REPORT, _) => read_blocks(format, body.get(4..)?, take),
        (TRANSPORT_FEEDBACK, 1) => {
            take(Report::Missing { ssrc: word(body, 4)?, list: Missing(body.get(8..)?) });
        }
        (TRANSPORT_FEEDBACK, 15) => take(Report::Arrivals(Arrivals::parse(body.get(8..)?)?)),
        (PAYLOAD_FEEDBACK, 1) => take(Report::KeyframeWanted { ssrc: word(body, 4)? }),
        // A full intra request names its streams in entries of eight bytes (RFC 5104 §4.3.1).
        (PAYLOAD_FEEDBACK, 4) => {
            let wanted = body.get(8..)?.chunks_exact(8).filter_map(|entry| word(entry, 0));
            wanted.for_each(|ssrc| take(Report::KeyframeWanted { ssrc }));
        }
        (EXTENDED_REPORT, _) => return read_extended(body, take),
        (DESCRIPTION | TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK, _) => {}
        _ => return Some(true),
    }
    Some(false)
}

fn read_blocks<'a>(count: u8, blocks: &'a [u8], take: &mut impl FnMut(Report<'a>)) {
    for block in blocks.chunks_exact(24).take(count.into()) {
        if let Some((ssrc, (last_report, delay))) = word(block, 0).zip(word(block, 16).zip(word(block, 20))) {
            take(Report::Block { ssrc, last_report, delay });
        }
    }
}

fn read_extended<'a>(body: &'a [u8], take: &mut impl FnMut(Report<'a>)) -> Option<bool> {
    let ssrc = word(body, 0)?;
    let mut blocks = body.get(4..)?;
    let mut has_more = false;
    while let Some((head, rest)) = blocks.split_first_chunk::<4>() {
        let length = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (block, after) = rest.split_at_checked(length)?;
        blocks = after;
        match head[0] {
            // The middle of the 64 bits of the time (RFC 3611 §4.4).
            4 => take(Report::Clock { ssrc, time: word(block, 2)? }),
            _ => has_more = true,
        }
    }
    Some(has_more)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// What is said of a stream that is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// The time of the report, in units of 2^-32 s, and the same in units of the stream's clock.
    pub(crate) time: u64,
    pub(crate) media_time: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

impl SenderReport {
    pub(crate) fn write(&self, compound: &mut Vec<u8>) {
        let Self { ssrc, time, media_time, packets, bytes } = *self;
        compound.extend_from_slice(&[0x80, SENDER_REPORT, 0, 6]);
        compound.extend_from_slice(&ssrc.to_be_bytes());
        compound.extend_from_slice(&time.to_be_bytes());
        for word in [media_time, packets, bytes] {
            compound.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// Writes whose stream this is (RFC 3550 §6.5.1). A name has at most 255 bytes; what is longer is cut off.
pub(crate) fn write_name(name: &str, ssrc: u32, compound: &mut Vec<u8>) {
    let start = compound.len();
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    compound.extend_from_slice(&[0x81, DESCRIPTION, 0, 0]);
    compound.extend_from_slice(&ssrc.to_be_bytes());
    compound.extend_from_slice(&[1, length]);
    compound.extend_from_slice(&name.as_bytes()[..length.into()]);
    // At least one zero ends the list, up to a whole word.
    let length = compound.len() - start;
    compound.resize(start + (length + 1).next_multiple_of(4), 0);
    set_length(compound, start);
}

/// Says clocks again, each with how long ago it came, in units of 2^-16 s (RFC 3611 §4.5).
pub(crate) fn write_clocks(ssrc: u32, clocks: &[(u32, u32, u32)], compound: &mut Vec<u8>) {
    let start = compound.len();
    compound.extend_from_slice(&[0x80, EXTENDED_REPORT, 0, 0]);
    compound.extend_from_slice(&ssrc.to_be_bytes());
    compound.extend_from_slice(&[5, 0]);
    let words = u16::try_from(3 * clocks.len()).unwrap_or(u16::MAX);
    compound.extend_from_slice(&words.to_be_bytes());
    for (of, time, ago) in clocks {
        for word in [of, time, ago] {
            compound.extend_from_slice(&word.to_be_bytes());
        }
    }
    set_length(compound, start);
}

/// Writes who says what follows, and nothing of what came in: a compound has to begin with that (RFC 3550 §6.1).
pub(crate) fn write_beginning(own: u32, compound: &mut Vec<u8>) {
    compound.extend_from_slice(&[0x80, RECEIVER_REPORT, 0, 1]);
    compound.extend_from_slice(&own.to_be_bytes());
}

/// Asks for packets of a stream, whose numbers come in their order (RFC 4585 §6.2.1).
pub(crate) fn write_missing(own: u32, ssrc: u32, sequences: &[u16], compound: &mut Vec<u8>) {
    let start = compound.len();
    compound.extend_from_slice(&[0x81, TRANSPORT_FEEDBACK, 0, 0]);
    compound.extend_from_slice(&own.to_be_bytes());
    compound.extend_from_slice(&ssrc.to_be_bytes());
    let mut rest = sequences;
    while let Some((first, after)) = rest.split_first() {
        let bit_of = |sequence: &u16| sequence.wrapping_sub(*first).checked_sub(1).filter(|bit| *bit < 16);
        let more = after.iter().map_while(bit_of);
        let (count, bits) = more.fold((0, 0_u16), |(count, bits), bit| (count + 1, bits | 1 << bit));
        compound.extend_from_slice(&first.to_be_bytes());
        compound.extend_from_slice(&bits.to_be_bytes());
        rest = &after[count..];
    }
    set_length(compound, start);
}

fn set_length(compound: &mut [u8], start: usize) {
    let words = u16::try_from((compound.len() - start) / 4 - 1).unwrap_or(u16::MAX);
    compound[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(format: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(body.len() / 4).unwrap().to_be_bytes();
        [&[0x80 | format, kind, high, low][..], body].concat()
    }

    fn reports(compound: &[u8]) -> (Vec<Report<'_>>, bool) {
        let mut reports = Vec::new();
        let has_more = read(compound, |report| reports.push(report));
        (reports, has_more)
    }

    #[test]
    fn missing_packets_are_named_one_by_one() {
        let body = [[0, 0, 0, 1], [0, 0, 0, 9], [0xff, 0xfe, 0, 5], [0, 40, 0, 0]].concat();
        let compound = packet(1, 205, &body);
        let (reports, has_more) = reports(&compound);
        let [Report::Missing { ssrc: 9, list }] = reports[..] else { panic!("{reports:?}") };
        assert_eq!(list.sequences().collect::<Vec<_>>(), [65_534, 65_535, 1, 40]);
        assert!(!has_more);
    }

    #[test]
    fn arrivals_are_read_from_runs_and_from_vectors() {
        let head = [0, 0, 0, 1, 0, 0, 0, 0, 0, 7, 0, 14, 0, 0, 2, 0];
        // Three with a small delta, two lost; then of seven in pairs of bits: lost, large, five small. Two more are lost.
        let chunks = [0x20, 3, 0x00, 2, 0b1100_1001, 0b0101_0101, 0x00, 9];
        let deltas = [4, 8, 0, 0xff, 0xfe, 1, 1, 1, 1, 1, 0];
        let body = [&head[..], &chunks, &deltas, &[0]].concat();
        let compound = packet(15, 205, &body);
        let (reports, _) = reports(&compound);
        let [Report::Arrivals(arrivals)] = reports[..] else { panic!("{reports:?}") };
        assert_eq!((arrivals.first, arrivals.reference), (7, 2));
        let expected = [Some(4), Some(12), Some(12), None, None, None, Some(10)];
        let expected = [&expected[..], &[11, 12, 13, 14, 15].map(Some), &[None, None]].concat();
        assert_eq!(arrivals.times(), expected);
    }

    #[test]
    fn more_statuses_than_packets_are_remembered_are_not_looked_at() {
        let body = [&[0; 8][..], &[0, 0, 0xff, 0xff, 0, 0, 0, 0], &[0x3f, 0xff].repeat(9), &[0; 2]].concat();
        let compound = packet(15, 205, &body);
        let (reports, _) = reports(&compound);
        let [Report::Arrivals(arrivals)] = reports[..] else { panic!("{reports:?}") };
        assert_eq!(arrivals.times().len(), STATUSES_MAX);
    }

    #[test]
    fn blocks_keyframes_and_clocks_are_found_in_one_compound() {
        let block = [[0, 0, 0, 7], [9; 4], [9; 4], [9; 4], [0, 0, 1, 0], [0, 0, 0, 2]].concat();
        let clock = [[0, 0, 0, 1], [4, 0, 0, 2], [0, 1, 2, 3], [4, 5, 6, 7]].concat();
        let of_receiver = packet(1, 201, &[&[0, 0, 0, 1][..], &block].concat());
        let compound = [
            of_receiver.clone(),
            packet(1, 206, &[0, 0, 0, 1, 0, 0, 0, 8]),
            packet(4, 206, &[[0, 0, 0, 1], [0; 4], [0, 0, 0, 9], [1, 0, 0, 0]].concat()),
            packet(0, 207, &clock),
        ]
        .concat();
        let block = Report::Block { ssrc: 7, last_report: 256, delay: 2 };
        let expected = [
            block,
            Report::KeyframeWanted { ssrc: 8 },
            Report::KeyframeWanted { ssrc: 9 },
            Report::Clock { ssrc: 1, time: 0x0203_0405 },
        ];
        assert_eq!(reports(&compound), (expected.to_vec(), false));
        let of_sender = packet(1, 200, &[&[1; 24][..], &of_receiver[8..]].concat());
        assert_eq!(reports(&of_sender), (vec![block], true), "the rest is about what came in");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut compound = Vec::new();
        let report = SenderReport { ssrc: 5, time: 1 << 33, media_time: 9, packets: 3, bytes: 300 };
        report.write(&mut compound);
        write_name("abcd", 5, &mut compound);
        write_clocks(5, &[(1, 2, 3)], &mut compound);
        let mut rest = &compound[..];
        let kinds: Vec<_> =
            std::iter::from_fn(|| next(&mut rest)).map(|(count, kind, _)| (count, kind)).collect();
        assert_eq!(kinds, [(0, 200), (1, 202), (0, 207)]);
        assert!(rest.is_empty());
    }

    #[test]
    fn what_is_cut_off_anywhere_does_no_harm() {
        let body = [&[0; 8][..], &[0, 0, 0, 9, 0, 0, 0, 0], &[0x20, 9, 1, 2, 3, 4, 5, 6]].concat();
        let compound =
            [packet(15, 205, &body), packet(9, 201, &[0; 4]), packet(0, 207, &[0, 0, 0, 0, 4, 0, 0, 9])];
        let compound = compound.concat();
        for end in 0..compound.len() {
            for n in 0..end {
                let mut changed = compound[..end].to_vec();
                changed[n] = !changed[n];
                read(&changed, |report| match report {
                    Report::Arrivals(arrivals) => drop(arrivals.times()),
                    Report::Missing { list, .. } => drop(list.sequences().count()),
                    _ => {}
                });
            }
        }
    }
}
