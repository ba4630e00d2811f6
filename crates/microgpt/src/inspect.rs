//! What a model thinks while it reads one document: the forward pass in plain loops, with everything kept.

use crate::model::Model;
use crate::scalar::EPSILON;

/// All that a forward pass computes on its way, position by position.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The tokens that were read.
    pub tokens: Vec<usize>,
    /// `attention[layer][head][query][key]`: how much of a key's value the query takes; a row has the keys that it
    /// sees.
    pub attention: Vec<Vec<Vec<Vec<f64>>>>,
    /// `lens[depth][position][token]`: the probabilities of the next token if the rest of the model were skipped, after
    /// the embedding (depth 0) and after each block; the last depth is what the model says. The logit lens
    /// (nostalgebraist 2020).
    pub lens: Vec<Vec<Vec<f64>>>,
}

impl Inspection {
    /// What the model says comes next, after each token.
    pub fn probabilities(&self) -> &[Vec<f64>] {
        &self.lens[self.lens.len() - 1]
    }

    /// Reads tokens; more than the block size are not read.
    ///
    /// # Panics
    ///
    /// If a token is not in the vocabulary.
    pub fn new(model: &Model, tokens: &[usize]) -> Self {
        let config = model.config();
        let tokens = tokens[..tokens.len().min(config.block_size)].to_vec();
        let weights = |name: &str| -> Vec<Vec<f64>> {
            let matrix = &model.parameters()[name];
            (0..matrix.rows()).map(|row| matrix[row].iter().map(|parameter| parameter.data).collect()).collect()
        };
        let (wte, wpe, lm_head) = (weights("wte"), weights("wpe"), weights("lm_head"));
        let lens = |x: &[Vec<f64>]| x.iter().map(|x| softmax(&linear(&lm_head, x))).collect();
        let embed = |(position, &token): (usize, &usize)| rms_norm(&sum(&wte[token], &wpe[position]));
        let mut x: Vec<Vec<f64>> = tokens.iter().enumerate().map(embed).collect();
        let mut inspection = Inspection { tokens, attention: Vec::new(), lens: vec![lens(&x)] };
        for layer in 0..config.n_layer {
            let weights = |name: &str| weights(&format!("blocks.{layer}.{name}"));
            let normed: Vec<Vec<f64>> = x.iter().map(|x| rms_norm(x)).collect();
            let each =
                |weights: Vec<Vec<f64>>| -> Vec<Vec<f64>> { normed.iter().map(|x| linear(&weights, x)).collect() };
            let (q, k, v) = (each(weights("attn.wq")), each(weights("attn.wk")), each(weights("attn.wv")));
            let heads = (0..config.n_head).map(|head| attention_weights(&q, &k, head, config.head_dim()));
            let heads: Vec<Vec<Vec<f64>>> = heads.collect();
            let (wo, fc1, fc2) = (weights("attn.wo"), weights("mlp_fc1"), weights("mlp_fc2"));
            for (position, x) in x.iter_mut().enumerate() {
                let found: Vec<f64> = (0..config.n_embd)
                    .map(|i| {
                        let weights = &heads[i / config.head_dim()][position];
                        weights.iter().zip(&v).map(|(weight, value)| weight * value[i]).sum()
                    })
                    .collect();
                *x = sum(x, &linear(&wo, &found));
                let hidden: Vec<f64> = linear(&fc1, &rms_norm(x)).into_iter().map(|h| h.max(0.0)).collect();
                *x = sum(x, &linear(&fc2, &hidden));
            }
            inspection.attention.push(heads);
            inspection.lens.push(lens(&x));
        }
        inspection
    }
}

/// For each query, the weights of the keys up to its own.
fn attention_weights(q: &[Vec<f64>], k: &[Vec<f64>], head: usize, head_dim: usize) -> Vec<Vec<f64>> {
    let part = head * head_dim..(head + 1) * head_dim;
    let score = |q: &[f64], k: &[f64]| dot(&q[part.clone()], &k[part.clone()]) / (head_dim as f64).sqrt();
    q.iter()
        .enumerate()
        .map(|(query, q)| softmax(&k[..=query].iter().map(|k| score(q, k)).collect::<Vec<f64>>()))
        .collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn sum(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x + y).collect()
}

fn linear(weights: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    weights.iter().map(|row| dot(row, x)).collect()
}

fn rms_norm(x: &[f64]) -> Vec<f64> {
    let root = (dot(x, x) / x.len() as f64 + EPSILON).sqrt();
    x.iter().map(|x| x / root).collect()
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}
