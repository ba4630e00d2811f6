//! One training step of a GPT, told backwards: how a single number, the loss, tells every weight which way to go.
//!
//! What it shows: backpropagation is the chain rule and nothing else. The journey starts at `loss.grad = 1` and ends at
//! one weight, by default `wte[10][5]`, the sixth number of the embedding of "k"; every sentence has its number beside
//! it, and the derivatives are checked as they are told.
//!
//! ```text
//! $ cargo run --release --example gradient_journey
//! 1. Where it starts
//!    loss = 3.277420, the mean of 8 names' losses: anaiza julyen lyberty dalen malick ollin azira neala
//!    32458 nodes were recorded for it. The loss is its own derivative: loss.grad = 1
//! ...
//! 6. Where it ends: wte[10][5], a number of the embedding of 'k'
//!    Its gradient is +0.000344195: the sum over every path that leads to it, name by name:
//!      malick          +0.000344195
//! ...
//! ```
//!
//! Another weight: `-- --matrix lm_head --row 3 --col 7`. Your own names: `-- --data FILE`.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use microgpt::scalar::{BatchLoss, Gpt, batch_loss, softmax};
use microgpt::{Config, Model, Names, PythonRandom};
use scalar_autograd::{Grads, Tape, Value, Values};

/// Names in the step.
const BATCH: usize = 8;

mod support;

/// Tell one training step backwards, down to one weight.
#[derive(Parser)]
struct Arguments {
    /// A text file with one name a line [default: 32,257 first names of 2018]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// The matrix that the journey ends in
    #[arg(long, value_name = "NAME", default_value = "wte")]
    matrix: String,
    /// Its row
    #[arg(long, value_name = "N", default_value_t = 10)]
    row: usize,
    /// Its column
    #[arg(long, value_name = "N", default_value_t = 5)]
    col: usize,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse()))
}

/// A training step whose graph is still there.
struct Journey<'t> {
    model: &'t Model,
    names: &'t [String],
    parameters: Values<'t, f64>,
    batch: BatchLoss<'t>,
    grads: Grads<'t, f64>,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut random = PythonRandom::new(arguments.seed);
    let mut names = match &arguments.data {
        Some(path) => Names::from_file(path)?,
        None => Names::embedded(),
    };
    names.shuffle(&mut random);
    let model = Model::new(Config::default(), &names, &mut random)?;
    let weight = place(&model, arguments)?;
    let batch_names = &names.as_slice()[..BATCH.min(names.as_slice().len())];

    let tape = Tape::new();
    let data = model.parameters().data();
    let parameters = tape.values(&data);
    let batch = batch_loss(&Gpt::new(&model, parameters), &encode(&model, batch_names));
    let grads = batch.loss.backward();
    let journey = Journey { model: &model, names: batch_names, parameters, batch, grads };

    let mut out = io::stdout().lock();
    journey.start(&mut out)?;
    journey.split_among_names(&mut out)?;
    journey.split_among_positions(&mut out)?;
    journey.through_the_softmax(&mut out)?;
    max_logit(&mut out)?;
    journey.arrive(&mut out, arguments, weight)?;
    journey.nudge(&mut out, arguments, weight)?;
    Ok(())
}

/// The weight's place among all parameters.
fn place(model: &Model, arguments: &Arguments) -> Result<usize, String> {
    let Arguments { matrix: name, row, col, .. } = arguments;
    let Some(matrix) = model.parameters().get(name) else {
        let known: Vec<&str> = model.parameters().matrices().iter().map(|matrix| matrix.name()).collect();
        return Err(format!("no matrix is called {name:?}, there are {}", known.join(", ")));
    };
    let (rows, cols) = (matrix.rows(), matrix.cols());
    let outside = || format!("{name}[{row}][{col}] is outside of {name}, which has {rows} rows and {cols} columns");
    model.parameters().index_of(name, *row, *col).ok_or_else(outside)
}

fn encode(model: &Model, names: &[String]) -> Vec<Vec<usize>> {
    names.iter().filter_map(|name| model.tokenizer().encode(name)).collect()
}

impl Journey<'_> {
    fn start(&self, out: &mut impl Write) -> io::Result<()> {
        let BatchLoss { loss, .. } = self.batch;
        writeln!(out, "1. Where it starts")?;
        writeln!(
            out,
            "   loss = {:.6}, the mean of {} names' losses: {}",
            loss.data(),
            self.names.len(),
            self.names.join(" ")
        )?;
        writeln!(
            out,
            "   {} nodes were recorded for it. The loss is its own derivative: loss.grad = {}\n",
            loss.index() + 1,
            self.grads.wrt(loss)
        )?;
        assert_eq!(self.grads.wrt(loss), 1.0);
        Ok(())
    }

    fn split_among_names(&self, out: &mut impl Write) -> io::Result<()> {
        let count = self.names.len();
        let share = self.grads.wrt(self.batch.total);
        writeln!(out, "2. A mean shares it out")?;
        writeln!(out, "   loss = total / {count}, so total.grad = 1/{count} = {share}")?;
        writeln!(
            out,
            "   total is a sum, and a sum hands its gradient to each of its terms: every name gets {share}\n"
        )?;
        for document in &self.batch.documents {
            assert_eq!(self.grads.wrt(document.mean), share);
        }
        Ok(())
    }

    fn split_among_positions(&self, out: &mut impl Write) -> io::Result<()> {
        let (name, document) = (&self.names[0], &self.batch.documents[0]);
        let (count, share) = (document.losses.len(), self.grads.wrt(document.mean));
        writeln!(out, "3. So does the mean over a name's letters")?;
        writeln!(
            out,
            "   {name:?} asks {count} questions: what comes first, what comes after its first letter, …, what ends it?"
        )?;
        let each = self.grads.wrt(document.losses[0]);
        writeln!(out, "   Each gets {share} / {count} = {each:.9}\n")?;
        assert!((each - share / count as f64).abs() <= f64::EPSILON);
        Ok(())
    }

    fn through_the_softmax(&self, out: &mut impl Write) -> io::Result<()> {
        let document = &self.batch.documents[0];
        let first = self.names[0].chars().next().unwrap_or_default();
        let target = self.model.tokenizer().token(first).unwrap_or_default();
        let probabilities = document.probabilities[0];
        let (probability, question) = (probabilities.at(target), document.losses[0]);
        let share = self.grads.wrt(question);
        writeln!(out, "4. Through the logarithm and the softmax")?;
        writeln!(
            out,
            "   The first letter is {first:?}. The model gave it p = {:.6}; its loss is -ln p = {:.6}",
            probability.data(),
            question.data()
        )?;
        writeln!(
            out,
            "   d(-ln p)/dp = -1/p, so p.grad = {share:.6} · -1/{:.6} = {:.6}",
            probability.data(),
            self.grads.wrt(probability)
        )?;
        let slope = -share / probability.data();
        assert!((self.grads.wrt(probability) - slope).abs() <= slope.abs() * 2e-10 / probability.data());
        writeln!(out, "   A softmax turns that into (p - what should have been) · {share:.6} for every logit:")?;
        for token in [target, (target + 1) % probabilities.len()] {
            let (p, wanted) = (probabilities.at(token).data(), f64::from(u8::from(token == target)));
            let gradient = self.grads.wrt(logit_of(probabilities.at(token)));
            let letter =
                self.model.tokenizer().character(token).map_or("the end".to_owned(), |letter| format!("{letter:?}"));
            writeln!(out, "     {letter:7} ({p:.6} - {wanted}) · {share:.6} = {gradient:+.9}")?;
            // The logarithm is taken of p + 1e-10, which takes 1e-10/p off.
            let tolerance = share * (1e-10 / probability.data() + 4.0 * f64::EPSILON);
            assert!((gradient - (p - wanted) * share).abs() <= tolerance, "softmax and cross-entropy give p - y");
        }
        writeln!(out, "   What happened was too unlikely and is pushed up; everything else is pushed down.\n")
    }

    fn arrive(&self, out: &mut impl Write, arguments: &Arguments, weight: usize) -> io::Result<()> {
        let Arguments { matrix, row, col, .. } = arguments;
        let weight = self.parameters.at(weight);
        let gradient = self.grads.wrt(weight);
        let letter = self.model.tokenizer().character(*row).filter(|_| matrix == "wte");
        let meaning = letter.map(|letter| format!(", a number of the embedding of {letter:?}")).unwrap_or_default();
        writeln!(out, "6. Where it ends: {matrix}[{row}][{col}]{meaning}")?;
        writeln!(out, "   Its gradient is {gradient:+.9}: the sum over every path that leads to it, name by name:")?;
        let mut sum = 0.0;
        for (name, document) in self.names.iter().zip(&self.batch.documents) {
            let part = document.mean.backward().wrt(weight) / self.names.len() as f64;
            sum += part;
            if part != 0.0 {
                writeln!(out, "     {name:15} {part:+.9}")?;
            }
        }
        writeln!(out, "   A name that does not use it adds nothing.\n")?;
        assert!((sum - gradient).abs() < 1e-12, "the parts add up");
        Ok(())
    }

    fn nudge(&self, out: &mut impl Write, arguments: &Arguments, weight: usize) -> io::Result<()> {
        const NUDGE: f64 = 1e-6;
        let Arguments { matrix, row, col, .. } = arguments;
        let loss_at = |delta: f64| {
            let tape = Tape::new();
            let mut data = self.parameters.data();
            data[weight] += delta;
            batch_loss(&Gpt::new(self.model, tape.values(&data)), &encode(self.model, self.names)).loss.data()
        };
        let gradient = self.grads.wrt(self.parameters.at(weight));
        let slope = (loss_at(NUDGE) - loss_at(-NUDGE)) / (2.0 * NUDGE);
        writeln!(out, "7. Is it true?")?;
        writeln!(
            out,
            "   A gradient is a promise about a nudge. {matrix}[{row}][{col}] moved by ±{NUDGE}, and the loss measured again:"
        )?;
        writeln!(out, "   it changes by {slope:+.9} a unit; the gradient said {gradient:+.9}")?;
        writeln!(
            out,
            "   Training now moves the weight the other way, as it does all {} of them.",
            self.parameters.len()
        )?;
        // What a central difference can tell: the rounding of the loss over the nudge is 4e-10 or so.
        assert!((slope - gradient).abs() < 1e-6, "the gradient is the slope");
        Ok(())
    }
}

/// What the softmax does before anything else, and why.
fn max_logit(out: &mut impl Write) -> io::Result<()> {
    const LOGITS: [f64; 3] = [1000.0, 999.0, 998.0];
    let plainly = |logits: &[f64; 3]| {
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        logits.map(|logit| logit.exp() / sum)
    };
    let tape = Tape::new();
    let shifted = softmax(tape.values(&LOGITS)).data();
    let small = softmax(tape.values(&LOGITS.map(|logit| logit - 998.0))).data();
    writeln!(out, "5. An aside: the largest logit")?;
    writeln!(out, "   e^100 = {:.1e} is beyond f32, e^1000 beyond f64. For the logits {LOGITS:?}", 100f64.exp())?;
    writeln!(out, "   the plain softmax gives {:?}", plainly(&LOGITS))?;
    writeln!(out, "   with the largest subtracted first: [{:.6}, {:.6}, {:.6}]", shifted[0], shifted[1], shifted[2])?;
    writeln!(out, "   Numerator and denominator shrink by the same factor, so nothing else changes.\n")?;
    assert!(plainly(&LOGITS).iter().all(|p| p.is_nan()));
    assert_eq!(shifted, small, "a softmax does not see a shift");
    Ok(())
}

/// From a probability back to the logit that it came from: e^(logit − max) · 1/Σ.
fn logit_of(probability: Value<'_, f64>) -> Value<'_, f64> {
    let exponential = probability.children()[0];
    let shifted = exponential.children()[0];
    shifted.children()[0]
}
