//! A GPT learns first names and invents new ones, from nothing: every number of its training is a node of a graph.
//!
//! What it shows: the whole of a language model in one run, tokenizer to sampling, with the same output, line for line,
//! as the Python program that it answers. `gradient_journey` looks inside one step of it.
//!
//! ```text
//! $ cargo run --release --example microgpt
//! Number of docs: 32257
//! Vocab size: 27
//! Number of parameters: 4192
//! Step 1/20, Loss: 3.2774
//! ...
//! Step 20/20, Loss: 2.7460
//!
//! Generated names:
//! giaa
//! aana
//! ...
//! ```
//!
//! More steps make better names: `-- --steps 1000`. Your own: `-- --data FILE`, one name a line.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use microgpt::scalar::Scalar;
use microgpt::{Config, Documents, Model, Names, PythonRandom, Sampling, Step, Trainer, Training, generate};
use tempfile::NamedTempFile;

mod support;

/// Train a GPT on names, and let it invent new ones.
#[derive(Parser)]
struct Arguments {
    /// A text file with one name a line [default: 32,257 first names of 2018]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// What computes
    #[arg(long, value_enum, default_value = "scalar")]
    engine: Engine,
    /// Training steps
    #[arg(long, value_name = "N", default_value_t = Training::default().steps)]
    steps: usize,
    /// Names a training step
    #[arg(long, value_name = "N", default_value_t = Training::default().batch)]
    batch: usize,
    /// Numbers in an embedding
    #[arg(long, value_name = "N", default_value_t = Config::default().n_embd)]
    n_embd: usize,
    /// Attention heads; they divide the embedding
    #[arg(long, value_name = "N", default_value_t = Config::default().n_head)]
    n_head: usize,
    /// Transformer blocks
    #[arg(long, value_name = "N", default_value_t = Config::default().n_layer)]
    n_layer: usize,
    /// The longest context, in characters
    #[arg(long, value_name = "N", default_value_t = Config::default().block_size)]
    block_size: usize,
    /// Learning rate of the first step; it falls in a line to 0
    #[arg(long, value_name = "X", default_value_t = Training::default().learning_rate)]
    learning_rate: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Below 1 the likely becomes likelier, above 1 the unlikely does
    #[arg(long, value_name = "X", default_value_t = Sampling::default().temperature)]
    temperature: f64,
    /// Names to invent
    #[arg(long, value_name = "N", default_value_t = Sampling::default().samples)]
    samples: usize,
    /// What each of them begins with
    #[arg(long, value_name = "TEXT", default_value = "")]
    prompt: String,
    /// Write losses, names and speed as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    /// Every number is a node of a graph that can be looked at
    Scalar,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let Engine::Scalar = arguments.engine;
    let &Arguments { steps, batch, learning_rate, .. } = arguments;
    let training = Training { steps, batch, learning_rate, ..Default::default() };
    training.check()?;
    let report = arguments.json.as_deref().map(Report::begin).transpose()?;
    let mut out = io::stdout().lock();
    let mut random = PythonRandom::new(arguments.seed);
    let mut names = match &arguments.data {
        Some(path) => Names::from_file(path)?,
        None => Names::embedded(),
    };
    names.shuffle(&mut random);
    let mut model = Model::new(config(arguments), &names, &mut random)?;
    let documents = Documents::from_names(&model, &names)?;
    let &Arguments { samples, temperature, .. } = arguments;
    let sampling = Sampling { samples, temperature, prompt: arguments.prompt.clone(), ..Default::default() };
    sampling.check(&model)?;
    writeln!(out, "Number of docs: {}", names.as_slice().len())?;
    writeln!(out, "Vocab size: {}", model.tokenizer().vocab_size())?;
    writeln!(out, "Number of parameters: {}", model.parameters().len())?;

    let start = Instant::now();
    let losses = train(training, &mut model, &documents, &mut out)?;
    let elapsed = start.elapsed();

    writeln!(out, "\nGenerated names:")?;
    let invented = generate(&Scalar, &model, &sampling, &mut random)?;
    for name in &invented {
        writeln!(out, "{name}")?;
    }
    assert_eq!(losses.len(), arguments.steps);
    assert!(invented.iter().all(|name| name.starts_with(&arguments.prompt)));
    report.map_or(Ok(()), |report| report.finish(&losses, &invented, steps * batch, elapsed))
}

fn config(arguments: &Arguments) -> Config {
    let &Arguments { n_embd, n_head, n_layer, block_size, .. } = arguments;
    Config { n_embd, n_head, n_layer, block_size }
}

fn train(
    training: Training,
    model: &mut Model,
    documents: &Documents,
    out: &mut impl Write,
) -> Result<Vec<f64>, Box<dyn Error>> {
    // It draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(training.steps as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {per_sec}, {eta} left")?);
    let losses = Trainer::new(&Scalar, model, documents, training)?
        .map(|step| {
            let Step { number, steps, loss, .. } = step?;
            bar.suspend(|| writeln!(out, "Step {number}/{steps}, Loss: {loss:.4}"))?;
            bar.inc(1);
            Ok(loss)
        })
        .collect();
    bar.finish_and_clear();
    losses
}

/// A JSON file that is there when it is whole, and not before.
struct Report<'a> {
    path: &'a Path,
    file: NamedTempFile,
}

impl<'a> Report<'a> {
    /// Fails now rather than after the training if nothing can be written there.
    fn begin(path: &'a Path) -> Result<Self, String> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.is_dir() {
            return Err(format!("cannot write {path:?}: it is a folder"));
        }
        let file = NamedTempFile::new_in(folder).map_err(|error| format!("cannot write {path:?}: {error}"))?;
        Ok(Report { path, file })
    }

    fn finish(
        mut self,
        losses: &[f64],
        names: &[String],
        trained: usize,
        elapsed: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let seconds = elapsed.as_secs_f64();
        let report = serde_json::json!({
            "losses": losses,
            "names": names,
            "seconds": seconds,
            "names_per_second": trained as f64 / seconds,
        });
        let failed = |error: io::Error| format!("cannot write {:?}: {error}", self.path);
        serde_json::to_writer_pretty(&mut self.file, &report).map_err(|error| failed(error.into()))?;
        writeln!(self.file).map_err(failed)?;
        self.file.persist(self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}
