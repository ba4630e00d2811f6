//! Pixels, and the file that they are kept in.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

/// A picture: rows from top to bottom, each from left to right.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Four bytes a pixel: red, green, blue and opacity, of which the last is 255 everywhere: a page is painted on white.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// The colour of a pixel, if there is one there.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = (y as usize * self.width as usize + x as usize) * 4;
        self.rgba.get(at..at + 4)?.try_into().ok()
    }

    /// The picture as a PNG.
    pub(crate) fn encoded(&self) -> Result<Vec<u8>, String> {
        let mut png = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive);
        let written = encoder.write_image(&self.rgba, self.width, self.height, ExtendedColorType::Rgba8);
        written.map(|()| png).map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Picture {{ {} × {} }}", self.width, self.height)
    }
}
