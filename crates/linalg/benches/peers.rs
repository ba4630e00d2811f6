//! Blocked and Strassen beside the libraries that people use, in one process.
//!
//! ```text
//! MATMUL_NUM_THREADS=1 cargo bench -p linalg --features openblas --bench peers -- --threads 1 small large thin
//! ```
//!
//! Every round times each library once, in turn, on the same matrices; a ratio is the median over rounds of the
//! ratios inside a round, so that a slow moment of the machine hits both sides of it. With several threads each library
//! has all its rounds in one go, after a pause, and a ratio is that of the medians: idle threads of OpenBLAS spin for some
//! 25 ms, and on as many cores as there are threads whoever comes next would share a core with them.
#![allow(clippy::print_stdout, reason = "a report is what this is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use linalg::suite::Random;
use linalg::{Backend, Blocked, Matrix, Scalar, Strassen, Threads};

mod support;
use support::{Peer, median, peak, peers};

struct Options {
    threads: Threads,
    rounds: usize,
    /// Strassen beside Blocked instead of Blocked beside the peers.
    strassen: bool,
    what: Vec<String>,
}

fn main() {
    let mut options = Options { threads: Threads::Count(1), rounds: 15, strassen: false, what: Vec::new() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--threads" => {
                options.threads = match args.next().as_deref() {
                    Some("all") => Threads::All,
                    count => Threads::Count(count.and_then(|n| n.parse().ok()).unwrap_or(1)),
                }
            }
            "--rounds" => options.rounds = args.next().and_then(|n| n.parse().ok()).unwrap_or(15),
            "--strassen" => options.strassen = true,
            "--bench" => {}
            _ => options.what.push(arg),
        }
    }
    println!("threads {:?}, OpenBLAS {}", options.threads, support::openblas_config());
    let columns = if options.strassen { "Strassen GFLOP/s | Blocked".into() } else { columns() };
    println!("| type | m k n | {columns} | peak % | ÷ best peer |");
    run::<f32>(&options);
    run::<f64>(&options);
}

fn columns() -> String {
    let mut names: Vec<_> = vec!["Blocked GFLOP/s".to_string()];
    names.extend(peers::<f32>(Threads::Count(1)).iter().map(|peer| peer.name.to_string()));
    names.join(" | ")
}

/// The products asked for: `small`, `large`, `thin`, or sizes like `64` and `4096x64x64`, each with `f32:` or `f64:` before it if
/// for one type only.
fn shapes<T: Scalar>(what: &[String]) -> Vec<[usize; 3]> {
    let mut shapes = Vec::new();
    for what in what {
        let (kind, what) = what.split_once(':').unwrap_or(("", what));
        if !kind.is_empty() && kind != std::any::type_name::<T>() {
            continue;
        }
        match what {
            "small" => shapes.extend([8, 16, 32, 48, 64, 96, 128, 256].map(|n| [n; 3])),
            "large" => shapes.extend([511, 1024, 2048].map(|n| [n; 3])),
            "thin" => shapes.extend([
                [4096, 64, 64],
                [64, 4096, 64],
                [64, 64, 4096],
                [2000, 1, 2000],
                [1, 2000, 2000],
                [2000, 2000, 1],
                [4096, 4096, 32],
                [7, 4096, 4096],
            ]),
            sizes => {
                let sizes: Vec<usize> = sizes.split('x').filter_map(|n| n.parse().ok()).collect();
                match sizes[..] {
                    [n] => shapes.push([n; 3]),
                    [m, k, n] => shapes.push([m, k, n]),
                    _ => println!("not a size: {what}"),
                }
            }
        }
    }
    shapes
}

fn run<T: Scalar + support::Peered>(options: &Options) {
    for [m, k, n] in shapes::<T>(&options.what) {
        let mut random = Random::new(7);
        let (a, b) = (random.matrix::<T>(m, k), random.matrix::<T>(k, n));
        let blocked = Blocked { threads: options.threads, ..Blocked::default() };
        let ours = Peer {
            name: "Blocked",
            run: Box::new(move |a, b, c| {
                blocked.gemm(T::ONE, a.view(), b.view(), T::ZERO, c.view_mut()).unwrap();
            }),
        };
        let strassen = Strassen { base: blocked, ..Strassen::default() };
        let mut all = vec![ours];
        if options.strassen {
            let run: support::Run<T> = Box::new(move |a, b, c| {
                strassen.gemm(T::ONE, a.view(), b.view(), T::ZERO, c.view_mut()).unwrap();
            });
            all.insert(0, Peer { name: "Strassen", run });
        } else {
            all.extend(peers::<T>(options.threads));
        }
        compare(options, &a, &b, &all);
    }
}

/// Until the threads of the library before have gone to sleep, and as long again for this one's to wake up.
const PAUSE: Duration = Duration::from_millis(100);
/// Seconds of one round: long enough to time, short enough to alternate often.
const ROUND_SECONDS: f64 = 0.01;

fn compare<T: Scalar + support::Peered>(options: &Options, a: &Matrix<T>, b: &Matrix<T>, all: &[Peer<T>]) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    let operations = 2.0 * m as f64 * k as f64 * n as f64;
    let mut c = Matrix::zeros(m, n);
    let mut seconds = vec![Vec::new(); all.len()];
    let mut peaks = Vec::new();
    // As many products a round as the slowest library does in the time of a round.
    let mut repeats = usize::MAX;
    for peer in all {
        (peer.run)(a, b, &mut c);
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed().as_secs_f64() < ROUND_SECONDS {
            (peer.run)(a, b, &mut c);
            count += 1;
        }
        repeats = repeats.min(count);
    }
    let mut round = |peer: &Peer<T>, seconds: &mut Vec<f64>| {
        if repeats > 1 {
            (peer.run)(a, b, &mut c);
        }
        let start = Instant::now();
        for _ in 0..repeats {
            (peer.run)(black_box(a), black_box(b), black_box(&mut c));
        }
        seconds.push(start.elapsed().as_secs_f64() / repeats as f64);
    };
    if options.threads == Threads::Count(1) {
        for _ in 0..options.rounds {
            peaks.push(peak::<T>());
            all.iter().zip(&mut seconds).for_each(|(peer, seconds)| round(peer, seconds));
        }
    } else {
        peaks.extend((0..options.rounds).map(|_| peak::<T>()));
        for (peer, seconds) in all.iter().zip(&mut seconds) {
            std::thread::sleep(PAUSE);
            let start = Instant::now();
            while start.elapsed() < PAUSE {
                round(peer, seconds);
            }
            seconds.clear();
            (0..options.rounds).for_each(|_| round(peer, seconds));
        }
    }
    let rates: Vec<_> = seconds.iter().map(|s| format!("{:.1}", operations / median(s.clone()) / 1e9)).collect();
    let ratio = |peer: usize| match options.threads {
        Threads::Count(1) => {
            median(seconds[0].iter().zip(&seconds[peer]).map(|(ours, theirs)| theirs / ours).collect())
        }
        _ => median(seconds[peer].clone()) / median(seconds[0].clone()),
    };
    let worst = (1..all.len()).map(ratio).fold(f64::INFINITY, f64::min);
    let cores = match options.threads {
        Threads::All => rayon_threads() as f64,
        Threads::Count(count) => count as f64,
    };
    let share = 100.0 * operations / median(seconds[0].clone()) / median(peaks) / cores;
    println!("| {} | {m} {k} {n} | {} | {share:.0} | {worst:.3} |", std::any::type_name::<T>(), rates.join(" | "));
}

fn rayon_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
