//! Ogg (RFC 3533), as far as a file with one Opus stream (RFC 7845) needs it.

use thiserror::Error;

/// A clip is a few seconds long. A file with more packets is refused.
const PACKETS_MAX: usize = 10_000;
/// The largest packet that is believed; the two header packets may be longer than any of sound.
const PACKET_BYTES_MAX: usize = 1 << 16;
const PAGE_HEADER_BYTES: usize = 27;

/// Why a file is not an Ogg file that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OggError {
    /// A page does not begin as Ogg pages do.
    #[error("not an Ogg file")]
    NotOgg,
    /// The first two packets are not `OpusHead` and `OpusTags`.
    #[error("not Opus")]
    NotOpus,
    /// The file ends in the middle of a page or of a packet.
    #[error("cut off in the middle of a page")]
    CutOff,
    /// There are no packets, too many packets, or a packet too large.
    #[error("no packets, or more than can be played")]
    BadPackets,
}

/// Reads the Opus packets of a whole file, without the two headers.
pub(crate) fn parse_opus(file: &[u8]) -> Result<Vec<Vec<u8>>, OggError> {
    let mut packets = packets(file)?.into_iter();
    let is_header = |packet: Option<Vec<u8>>, magic: &[u8]| packet.is_some_and(|p| p.starts_with(magic));
    if !is_header(packets.next(), b"OpusHead") || !is_header(packets.next(), b"OpusTags") {
        return Err(OggError::NotOpus);
    }
    let sound: Vec<_> = packets.collect();
    if sound.is_empty() || sound.iter().any(Vec::is_empty) { Err(OggError::BadPackets) } else { Ok(sound) }
}

fn packets(mut rest: &[u8]) -> Result<Vec<Vec<u8>>, OggError> {
    let mut packets = Vec::new();
    let mut unfinished = Vec::new();
    while !rest.is_empty() {
        let Page { lacing, body, after } = page(rest)?;
        rest = after;
        let mut at = 0;
        for &length in lacing {
            unfinished.extend_from_slice(&body[at..at + usize::from(length)]);
            at += usize::from(length);
            if unfinished.len() > PACKET_BYTES_MAX || packets.len() == PACKETS_MAX {
                return Err(OggError::BadPackets);
            }
            // A segment shorter than 255 ends a packet; one of 255 goes on, even on the next page.
            if length < 255 {
                packets.push(std::mem::take(&mut unfinished));
            }
        }
    }
    if unfinished.is_empty() { Ok(packets) } else { Err(OggError::CutOff) }
}

struct Page<'a> {
    /// The lengths of the segments in the body.
    lacing: &'a [u8],
    body: &'a [u8],
    /// The pages that follow.
    after: &'a [u8],
}

/// Splits the first page off. The checksum is not looked at: the files
/// are part of the program.
fn page(bytes: &[u8]) -> Result<Page<'_>, OggError> {
    let header = bytes.get(..PAGE_HEADER_BYTES).ok_or(OggError::CutOff)?;
    if !header.starts_with(b"OggS\0") {
        return Err(OggError::NotOgg);
    }
    let lacing_end = PAGE_HEADER_BYTES + usize::from(header[26]);
    let lacing = bytes.get(PAGE_HEADER_BYTES..lacing_end).ok_or(OggError::CutOff)?;
    let body_bytes: usize = lacing.iter().map(|&length| usize::from(length)).sum();
    let body = bytes.get(lacing_end..lacing_end + body_bytes).ok_or(OggError::CutOff)?;
    Ok(Page { lacing, body, after: &bytes[lacing_end + body_bytes..] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::CLIP_OGG;

    fn page_of(lacing: &[u8], body: &[u8]) -> Vec<u8> {
        let mut page = b"OggS".to_vec();
        page.extend([0; 22]);
        page.push(u8::try_from(lacing.len()).unwrap());
        page.extend(lacing);
        page.extend(body);
        page
    }

    fn headers() -> Vec<u8> {
        [page_of(&[8], b"OpusHead"), page_of(&[8], b"OpusTags")].concat()
    }

    #[test]
    fn packets_come_out_as_they_went_in() {
        let file = [headers(), page_of(&[3, 5], b"onethree")].concat();
        assert_eq!(parse_opus(&file).unwrap(), [b"one".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn a_packet_goes_on_over_pages() {
        let long = vec![7; 300];
        let file = [headers(), page_of(&[255], &long[..255]), page_of(&[45], &long[255..])].concat();
        assert_eq!(parse_opus(&file).unwrap(), [long]);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_and_does_not_panic() {
        let file = [headers(), page_of(&[3], b"one"), page_of(&[5], b"three")].concat();
        let whole_pages = [file.len() - 33, file.len()];
        for end in 0..file.len() {
            assert_eq!(parse_opus(&file[..end]).is_ok(), whole_pages.contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(parse_opus(&[b'x'; 64]), Err(OggError::NotOgg));
        assert_eq!(parse_opus(&page_of(&[3], b"one")), Err(OggError::NotOpus));
        assert_eq!(parse_opus(&headers()), Err(OggError::BadPackets));
        assert_eq!(parse_opus(&[headers(), page_of(&[0], b"")].concat()), Err(OggError::BadPackets));
    }

    #[test]
    fn the_clip_is_four_seconds_and_the_packet_that_drains_the_encoder() {
        assert_eq!(parse_opus(CLIP_OGG).unwrap().len(), 201);
    }
}
