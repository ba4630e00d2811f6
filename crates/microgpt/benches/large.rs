//! Tokens a second of training at d = 128, 4 layers, 4 heads, block 64, batch 32: beside `pytorch.py`, which is the
//! same model.
//!
//! ```text
//! cargo bench -p microgpt --bench large -- THREADS SECONDS
//! cargo bench -p microgpt --features cuda --bench large -- cuda SECONDS       # on this machine's GPU
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark reports")]

use std::time::Instant;

use microgpt::tensor::{Tensor, Threads};
use microgpt::{Config, Documents, Engine, Model, Names, PythonRandom, Tokenizer, Trainer, Training};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let (on, seconds) = (arguments.first().map_or("1", String::as_str), arguments.get(1));
    let seconds = seconds.map_or(5.0, |text| text.parse::<f64>().expect("SECONDS"));
    let (name, engine) = if on == "cuda" { gpu() } else { cpu(on.parse().expect("THREADS")) };
    let config = Config { n_embd: 128, n_head: 4, n_layer: 4, block_size: 64 };
    let mut random = PythonRandom::new(1);
    let tokenizer = Tokenizer::new(&Names::embedded()).expect("an alphabet");
    let text: String = Names::embedded().as_slice().concat();
    let documents = Documents::from_text(&tokenizer, &text, config.block_size).expect("documents");
    let mut model = Model::with_tokenizer(config, tokenizer, &mut random).expect("a model");
    let training = Training { steps: usize::MAX, batch: 32, learning_rate: 0.001, ..Default::default() };
    let mut trainer = Trainer::new(&*engine, &mut model, &documents, training).expect("a trainer");
    let (mut times, begin) = (Vec::new(), Instant::now());
    while begin.elapsed().as_secs_f64() < seconds || times.len() < 5 {
        let start = Instant::now();
        trainer.next().expect("a step").expect("a loss");
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let rate = |seconds: f64| (32 * config.block_size) as f64 / seconds;
    println!("microgpt, {name}: {:.0} tokens/s, median {:.0}", rate(times[0]), rate(times[times.len() / 2]));
}

fn cpu(threads: usize) -> (String, Box<dyn Engine>) {
    // For what asks rayon and not the engine.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("a pool");
    (format!("{threads} thread(s)"), Box::new(Tensor { threads: Threads::Count(threads), ..Default::default() }))
}

#[cfg(feature = "cuda")]
fn gpu() -> (String, Box<dyn Engine>) {
    let engine = microgpt::cuda::Cuda::open(0).expect("a GPU");
    (engine.device().properties().name.clone(), Box::new(engine))
}

#[cfg(not(feature = "cuda"))]
fn gpu() -> (String, Box<dyn Engine>) {
    panic!("add `--features cuda`")
}
