//! A GPT learns first names and invents new ones, from nothing.
//!
//! What it shows: the whole of a language model in one run, tokenizer to sampling. The scalar engine, whose every number is a
//! node of a graph, prints line for line what the Python program prints that it answers; the tensor engine does the same training
//! some twenty times as fast. `gradient_journey` looks inside one step, `microgpt_inspect` inside a trained model.
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
//! More steps make better names: `-- --engine tensor --steps 5000`. Your own: `-- --data FILE`, one name a line, or any text with
//! `--text`. `--save FILE` keeps the model and how far its training is, `--load FILE` goes on from there.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use microgpt::scalar::Scalar;
use microgpt::tensor::{Tensor, Threads};
use microgpt::{
    Adam, Checkpoint, Config, Decay, Documents, Engine, Model, Names, Progress, PythonRandom, Sampling, Schedule, Step,
    Tokenizer, Trainer, Training, generate,
};
use tempfile::NamedTempFile;

mod support;

/// Train a GPT on names, and let it invent new ones.
#[derive(Parser)]
struct Arguments {
    /// A text file with one name a line [default: 32,257 first names of 2018]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Read it as one running text instead
    #[arg(long, requires = "data")]
    text: bool,
    /// One token a byte instead of one a character
    #[arg(long)]
    bytes: bool,
    /// What computes
    #[arg(long, value_enum, default_value = "scalar")]
    engine: Kind,
    /// Threads of the tensor engine [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
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
    /// The longest context, in tokens
    #[arg(long, value_name = "N", default_value_t = Config::default().block_size)]
    block_size: usize,
    /// The highest learning rate
    #[arg(long, value_name = "X", default_value_t = Training::default().learning_rate)]
    learning_rate: f64,
    /// Steps that the learning rate rises for
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup: usize,
    /// How it falls from there to 0
    #[arg(long, value_enum, default_value = "linear")]
    decay: Falling,
    /// What part of itself a weight loses in a step of learning rate 1
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    weight_decay: f64,
    /// The longest gradient; a longer one is scaled down
    #[arg(long, value_name = "X")]
    clip: Option<f64>,
    /// What part of the data is kept out of training, to measure the loss on at the end
    #[arg(long, value_name = "X")]
    validation: Option<f64>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Below 1 the likely becomes likelier, above 1 the unlikely does
    #[arg(long, value_name = "X", default_value_t = Sampling::default().temperature)]
    temperature: f64,
    /// Choose among so many of the likeliest tokens only
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    /// Choose among the likeliest tokens only that together are so probable
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    top_p: f64,
    /// Names to invent [default: 10 with the scalar engine, 20 with the tensor engine]
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// What each of them begins with
    #[arg(long, value_name = "TEXT", default_value = "")]
    prompt: String,
    /// Keep the model there (safetensors), every so many steps and at the end
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// How many steps
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "save")]
    save_every: usize,
    /// Go on from a model that was kept; its sizes and alphabet are the file's
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Write losses, names and speed as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// Every number is a node of a graph that can be looked at
    Scalar,
    /// Whole batches as matrices, gradients by hand, 32 bits
    Tensor,
}

#[derive(Clone, Copy, ValueEnum)]
enum Falling {
    Linear,
    Cosine,
    Constant,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let engine = engine(arguments);
    let training = training(arguments);
    training.check()?;
    let report = arguments.json.as_deref().map(Report::begin).transpose()?;
    let mut out = io::stdout().lock();
    let mut random = PythonRandom::new(arguments.seed);
    let (mut model, documents, progress) = begin(arguments, &mut random)?;
    let sampling = sampling(arguments);
    sampling.check(&model)?;
    writeln!(out, "Number of docs: {}", documents.len())?;
    writeln!(out, "Vocab size: {}", model.tokenizer().vocab_size())?;
    writeln!(out, "Number of parameters: {}", model.parameters().len())?;
    let (documents, validation) = match arguments.validation {
        Some(part) => documents.split(part)?,
        None => (documents, Documents::default()),
    };

    let start = Instant::now();
    let run = Run { training, save: arguments.save.as_deref(), save_every: arguments.save_every };
    let mut trainer = match &progress {
        Some(progress) => Trainer::resume(engine.as_ref(), &mut model, &documents, training, progress)?,
        None => Trainer::new(engine.as_ref(), &mut model, &documents, training)?,
    };
    let losses = run.train(&mut trainer, &mut out)?;
    let elapsed = start.elapsed();
    if !validation.is_empty() {
        writeln!(out, "Validation loss: {:.4}", trainer.validate(&validation)?)?;
    }
    drop(trainer);

    writeln!(out, "\nGenerated names:")?;
    let invented = generate(engine.as_ref(), &model, &sampling, &mut random)?;
    for name in &invented {
        writeln!(out, "{name}")?;
    }
    let done = progress.map_or(0, |progress| progress.steps);
    assert_eq!(losses.len(), arguments.steps.saturating_sub(done));
    assert!(invented.iter().all(|name| name.starts_with(&arguments.prompt)));
    report.map_or(Ok(()), |report| report.finish(&losses, &invented, losses.len() * arguments.batch, elapsed))
}

/// The one place that chooses an engine.
fn engine(arguments: &Arguments) -> Box<dyn Engine> {
    let threads = arguments.threads.map_or(Threads::All, Threads::Count);
    match arguments.engine {
        Kind::Scalar => Box::new(Scalar),
        Kind::Tensor => Box::new(Tensor { threads, ..Default::default() }),
    }
}

fn training(arguments: &Arguments) -> Training {
    let &Arguments { steps, batch, learning_rate, weight_decay, clip, warmup, .. } = arguments;
    let decay = match arguments.decay {
        Falling::Linear => Decay::Linear,
        Falling::Cosine => Decay::Cosine,
        Falling::Constant => Decay::Constant,
    };
    let schedule = Schedule { warmup_steps: warmup, decay, ..Default::default() };
    let adam = Adam { weight_decay, ..Default::default() };
    Training { steps, batch, learning_rate, schedule, adam, clip_norm: clip }
}

fn sampling(arguments: &Arguments) -> Sampling {
    let &Arguments { temperature, top_k, top_p, engine, .. } = arguments;
    let default = if engine == Kind::Scalar { Sampling::default().samples } else { 20 };
    let samples = arguments.samples.unwrap_or(default);
    Sampling { samples, temperature, top_k, top_p, prompt: arguments.prompt.clone() }
}

/// The model at first, or as it was kept, and what it learns from. Whatever is random is drawn in the Python program's order.
fn begin(
    arguments: &Arguments,
    random: &mut PythonRandom,
) -> Result<(Model, Documents, Option<Progress>), Box<dyn Error>> {
    let &Arguments { n_embd, n_head, n_layer, block_size, .. } = arguments;
    let config = Config { n_embd, n_head, n_layer, block_size };
    let kept = arguments.load.as_deref().map(Checkpoint::read).transpose()?;
    if let Some(Checkpoint { model, .. }) = &kept
        && config != Config::default()
        && config != *model.config()
    {
        return Err(format!("the model in the file has {:?}; {config:?} was asked for", model.config()).into());
    }
    let config = kept.as_ref().map_or(config, |kept| *kept.model.config());
    let new = |tokenizer, random: &mut PythonRandom| Model::with_tokenizer(config, tokenizer, random);
    let (model, documents) = match &arguments.data {
        Some(path) if arguments.text => {
            let bytes = std::fs::read(path).map_err(|error| format!("cannot read {path:?}: {error}"))?;
            let text = String::from_utf8(bytes).map_err(|error| format!("{path:?}: {error}"))?;
            let tokenizer = if arguments.bytes { Tokenizer::bytes() } else { Tokenizer::of_characters(text.chars())? };
            let fresh = new(tokenizer, random)?;
            let model = kept.as_ref().map_or(fresh, |kept| kept.model.clone());
            let mut documents = Documents::from_text(model.tokenizer(), &text, config.block_size)?;
            documents.shuffle(random);
            (model, documents)
        }
        path => {
            let mut names = path.as_deref().map_or_else(|| Ok(Names::embedded()), Names::from_file)?;
            names.shuffle(random);
            let tokenizer = if arguments.bytes { Tokenizer::bytes() } else { Tokenizer::new(&names)? };
            let fresh = new(tokenizer, random)?;
            let model = kept.as_ref().map_or(fresh, |kept| kept.model.clone());
            let documents = Documents::from_names(&model, &names)?;
            (model, documents)
        }
    };
    Ok((model, documents, kept.and_then(|kept| kept.progress)))
}

struct Run<'a> {
    training: Training,
    save: Option<&'a Path>,
    save_every: usize,
}

impl Run<'_> {
    fn train(&self, trainer: &mut Trainer<'_>, out: &mut impl Write) -> Result<Vec<f64>, Box<dyn Error>> {
        // It draws on standard error, and only if that is a terminal.
        let bar = ProgressBar::new(self.training.steps as u64)
            .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {per_sec}, {eta} left, {msg}")?);
        bar.set_position(trainer.progress()?.steps as u64);
        let live = io::stderr().is_terminal();
        // Of a long run, every so many-th line is enough.
        let every = (self.training.steps / 1000).max(1);
        let start = Instant::now();
        let mut losses = Vec::new();
        while let Some(step) = trainer.next() {
            let Step { number, steps, loss, .. } = step?;
            losses.push(loss);
            if number % every == 0 || number == steps {
                bar.suspend(|| writeln!(out, "Step {number}/{steps}, Loss: {loss:.4}"))?;
                if live {
                    let names = losses.len() * self.training.batch;
                    let rate = names as f64 / start.elapsed().as_secs_f64();
                    bar.set_message(format!("loss {loss:.4}, {rate:.0} names/s"));
                }
            }
            bar.inc(1);
            if number % self.save_every.max(1) == 0 && number < steps {
                self.save(trainer)?;
            }
        }
        bar.finish_and_clear();
        self.save(trainer)?;
        Ok(losses)
    }

    fn save(&self, trainer: &mut Trainer<'_>) -> Result<(), Box<dyn Error>> {
        let Some(path) = self.save else { return Ok(()) };
        let progress = Some(trainer.progress()?);
        Ok(Checkpoint { model: trainer.model()?.clone(), progress }.write(path)?)
    }
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
