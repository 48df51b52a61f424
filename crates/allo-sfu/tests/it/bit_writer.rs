//! Writing headers that are made of bits. The unit tests have it as well.

/// Bits one after the other, the highest of a byte first.
#[derive(Default)]
pub(crate) struct BitWriter {
    pub(crate) bytes: Vec<u8>,
    count: usize,
}

impl BitWriter {
    pub(crate) fn put(&mut self, number: u32, bits: u32) -> &mut Self {
        for bit in (0..bits).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let is_set = u8::from(number >> bit & 1 == 1);
            *self.bytes.last_mut().unwrap() |= is_set << (7 - self.count % 8);
            self.count += 1;
        }
        self
    }
}
