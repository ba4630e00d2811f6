//! Scratch memory that starts at a cache line.

use std::ops::{Deref, DerefMut};

/// f32 in a cache line.
const LINE: usize = 16;

/// A buffer of f32, aligned to cache lines so that no vector straddles two.
pub(super) struct Aligned {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let buffer = vec![0.0; len + LINE];
        // The buffer never grows, so it stays where it is. Where no offset is known, any will do.
        let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Self { buffer, start, len }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}
