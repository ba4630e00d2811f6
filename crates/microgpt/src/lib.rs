//! A GPT from nothing: tokenizer, model, training and sampling, every gradient in sight.

mod adam;
mod config;
mod error;
mod model;
mod names;
mod parameters;
mod random;
pub mod scalar;
mod tokenizer;

pub use adam::{Adam, Moments};
pub use config::{Config, MAX_PARAMETERS};
pub use error::Error;
pub use model::Model;
pub use names::Names;
pub use parameters::{Matrix, Parameter, Parameters};
pub use random::PythonRandom;
pub use tokenizer::Tokenizer;
