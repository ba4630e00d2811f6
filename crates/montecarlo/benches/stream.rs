//! Random bits for a battery of tests: interleaved streams of [`Random`], a number of each in turn, as bytes on standard output.
//!
//! ```text
//! cargo bench -q -p montecarlo --bench stream -- --streams 4 --seed 1 | dieharder -a -g 200
//! ```
//!
//! Writes until whoever reads has had enough. A recorded run is in BENCHMARKS.md.

use std::io::{self, ErrorKind, Write};

use montecarlo::Random;
use rand::Rng;

/// Bytes that are written at a time.
const BUFFER: usize = 1 << 20;

fn main() -> io::Result<()> {
    let (mut streams, mut seed) = (4_u64, 1_u64);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|word| word.parse().ok());
        match arg.as_str() {
            "--streams" => streams = number().filter(|&count| count > 0).ok_or(ErrorKind::InvalidInput)?,
            "--seed" => seed = number().ok_or(ErrorKind::InvalidInput)?,
            _ => {} // what cargo adds
        }
    }
    let mut streams: Vec<Random> = (0..streams).map(|stream| Random::new(seed, stream)).collect();
    let (mut out, mut buffer) = (io::stdout().lock(), Vec::with_capacity(BUFFER + 8 * streams.len()));
    loop {
        buffer.clear();
        while buffer.len() < BUFFER {
            buffer.extend(streams.iter_mut().flat_map(|stream| stream.next_u64().to_le_bytes()));
        }
        match out.write_all(&buffer) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
}
