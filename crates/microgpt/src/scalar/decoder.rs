//! What comes next, on a tape that records no gradients.

use scalar_autograd::{Mark, Parameters as Leaves, Tape};

use super::gpt::{Cache, Gpt, reciprocal, softmax};
use crate::config::Config;
use crate::engine::{Context, Decoder};
use crate::error::Error;
use crate::model::Model;

pub(super) struct ScalarDecoder {
    config: Config,
    vocab_size: usize,
    tape: Tape<f64>,
    leaves: Leaves,
    mark: Mark,
}

impl ScalarDecoder {
    pub(super) fn new(model: &Model) -> Self {
        let tape = Tape::new();
        let leaves = tape.parameters(&model.parameters().data());
        let mark = tape.mark();
        ScalarDecoder { config: *model.config(), vocab_size: model.tokenizer().vocab_size(), tape, leaves, mark }
    }
}

impl Decoder for ScalarDecoder {
    fn decode(&mut self, text: &mut dyn FnMut(&mut dyn Context) -> Result<(), Error>) -> Result<(), Error> {
        let gpt = Gpt::of(self.config, self.vocab_size, self.tape.bind(self.leaves));
        let mut context = ScalarContext { cache: gpt.cache(), gpt, probabilities: Vec::new() };
        let result = self.tape.no_grad(|| text(&mut context));
        self.tape.truncate(self.mark);
        result
    }
}

struct ScalarContext<'t> {
    gpt: Gpt<'t>,
    cache: Cache<'t>,
    probabilities: Vec<f64>,
}

impl Context for ScalarContext<'_> {
    fn read(&mut self, token: usize) {
        self.gpt.logits(token, &mut self.cache);
    }

    fn probabilities(&mut self, token: usize, temperature: f64) -> &[f64] {
        let logits = self.gpt.logits(token, &mut self.cache);
        let probabilities = softmax(logits * reciprocal(temperature));
        // The program divides by the sum once more; it is 1 but for rounding.
        self.probabilities = (probabilities * probabilities.sum().powf(-1.0)).data();
        &self.probabilities
    }
}
