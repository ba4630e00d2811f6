//! Flash attention on tensor cores: q, k and v in bf16, and within a launch the weights too.

use gpu_device::{Argument, kernels};
use gpukern::{Attention, AttentionBackend, Reference};
use gpukern_kernels::attention::flash_forward_mma as mma;
use linalg::suite::Random;

use crate::Gpu;
use crate::attention::Sizes;
use crate::rounding::BF16;

/// A problem of random numbers that bf16 has exactly, against the reference.
///
/// A weight in (0, 1] is rounded by at most `unit` of itself, so the output, a mean of values by these weights, by at most
/// `unit`·max|v|. What else is in f32 is far below: 64 roundings of it are allowed for both outputs.
pub(crate) fn compare(
    name: &str,
    problem: &Attention,
    unit: f64,
    attend: impl FnOnce(&[f32], &[f32], &[f32], &mut [f32], &mut [f32]),
) {
    let mut random = Random::new(6);
    let mut draw = |len: usize| (0..len).map(|_| BF16.round(random.unit()) as f32).collect::<Vec<f32>>();
    let (queries, keys) = (problem.query_elements().expect("a size"), problem.key_elements().expect("a size"));
    let (q, mut k, mut v) = (draw(queries), draw(keys), draw(keys));
    for rows in [&mut k, &mut v] {
        for head in rows.chunks_exact_mut((problem.key_rows() * problem.head_dim).max(1)) {
            head[problem.keys * problem.head_dim..].fill(f32::NAN);
        }
    }
    let outputs = || (vec![f32::NAN; queries], vec![f32::NAN; problem.rows().expect("a size")]);
    let ((mut exact, mut exact_lse), (mut given, mut given_lse)) = (outputs(), outputs());
    Reference.forward(problem, &q, &k, &v, &mut exact, &mut exact_lse).expect("the reference");
    attend(&q, &k, &v, &mut given, &mut given_lse);
    let rounding = 64.0 * f64::from(f32::EPSILON);
    let within = |what: &str, given: &[f32], exact: &[f32], allowed: f64| {
        for (index, (&given, &exact)) in given.iter().zip(exact).enumerate() {
            let right = given == exact || (f64::from(given) - f64::from(exact)).abs() <= allowed;
            assert!(right, "{name} {problem:?}: {what}[{index}] is {given}, not {exact} ± {allowed:e}");
        }
    };
    within("out", &given, &exact, unit + rounding);
    within("log_sum_exp", &given_lse, &exact_lse, rounding * 8.0);
}

fn check(gpu: &Gpu, problem: &Attention) {
    // bf16 has 8 bits: half a unit in the last place is 2⁻⁹ of a number; twice that where a tensor core cuts off.
    compare("flash mma", problem, 2.0_f64.powi(-8), |q, k, v, out, log_sum_exp| {
        let sizes = Sizes::new(problem);
        let [q, k, v] = [q, k, v].map(|numbers| BF16.convert(gpu, numbers));
        let mut on_out = gpu.device.uninitialised::<f32>(out.len()).expect("memory");
        let mut on_lse = gpu.device.uninitialised::<f32>(log_sum_exp.len()).expect("memory");
        let mut arguments = sizes.scored();
        arguments.extend([Argument::from(&q), (&k).into(), (&v).into()]);
        arguments.extend([Argument::from(&mut on_out), (&mut on_lse).into()]);
        let grid = mma::grid(sizes.heads, sizes.queries);
        gpu.launch(&kernels::attention::FLASH_FORWARD_MMA[sizes.variant], grid, mma::BLOCK, &arguments);
        on_out.copy_to_slice(out).expect("numbers");
        on_lse.copy_to_slice(log_sum_exp).expect("numbers");
    });
}

#[test]
fn tensor_cores_attend_within_the_rounding_of_bf16() {
    let gpu = Gpu::open();
    let one = Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries: 33,
        keys: 65,
        head_dim: 64,
        causal: false,
        scale: None,
        key_capacity: None,
    };
    for causal in [false, true] {
        let one = Attention { causal, ..one };
        for length in [1, 2, 63, 64, 65, 127, 128, 129] {
            check(&gpu, &Attention { queries: length, keys: length, ..one });
        }
        for head_dim in [1, 8, 32, 40, 59, 64, 96, 111, 128, 160, 192, 256] {
            check(&gpu, &Attention { head_dim, ..one });
        }
        for (queries, keys) in [(113, 203), (203, 113), (300, 70), (1, 257), (257, 1), (9, 0)] {
            check(&gpu, &Attention { queries, keys, ..one });
        }
        check(&gpu, &Attention { batch: 2, heads: 6, kv_heads: 2, head_dim: 24, ..one });
        check(&gpu, &Attention { batch: 2, heads: 4, kv_heads: 1, queries: 1, key_capacity: Some(96), ..one });
        check(&gpu, &Attention { scale: Some(-0.5), ..one });
    }
}
