//! A GPT learns first names and invents new ones, from nothing.
//!
//! What it shows: the whole of a language model in one run, tokenizer to sampling. The scalar engine, whose every
//! number is a node of a graph, prints line for line what the Python program prints that it answers; the tensor engine
//! does the same training some twenty times as fast on each thread, and the engine `cuda` on whatever GPU there is, be
//! it a software one. `gradient_journey` looks inside one step, `microgpt_inspect` inside a trained model.
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
//! More steps make better names: `-- --engine tensor --steps 5000`. `--features simgpu` before the `--`, and
//! `--engine cuda`: each step on the software GPU, to see that it is the same and not that it is fast. Your own:
//! `-- --data FILE`, one name a line, or any text with `--text`. `--save FILE` keeps the model and how far its training
//! is, `--load FILE` goes on from there. `--svg FILE` draws the losses, and what the attention heads look at.

use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use microgpt::{
    Checkpoint, Config, DATA_BYTES_MAX, Documents, Model, Names, Progress, PythonRandom, Tokenizer, Trainer, generate,
    read_file, utf8, write_file,
};

mod arguments;
mod learning;
mod picture;
mod report;
#[path = "../support/mod.rs"]
mod support;

use arguments::Arguments;
use learning::Learning;
use report::{Report, writable};

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let engine = arguments.engine()?;
    let training = arguments.training();
    training.check()?;
    let report = arguments.json.as_deref().map(Report::begin).transpose()?;
    arguments.save.as_deref().map_or(Ok(()), writable)?;
    arguments.svg.as_deref().map_or(Ok(()), writable)?;
    let mut out = io::stdout().lock();
    let mut random = PythonRandom::new(arguments.seed);
    let (mut model, documents, progress) = begin(arguments, &mut random)?;
    let sampling = arguments.sampling();
    sampling.check(&model)?;
    writeln!(out, "Number of docs: {}", documents.len())?;
    writeln!(out, "Vocab size: {}", model.tokenizer().vocab_size())?;
    writeln!(out, "Number of parameters: {}", model.parameters().len())?;
    let (documents, validation) = match arguments.validation {
        Some(part) => documents.split(part)?,
        None => (documents, Documents::default()),
    };

    let start = Instant::now();
    let learning = Learning {
        training,
        save: arguments.save.as_deref(),
        save_every: arguments.save_every.get(),
        validation,
        validate_every: arguments.validate_every.map(NonZeroUsize::get),
    };
    let mut trainer = match &progress {
        Some(progress) => Trainer::resume(engine.as_ref(), &mut model, &documents, training, progress)?,
        None => Trainer::new(engine.as_ref(), &mut model, &documents, training)?,
    };
    let losses = learning.run(&mut trainer, &mut out)?;
    let elapsed = start.elapsed();
    learning.validate(&mut trainer, &mut out)?;
    drop(trainer);

    writeln!(out, "\nGenerated names:")?;
    let invented = generate(engine.as_ref(), &model, &sampling, &mut random)?;
    for name in &invented {
        writeln!(out, "{}", harmless(name))?;
    }
    let done = progress.map_or(0, |progress| progress.steps);
    assert_eq!(losses.len(), arguments.steps.saturating_sub(done));
    assert!(invented.iter().all(|name| name.starts_with(&arguments.prompt)));
    if let Some(path) = &arguments.svg {
        let name = invented.first().map_or("", String::as_str);
        write_file(path, picture::draw(&losses, &model, name)?.as_bytes())?;
    }
    report.map_or(Ok(()), |report| report.finish(&losses, &invented, losses.len() * arguments.batch, elapsed))
}

/// A text for a terminal: of what a model may have learnt from any bytes, no control character is sent there that does
/// more than move on.
fn harmless(text: &str) -> String {
    let escaped = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.chars().map(|c| if escaped(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// The model at first, or as it was kept, and what it learns from. Whatever is random is drawn in the Python program's
/// order.
fn begin(
    arguments: &Arguments,
    random: &mut PythonRandom,
) -> Result<(Model, Documents, Option<Progress>), Box<dyn Error>> {
    let kept = arguments.load.as_deref().map(Checkpoint::read).transpose()?;
    let config = kept.as_ref().map_or(Ok(arguments.config()), |kept| config_of(kept, arguments))?;
    // Of a kept model everything is known, but first weights are drawn all the same: what is random after them is then
    // as in the run that kept it.
    let model = |alphabet: &dyn Fn() -> Result<Tokenizer, microgpt::Error>, random: &mut PythonRandom| {
        let Some(kept) = &kept else {
            let tokenizer = if arguments.bytes { Tokenizer::bytes() } else { alphabet()? };
            return Model::with_tokenizer(config, tokenizer, random);
        };
        Model::with_tokenizer(config, kept.model.tokenizer().clone(), random)?;
        Ok(kept.model.clone())
    };
    let (model, documents) = match &arguments.data {
        Some(path) if arguments.text => {
            let bytes = read_file(path, DATA_BYTES_MAX)?;
            let in_file = |error: microgpt::Error| format!("{path:?}: {error}");
            let model = model(&|| Tokenizer::of_characters(utf8(&bytes)?.chars()), random).map_err(in_file)?;
            let documents = match model.tokenizer().characters() {
                Some(_) => {
                    utf8(&bytes).and_then(|text| Documents::from_text(model.tokenizer(), text, config.block_size))
                }
                None => Documents::from_bytes(&bytes, config.block_size),
            };
            let mut documents = documents.map_err(in_file)?;
            documents.shuffle(random);
            (model, documents)
        }
        path => {
            let mut names = path.as_deref().map_or_else(|| Ok(Names::embedded()), Names::from_file)?;
            names.shuffle(random);
            let model = model(&|| Tokenizer::new(&names), random)?;
            let documents = Documents::from_names(&model, &names)?;
            (model, documents)
        }
    };
    Ok((model, documents, kept.and_then(|kept| kept.progress)))
}

/// The sizes of a kept model, which are not to be others than those that were asked for.
fn config_of(kept: &Checkpoint, arguments: &Arguments) -> Result<Config, String> {
    let (config, asked) = (*kept.model.config(), arguments.config());
    if asked != Config::default() && asked != config {
        return Err(format!("the model in the file has {config:?}, {asked:?} was asked for"));
    }
    if arguments.bytes && kept.model.tokenizer().characters().is_some() {
        return Err("the tokens of the model in the file are characters, bytes were asked for".into());
    }
    Ok(config)
}
