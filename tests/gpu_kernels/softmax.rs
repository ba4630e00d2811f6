//! Softmax of rows, by the rule of gpukern's suite: at most twice as far from f64 as the definition in f32 is.

use gpu_device::kernels;
use gpukern::{Reference, Rows, RowwiseBackend, plain};
use linalg::suite::Random;

use crate::Gpu;

fn on_gpu(gpu: &Gpu, rows: usize, columns: usize, x: &[f32]) -> Vec<f32> {
    let input = gpu.device.upload(x).expect("memory");
    let mut output = gpu.device.uninitialised::<f32>(x.len()).expect("memory");
    // Fewer blocks than rows: each takes several.
    let blocks = rows.div_ceil(2) as u64;
    let arguments = [(rows as u32).into(), (columns as u32).into(), (&input).into(), (&mut output).into()];
    gpu.launch(&kernels::rowwise::SOFTMAX, blocks, gpukern_kernels::softmax::BLOCK, &arguments);
    output.to_vec().expect("numbers")
}

#[test]
fn rows_become_weights() {
    let gpu = Gpu::open();
    let mut random = Random::new(5);
    for (rows, columns) in [(32, 1), (33, 2), (17, 31), (9, 255), (9, 256), (9, 257), (5, 1000), (3, 5001)] {
        for spread in [1.0_f32, 100.0, 1e4] {
            let x: Vec<f32> = (0..rows * columns).map(|_| spread * random.unit::<f32>()).collect();
            let given = on_gpu(&gpu, rows, columns, &x);
            let [mut exact, mut plainly] = [vec![0.0; x.len()], vec![0.0; x.len()]];
            let shape = Rows { rows, cols: columns };
            Reference.softmax(shape, &x, &mut exact).expect("the reference");
            plain::Rowwise.softmax(shape, &x, &mut plainly).expect("the yardstick");
            let error = |of: &[f32]| of.iter().zip(&exact).fold(0.0_f32, |most, (x, y)| most.max((x - y).abs()));
            let largest = exact.iter().fold(0.0_f32, |most, x| most.max(*x));
            assert!(given.iter().all(|x| x.is_finite()));
            let allowed = 2.0 * error(&plainly) + 2.0 * f32::EPSILON * largest;
            assert!(error(&given) <= allowed, "{rows}x{columns} ±{spread}: {} of {allowed}", error(&given));
        }
    }
}

#[test]
fn infinities_leave_no_nan() {
    let gpu = Gpu::open();
    let none = f32::NEG_INFINITY;
    let given = on_gpu(&gpu, 3, 4, &[none, none, none, none, none, 3.0, none, 3.0, 0.0, none, none, none]);
    assert_eq!(given, [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0]);
    assert!(on_gpu(&gpu, 0, 4, &[]).is_empty() && on_gpu(&gpu, 2, 0, &[]).is_empty());
}
