//! A look inside a GPT: one page of HTML from a short training run.
//!
//! What it shows: how the loss falls from that of knowing nothing, −ln(1/27); what each attention head looks at; which
//! letters the model puts near each other; what it expects after every letter of a name, and how that forms from layer
//! to layer; which matrices a step moves most; and one weight, `wte[10][5]`, followed over the run, with the names that
//! moved it. Every mark tells its number when the mouse is over it. The page needs no network.
//!
//! ```text
//! $ cargo run --release --example microgpt_inspect -- --name kamilla --html inside.html
//! 500 steps, loss 3.2774 to 2.2…
//! inside.html: open it in a browser
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use microgpt::scalar::Scalar;
use microgpt::tensor::Tensor;
use microgpt::{
    Config, Documents, Engine, Inspection, Model, Names, Parameter, PythonRandom, Sampling, Trainer, Training,
    write_file,
};
use serde_json::{Value, json};

#[path = "../support/mod.rs"]
mod support;

/// The page, with a place for the data.
const PAGE: &str = include_str!("page.html");

/// Train a GPT for a while, and write a page that shows what is inside it.
#[derive(Parser)]
struct Arguments {
    /// Where to write the page
    #[arg(long, value_name = "FILE", default_value = "microgpt.html")]
    html: PathBuf,
    /// Training steps
    #[arg(long, value_name = "N", default_value_t = 500)]
    steps: usize,
    /// Transformer blocks
    #[arg(long, value_name = "N", default_value_t = 1)]
    n_layer: usize,
    /// The name that the model reads
    #[arg(long, value_name = "NAME", default_value = "kamilla")]
    name: String,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

/// The weight that is followed: the sixth number of the embedding of "k".
const FOLLOWED: (&str, usize, usize) = ("wte", 10, 5);

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut random = PythonRandom::new(arguments.seed);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    let config = Config { n_layer: arguments.n_layer, ..Config::default() };
    let mut model = Model::new(config, &names, &mut random)?;
    let tokens = Sampling { prompt: arguments.name.clone(), ..Sampling::default() }.check(&model)?;
    let documents = Documents::from_names(&model, &names)?;
    let training = Training { steps: arguments.steps, ..Training::default() };
    let followed = follow(&mut model, &names, &documents, training)?;

    let inspection = Inspection::new(&model, &tokens);
    let data = json!({
        "alphabet": alphabet(&model),
        "losses": followed.losses,
        "weight": { "name": "wte[10][5]", "values": followed.values, "moved": followed.moved },
        "gradients": gradients(&model),
        "embeddings": principal_components(&model),
        "tokens": inspection.tokens,
        "attention": inspection.attention,
        "lens": inspection.lens,
    });
    // A '<' in a script could end it.
    let text = data.to_string().replace('<', "\\u003c");
    write_file(&arguments.html, PAGE.replace("/*DATA*/null", &text).as_bytes())?;
    let mut out = io::stdout().lock();
    if let [first, .., last] = followed.losses[..] {
        writeln!(out, "{} steps, loss {first:.4} to {last:.4}", arguments.steps)?;
    }
    writeln!(out, "{}: open it in a browser", arguments.html.display())?;
    assert!(inspection.probabilities().iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    Ok(())
}

/// What was written down during training.
struct Followed {
    losses: Vec<f64>,
    /// The followed weight before each step, and at the end.
    values: Vec<f64>,
    /// The steps that moved it most, with each name's part in its gradient.
    moved: Vec<Value>,
}

/// Steps whose names are taken apart.
const SHOWN: usize = 8;

/// A step, the followed weight's gradient in it, and the model before it.
struct Move {
    step: usize,
    gradient: f64,
    before: Model,
}

fn follow(
    model: &mut Model,
    names: &Names,
    documents: &Documents,
    training: Training,
) -> Result<Followed, Box<dyn Error>> {
    let (matrix, row, column) = FOLLOWED;
    let weight = |model: &Model| model.parameters()[matrix][row][column];
    let mut followed = Followed { losses: Vec::new(), values: vec![weight(model).data], moved: Vec::new() };
    // The largest first; of no other step is the model kept.
    let mut moves: Vec<Move> = Vec::new();
    let mut before = model.clone();
    let mut trainer = Trainer::new(&Tensor::default(), model, documents, training)?;
    for step in 0..training.steps {
        let Some(done) = trainer.next() else { break };
        followed.losses.push(done?.loss);
        let model = trainer.model()?;
        let Parameter { data, grad: gradient } = weight(model);
        followed.values.push(data);
        let before = std::mem::replace(&mut before, model.clone());
        moves.insert(
            moves.partition_point(|larger| larger.gradient.abs() >= gradient.abs()),
            Move { step, gradient, before },
        );
        moves.truncate(SHOWN);
    }
    for Move { step, gradient, before } in moves {
        let mut parts = Vec::new();
        for i in 0..training.batch {
            let document = (step * training.batch + i) % documents.len();
            // One name's part: its gradient alone, divided by the batch that it shared.
            let mut learner = Scalar.learner(&before)?;
            learner.loss_and_gradients(&[documents.get(document)])?;
            let mut alone = before.clone();
            learner.store(alone.parameters_mut())?;
            let part = weight(&alone).grad / training.batch as f64;
            parts.push(json!({ "name": names.as_slice()[document], "part": part }));
        }
        followed.moved.push(json!({ "step": step + 1, "gradient": gradient, "names": parts }));
    }
    Ok(followed)
}

/// How a token is written: a dot begins and ends a name.
fn alphabet(model: &Model) -> Vec<String> {
    let tokenizer = model.tokenizer();
    (0..tokenizer.vocab_size()).map(|token| tokenizer.character(token).unwrap_or('.').to_string()).collect()
}

/// Root mean square and largest element of the last step's gradient, matrix by matrix.
fn gradients(model: &Model) -> Vec<Value> {
    let of = |matrix: &microgpt::Matrix| {
        let gradients: Vec<f64> = matrix.as_slice().iter().map(|parameter| parameter.grad).collect();
        let square: f64 = gradients.iter().map(|g| g * g).sum::<f64>() / gradients.len() as f64;
        let largest = gradients.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
        json!({ "name": matrix.name(), "rms": square.sqrt(), "largest": largest })
    };
    model.parameters().matrices().iter().map(of).collect()
}

/// The embeddings of all tokens in the two directions that they differ in most, and what part of their variance these
/// hold.
fn principal_components(model: &Model) -> Value {
    let matrix = &model.parameters()["wte"];
    let (rows, cols) = (matrix.rows(), matrix.cols());
    let mean = |column: usize| (0..rows).map(|row| matrix[row][column].data).sum::<f64>() / rows as f64;
    let means: Vec<f64> = (0..cols).map(mean).collect();
    let mut centred: Vec<Vec<f64>> =
        (0..rows).map(|row| (0..cols).map(|column| matrix[row][column].data - means[column]).collect()).collect();
    let total: f64 = centred.iter().flatten().map(|x| x * x).sum();
    let mut components = Vec::new();
    for _ in 0..2 {
        let direction = strongest_direction(&centred);
        let dot = |row: &[f64]| row.iter().zip(&direction).map(|(x, d)| x * d).sum::<f64>();
        let places: Vec<f64> = centred.iter().map(|row| dot(row)).collect();
        for (row, place) in centred.iter_mut().zip(&places) {
            row.iter_mut().zip(&direction).for_each(|(x, d)| *x -= place * d);
        }
        components.push(places);
    }
    let share = |places: &[f64]| places.iter().map(|x| x * x).sum::<f64>() / total;
    json!({ "x": components[0], "y": components[1], "shares": [share(&components[0]), share(&components[1])] })
}

/// The first eigenvector of the covariance, by power iteration: multiplying by it again and again leaves the strongest.
fn strongest_direction(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut direction: Vec<f64> = (0..rows[0].len()).map(|i| 1.0 + i as f64 / 100.0).collect();
    for _ in 0..500 {
        let mut next = vec![0.0; direction.len()];
        for row in rows {
            let dot: f64 = row.iter().zip(&direction).map(|(x, d)| x * d).sum();
            next.iter_mut().zip(row).for_each(|(next, x)| *next += dot * x);
        }
        let length = next.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        direction = next.into_iter().map(|x| x / length).collect();
    }
    direction
}
