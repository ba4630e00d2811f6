//! The backends for a GPU through the public suites of their crates: answers are right, and on the software GPU, all
//! checks on, no launch has a finding.
//!
//! ```text
//! cargo test --features whiteboard/simgpu --test gpu_backends      # on any machine
//! cargo test --features whiteboard/cuda --test gpu_backends        # on a GPU
//! ```
#![cfg(feature = "cuda")]

mod attention;
mod products;
mod rowwise;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "simgpu")]
mod traffic;

use support::{Gpu, assert_launched, launched};
