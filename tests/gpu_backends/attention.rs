//! `gpukern::Cuda`: attention.

use gpukern::suite::{Suite, check};
use gpukern::{Attention, AttentionBackend, Cuda, CudaKernel, Error, Reference, Saved, SavedOnDevice};
use linalg::suite::Random;

use crate::{Gpu, assert_launched, launched};

/// Looks at the reports after every pass.
struct Checked(Cuda);

impl AttentionBackend for Checked {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        let passed = self.0.forward(problem, q, k, v, out, log_sum_exp);
        launched();
        passed
    }

    fn backward(
        &self,
        problem: &Attention,
        saved: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        let passed = self.0.backward(problem, saved, d_out, d_q, d_k, d_v);
        launched();
        passed
    }
}

fn cuda(gpu: &Gpu, kernel: CudaKernel) -> Cuda {
    Cuda::new(gpu.device.clone()).with_kernel(kernel)
}

/// Problems with more than `scores_max` scores would take a software GPU too long.
fn passes(gpu: &Gpu, kernel: CudaKernel, seed: u64, scores_max: usize, gradients: bool) {
    let suite = Suite { seed, drawn: 6, scores_max, gradients };
    let posed = check(&format!("{kernel:?}"), &Checked(cuda(gpu, kernel)), &suite);
    let posed = posed.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(posed > 70, "{posed} problems");
}

#[test]
fn what_is_picked_passes_the_suite() {
    passes(&Gpu::open(), CudaKernel::Auto, 3, 120_000, true);
}

#[test]
fn flash_attention_passes_the_suite() {
    passes(&Gpu::open(), CudaKernel::Flash, 4, 30_000, false);
}

#[test]
fn attention_through_the_matrix_passes_the_suite() {
    passes(&Gpu::open(), CudaKernel::Naive, 5, 60_000, false);
}

/// Any number of queries, and few keys: one split. More are in the tests below.
#[test]
fn decoding_passes_the_suite() {
    passes(&Gpu::open(), CudaKernel::FlashDecode, 6, 60_000, false);
}

/// One head of `queries` × `keys`, 64 columns.
fn one_head(queries: usize, keys: usize, causal: bool) -> Attention {
    Attention { batch: 1, heads: 1, kv_heads: 1, queries, keys, head_dim: 64, causal, scale: None, key_capacity: None }
}

/// Inputs that bf16 has exactly; rows of the cache beyond the keys in use are NaN.
struct Arrays {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    rows: usize,
}

impl Arrays {
    fn new(problem: &Attention) -> Self {
        let mut random = Random::new(6);
        let mut draw =
            |len: usize| (0..len).map(|_| (random.unit::<f32>() * 128.0).round() / 128.0).collect::<Vec<f32>>();
        let (queries, keys) = (problem.query_elements().expect("a size"), problem.key_elements().expect("a size"));
        let (q, mut k, mut v) = (draw(queries), draw(keys), draw(keys));
        for rows in [&mut k, &mut v] {
            for head in rows.chunks_exact_mut((problem.key_rows() * problem.head_dim).max(1)) {
                head[problem.keys * problem.head_dim..].fill(f32::NAN);
            }
        }
        Self { q, k, v, rows: problem.rows().expect("a size") }
    }

    fn forward(&self, backend: &dyn AttentionBackend, problem: &Attention) -> [Vec<f32>; 2] {
        let (mut out, mut log_sum_exp) = (vec![f32::NAN; self.q.len()], vec![f32::NAN; self.rows]);
        backend.forward(problem, &self.q, &self.k, &self.v, &mut out, &mut log_sum_exp).expect("a problem");
        [out, log_sum_exp]
    }
}

/// Against the reference. A weight in (0, 1] is rounded by at most `unit` of itself, so the output, a mean of values by
/// these weights, by at most `unit`·max|v|. What else is in f32 is far below: 64 roundings of it are allowed for out,
/// as many of 8 for log_sum_exp.
fn compare(kernel: CudaKernel, gpu: &Gpu, problem: &Attention, unit: f64) {
    let arrays = Arrays::new(problem);
    let (exact, given) = (arrays.forward(&Reference, problem), arrays.forward(&cuda(gpu, kernel), problem));
    let rounding = 64.0 * f64::from(f32::EPSILON);
    for (name, which, allowed) in [("out", 0, unit + rounding), ("log_sum_exp", 1, 8.0 * rounding)] {
        for (index, (&given, &exact)) in given[which].iter().zip(&exact[which]).enumerate() {
            let right = given == exact || (f64::from(given) - f64::from(exact)).abs() <= allowed;
            assert!(right, "{kernel:?} {problem:?}: {name}[{index}] is {given}, not {exact} ± {allowed:e}");
        }
    }
}

/// The two largest lengths that the flash-attention project's tests have below 2048, forward.
#[test]
fn flash_attention_of_a_thousand() {
    let gpu = Gpu::open();
    for causal in [false, true] {
        compare(CudaKernel::Auto, &gpu, &one_head(1023, 1024, causal), 0.0);
        assert_launched(&["flash_forward_d64"]);
    }
}

/// bf16 has 8 bits of precision: rounding moves a weight by 2⁻⁹ to 2⁻⁸ of itself, and tensor cores may cut off.
#[test]
fn tensor_cores_round_weights_to_bf16() {
    let gpu = Gpu::open();
    let mut problems = Vec::new();
    for causal in [false, true] {
        let lengths = [1, 2, 63, 64, 65, 127, 128, 129].map(|length| (length, length));
        let rectangles = [(113, 203), (203, 113), (300, 70), (1, 257), (257, 1), (9, 0)];
        problems.extend(lengths.into_iter().chain(rectangles).map(|(queries, keys)| one_head(queries, keys, causal)));
        let one = one_head(33, 65, causal);
        let head_dims = [1, 8, 32, 40, 59, 64, 96, 111, 128, 160, 192, 256];
        problems.extend(head_dims.map(|head_dim| Attention { head_dim, ..one }));
        problems.push(Attention { batch: 2, heads: 6, kv_heads: 2, head_dim: 24, ..one });
        problems.push(Attention { batch: 2, heads: 4, kv_heads: 1, queries: 1, key_capacity: Some(96), ..one });
        problems.push(Attention { scale: Some(-0.5), ..one });
    }
    for problem in problems {
        compare(CudaKernel::FlashTensorCores, &gpu, &problem, 2.0_f64.powi(-8));
        launched();
    }
}

/// Decoding with a cache that is not full: what is read is one query, and keys in many splits; grouped heads share
/// them.
#[test]
fn decoding_over_many_splits() {
    let gpu = Gpu::open();
    let cache = Attention { heads: 8, kv_heads: 2, key_capacity: Some(1100), ..one_head(1, 1000, true) };
    let mut problems = [16, 64, 80, 128, 256].map(|head_dim| Attention { head_dim, ..cache }).to_vec();
    problems.extend([127, 128, 129, 255, 257].map(|keys| Attention { keys, ..cache }));
    problems.extend([2, 5, 8].map(|queries| Attention { queries, ..cache }));
    problems.push(Attention { batch: 2, heads: 3, kv_heads: 1, queries: 3, ..cache });
    problems.push(Attention { causal: false, scale: Some(-2.0), ..cache });
    // Splits longer than the shortest.
    problems.push(Attention { keys: 9000, key_capacity: None, head_dim: 8, ..cache });
    for problem in problems {
        compare(CudaKernel::Auto, &gpu, &problem, 0.0);
        if let Some(launched) = launched() {
            assert!(launched[0].starts_with("flash_decode_d"), "{launched:?}");
            assert_eq!(launched.len(), if problem.keys <= 128 { 1 } else { 2 });
        }
    }
}

/// The same bits again, and whatever else is in the batch.
#[test]
fn decoding_gives_the_same_bits_in_any_company() {
    let gpu = Gpu::open();
    let one = one_head(1, 700, true);
    let (alone, again) = (Arrays::new(&one), Arrays::new(&one));
    let backend = cuda(&gpu, CudaKernel::Auto);
    let given = alone.forward(&backend, &one);
    assert_eq!(given, again.forward(&backend, &one));
    let many = Attention { batch: 3, ..one };
    let repeated = |x: &Vec<f32>| [&x[..], x, x].concat();
    let arrays = Arrays { q: repeated(&alone.q), k: repeated(&alone.k), v: repeated(&alone.v), rows: 3 };
    let of_many = arrays.forward(&backend, &many);
    assert_eq!(of_many, given.each_ref().map(repeated));
    launched();
}

/// A training step without a round trip, and a cache that grows in place.
#[test]
fn what_is_on_the_device_stays_there() {
    let gpu = Gpu::open();
    let backend = cuda(&gpu, CudaKernel::Auto);
    let problem = Attention { heads: 4, kv_heads: 2, key_capacity: Some(60), ..one_head(40, 50, true) };
    let Arrays { q, mut k, mut v, rows } = Arrays::new(&problem);
    let d_out = q.iter().map(|x| 1.0 - x).collect::<Vec<f32>>();
    let [on_q, mut on_k, mut on_v, on_d_out] = [&q, &k, &v, &d_out].map(|x| gpu.device.upload(x).expect("memory"));
    let buffer = |len: usize| gpu.device.uninitialised::<f32>(len).expect("memory");
    let (mut out, mut sums) = (buffer(q.len()), buffer(rows));
    let (mut d_q, mut d_k, mut d_v) = (buffer(q.len()), buffer(k.len()), buffer(v.len()));
    backend.forward_on_device(&problem, &on_q, &on_k, &on_v, &mut out, &mut sums).expect("a problem");
    let saved = SavedOnDevice { q: &on_q, k: &on_k, v: &on_v, out: &out, log_sum_exp: &sums };
    backend.backward_on_device(&problem, saved, &on_d_out, &mut d_q, &mut d_k, &mut d_v).expect("a problem");

    let (mut host_out, mut host_sums) = (vec![0.0; q.len()], vec![0.0; rows]);
    backend.forward(&problem, &q, &k, &v, &mut host_out, &mut host_sums).expect("a problem");
    let saved = Saved { q: &q, k: &k, v: &v, out: &host_out, log_sum_exp: &host_sums };
    let mut host = [vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]];
    let [host_d_q, host_d_k, host_d_v] = &mut host;
    backend.backward(&problem, saved, &d_out, host_d_q, host_d_k, host_d_v).expect("a problem");
    assert_eq!([out, sums].map(|x| x.to_vec().expect("numbers")), [host_out, host_sums]);
    assert_eq!([d_q, d_k, d_v].map(|x| x.to_vec().expect("numbers")), host);

    // One more key for the first of the two heads and for the second; one query looks at all of them.
    let head = 60 * 64;
    for (on, cache, row) in [(&mut on_k, &mut k, [0.25_f32; 64]), (&mut on_v, &mut v, [-1.0; 64])] {
        for start in [50 * 64, head + 50 * 64] {
            on.write(start, &row).expect("room");
            cache[start..start + 64].copy_from_slice(&row);
        }
    }
    let step = Attention { queries: 1, keys: 51, ..problem };
    let query = &q[..4 * 64];
    let on_query = gpu.device.upload(query).expect("memory");
    let (mut out, mut sums) = (buffer(query.len()), buffer(4));
    backend.forward_on_device(&step, &on_query, &on_k, &on_v, &mut out, &mut sums).expect("a problem");
    let (mut exact, mut exact_sums) = (vec![0.0; query.len()], vec![0.0; 4]);
    Reference.forward(&step, query, &k, &v, &mut exact, &mut exact_sums).expect("a problem");
    let close = out.to_vec().expect("numbers").iter().zip(&exact).all(|(x, y)| (x - y).abs() < 1e-5);
    assert!(close);
    launched();
}

#[test]
fn what_cannot_be_done_is_said_and_outputs_are_left_alone() {
    let gpu = Gpu::open();
    let wide = Attention { head_dim: 300, ..one_head(3, 5, false) };
    let arrays = Arrays::new(&wide);
    compare(CudaKernel::Auto, &gpu, &wide, 0.0);
    assert_launched(&["attention_scores", "attention_softmax", "attention_values"]);
    let said = |result: Result<(), Error>, outputs: &[&[f32]]| {
        assert!(outputs.iter().all(|output| output.iter().all(|&x| x == 42.0)), "{result:?}");
        result.expect_err("too much").to_string()
    };
    let (mut out, mut sums) = (vec![42.0; arrays.q.len()], vec![42.0; 3]);
    for kernel in [CudaKernel::Flash, CudaKernel::FlashTensorCores, CudaKernel::FlashDecode] {
        let passed = cuda(&gpu, kernel).forward(&wide, &arrays.q, &arrays.k, &arrays.v, &mut out, &mut sums);
        assert_eq!(said(passed, &[&out, &sums]), "`head_dim` is 300, the GPU's kernels take at most 256");
    }
    let [mut d_q, mut d_k, mut d_v] = [arrays.q.len(), arrays.k.len(), arrays.k.len()].map(|len| vec![42.0; len]);
    let Arrays { q, k, v, .. } = &arrays;
    let saved = Saved { q, k, v, out: q, log_sum_exp: &sums };
    let passed = cuda(&gpu, CudaKernel::Auto).backward(&wide, saved, q, &mut d_q, &mut d_k, &mut d_v);
    assert_eq!(said(passed, &[&d_q, &d_k, &d_v]), "`head_dim` is 300, the GPU's kernels take at most 256");

    // Buffers have shapes as slices do.
    let problem = one_head(2, 3, false);
    let buffer = |len: usize| gpu.device.upload(&vec![42.0_f32; len]).expect("memory");
    let (q, k, mut out, mut sums) = (buffer(128), buffer(192), buffer(128), buffer(3));
    let passed = cuda(&gpu, CudaKernel::Auto).forward_on_device(&problem, &q, &k, &k, &mut out, &mut sums);
    let (out, sums) = (out.to_vec().expect("numbers"), sums.to_vec().expect("numbers"));
    assert_eq!(said(passed, &[&out, &sums]), "`log_sum_exp` is [1, 1, 2], which is 2 elements, 3 were given");
    assert!(matches!(Cuda::open(9), Err(Error::Gpu(gpu_device::Error::NoSuchDevice { ordinal: 9, .. }))));
    launched();
}
