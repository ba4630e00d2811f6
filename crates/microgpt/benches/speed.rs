//! Microseconds a name, tokens a second: the tensor engine, beside the scalar one, in one process.
//!
//! `cargo bench -p microgpt --bench speed [-- SECONDS [TEXT]]` measures each line in turn, over and over, for that long
//! (default 2 seconds a line), or only those with that text in their names, and reports the fastest and the median
//! round.
#![allow(clippy::print_stdout, reason = "a benchmark reports")]

use std::time::Instant;

use microgpt::scalar::Scalar;
use microgpt::tensor::{Isa, Path, Tensor, Threads};
use microgpt::{
    Config, Documents, Engine, Model, Names, PythonRandom, Sampling, Trainer, Training, samples, samples_side_by_side,
};

struct Line<'a> {
    name: String,
    unit: &'static str,
    /// Runs a round and says how many units it did.
    round: Box<dyn FnMut() -> f64 + 'a>,
    seconds: Vec<f64>,
}

fn model() -> (Model, Names) {
    let mut random = PythonRandom::new(42);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    (Model::new(Config::default(), &names, &mut random).expect("a model"), names)
}

/// Training with that engine.
fn training<'a>(
    engine: &dyn Engine,
    model: &'a mut Model,
    documents: &'a Documents,
    batch: usize,
    rounds: usize,
) -> Box<dyn FnMut() -> f64 + 'a> {
    let training = Training { steps: usize::MAX, batch, ..Default::default() };
    let mut trainer = Trainer::new(engine, model, documents, training).expect("a trainer");
    Box::new(move || {
        for _ in 0..rounds {
            trainer.next().expect("a step").expect("a loss");
        }
        (rounds * batch) as f64
    })
}

/// Names invented by a trained model, counted in tokens.
fn sampling<'a>(engine: Tensor, model: &'a Model, count: usize) -> Box<dyn FnMut() -> f64 + 'a> {
    let mut random = PythonRandom::new(1);
    let sampling = Sampling { samples: count, temperature: 1.0, ..Default::default() };
    Box::new(move || {
        let samples = samples(&engine, model, &sampling, &mut random).expect("names");
        samples.iter().map(|sample| sample.probabilities.len() as f64).sum()
    })
}

/// The same, so many texts side by side.
fn sampling_streams<'a>(
    engine: Tensor,
    model: &'a Model,
    count: usize,
    streams: usize,
) -> Box<dyn FnMut() -> f64 + 'a> {
    let mut randoms: Vec<PythonRandom> = (0..count as u64).map(PythonRandom::new).collect();
    let sampling = Sampling { temperature: 1.0, ..Default::default() };
    Box::new(move || {
        let samples = samples_side_by_side(&engine, model, &sampling, streams, &mut randoms).expect("names");
        samples.iter().map(|sample| sample.probabilities.len() as f64).sum()
    })
}

fn main() {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let seconds = arguments.next().map_or(2.0, |text| text.parse::<f64>().expect("SECONDS"));
    let filter = arguments.next().unwrap_or_default();
    let (untrained, names) = model();
    let documents = Documents::from_names(&untrained, &names).expect("documents");
    let mut trained = untrained.clone();
    let short = Training { steps: 500, ..Default::default() };
    microgpt::train(&Tensor::default(), &mut trained, &documents, short, |_| {}).expect("a model");

    let large = Config { n_embd: 128, n_head: 4, n_layer: 4, block_size: 16 };
    let large = Model::new(large, &names, &mut PythonRandom::new(1)).expect("a model");

    let one = Tensor { threads: Threads::Count(1), ..Default::default() };
    let isas = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(|isa| Tensor { isa: Some(isa), ..one });
    let mut engines: Vec<(String, Box<dyn Engine>, usize, usize)> = isas
        .rev()
        .map(|engine| (format!("training, {}, batch 8", engine.name()), Box::new(engine) as Box<dyn Engine>, 8, 500))
        .collect();
    for batch in [16, 64, 512] {
        engines.push((format!("training, batch {batch}"), Box::new(one), batch, 4000 / batch));
    }
    engines.push(("training, all threads, batch 512".into(), Box::new(Tensor::default()), 512, 16));
    engines.push((
        "training, layers path, batch 8".into(),
        Box::new(Tensor { path: Some(Path::Layers), ..one }),
        8,
        50,
    ));
    engines.push(("training, scalar engine, batch 8".into(), Box::new(Scalar), 8, 5));
    let mut models: Vec<Model> = engines.iter().map(|_| untrained.clone()).collect();
    let mut lines: Vec<Line<'_>> = engines
        .iter()
        .zip(&mut models)
        .map(|((name, engine, batch, rounds), model)| Line {
            name: name.clone(),
            unit: "name",
            round: training(engine.as_ref(), model, &documents, *batch, *rounds),
            seconds: Vec::new(),
        })
        .collect();
    lines.push(Line {
        name: "sampling, one stream".into(),
        unit: "token",
        round: sampling(one, &trained, 500),
        seconds: Vec::new(),
    });
    for streams in [8, 64] {
        lines.push(Line {
            name: format!("sampling, {streams} streams"),
            unit: "token",
            round: sampling_streams(one, &trained, 500, streams),
            seconds: Vec::new(),
        });
    }
    lines.push(Line {
        name: "sampling d128, one stream".into(),
        unit: "token",
        round: sampling(one, &large, 10),
        seconds: Vec::new(),
    });
    lines.push(Line {
        name: "sampling d128, 64 streams".into(),
        unit: "token",
        round: sampling_streams(one, &large, 64, 64),
        seconds: Vec::new(),
    });
    lines.retain(|line| line.name.contains(&filter));
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < seconds * lines.len() as f64 {
        for line in &mut lines {
            let start = Instant::now();
            let units = (line.round)();
            line.seconds.push(start.elapsed().as_secs_f64() / units);
        }
    }
    for line in &mut lines {
        line.seconds.sort_by(f64::total_cmp);
        let (best, median) = (line.seconds[0] * 1e6, line.seconds[line.seconds.len() / 2] * 1e6);
        println!("{:44} {best:9.3} µs a {}, median {median:9.3}", line.name, line.unit);
    }
}
