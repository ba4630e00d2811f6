//! A batch without padding: the tokens of all documents, one after another.

use std::ops::Range;

/// Documents packed end to end: one row a question, whatever their lengths.
///
/// The sums of a layer do not ask which document a token belongs to; attention does, and is told where each is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    inputs: Vec<u32>,
    targets: Vec<u32>,
    positions: Vec<u32>,
    weights: Vec<f64>,
    /// Where each document begins, and where the last one ends.
    starts: Vec<usize>,
}

/// Tokens that are calculated at a time: what is packed is padded to a multiple of it, with weights of 0.
const TILE: usize = 4;

impl Packed {
    /// Packs a part of a batch of so many documents. Of each, the first `block_size` questions count.
    #[allow(clippy::cast_possible_truncation, reason = "tokens and positions are below 2²⁴")]
    pub(crate) fn fill(&mut self, documents: &[&[usize]], of: usize, block_size: usize) {
        let Packed { inputs, targets, positions, weights, starts } = self;
        for list in [&mut *inputs, targets, positions] {
            list.clear();
        }
        weights.clear();
        starts.clear();
        for tokens in documents {
            let questions = block_size.min(tokens.len() - 1);
            starts.push(inputs.len());
            inputs.extend(tokens[..questions].iter().map(|&token| token as u32));
            targets.extend(tokens[1..=questions].iter().map(|&token| token as u32));
            positions.extend(0..questions as u32);
            weights.resize(inputs.len(), 1.0 / (of as f64 * questions as f64));
        }
        starts.push(inputs.len());
        let padded = inputs.len().next_multiple_of(TILE);
        for list in [inputs, targets, positions] {
            list.resize(padded, 0);
        }
        weights.resize(padded, 0.0);
    }

    /// Questions.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The rows of each document.
    #[inline]
    pub(crate) fn documents(&self) -> impl Iterator<Item = Range<usize>> {
        self.starts.windows(2).map(|ends| ends[0]..ends[1])
    }

    /// What is asked.
    #[inline]
    pub(crate) fn input(&self, row: usize) -> usize {
        self.inputs[row] as usize
    }

    /// What comes next.
    #[inline]
    pub(crate) fn target(&self, row: usize) -> usize {
        self.targets[row] as usize
    }

    /// Where in its document.
    #[inline]
    pub(crate) fn position(&self, row: usize) -> usize {
        self.positions[row] as usize
    }

    /// What the row's loss counts in that of the batch: 1 / (documents · its document's questions).
    #[inline]
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights[row]
    }
}
