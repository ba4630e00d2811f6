//! Bytes that are there already, given out in pieces: a decoder that finds nothing in them stops all the same.

use std::io::{self, BufRead, ErrorKind, Read};

use super::BLOCK_BYTES;

/// After each piece comes [`ErrorKind::WouldBlock`], and after that the next.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
    /// What is left of the piece.
    left: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, left: BLOCK_BYTES }
    }

    /// What nobody took.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 && !self.rest.is_empty() {
            self.left = BLOCK_BYTES;
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(&self.rest[..self.left.min(self.rest.len())])
    }

    fn consume(&mut self, bytes: usize) {
        self.left -= bytes;
        self.rest = &self.rest[bytes..];
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let taken = bytes.len().min(into.len());
        into[..taken].copy_from_slice(&bytes[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_all_that_is_given_at_once() {
        let bytes = vec![7; BLOCK_BYTES + 3];
        let mut pieces = Pieces::of(&bytes);
        let mut into = vec![0; 2 * BLOCK_BYTES];
        assert_eq!(pieces.read(&mut into).ok(), Some(BLOCK_BYTES));
        assert_eq!(pieces.read(&mut into).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        assert_eq!(pieces.rest(), [7; 3]);
        assert_eq!((pieces.read(&mut into).ok(), pieces.read(&mut into).ok()), (Some(3), Some(0)));
    }
}
