//! Bytes from and to memory, counted by the software GPU, beside the formula that each attention kernel states.

use gpu_device::Device;
use gpukern::{Attention, Cuda, CudaKernel, SavedOnDevice};
use gpukern_kernels::attention::flash_decode::split_keys;
use gpukern_kernels::attention::traffic::{
    Problem, flash_backward, flash_decode, flash_forward, flash_forward_mma, naive,
};
use simgpu::report::Derived;

use crate::Gpu;

/// Kernel by kernel: its name, the bytes that its lanes asked for, and those of the sectors that this moved.
type Counted = Vec<(String, u64, u64)>;

fn counted() -> Counted {
    let of = |report: simgpu::LaunchReport| {
        assert_eq!(report.findings, [], "{}", report.kernel);
        let counters = &report.counters;
        let asked = counters.global_loads.bytes + counters.global_stores.bytes;
        (report.kernel, asked, Derived::new(counters).memory_bytes)
    };
    simgpu::take_reports().into_iter().map(of).collect()
}

/// A forward pass, and a backward pass where it is asked for.
fn run(device: &Device, kernel: CudaKernel, problem: &Attention, backward: bool) -> Counted {
    let zeros = |len: usize| device.zeros::<f32>(len).expect("memory");
    let (queries, keys) = (problem.query_elements().expect("a size"), problem.key_elements().expect("a size"));
    let (q, k, v, d_out) = (zeros(queries), zeros(keys), zeros(keys), zeros(queries));
    let (mut out, mut log_sum_exp) = (zeros(queries), zeros(problem.rows().expect("a size")));
    let gpu = Cuda::new(device.clone()).with_kernel(kernel);
    simgpu::take_reports();
    gpu.forward_on_device(problem, &q, &k, &v, &mut out, &mut log_sum_exp).expect("a problem");
    if backward {
        simgpu::take_reports();
        let (mut d_q, mut d_k, mut d_v) = (zeros(queries), zeros(keys), zeros(keys));
        let saved = SavedOnDevice { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &log_sum_exp };
        gpu.backward_on_device(problem, saved, &d_out, &mut d_q, &mut d_k, &mut d_v).expect("a problem");
    }
    counted()
}

/// Within 5 %, and both of them.
fn assert_close(counted: &Counted, kernel: &str, stated: u64) {
    let (_, asked, moved) = counted.iter().find(|(name, ..)| name == kernel).expect("a launch");
    for (what, bytes) in [("asked", asked), ("moved", moved)] {
        let ratio = *bytes as f64 / stated as f64;
        assert!((0.95..=1.05).contains(&ratio), "{kernel}: {bytes} bytes {what}, {stated} stated");
    }
}

fn problems(causal: bool) -> impl Iterator<Item = (Attention, Problem)> {
    [(256, 256, 64), (512, 512, 64), (256, 512, 128)].into_iter().map(move |(queries, keys, head_dim)| {
        let (batch, heads, kv_heads) = (1, 2, 1);
        let attention =
            Attention { batch, heads, kv_heads, queries, keys, head_dim, causal, scale: None, key_capacity: None };
        let [queries, keys, head_dim] = [queries, keys, head_dim].map(|size| size as u64);
        (attention, Problem { heads: 2, kv_heads: 1, queries, keys, head_dim, causal })
    })
}

#[test]
fn attention_moves_what_its_formula_says() {
    let gpu = Gpu::open();
    simgpu::configure(simgpu::Settings { checks: simgpu::Checks::NONE, ..simgpu::Settings::default() });
    for (attention, problem) in problems(false).chain(problems(true)) {
        let variant = format!("d{}", problem.head_dim);
        let through_the_matrix = run(&gpu.device, CudaKernel::Naive, &attention, false);
        for (kernel, stated) in
            ["attention_scores", "attention_softmax", "attention_values"].into_iter().zip(naive(&problem))
        {
            assert_close(&through_the_matrix, kernel, stated);
        }
        let flash = run(&gpu.device, CudaKernel::Flash, &attention, false);
        assert_close(&flash, &format!("flash_forward_{variant}"), flash_forward(&problem));
        let tensor_cores = run(&gpu.device, CudaKernel::FlashTensorCores, &attention, false);
        assert_close(&tensor_cores, &format!("flash_forward_mma_{variant}"), flash_forward_mma(&problem));

        // Every lane of a group asks for its row's log_sum_exp and delta: more is asked than moved.
        let backward = run(&gpu.device, CudaKernel::Flash, &attention, true);
        let names = ["delta".to_owned(), format!("dq_{variant}"), format!("dkv_{variant}")];
        for (name, stated) in names.into_iter().zip(flash_backward(&problem)) {
            let (.., moved) = backward.iter().find(|(kernel, ..)| kernel.ends_with(&name)).expect("a launch");
            let ratio = *moved as f64 / stated as f64;
            assert!((0.95..=1.05).contains(&ratio), "{name}: {moved} bytes moved, {stated} stated");
        }
    }
}

#[test]
fn decoding_reads_each_key_once() {
    let gpu = Gpu::open();
    let attention = Attention {
        batch: 1,
        heads: 8,
        kv_heads: 2,
        queries: 1,
        keys: 2048,
        head_dim: 64,
        causal: true,
        scale: None,
        key_capacity: Some(4096),
    };
    let problem = Problem { heads: 8, kv_heads: 2, queries: 1, keys: 2048, head_dim: 64, causal: true };
    let decoded = run(&gpu.device, CudaKernel::Auto, &attention, false);
    let [splits, combination] = flash_decode(&problem, split_keys(2048));
    assert_close(&decoded, "flash_decode_d64", splits);
    let (.., moved) = decoded.iter().find(|(kernel, ..)| kernel == "flash_decode_combine").expect("a launch");
    assert!((0.95..=1.05).contains(&(*moved as f64 / combination as f64)), "{moved} bytes moved, {combination} stated");
    // Four heads share keys and values, which are read once for all of them: nearly all of the traffic.
    let keys_and_values = 4 * 2 * 2 * 2048 * 64;
    assert!(splits < keys_and_values + keys_and_values / 20);
}
