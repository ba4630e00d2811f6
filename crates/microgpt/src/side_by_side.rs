//! Many texts at a time.

use crate::engine::{Engine, Read, Streams};
use crate::error::Error;
use crate::model::Model;
use crate::random::PythonRandom;
use crate::sample::{Chooser, Sample, Sampling, samples};

/// A text for each source of randomness, `streams` of them at a time: where one ends, the next begins in its place.
///
/// Text i is what [`samples`] makes of `randoms[i]` alone ([`Sampling::samples`] does not count here), and as many
/// random numbers are drawn from it. With the [`Tensor`](crate::tensor::Tensor) engine's fused path that is so bit for
/// bit; products of matrices, for other sizes, are rounded in another order for many rows than for one, so there a text
/// can differ where a random number is within rounding (some 10⁻⁷ in `f32`) of the border between two tokens.
///
/// ```
/// use microgpt::tensor::Tensor;
/// use microgpt::{Config, Model, Names, PythonRandom, Sampling, samples, samples_side_by_side};
///
/// let model = Model::new(Config::default(), &Names::embedded(), &mut PythonRandom::new(1))?;
/// let (engine, sampling) = (Tensor::default(), Sampling { samples: 1, ..Sampling::default() });
/// let mut randoms: Vec<PythonRandom> = (0..20).map(PythonRandom::new).collect();
/// let texts = samples_side_by_side(&engine, &model, &sampling, 8, &mut randoms)?;
/// assert_eq!(texts[7], samples(&engine, &model, &sampling, &mut PythonRandom::new(7))?[0]);
/// # Ok::<(), microgpt::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`samples`]; [`Error::Zero`] for no streams.
pub fn samples_side_by_side(
    engine: &dyn Engine,
    model: &Model,
    sampling: &Sampling,
    streams: usize,
    randoms: &mut [PythonRandom],
) -> Result<Vec<Sample>, Error> {
    let prompt = sampling.check(model)?;
    if streams == 0 {
        return Err(Error::Zero { name: "streams" });
    }
    let width = streams.min(randoms.len());
    let Some(engine_streams) = engine.streams(model, width)? else {
        let one = Sampling { samples: 1, ..sampling.clone() };
        let texts = randoms.iter_mut().map(|random| samples(engine, model, &one, random));
        return Ok(texts.collect::<Result<Vec<_>, _>>()?.concat());
    };
    let run = Run { model, prompt: &prompt, temperature: sampling.temperature, chooser: Chooser::new(sampling) };
    run.all(engine_streams, width, randoms)
}

/// A text that is being made.
struct Text {
    /// Which of them all.
    index: usize,
    tokens: Vec<usize>,
    /// Tokens that were read.
    read: usize,
    likelihoods: Vec<f64>,
}

struct Run<'a> {
    model: &'a Model,
    prompt: &'a [usize],
    temperature: f64,
    chooser: Chooser,
}

impl Run<'_> {
    fn all(
        mut self,
        mut streams: Box<dyn Streams>,
        width: usize,
        randoms: &mut [PythonRandom],
    ) -> Result<Vec<Sample>, Error> {
        let mut waiting = 0..randoms.len();
        let mut texts: Vec<Option<Text>> = waiting.by_ref().take(width).map(|index| Some(self.begin(index))).collect();
        let mut done: Vec<Option<Sample>> = vec![None; randoms.len()];
        let vocab = self.model.tokenizer().vocab_size();
        loop {
            let reads = texts.iter().enumerate().filter_map(|(stream, text)| {
                let Text { tokens, read, .. } = text.as_ref()?;
                Some(Read { stream, position: *read, token: tokens[*read] })
            });
            let reads: Vec<Read> = reads.collect();
            if reads.is_empty() {
                return Ok(done.into_iter().flatten().collect());
            }
            let rows = streams.probabilities(&reads, self.temperature)?.chunks_exact(vocab);
            for (read, probabilities) in reads.iter().zip(rows) {
                let place = &mut texts[read.stream];
                let Some(text) = place else { continue };
                if let Some(sample) = self.go_on(text, probabilities, &mut randoms[text.index])? {
                    done[text.index] = Some(sample);
                    *place = waiting.next().map(|index| self.begin(index));
                }
            }
        }
    }

    fn begin(&self, index: usize) -> Text {
        Text { index, tokens: self.prompt.to_vec(), read: 0, likelihoods: Vec::new() }
    }

    /// Takes note of what comes next after one more token; the text, if that was its last.
    fn go_on(
        &mut self,
        text: &mut Text,
        probabilities: &[f64],
        random: &mut PythonRandom,
    ) -> Result<Option<Sample>, Error> {
        text.read += 1;
        if text.read < text.tokens.len() {
            return Ok(None); // inside the prompt
        }
        let token = self.chooser.choose(probabilities, random)?;
        text.likelihoods.push(probabilities[token]);
        let tokenizer = self.model.tokenizer();
        let ended = token == tokenizer.bos();
        if !ended {
            text.tokens.push(token);
        }
        let full = text.tokens.len() > self.model.config().block_size;
        Ok((ended || full).then(|| Sample {
            text: tokenizer.decode(&text.tokens[1..]),
            probabilities: std::mem::take(&mut text.likelihoods),
            ended,
        }))
    }
}
