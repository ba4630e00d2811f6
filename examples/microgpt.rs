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
use microgpt::scalar::{Sampling, Step, Trainer, Training, generate};
use microgpt::{Config, Model, Names, PythonRandom};

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
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere left to report a failure of this one.
            let _ = writeln!(io::stderr(), "error: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let Engine::Scalar = arguments.engine;
    let mut out = io::stdout().lock();
    let mut random = PythonRandom::new(arguments.seed);
    let mut names = match &arguments.data {
        Some(path) => Names::from_file(path).map_err(|error| in_file(path, error))?,
        None => Names::embedded(),
    };
    names.shuffle(&mut random);
    let mut model = Model::new(config(arguments), &names, &mut random)?;
    let sampling =
        Sampling { samples: arguments.samples, temperature: arguments.temperature, prompt: arguments.prompt.clone() };
    sampling.check(&model)?;
    writeln!(out, "Number of docs: {}", names.as_slice().len())?;
    writeln!(out, "Vocab size: {}", model.tokenizer().vocab_size())?;
    writeln!(out, "Number of parameters: {}", model.parameters().len())?;

    let start = Instant::now();
    let losses = train(arguments, &mut model, &names, &mut out)?;
    let elapsed = start.elapsed();

    writeln!(out, "\nGenerated names:")?;
    let invented = generate(&model, &sampling, &mut random)?;
    for name in &invented {
        writeln!(out, "{name}")?;
    }
    assert_eq!(losses.len(), arguments.steps);
    assert!(invented.iter().all(|name| name.starts_with(&arguments.prompt)));
    match &arguments.json {
        Some(path) => write_json(path, arguments, &losses, &invented, elapsed),
        None => Ok(()),
    }
}

fn config(arguments: &Arguments) -> Config {
    let &Arguments { n_embd, n_head, n_layer, block_size, .. } = arguments;
    Config { n_embd, n_head, n_layer, block_size }
}

fn train(
    arguments: &Arguments,
    model: &mut Model,
    names: &Names,
    out: &mut impl Write,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let &Arguments { steps, batch, learning_rate, .. } = arguments;
    let training = Training { steps, batch, learning_rate, ..Default::default() };
    // It draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(steps as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {per_sec}, {eta} left")?);
    let losses = Trainer::new(model, names, training)?
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

fn write_json(
    path: &Path,
    arguments: &Arguments,
    losses: &[f64],
    names: &[String],
    elapsed: Duration,
) -> Result<(), Box<dyn Error>> {
    let seconds = elapsed.as_secs_f64();
    let report = serde_json::json!({
        "losses": losses,
        "names": names,
        "seconds": seconds,
        "names_per_second": (arguments.steps * arguments.batch) as f64 / seconds,
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

/// The file's name before what is wrong with it, unless that names it already.
fn in_file(path: &Path, error: microgpt::Error) -> Box<dyn Error> {
    match error {
        microgpt::Error::Read { .. } => error.into(),
        _ => format!("{}: {error}", path.display()).into(),
    }
}

fn with_causes(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", with_causes(cause)))
}
