//! Which layers there are in a stream of several.

/// Spatial layers that a stream can have: a descriptor of VP9 can name so many, and one of AV1 no more.
pub(crate) const LAYERS_MAX: usize = 8;

/// The layers of a stream, each of which builds on those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure {
    layers: u8,
    heights: [u16; LAYERS_MAX],
}

impl Structure {
    /// Makes one of so many layers, whose heights are not known. There is one at least, and more than eight are not counted.
    pub(crate) fn new(layers: usize) -> Self {
        let layers = layers.clamp(1, LAYERS_MAX);
        Self { layers: u8::try_from(layers).unwrap_or(1), heights: [0; LAYERS_MAX] }
    }

    /// Returns the height of each layer in pixels, the lowest first; 0 if it is not said.
    pub fn heights(&self) -> &[u16] {
        &self.heights[..usize::from(self.layers)]
    }

    /// Returns the same to be written.
    pub(crate) fn heights_mut(&mut self) -> &mut [u16] {
        &mut self.heights[..usize::from(self.layers)]
    }
}
