//! How large a training step's graph gets, before it is built.

use crate::config::Config;

/// The most nodes and links that a training step may need: about 4 GB.
pub const GRAPH_NODES_MAX: usize = 1 << 27;

/// An upper bound of what a name of that many positions records: nodes, and links of nodes with many children. For
/// sizes that [`Config::parameters`] accepts, nothing here overflows.
pub fn graph_size(config: &Config, vocab_size: usize, positions: usize) -> u128 {
    let [n, heads, layers, vocab, positions] =
        [config.n_embd, config.n_head, config.n_layer, vocab_size, positions].map(|size| size as u128);
    // Over all positions, a head sees 1 + 2 + … + positions of them.
    let seen = positions * (positions + 1) / 2;
    // A normalised element each, and the mean square, its links, ε, root and reciprocal.
    let norm = n + 7;
    // Linear layers have 13 n outputs with two links a layer, residuals and ReLU 6 n, the heads' outputs n; a softmax
    // has a sum and a reciprocal, and its scores and its outputs two links.
    let layer = 20 * n + 12 + 2 * norm + heads * 8;
    // Score, scale, shift, exponential and probability of what is seen, and a link to its value.
    let layer_seen = heads * 6;
    // Embedding, logits and their softmax; ε, logarithm, sign and a link of the loss.
    let ends = n + norm + 4 * vocab + 12;
    (layers * layer + ends) * positions + layers * layer_seen * seen + 4
}
