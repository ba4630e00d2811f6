//! The sizes of a model.

use crate::error::Error;

/// The most parameters that a model may have.
pub const PARAMETERS_MAX: usize = 1 << 24;

/// The most transformer blocks that a model may have: each has six names in a checkpoint's header.
pub const LAYERS_MAX: usize = 1 << 10;

/// The sizes of a model. The default is the Python program's: 4,192 parameters for 27 tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Numbers in an embedding, at least 1.
    pub n_embd: usize,
    /// Attention heads, at least 1; a divisor of `n_embd`.
    pub n_head: usize,
    /// Transformer blocks, at most [`LAYERS_MAX`]; none is a model without attention.
    pub n_layer: usize,
    /// The longest context, in tokens, at least 1.
    pub block_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { n_embd: 16, n_head: 4, n_layer: 1, block_size: 16 }
    }
}

impl Config {
    /// Numbers in an embedding that belong to one attention head.
    ///
    /// # Panics
    ///
    /// If there is no head.
    pub fn head_dim(&self) -> usize {
        self.n_embd / self.n_head
    }

    /// Names and shapes (rows, columns) of all matrices, in the order in which they are initialised. For sizes that
    /// [`parameters`](Config::parameters) accepts.
    pub fn shapes(&self, vocab_size: usize) -> Vec<(String, (usize, usize))> {
        let n = self.n_embd;
        let mut shapes: Vec<(String, (usize, usize))> =
            [("wte", vocab_size), ("wpe", self.block_size), ("lm_head", vocab_size)]
                .map(|(name, rows)| (name.to_owned(), (rows, n)))
                .into();
        for layer in 0..self.n_layer {
            let block = [
                ("attn.wq", (n, n)),
                ("attn.wk", (n, n)),
                ("attn.wv", (n, n)),
                ("attn.wo", (n, n)),
                ("mlp_fc1", (4 * n, n)),
                ("mlp_fc2", (n, 4 * n)),
            ];
            shapes.extend(block.map(|(name, shape)| (format!("blocks.{layer}.{name}"), shape)));
        }
        shapes
    }

    /// How many parameters the model has.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`] for a size that is 0, [`Error::HeadsDoNotDivide`] for heads that do not divide `n_embd`,
    /// [`Error::TooManyLayers`] beyond [`LAYERS_MAX`], [`Error::TooManyParameters`] beyond [`PARAMETERS_MAX`].
    pub fn parameters(&self, vocab_size: usize) -> Result<usize, Error> {
        for (name, size) in [("n_embd", self.n_embd), ("n_head", self.n_head), ("block_size", self.block_size)] {
            if size == 0 {
                return Err(Error::Zero { name });
            }
        }
        if !self.n_embd.is_multiple_of(self.n_head) {
            return Err(Error::HeadsDoNotDivide { n_embd: self.n_embd, n_head: self.n_head });
        }
        if self.n_layer > LAYERS_MAX {
            return Err(Error::TooManyLayers { n_layer: self.n_layer, max: LAYERS_MAX });
        }
        let [n, layers, block_size, vocab_size] =
            [self.n_embd, self.n_layer, self.block_size, vocab_size].map(|size| size as u128);
        let parameters = (12 * n).saturating_mul(layers).saturating_add(2 * vocab_size + block_size).saturating_mul(n);
        if parameters > PARAMETERS_MAX as u128 {
            return Err(Error::TooManyParameters { parameters, max: PARAMETERS_MAX });
        }
        Ok(parameters as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_sum_of_the_shapes() {
        for config in [Config::default(), Config { n_embd: 12, n_head: 3, n_layer: 4, block_size: 7 }] {
            let sum: usize = config.shapes(27).iter().map(|(_, (rows, cols))| rows * cols).sum();
            assert_eq!(config.parameters(27).unwrap(), sum);
        }
        assert_eq!(Config::default().parameters(27).unwrap(), 4_192);
    }

    #[test]
    fn impossible_sizes_are_named() {
        let default = Config::default();
        let error = |config: Config| config.parameters(27).unwrap_err().to_string();
        assert_eq!(error(Config { n_embd: 0, ..default }), "n_embd is 0, it must be at least 1");
        assert_eq!(error(Config { n_head: 0, ..default }), "n_head is 0, it must be at least 1");
        assert_eq!(error(Config { block_size: 0, ..default }), "block_size is 0, it must be at least 1");
        assert_eq!(error(Config { n_head: 5, ..default }), "n_embd is 16, it must be a multiple of n_head, which is 5");
        for huge in [1 << 20, usize::MAX] {
            let error = Config { n_embd: huge, n_head: 1, ..default }.parameters(27).unwrap_err();
            assert!(matches!(error, Error::TooManyParameters { .. }), "{error}");
        }
        assert!(Config { n_layer: 0, ..default }.parameters(27).is_ok());
        let small = Config { n_embd: 1, n_head: 1, n_layer: LAYERS_MAX, block_size: 1 };
        assert!(small.parameters(27).is_ok());
        let error = error(Config { n_layer: LAYERS_MAX + 1, ..small });
        assert_eq!(error, "n_layer is 1025, at most 1024 is allowed");
    }
}
