//! What a pass writes: a row for each token of a chunk, in the order in which it is written.

use super::lanes::Row;
use super::layout::{Layout, PANEL};

/// What the forward pass of a transformer block leaves for its backward pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) normed1: Vec<Row>,
    pub(super) inverse1: Vec<f32>,
    pub(super) q: Vec<Row>,
    pub(super) k: Vec<Row>,
    pub(super) v: Vec<Row>,
    /// Attention weights: for each query, a row for every four keys.
    pub(super) weights: Vec<Row>,
    pub(super) attention: Vec<Row>,
    pub(super) normed2: Vec<Row>,
    pub(super) inverse2: Vec<f32>,
    pub(super) hidden: Vec<[Row; 4]>,
}

/// Room for a pass over a chunk. What is in it between passes is finite, since rows that pad a tile are calculated too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    tokens: usize,
    pub(super) embedded: Vec<Row>,
    pub(super) embedded_inverse: Vec<f32>,
    /// The residual stream.
    pub(super) x: Vec<Row>,
    pub(super) layers: Vec<Layer>,
    /// Panel by panel: logits, then probabilities, then the loss's gradient with respect to the logits.
    pub(super) logits: Vec<Vec<[Row; PANEL]>>,
    /// Keys of one document, four at a time, transposed.
    pub(super) blocks: Vec<[Row; 4]>,
    /// Gradients: of the residual stream after a block and in its middle, and of what is in between.
    pub(super) d_x: Vec<Row>,
    pub(super) d_middle: Vec<Row>,
    pub(super) d_hidden: Vec<[Row; 4]>,
    pub(super) d_attention: Vec<Row>,
    pub(super) d_q: Vec<Row>,
    pub(super) d_k: Vec<Row>,
    pub(super) d_v: Vec<Row>,
    pub(super) means: Vec<Row>,
}

impl Work {
    /// Makes room for so many tokens.
    pub(super) fn reserve(&mut self, layout: &Layout, tokens: usize) {
        // A document's last block of four keys may begin at its last token.
        let tokens = tokens + 8;
        if self.tokens >= tokens {
            return;
        }
        self.tokens = tokens;
        self.layers.resize_with(layout.layers, Layer::default);
        self.logits.resize_with(layout.panels(), Vec::new);
        self.blocks.resize(layout.key_blocks(), [Row::default(); 4]);
        self.means.resize(layout.block_size, Row::default());
        let Work { embedded, x, d_x, d_middle, d_attention, d_q, d_k, d_v, .. } = self;
        for rows in [embedded, x, d_x, d_middle, d_attention, d_q, d_k, d_v] {
            rows.resize(tokens, Row::default());
        }
        self.d_hidden.resize(tokens, [Row::default(); 4]);
        self.embedded_inverse.resize(tokens, 0.0);
        self.logits.iter_mut().for_each(|rows| rows.resize(tokens, [Row::default(); PANEL]));
        for layer in &mut self.layers {
            let Layer { normed1, q, k, v, attention, normed2, .. } = layer;
            for rows in [normed1, q, k, v, attention, normed2] {
                rows.resize(tokens, Row::default());
            }
            layer.weights.resize(tokens * layout.key_blocks(), Row::default());
            layer.hidden.resize(tokens, [Row::default(); 4]);
            layer.inverse1.resize(tokens, 0.0);
            layer.inverse2.resize(tokens, 0.0);
        }
    }
}
