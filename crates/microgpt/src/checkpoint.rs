//! Models in files: safetensors, so that other tools can read them, and written so that a crash never costs the last
//! one.
//!
//! A tensor has the name that it has in [`Config::shapes`](crate::Config::shapes): `wte`, `wpe`, `lm_head`,
//! `blocks.0.attn.wq`, … Adam's memory is beside it, as `adam.first.wte` and `adam.second.wte`. The header's
//! `__metadata__` has a `config` in JSON:
//!
//! ```json
//! {"n_embd": 16, "n_head": 4, "n_layer": 1, "block_size": 16, "characters": "abc", "steps": 500}
//! ```
//!
//! `characters` is `null` if tokens are bytes, `steps` if there is no training to go on with. Numbers are `F32` where
//! that loses nothing, as after training in `f32`, and `F64` otherwise: what is read is what was written, bit for bit.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::{Value, json};

use crate::adam::Moments;
use crate::config::{Config, PARAMETERS_MAX};
use crate::error::Error;
use crate::files::{in_file, read_file, write_file};
use crate::model::Model;
use crate::parameters::Parameters;
use crate::tokenizer::Tokenizer;
use crate::train::Progress;

/// The largest file that is read: all parameters and moments in `f64`, and a header with the names of all matrices and
/// the largest alphabet.
pub const FILE_BYTES_MAX: u64 = PARAMETERS_MAX as u64 * 24 + (1 << 24);

/// A model, and where its training stands if it is to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its gradients are not kept.
    pub model: Model,
    /// For [`Trainer::resume`](crate::Trainer::resume).
    pub progress: Option<Progress>,
}

impl Checkpoint {
    /// Writes it by [`write_file`]: at any time there is the old file or the new one.
    ///
    /// # Errors
    ///
    /// Those of [`to_bytes`](Checkpoint::to_bytes), before anything is written, and of [`write_file`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_file(path, &self.to_bytes()?)
    }

    /// Reads what [`write`](Checkpoint::write) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], and [`Error::InFile`] with what is wrong with its contents.
    pub fn read(path: &Path) -> Result<Self, Error> {
        in_file(path, Self::from_bytes(&read_file(path, FILE_BYTES_MAX)?))
    }

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    ///
    /// What [`read`](Checkpoint::read) would not take: [`Error::NotACheckpoint`] for moments of another model, or for
    /// numbers that are not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let (model, config) = (&self.model, self.model.config());
        let mut lists: Vec<(&str, Vec<f64>)> = vec![("", model.parameters().data())];
        if let Some(progress) = &self.progress {
            lists.push((FIRST, progress.moments.first.clone()));
            lists.push((SECOND, progress.moments.second.clone()));
        }
        #[allow(clippy::cast_possible_truncation, reason = "whether it loses anything is the question")]
        let short = lists.iter().flat_map(|(_, list)| list).all(|&x| f64::from(x as f32).to_bits() == x.to_bits());
        let mut tensors = Vec::new();
        for (prefix, list) in &lists {
            let mut rest = list.as_slice();
            for (name, (rows, cols)) in config.shapes(model.tokenizer().vocab_size()) {
                let split = rest.split_at_checked(rows * cols).ok_or_else(|| bad("the moments are too few"))?;
                rest = split.1;
                let name = format!("{prefix}{name}");
                check(&name, split.0)?;
                tensors.push((name, vec![rows, cols], little_endian(split.0, short)));
            }
        }
        let dtype = if short { Dtype::F32 } else { Dtype::F64 };
        let views = tensors.iter().map(|(name, shape, bytes)| {
            TensorView::new(dtype, shape.clone(), bytes).map(|view| (name.as_str(), view)).map_err(bad)
        });
        let characters = model.tokenizer().characters().map(|characters| characters.iter().collect::<String>());
        let config = json!({
            "n_embd": config.n_embd,
            "n_head": config.n_head,
            "n_layer": config.n_layer,
            "block_size": config.block_size,
            "characters": characters,
            "steps": self.progress.as_ref().map(|progress| progress.steps),
        });
        let metadata = HashMap::from([("config".to_owned(), config.to_string())]);
        serialize(views.collect::<Result<Vec<_>, _>>()?, Some(metadata)).map_err(bad)
    }

    /// What [`to_bytes`](Checkpoint::to_bytes) made bytes of.
    ///
    /// # Errors
    ///
    /// [`Error::NotACheckpoint`], [`Error::Shape`], and those of [`Config::parameters`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let config = header.metadata().as_ref().and_then(|metadata| metadata.get("config"));
        let config = config.ok_or_else(|| bad("its metadata has no config; `import` reads files without one"))?;
        let config: Value = serde_json::from_str(config).map_err(|error| bad(format!("its config: {error}")))?;
        let size = |name: &str| {
            let size = config[name].as_u64().and_then(|size| usize::try_from(size).ok());
            size.ok_or_else(|| bad(format!("its config has no size {name:?}")))
        };
        let tokenizer = match &config["characters"] {
            Value::Null => Tokenizer::bytes(),
            Value::String(characters) => {
                let tokenizer = Tokenizer::of_characters(characters.chars())?;
                if !tokenizer.characters().is_some_and(|known| known.iter().copied().eq(characters.chars())) {
                    return Err(bad(
                        "the characters of its config are not in the order of their tokens, each of them once",
                    ));
                }
                tokenizer
            }
            _ => return Err(bad("the characters of its config are no text")),
        };
        let steps = if config["steps"].is_null() { None } else { Some(size("steps")?) };
        let [n_embd, n_head, n_layer, block_size] =
            [size("n_embd")?, size("n_head")?, size("n_layer")?, size("block_size")?];
        let config = Config { n_embd, n_head, n_layer, block_size };
        config.parameters(tokenizer.vocab_size())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(bad)?;
        let list = |prefix: &str| numbers(&tensors, &config, &tokenizer, |name| format!("{prefix}{name}"));
        let model = Model::from_parts(config, tokenizer.clone(), &list("")?)?;
        let progress = match steps {
            Some(steps) => Some(Progress { steps, moments: Moments { first: list(FIRST)?, second: list(SECOND)? } }),
            None => None,
        };
        Ok(Checkpoint { model, progress })
    }
}

const FIRST: &str = "adam.first.";
const SECOND: &str = "adam.second.";

/// Reads a model whose file has no config: a safetensors file with the names of this crate or those of Andrej
/// Karpathy's microgpt (`layer0.attn_wq`, `layer0.mlp_fc1`, …). Sizes are those of its tensors, but for the number of
/// heads, which no tensor shows.
///
/// # Errors
///
/// [`Error::Read`], and [`Error::InFile`] with what is wrong with its contents, such as another number of tokens.
pub fn import(path: &Path, tokenizer: Tokenizer, n_head: usize) -> Result<Model, Error> {
    in_file(path, import_bytes(&read_file(path, FILE_BYTES_MAX)?, tokenizer, n_head))
}

fn import_bytes(bytes: &[u8], tokenizer: Tokenizer, n_head: usize) -> Result<Model, Error> {
    let tensors = SafeTensors::deserialize(bytes).map_err(bad)?;
    let shape = |name: &str| match tensors.tensor(name).map(|tensor| tensor.shape().to_vec()) {
        Ok(shape) if shape.len() == 2 => Ok((shape[0], shape[1])),
        _ => Err(bad(format!("it has no matrix {name:?}"))),
    };
    let foreign = tensors.names().iter().any(|name| name.starts_with("layer"));
    let name = |ours: &str| if foreign { karpathys(ours) } else { ours.to_owned() };
    let layers = (0..).take_while(|layer| shape(&name(&format!("blocks.{layer}.attn.wq"))).is_ok()).count();
    let ((_, n_embd), (block_size, _)) = (shape("wte")?, shape("wpe")?);
    let config = Config { n_embd, n_head, n_layer: layers, block_size };
    config.parameters(tokenizer.vocab_size())?;
    let data = numbers(&tensors, &config, &tokenizer, name)?;
    Model::from_parts(config, tokenizer, &data)
}

/// `blocks.0.attn.wq` is `layer0.attn_wq` there, `blocks.0.mlp_fc1` is `layer0.mlp_fc1`.
fn karpathys(name: &str) -> String {
    name.replacen("blocks.", "layer", 1).replacen("attn.", "attn_", 1)
}

/// All parameters in order, from tensors of those names.
fn numbers(
    tensors: &SafeTensors<'_>,
    config: &Config,
    tokenizer: &Tokenizer,
    name: impl Fn(&str) -> String,
) -> Result<Vec<f64>, Error> {
    let mut numbers = Vec::new();
    for (ours, (rows, cols)) in config.shapes(tokenizer.vocab_size()) {
        let name = name(&ours);
        let tensor = tensors.tensor(&name).map_err(|_| bad(format!("it has no tensor {name:?}")))?;
        if tensor.shape() != [rows, cols] {
            return Err(Error::Shape { name, expected: vec![rows, cols], found: tensor.shape().to_vec() });
        }
        let before = numbers.len();
        match tensor.dtype() {
            Dtype::F32 => {
                numbers.extend(tensor.data().as_chunks::<4>().0.iter().map(|&x| f64::from(f32::from_le_bytes(x))));
            }
            Dtype::F64 => numbers.extend(tensor.data().as_chunks::<8>().0.iter().map(|&x| f64::from_le_bytes(x))),
            other => return Err(bad(format!("the numbers of {name:?} are {other:?}, only F32 and F64 can be read"))),
        }
        check(&name, &numbers[before..])?;
    }
    Ok(numbers)
}

/// Whether a tensor's numbers are such that training can leave them.
fn check(name: &str, numbers: &[f64]) -> Result<(), Error> {
    match numbers.iter().find(|x| !x.is_finite() || name.starts_with(SECOND) && **x < 0.0) {
        Some(x) => Err(bad(format!("there is a {x} in {name:?}"))),
        None => Ok(()),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "short says that it loses nothing")]
fn little_endian(numbers: &[f64], short: bool) -> Vec<u8> {
    if short {
        numbers.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect()
    } else {
        numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

fn bad(why: impl ToString) -> Error {
    Error::NotACheckpoint { why: why.to_string() }
}

impl Model {
    /// A model of these numbers, in the order of [`Parameters::iter`](crate::Parameters::iter).
    pub(crate) fn from_parts(config: Config, tokenizer: Tokenizer, data: &[f64]) -> Result<Self, Error> {
        let parameters = Parameters::from_data(&config, tokenizer.vocab_size(), data)?;
        Ok(Model::assemble(config, tokenizer, parameters))
    }
}
