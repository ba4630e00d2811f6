//! How wrong the model is: the graph of a training step, from its names to one number.

use scalar_autograd::{Value, Values};

use super::gpt::{Gpt, reciprocal, softmax};

/// Keeps the logarithm of a vanished probability finite.
pub(crate) const LOG_EPSILON: f64 = 1e-10;

/// One name's part of the loss.
#[derive(Clone, Debug)]
pub struct DocumentLoss<'t> {
    /// What the model thought of every token, position by position.
    pub probabilities: Vec<Values<'t, f64>>,
    /// −ln of the probability of the token that came next, position by position.
    pub losses: Vec<Value<'t, f64>>,
    /// Their mean.
    pub mean: Value<'t, f64>,
}

/// A batch of names' loss.
#[derive(Clone, Debug)]
pub struct BatchLoss<'t> {
    /// Name by name.
    pub documents: Vec<DocumentLoss<'t>>,
    /// The sum of their means.
    pub total: Value<'t, f64>,
    /// Their mean: what [`backward`](Value::backward) starts from.
    pub loss: Value<'t, f64>,
}

/// The loss of a batch; each name as [`Tokenizer::encode`](crate::Tokenizer::encode) makes it.
///
/// # Panics
///
/// If there is no name, one of less than two tokens, or one with a token that is not in the vocabulary.
pub fn batch_loss<'t>(gpt: &Gpt<'t>, batch: &[impl AsRef<[usize]>]) -> BatchLoss<'t> {
    let documents: Vec<_> = batch.iter().map(|tokens| document_loss(gpt, tokens.as_ref())).collect();
    let total: Value<'t, f64> = documents.iter().map(|document| document.mean).sum();
    let loss = total * reciprocal(batch.len() as f64);
    BatchLoss { documents, total, loss }
}

fn document_loss<'t>(gpt: &Gpt<'t>, tokens: &[usize]) -> DocumentLoss<'t> {
    let mut cache = gpt.cache();
    let positions = gpt.block_size().min(tokens.len() - 1);
    let (probabilities, losses): (Vec<_>, Vec<_>) = (0..positions)
        .map(|position| {
            let probabilities = softmax(gpt.logits(tokens[position], &mut cache));
            let target = tokens[position + 1];
            (probabilities, -(probabilities.at(target) + LOG_EPSILON).ln())
        })
        .unzip();
    let mean = losses.iter().copied().sum::<Value<'t, f64>>() * reciprocal(positions as f64);
    DocumentLoss { probabilities, losses, mean }
}
