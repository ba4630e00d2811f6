//! A batch with room for a whole block in each document.

use gpu_device::{Buffer, Device};

use crate::error::Error;

/// What kernels take for a row that is none: no token, no position, no target.
const NONE: u32 = u32::MAX;

/// Documents side by side, `block_size` rows each, in the device's memory.
pub(super) struct Batch {
    pub(super) documents: usize,
    /// What is asked.
    pub(super) tokens: Buffer<u32>,
    /// Where in its document.
    pub(super) positions: Buffer<u32>,
    /// What comes next.
    pub(super) targets: Buffer<u32>,
    /// What a row's loss counts in that of the batch: 1 / (documents · its document's questions).
    pub(super) weights: Buffer<f32>,
}

impl Batch {
    /// Room for so many documents.
    pub(super) fn new(device: &Device, documents: usize, block_size: usize) -> Result<Self, Error> {
        let rows = documents * block_size;
        Ok(Batch {
            documents,
            tokens: device.uninitialised(rows)?,
            positions: device.uninitialised(rows)?,
            targets: device.uninitialised(rows)?,
            weights: device.uninitialised(rows)?,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// Of each document, the first `block_size` questions count.
    #[allow(clippy::cast_possible_truncation, reason = "tokens and positions are below 2²⁴")]
    pub(super) fn fill(&mut self, documents: &[&[usize]]) -> Result<(), Error> {
        let (rows, block_size) = (self.rows(), self.rows() / self.documents);
        let (mut tokens, mut positions, mut targets) = (vec![NONE; rows], vec![NONE; rows], vec![NONE; rows]);
        let mut weights = vec![0.0; rows];
        for (document, &text) in documents.iter().enumerate() {
            let questions = block_size.min(text.len() - 1);
            let weight = 1.0 / (documents.len() as f64 * questions as f64);
            for position in 0..questions {
                let row = document * block_size + position;
                (tokens[row], targets[row]) = (text[position] as u32, text[position + 1] as u32);
                (positions[row], weights[row]) = (position as u32, weight as f32);
            }
        }
        self.tokens.copy_from_slice(&tokens)?;
        self.positions.copy_from_slice(&positions)?;
        self.targets.copy_from_slice(&targets)?;
        self.weights.copy_from_slice(&weights)?;
        Ok(())
    }
}
