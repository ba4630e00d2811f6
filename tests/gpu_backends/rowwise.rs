//! `gpukern::Cuda`: softmax, RMS norm and cross-entropy.

use gpukern::suite::check_rowwise;
use gpukern::{Cuda, Error, Rows, RowwiseBackend, SavedRmsNorm};
use linalg::suite::Random;

use crate::{Gpu, launched};

/// Looks at the reports after every call.
struct Checked(Cuda);

macro_rules! checked {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl RowwiseBackend for Checked {
            $(fn $name(&self, shape: Rows, $($argument: $type),*) -> Result<(), Error> {
                let done = self.0.$name(shape, $($argument),*);
                launched();
                done
            })*
        }
    };
}

checked! {
    softmax(x: &[f32], out: &mut [f32]);
    softmax_backward(out: &[f32], d_out: &[f32], d_x: &mut [f32]);
    rms_norm(epsilon: f32, x: &[f32], weight: Option<&[f32]>, out: &mut [f32], inverse_rms: &mut [f32]);
    rms_norm_backward(forward: SavedRmsNorm<'_>, d_out: &[f32], d_x: &mut [f32], d_weight: Option<&mut [f32]>);
    cross_entropy(logits: &[f32], targets: &[u32], loss: &mut [f32], log_sum_exp: &mut [f32]);
    cross_entropy_backward(
        logits: &[f32], targets: &[u32], log_sum_exp: &[f32], d_loss: &[f32], d_logits: &mut [f32]
    );
}

#[test]
fn softmax_rms_norm_and_cross_entropy_pass_the_suite() {
    let gpu = Gpu::open();
    let backend = Checked(Cuda::new(gpu.device.clone()));
    let posed = check_rowwise("CUDA", &backend, 7).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(posed > 60, "{posed} problems");
}

/// The gradient of a bias: sums down the columns.
#[test]
fn columns_are_summed() {
    let gpu = Gpu::open();
    let backend = Cuda::new(gpu.device.clone());
    for (rows, cols) in [(0, 3), (1, 1), (9, 33), (100, 64), (1001, 5)] {
        // Multiples of 2⁻¹⁰ below 1: every sum is exact.
        let x = Random::new(8).matrix::<f32>(rows, cols);
        let x: Vec<f32> = x.as_slice().iter().map(|x| (x * 1024.0).round() / 1024.0).collect();
        let on_x = gpu.device.upload(&x).expect("memory");
        let mut sums = gpu.device.uninitialised(cols).expect("memory");
        backend.column_sums_on_device(Rows { rows, cols }, &on_x, &mut sums).expect("sums");
        let exact: Vec<f32> = (0..cols).map(|j| x.iter().skip(j).step_by(cols).sum()).collect();
        assert_eq!(sums.to_vec().expect("numbers"), exact);
        launched();
    }
}
