//! Sound that is sent twice (RFC 2198), as Chromium does: each packet has the frame before it in it, too.

/// That the header of another frame follows.
const FOLLOWS: u8 = 0x80;
/// The header of an older frame has 14 bits for its age, and 10 for its length.
const AGE_MAX: u32 = 0x3fff;
const LENGTH_MAX: usize = 0x3ff;

/// Makes a payload of a frame and of the one before it, which is so many units of the clock older. What has no room in a header is left out.
pub(crate) fn wrap(pt: u8, frame: &[u8], previous: Option<(u32, &[u8])>) -> Vec<u8> {
    let is_possible = |(age, previous): &(u32, &[u8])| {
        (1..=AGE_MAX).contains(age) && (1..=LENGTH_MAX).contains(&previous.len())
    };
    let Some((age, previous)) = previous.filter(is_possible) else { return [&[pt], frame].concat() };
    let length = u32::try_from(previous.len()).unwrap_or_default();
    let [_, high, middle, low] = (age << 10 | length).to_be_bytes();
    [&[FOLLOWS | pt, high, middle, low, pt], previous, frame].concat()
}

/// A payload that is not what it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Returns the frame before the newest, if it is there.
pub(crate) fn previous(payload: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let (mut headers, mut older, mut last) = (payload, 0, None);
    loop {
        match *headers {
            [first, _, middle, low, ref rest @ ..] if first & FOLLOWS != 0 => {
                let length = usize::from(u16::from_be_bytes([middle & 3, low]));
                (headers, older, last) = (rest, older + length, Some(length));
            }
            [first, ref blocks @ ..] if first & FOLLOWS == 0 && blocks.len() > older => {
                return Ok(last.map(|length| &blocks[older - length..older]));
            }
            _ => return Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_before_is_found_again() {
        let whole = wrap(111, &[4, 5], Some((960, &[1, 2, 3])));
        assert_eq!(whole, [0xef, 0x0f, 0x00, 3, 111, 1, 2, 3, 4, 5]);
        assert_eq!(previous(&whole), Ok(Some(&[1, 2, 3][..])));
        assert_eq!(previous(&wrap(111, &[4, 5], None)), Ok(None));
    }

    #[test]
    fn of_several_older_frames_the_last_is_the_one_before() {
        let whole = [0xef, 0x1e, 0x00, 2, 0xef, 0x0f, 0x00, 1, 111, 1, 2, 3, 4];
        assert_eq!(previous(&whole), Ok(Some(&[3][..])));
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        let frames = [(0, 1), (AGE_MAX + 1, 1), (960, 0), (960, LENGTH_MAX + 1)];
        for (age, length) in frames {
            assert_eq!(wrap(111, &[4], Some((age, &vec![1; length]))), [111, 4]);
        }
    }

    #[test]
    fn what_is_cut_off_is_malformed() {
        let whole = wrap(111, &[4], Some((960, &[1, 2, 3])));
        for length in 0..whole.len() {
            assert_eq!(previous(&whole[..length]), Err(Malformed), "of {length} bytes");
        }
    }
}
