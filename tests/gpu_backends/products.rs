//! `linalg::Cuda`.

use gpu_device::Number;
use linalg::suite::{Bound, Random, Suite, check};
use linalg::{Backend, Cuda, CudaKernel, DeviceMatrix, Error, Matrix, MatrixView, MatrixViewMut, Naive, Scalar};

use crate::{Gpu, assert_launched, launched};

/// Looks at the reports after every product.
struct Checked(Cuda);

impl<T: Scalar + Number> Backend<T> for Checked {
    fn name(&self) -> String {
        Backend::<T>::name(&self.0)
    }

    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        let computed = self.0.compute(alpha, a, b, beta, c);
        assert!(launched().is_none_or(|kernels| !kernels.is_empty()));
        computed
    }
}

fn passes<T: Scalar + Number>(gpu: &Gpu, kernel: CudaKernel, suite: Suite) {
    let backend = Checked(Cuda::new(gpu.device.clone()).with_kernel(kernel));
    check::<T>(&backend, suite).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn every_kernel_passes_the_suite() {
    let gpu = Gpu::open();
    for (seed, kernel) in CudaKernel::ALL.into_iter().enumerate() {
        let bound = match kernel {
            CudaKernel::TensorCores(format) => {
                Bound::Rounded { unit: format.unit_roundoff(), least: format.least_roundoff() }
            }
            _ => Bound::Elements,
        };
        passes::<f32>(&gpu, kernel, Suite { seed: 20 + seed as u64, cases: 48, bound });
    }
}

#[test]
fn double_precision_passes_the_suite_whatever_the_kernel() {
    let gpu = Gpu::open();
    passes::<f64>(&gpu, CudaKernel::Tiled, Suite { seed: 30, cases: 48, ..Suite::default() });
    passes::<f64>(&gpu, CudaKernel::default(), Suite { seed: 31, cases: 10, ..Suite::default() });
    assert_eq!(Backend::<f64>::name(&Cuda::new(gpu.device.clone())), "CUDA tiled");
}

/// The kernel that was asked for is the one that runs, whatever the layout and the factors.
#[test]
fn the_kernel_that_was_asked_for_runs() {
    let gpu = Gpu::open();
    let a = Random::new(1).matrix::<f32>(20, 20);
    let expected = [
        vec!["matmul_naive"],
        vec!["matmul_tiled_f32"],
        vec!["matmul_register"],
        vec!["convert_f32_to_bf16", "convert_f32_to_bf16", "matmul_mma_bf16"],
        vec!["convert_f32_to_f16", "convert_f32_to_f16", "matmul_mma_f16"],
    ];
    for (kernel, expected) in CudaKernel::ALL.into_iter().zip(expected) {
        let mut c = Matrix::zeros(20, 20);
        let backend = Cuda::new(gpu.device.clone()).with_kernel(kernel);
        backend.gemm(2.0, a.view().transpose(), a.view(), 0.5, c.view_mut()).expect("a product");
        assert_launched(&expected);
    }
}

/// alpha == 0 reads neither A nor B: nothing is launched at all. On the device the kernel sees to it.
#[test]
fn factors_of_zero_read_nothing() {
    let gpu = Gpu::open();
    let nan = Matrix::from_fn(3, 3, |_, _| f32::NAN);
    for kernel in CudaKernel::ALL {
        let backend = Cuda::new(gpu.device.clone()).with_kernel(kernel);
        let mut c = Matrix::from_fn(3, 3, |_, _| 2.0);
        backend.gemm(0.0, nan.view(), nan.view(), 0.5, c.view_mut()).expect("a product");
        assert_eq!(c.as_slice(), [1.0; 9]);
        assert_launched(&[]);

        let unread = gpu.device.upload(nan.as_slice()).expect("memory");
        let unread = DeviceMatrix::new(&unread, 3, 3).expect("a matrix");
        let mut c = gpu.device.upload(&[2.0_f32; 9]).expect("memory");
        backend.gemm_on_device(0.0, unread, unread, 0.5, &mut c).expect("a product");
        assert_eq!(c.to_vec().expect("numbers"), [1.0; 9]);
        launched();
    }
}

/// A training step's products: dA = dC·Bᵀ and dB += Aᵀ·dC, everything on the device.
#[test]
fn gradients_are_products_of_transposes_on_the_device() {
    let gpu = Gpu::open();
    let mut random = Random::new(2);
    let (m, k, n) = (33, 40, 18);
    let (a, b, d_c) = (random.matrix::<f32>(m, k), random.matrix::<f32>(k, n), random.matrix::<f32>(m, n));
    let d_b = random.matrix::<f32>(k, n);
    let upload = |matrix: &Matrix<f32>| gpu.device.upload(matrix.as_slice()).expect("memory");
    let (on_a, on_b, on_d_c) = (upload(&a), upload(&b), upload(&d_c));
    let [on_a, on_b, on_d_c] =
        [(&on_a, m, k), (&on_b, k, n), (&on_d_c, m, n)].map(|(x, rows, cols)| DeviceMatrix::new(x, rows, cols));
    let (on_a, on_b, on_d_c) = (on_a.expect("a"), on_b.expect("b"), on_d_c.expect("d_c"));
    for kernel in CudaKernel::ALL {
        let backend = Cuda::new(gpu.device.clone()).with_kernel(kernel);
        let (mut on_d_a, mut on_d_b) = (gpu.device.uninitialised(m * k).expect("memory"), upload(&d_b));
        backend.gemm_on_device(1.0, on_d_c, on_b.transpose(), 0.0, &mut on_d_a).expect("a product");
        backend.gemm_on_device(-0.5, on_a.transpose(), on_d_c, 1.0, &mut on_d_b).expect("a product");
        let (mut d_a, mut d_b) = (Matrix::zeros(m, k), d_b.clone());
        Naive::default().gemm(1.0, d_c.view(), b.view().transpose(), 0.0, d_a.view_mut()).expect("the oracle");
        Naive::default().gemm(-0.5, a.view().transpose(), d_c.view(), 1.0, d_b.view_mut()).expect("the oracle");
        for (given, exact) in [(on_d_a, d_a), (on_d_b, d_b)] {
            let given = given.to_vec().expect("numbers");
            // 40 + 3 roundings of sums of at most 40 products below 1, twice.
            let bound = 43.0 * f32::EPSILON * 41.0;
            assert!(given.iter().zip(exact.as_slice()).all(|(x, y)| (x - y).abs() <= bound), "{kernel:?}");
        }
        assert_launched(&["matmul_tiled_f32", "matmul_tiled_f32"]);
    }
}

#[test]
fn what_cannot_be_done_is_said_and_c_is_left_alone() {
    let gpu = Gpu::open();
    let backend = Cuda::new(gpu.device.clone());
    let c = gpu.device.upload(&[7.0_f32; 6]).expect("memory");
    let said = DeviceMatrix::new(&c, 4, 2).expect_err("too short").to_string();
    assert_eq!(said, "a 4x2 matrix holds 8 elements, 6 were given");
    assert!(matches!(DeviceMatrix::new(&c, usize::MAX, 2), Err(Error::TooLarge { .. })));
    let (a, mut into) = (DeviceMatrix::new(&c, 2, 3).expect("a"), gpu.device.upload(&[7.0_f32; 4]).expect("memory"));
    let said = backend.gemm_on_device(1.0, a, a, 0.0, &mut into).expect_err("shapes").to_string();
    assert_eq!(said, "cannot multiply 2x3 by 2x3: 3 columns on the left, 2 rows on the right");
    backend.gemm_on_device(1.0, a, a.transpose(), 0.0, &mut into).expect("a product");
    let said = backend.gemm_on_device(1.0, a.transpose(), a, 0.0, &mut into).expect_err("shapes").to_string();
    assert_eq!(said, "a 3x3 matrix holds 9 elements, 4 were given");
    launched();

    // A row repeated until it fits no memory; one dimension beyond the kernels' numbers.
    let (one, mut c) = ([1.0_f32], Matrix::from_fn(1, 1, |_, _| 7.0));
    let long = MatrixView::from_slice(&one, 1, 1 << 40, 0, 0).expect("a view");
    let said = backend.gemm(1.0, long, long.transpose(), 0.0, c.view_mut()).expect_err("too long").to_string();
    assert!(said.starts_with("a buffer of 4398046511104 bytes does not fit the device's memory"), "{said}");
    assert_eq!(c.as_slice(), [7.0]);
    assert!(matches!(Cuda::open(9), Err(Error::Gpu(gpu_device::Error::NoSuchDevice { ordinal: 9, .. }))));
    assert_launched(&[]);
}
