//! Calls that no example makes: `compute` without `gemm`'s checks, sizes at the end of the address space, vectors
//! longer than the scratch memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use linalg::suite::Random;
use linalg::{
    Backend, Blas, Blocked, Error, Isa, LoopOrder, Matrix, MatrixView, MatrixViewMut, Naive, Strassen, Threads, Tiling,
    backend,
};

/// `compute` is public and safe: with shapes that do not fit it may refuse, panic or leave anything in C, but not
/// reach outside. What is called without checks of its own refuses.
#[test]
fn compute_alone_does_not_reach_outside() {
    let mut backends: Vec<Box<dyn Backend<f64>>> = vec![Box::<Blas>::default()];
    #[cfg(feature = "openblas")]
    backends.push(Box::new(Blas { provider: linalg::Provider::System }));
    let refusing = backends.len();
    backends.push(Box::<Naive>::default());
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let blocked = Blocked { tiling: Tiling { isa: Some(isa), ..Tiling::default() }, threads: Threads::Count(2) };
        backends.push(Box::new(blocked));
        backends.push(Box::new(Strassen { base: blocked, cutoff: 2, levels_max: 2 }));
    }
    for scale in [1, 60] {
        let shape = |rows: usize, cols: usize| Matrix::from_fn(rows * scale, cols * scale, |_, _| 1.0);
        for (a, b, c) in [
            (shape(2, 9), shape(1, 4), shape(2, 4)),
            (shape(2, 3), shape(3, 4), shape(1, 4)),
            (shape(2, 3), shape(3, 4), shape(2, 1)),
        ] {
            for (number, backend) in backends.iter().enumerate() {
                let mut around = Matrix::from_fn(c.rows() + 300, c.cols() + 300, |_, _| 7.0);
                let inside = around.view_mut().submatrix(150, 150, c.rows(), c.cols()).unwrap();
                let call = || backend.compute(1.0, a.view(), b.view(), 0.0, inside);
                let outcome = catch_unwind(AssertUnwindSafe(call));
                assert!(number >= refusing || matches!(outcome, Ok(Err(_))), "{}", backend.name());
                let touched = around.as_slice().iter().filter(|&&x| x != 7.0).count();
                assert!(touched <= c.rows() * c.cols(), "{}", backend.name());
            }
        }
    }
}

/// Strides of 0 make matrices of any size out of one element.
#[test]
fn endless_matrices_are_refused() {
    let one = [1.0f64];
    for (rows, cols) in [(4, 1 << 62), (1 << 33, 1 << 33), (1 << 60, 16), (usize::MAX, usize::MAX)] {
        let b = MatrixView::from_slice(&one, rows, cols, 0, 0).unwrap();
        let refused = Blocked::default().pack_b(b).map(|_| ());
        assert_eq!(refused, Err(Error::TooLarge { rows, cols, row_stride: 0, col_stride: 0 }));
    }
    let (rows, cols) = (usize::MAX, 2);
    let tall = MatrixView::from_slice(&one, rows, 1, 0, 0).unwrap();
    let wide = MatrixView::from_slice(&one, 1, cols, 0, 0).unwrap();
    let refused = linalg::matmul(tall, wide);
    assert_eq!(refused, Err(Error::TooLarge { rows, cols, row_stride: 2, col_stride: 1 }));
}

#[test]
fn any_shape_can_be_planned_for() {
    for m in [0, 1, 1 << 40, usize::MAX] {
        for k in [0, 1, 2, 3, usize::MAX] {
            for n in [0, 1, 7, usize::MAX] {
                assert!(!backend::explain::<f32>(m, k, n).is_empty());
                for threads in [Threads::Count(0), Threads::Count(7), Threads::All] {
                    assert!(Blocked { threads, ..Blocked::default() }.plan::<f64>(m, k, n).is_ok());
                }
            }
        }
    }
    assert_eq!(Matrix::<f32>::from_fn(usize::MAX, 0, |_, _| 1.0).as_slice(), [0.0_f32; 0]);
}

/// More threads than there are tiles.
#[test]
fn countless_threads_share_what_there_is() {
    let mut random = Random::new(21);
    let (a, b) = (random.matrix::<f32>(40, 5000), random.matrix::<f32>(5000, 50));
    let run = |threads| {
        let mut c = Matrix::zeros(40, 50);
        Blocked { threads, ..Blocked::default() }.gemm(1.0, a.view(), b.view(), 0.0, c.view_mut()).unwrap();
        c
    };
    assert_eq!(run(Threads::Count(usize::MAX)), run(Threads::Count(1)));
}

/// Vectors of any stride, longer than what is copied at a time, in both orientations.
#[test]
fn long_vectors_with_strides() {
    let mut random = Random::new(22);
    let k = 40_000;
    let (matrix, vector) = (random.matrix::<f64>(3, k), random.matrix::<f64>(k, 2));
    let column = MatrixView::from_slice(vector.as_slice(), k, 1, 2, 1).unwrap();
    let want: Vec<f64> = (0..3).map(|i| (0..k).map(|p| matrix[(i, p)] * column[(p, 0)]).sum()).collect();
    let mut c = Matrix::from_vec(vec![1.0; 3], 3, 1).unwrap();
    Blocked::default().gemm(2.0, matrix.view(), column, -1.0, c.view_mut()).unwrap();
    for (got, want) in c.as_slice().iter().zip(&want) {
        assert!((got - (2.0 * want - 1.0)).abs() < k as f64 * f64::EPSILON * k as f64, "{got} {want}");
    }
    // Aᵀ has its rows in line, and C every other place.
    let tall = matrix.view().transpose();
    let x = [1.0, 10.0, 100.0];
    let mut places = vec![7.0; 2 * k];
    let c = MatrixViewMut::from_slice(&mut places, k, 1, 2, 1).unwrap();
    Blocked::default().gemm(1.0, tall, MatrixView::from_slice(&x, 3, 1, 1, 1).unwrap(), 1.0, c).unwrap();
    for i in 0..k {
        let want = 7.0 + (0..3).map(|p| tall[(i, p)] * x[p]).sum::<f64>();
        assert!((places[2 * i] - want).abs() < 1e-11 && places[2 * i + 1] == 7.0, "seed 22, {i}");
    }
}

#[test]
fn rows_are_slices_where_they_are_in_line() {
    let mut matrix = Matrix::from_fn(3, 4, |i, j| (10 * i + j) as f32);
    assert_eq!(matrix.view().row_slice(2), Some(&[20.0, 21.0, 22.0, 23.0][..]));
    assert_eq!(matrix.view().transpose().row_slice(0), None);
    assert_eq!(matrix.view().transpose().submatrix(1, 2, 2, 1).unwrap().row_slice(1), Some(&[22.0][..]));
    assert_eq!(matrix.view().submatrix(0, 0, 3, 0).unwrap().row_slice(2), Some(&[][..]));
    matrix.view_mut().row_slice_mut(1).unwrap()[3] = -1.0;
    assert_eq!(matrix[(1, 3)], -1.0);
    assert_eq!(matrix.view().transpose().row_iter(3).copied().collect::<Vec<_>>(), [3.0, -1.0, 23.0]);
    assert_eq!(matrix.view().submatrix(0, 0, 3, 0).unwrap().row_iter(2).count(), 0);
    assert!(catch_unwind(|| Matrix::<f32>::zeros(3, 4).view().row_slice(3).is_some()).is_err());
}

/// The six orders agree: the same sums, in the same order of p, up to where alpha is applied.
#[test]
fn orders_agree_exactly_on_small_integers() {
    let (a, b) =
        (Matrix::from_fn(7, 9, |i, j| (i + j) as f64), Matrix::from_fn(9, 5, |i, j| (2 * i) as f64 - j as f64));
    let products = LoopOrder::ALL.map(|order| {
        let mut c = Matrix::from_fn(7, 5, |i, j| (i * j) as f64);
        Naive { order }.gemm(2.0, a.view(), b.view(), 3.0, c.view_mut()).unwrap();
        c
    });
    assert!(products.iter().all(|product| product == &products[0]));
}
