//! The backends for a GPU through the public suites of their crates, on the software GPU with all checks on: answers
//! are right, and no launch has a finding.
//!
//! `cargo test -p whiteboard --features simgpu --test gpu_backends`
#![cfg(feature = "simgpu")]

mod attention;
mod products;
mod rowwise;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

use support::{Gpu, launched};
