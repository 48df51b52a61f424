//! How long an Opus packet lasts (RFC 6716 §3.1).

/// Returns how many samples at 48 kHz a packet holds, or `None` when it is not an Opus packet.
pub(crate) fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame_samples(toc >> 3) * frames)
}

/// A configuration number says mode, bandwidth, and frame size at once.
fn frame_samples(configuration: u8) -> u32 {
    match configuration {
        0..=11 => [480, 960, 1920, 2880][usize::from(configuration & 3)],
        12..=15 => [480, 960][usize::from(configuration & 1)],
        _ => [120, 240, 480, 960][usize::from(configuration & 3)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_has_its_own_frame_sizes() {
        assert_eq!(samples(&[1 << 3]), Some(960), "SILK, 20 ms");
        assert_eq!(samples(&[3 << 3]), Some(2880), "SILK, 60 ms");
        assert_eq!(samples(&[13 << 3]), Some(960), "hybrid, 20 ms");
        assert_eq!(samples(&[16 << 3]), Some(120), "CELT, 2.5 ms");
        assert_eq!(samples(&[(1 << 3) | 1]), Some(1920), "two frames");
        assert_eq!(samples(&[(1 << 3) | 3, 3]), Some(2880), "three frames");
        assert_eq!(samples(&[(1 << 3) | 3]), None, "the number of frames is missing");
        assert_eq!(samples(&[]), None);
    }
}
