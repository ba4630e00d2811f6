//! Both ways on this machine's processor, with the same vector registers and threads.

use std::error::Error;
use std::time::Instant;

use gpukern::{Attention, AttentionBackend, Cpu, Reference, Rows, RowwiseBackend};
use linalg::suite::Random;
use linalg::{Backend, Blocked, MatrixView, MatrixViewMut};

use super::cache::{count_flash, count_plain};
use super::{ALLOCATOR, CHECKED, HEAD_DIM, Measured};

/// Plain and flash attention of `n` queries and keys.
pub(crate) fn both_ways(n: usize) -> Result<[Measured; 2], Box<dyn Error>> {
    let head = Head::new(n);
    Ok([head.measure(plain, count_plain(n))?, head.measure(flash, count_flash(n))?])
}

/// The inputs of one head.
struct Head {
    problem: Attention,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

type Compute = fn(&Head, &mut [f32]) -> Result<(), Box<dyn Error>>;

/// The definition, a step at a time.
fn plain(head: &Head, out: &mut [f32]) -> Result<(), Box<dyn Error>> {
    let n = head.problem.queries;
    let blocked = Blocked::default();
    let matrix = |rows: &'_ [f32]| -> Result<Vec<f32>, Box<dyn Error>> { Ok(vec![0.0; rows.len() / HEAD_DIM * n]) };
    let mut scores = matrix(&head.q)?;
    let (q, k) = (view(&head.q, n, HEAD_DIM)?, view(&head.k, n, HEAD_DIM)?);
    let to = MatrixViewMut::from_slice(&mut scores, n, n, n, 1)?;
    blocked.gemm(head.problem.scale_or_default(), q, k.transpose(), 0.0, to)?;
    let mut weights = matrix(&head.q)?;
    Cpu::default().softmax(Rows { rows: n, cols: n }, &scores, &mut weights)?;
    let to = MatrixViewMut::from_slice(out, n, HEAD_DIM, HEAD_DIM, 1)?;
    blocked.gemm(1.0, view(&weights, n, n)?, view(&head.v, n, HEAD_DIM)?, 0.0, to)?;
    Ok(())
}

fn view(of: &[f32], rows: usize, columns: usize) -> Result<MatrixView<'_, f32>, linalg::Error> {
    MatrixView::from_slice(of, rows, columns, columns, 1)
}

fn flash(head: &Head, out: &mut [f32]) -> Result<(), Box<dyn Error>> {
    let mut log_sum_exp = vec![0.0; head.problem.queries];
    Ok(Cpu::default().forward(&head.problem, &head.q, &head.k, &head.v, out, &mut log_sum_exp)?)
}

impl Head {
    fn new(n: usize) -> Self {
        let mut random = Random::new(1);
        let mut draw = || (0..n * HEAD_DIM).map(|_| 2.0 * random.unit::<f32>()).collect();
        let (q, k, v) = (draw(), draw(), draw());
        let problem = Attention {
            batch: 1,
            heads: 1,
            kv_heads: 1,
            queries: n,
            keys: n,
            head_dim: HEAD_DIM,
            causal: false,
            scale: None,
            key_capacity: None,
        };
        Self { problem, q, k, v }
    }

    fn measure(&self, compute: Compute, moved: u64) -> Result<Measured, Box<dyn Error>> {
        let n = self.problem.queries;
        let mut out = vec![0.0; n * HEAD_DIM];
        let (mut seconds, mut all) = (f64::INFINITY, 0.0);
        let mut allocated = 0;
        // The best of as many runs as fit into a moment; the last one's memory, when every thread is there.
        while all < 0.1 {
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let start = Instant::now();
            compute(self, &mut out)?;
            let took = start.elapsed().as_secs_f64();
            allocated = ALLOCATOR.peak_usage().saturating_sub(before);
            seconds = seconds.min(took);
            all += took;
        }
        let (milliseconds, materialised) = (Some(seconds * 1e3), allocated as u64);
        Ok(Measured { n, milliseconds, materialised, moved, error: self.error(&out)? })
    }

    /// The largest error of some rows.
    fn error(&self, out: &[f32]) -> Result<f64, gpukern::Error> {
        let n = self.problem.queries;
        let rows: Vec<usize> = (0..CHECKED).map(|row| row * n / CHECKED).collect();
        let pick = |of: &[f32]| -> Vec<f32> {
            rows.iter().flat_map(|row| of[row * HEAD_DIM..][..HEAD_DIM].iter().copied()).collect()
        };
        let (mut exact, mut log_sum_exp) = (vec![0.0; CHECKED * HEAD_DIM], vec![0.0; CHECKED]);
        let problem = Attention { queries: CHECKED, ..self.problem };
        Reference.forward(&problem, &pick(&self.q), &self.k, &self.v, &mut exact, &mut log_sum_exp)?;
        let errors = pick(out).into_iter().zip(exact).map(|(out, exact)| f64::from((out - exact).abs()));
        Ok(errors.fold(0.0, f64::max))
    }
}
