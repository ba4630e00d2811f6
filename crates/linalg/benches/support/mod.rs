//! The peers, called as their own users call them, and the peak of the machine.

#![allow(unsafe_code, reason = "two of the peers have no safe interface")]

use linalg::{Matrix, Scalar, Threads};

/// A library and how to call it: C ← A·B.
pub(crate) struct Peer<T> {
    pub(crate) name: &'static str,
    pub(crate) run: Run<T>,
}

/// How to call it.
pub(crate) type Run<T> = Box<dyn Fn(&Matrix<T>, &Matrix<T>, &mut Matrix<T>)>;

/// Element types that every peer has.
pub(crate) trait Peered: Scalar {
    /// matrixmultiply's entry for this type.
    fn matrixmultiply(a: &Matrix<Self>, b: &Matrix<Self>, c: &mut Matrix<Self>);
    /// OpenBLAS's entry for this type.
    #[cfg(feature = "openblas")]
    fn openblas(a: &Matrix<Self>, b: &Matrix<Self>, c: &mut Matrix<Self>);
    /// Multiply-adds on twelve independent registers: operations a second of one core.
    fn peak() -> f64;
}

/// All peers, set to the number of threads.
pub(crate) fn peers<T: Peered>(threads: Threads) -> Vec<Peer<T>> {
    let parallelism = match threads {
        Threads::Count(1) => gemm::Parallelism::None,
        Threads::Count(count) => gemm::Parallelism::Rayon(count),
        Threads::All => gemm::Parallelism::Rayon(0),
    };
    vec![
        #[cfg(feature = "openblas")]
        {
            set_openblas_threads(threads);
            Peer { name: "OpenBLAS", run: Box::new(T::openblas) }
        },
        Peer { name: "matrixmultiply", run: Box::new(T::matrixmultiply) },
        Peer { name: "gemm", run: Box::new(move |a, b, c| run_gemm(parallelism, a, b, c)) },
    ]
}

fn run_gemm<T: Scalar>(parallelism: gemm::Parallelism, a: &Matrix<T>, b: &Matrix<T>, c: &mut Matrix<T>) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    let (a, b, c) = (a.as_slice(), b.as_slice(), c.as_mut_slice());
    // SAFETY: row-major matrices of these shapes, and C is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            1,
            k as isize,
            b.as_ptr(),
            1,
            n as isize,
            T::ZERO,
            T::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}

macro_rules! peered {
    ($t:ty, $matrixmultiply:path, $cblas:ident, $peak:ident) => {
        impl Peered for $t {
            fn matrixmultiply(a: &Matrix<Self>, b: &Matrix<Self>, c: &mut Matrix<Self>) {
                let (m, k, n) = (a.rows(), a.cols(), b.cols());
                let (a, b, c) = (a.as_slice().as_ptr(), b.as_slice().as_ptr(), c.as_mut_slice().as_mut_ptr());
                let (ks, ns) = (k as isize, n as isize);
                // SAFETY: row-major matrices of these shapes, and C is borrowed mutably.
                unsafe { $matrixmultiply(m, k, n, 1.0, a, ks, 1, b, ns, 1, 0.0, c, ns, 1) }
            }

            #[cfg(feature = "openblas")]
            fn openblas(a: &Matrix<Self>, b: &Matrix<Self>, c: &mut Matrix<Self>) {
                let [m, k, n] = [a.rows(), a.cols(), b.cols()].map(|x| x as i32);
                let (a, b, c) = (a.as_slice().as_ptr(), b.as_slice().as_ptr(), c.as_mut_slice().as_mut_ptr());
                use cblas_sys::{CBLAS_LAYOUT::CblasRowMajor, CBLAS_TRANSPOSE::CblasNoTrans};
                // SAFETY: row-major matrices of these shapes, and C is borrowed mutably.
                unsafe {
                    cblas_sys::$cblas(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0, a, k, b, n, 0.0, c, n);
                }
            }

            fn peak() -> f64 {
                $peak()
            }
        }
    };
}

peered!(f32, matrixmultiply::sgemm, cblas_sgemm, peak_f32);
peered!(f64, matrixmultiply::dgemm, cblas_dgemm, peak_f64);

/// Operations a second of one core.
pub(crate) fn peak<T: Peered>() -> f64 {
    T::peak()
}

macro_rules! peak {
    ($name:ident, $inner:ident, $t:ty, $splat:ident, $fma:ident, $reduce:ident, $lanes:literal) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        fn $inner(steps: usize) -> $t {
            use std::arch::x86_64::*;
            let factor = $splat(0.999);
            let mut sums = [$splat(1.0); 12];
            for _ in 0..steps {
                for sum in &mut sums {
                    *sum = $fma(*sum, factor, factor);
                }
            }
            sums.into_iter().map(|sum| $reduce(sum)).sum()
        }

        fn $name() -> f64 {
            const STEPS: usize = 200_000;
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx512f") {
                let start = std::time::Instant::now();
                // SAFETY: detected on the line above.
                std::hint::black_box(unsafe { $inner(std::hint::black_box(STEPS)) });
                return (STEPS * 12 * $lanes * 2) as f64 / start.elapsed().as_secs_f64();
            }
            f64::NAN
        }
    };
}

peak!(peak_f32, inner_f32, f32, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_reduce_add_ps, 16);
peak!(peak_f64, inner_f64, f64, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_reduce_add_pd, 8);

/// The middle of the values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(feature = "openblas")]
#[link(name = "openblas")]
unsafe extern "C" {
    fn openblas_set_num_threads(threads: i32);
    fn openblas_get_config() -> *const std::ffi::c_char;
    fn openblas_get_corename() -> *const std::ffi::c_char;
}

#[cfg(feature = "openblas")]
fn set_openblas_threads(threads: Threads) {
    let count = match threads {
        Threads::Count(count) => count,
        Threads::All => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    // SAFETY: a plain setter.
    unsafe { openblas_set_num_threads(count as i32) }
}

/// Version and kernels of the OpenBLAS that is linked.
pub(crate) fn openblas_config() -> String {
    #[cfg(feature = "openblas")]
    // SAFETY: both return pointers to static strings.
    unsafe {
        let text = |pointer| std::ffi::CStr::from_ptr(pointer).to_string_lossy().into_owned();
        format!("{} running {}", text(openblas_get_config()), text(openblas_get_corename()))
    }
    #[cfg(not(feature = "openblas"))]
    "absent".to_string()
}
