//! What the suite does not say: equal bits on any number of threads, packed operands, refusals, dispatch.

use linalg::suite::Random;
use linalg::{
    Backend, Blocked, Error, Isa, Matrix, MatrixView, MatrixViewMut, Scalar, Strassen, Threads, Tiling, backend, matmul,
};

/// Shapes of every path of Blocked, large enough to be cut among threads.
const SHAPES: [[usize; 3]; 10] = [
    [70, 6000, 80],
    [150, 160, 170],
    [300, 300, 300],
    [512, 512, 600],
    [7, 900, 1300],
    [1200, 700, 9],
    [1, 1500, 900],
    [1500, 900, 1],
    [900, 1, 1100],
    [33, 1100, 1024],
];

fn same_bits<T: Scalar>(seed: u64) {
    let mut random = Random::new(seed);
    for [m, k, n] in SHAPES {
        let (a, b) = (random.matrix::<T>(m, k), random.matrix::<T>(k, n));
        let start = random.matrix::<T>(m, n);
        let run = |threads| {
            let blocked = Blocked { threads, ..Blocked::default() };
            let strassen = Strassen { base: blocked, cutoff: 100, levels_max: 2 };
            let backends: [&dyn Backend<T>; 2] = [&blocked, &strassen];
            backends.map(|backend| {
                let mut c = start.clone();
                backend.gemm(T::from_f64(0.5), a.view(), b.view(), T::from_f64(2.0), c.view_mut()).unwrap();
                c
            })
        };
        let one = run(Threads::Count(1));
        for threads in [Threads::Count(2), Threads::Count(3), Threads::Count(7), Threads::All] {
            assert!(run(threads) == one, "seed {seed}: {m}x{k}x{n} on {threads:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    same_bits::<f32>(11);
    same_bits::<f64>(12);
}

/// An outer product that is larger than most third-level caches, over NaN: each number is one product, rounded once.
#[test]
fn a_large_outer_product_is_exact() {
    let (m, n) = (2001, 2003);
    let mut random = Random::new(14);
    let (a, b) = (random.matrix::<f64>(m, 1), random.matrix::<f64>(1, n));
    let expected: Vec<f64> = a.as_slice().iter().flat_map(|x| b.as_slice().iter().map(move |y| x * y)).collect();
    for threads in [1, 2, 5].map(Threads::Count) {
        let mut c = Matrix::from_vec(vec![f64::NAN; m * n], m, n).unwrap();
        Blocked { threads, ..Blocked::default() }.gemm(1.0, a.view(), b.view(), 0.0, c.view_mut()).unwrap();
        assert!(c.as_slice() == expected, "{threads:?}");
    }
}

#[test]
fn a_packed_operand_gives_the_same_product() {
    let mut random = Random::new(13);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for [m, k, n] in [[1, 1, 1], [40, 33, 50], [130, 600, 97], [0, 5, 3], [3, 0, 4], [3, 4, 0]] {
            let tiling = Tiling { isa: Some(isa), kc: Some(100), ..Tiling::default() };
            for threads in [Threads::Count(1), Threads::Count(4)] {
                let blocked = Blocked { tiling, threads };
                let (a, b) = (random.matrix::<f64>(m, k), random.matrix::<f64>(k, n));
                let packed = blocked.pack_b(b.view()).unwrap();
                let mut c = random.matrix::<f64>(m, n);
                let mut want = c.clone();
                blocked.gemm_packed(0.5, a.view(), &packed, -1.0, c.view_mut()).unwrap();
                linalg::Naive::default().gemm(0.5, a.view(), b.view(), -1.0, want.view_mut()).unwrap();
                for (got, want) in c.as_slice().iter().zip(want.as_slice()) {
                    let tolerance = (k as f64 + 3.0) * f64::EPSILON * (k as f64 + 1.0);
                    assert!((got - want).abs() <= tolerance, "seed 13, {isa} {m}x{k}x{n}: {got} {want}");
                }
            }
        }
    }
    let packed = Blocked::default().pack_b(Matrix::<f32>::zeros(3, 4).view()).unwrap();
    let mut c = Matrix::zeros(2, 4);
    let refused = Blocked::default().gemm_packed(1.0, Matrix::zeros(2, 5).view(), &packed, 0.0, c.view_mut());
    assert_eq!(refused, Err(Error::ShapeMismatch { left_rows: 2, left_cols: 5, right_rows: 3, right_cols: 4 }));
}

#[test]
fn views_refuse_what_they_cannot_hold() {
    let mut data = [0.0f32; 12];
    let view = |rows, cols, row_stride, col_stride| {
        MatrixView::from_slice(&[0.0f32; 12], rows, cols, row_stride, col_stride).map(|_| ())
    };
    assert_eq!(view(3, 4, 4, 1), Ok(()));
    assert_eq!(view(3, 4, 0, 0), Ok(()));
    assert_eq!(view(0, 9, 99, 99), Ok(()));
    assert_eq!(
        view(3, 4, 5, 1),
        Err(Error::OutOfReach { rows: 3, cols: 4, row_stride: 5, col_stride: 1, needed: 14, len: 12 })
    );
    let (rows, cols, row_stride, col_stride) = (usize::MAX, 2, usize::MAX, 1);
    assert_eq!(view(rows, cols, row_stride, col_stride), Err(Error::TooLarge { rows, cols, row_stride, col_stride }));
    let mut mutable = |rows, cols, row_stride, col_stride| {
        MatrixViewMut::from_slice(&mut data, rows, cols, row_stride, col_stride).map(|_| ())
    };
    assert_eq!(mutable(2, 3, 3, 2), Ok(()));
    assert_eq!(mutable(1, 4, 0, 3), Ok(()));
    for (rows, cols, row_stride, col_stride) in [(2, 2, 1, 1), (2, 1, 0, 1), (3, 4, 2, 1), (2, 3, 4, 2)] {
        let aliasing = Error::Aliasing { rows, cols, row_stride, col_stride };
        assert_eq!(mutable(rows, cols, row_stride, col_stride), Err(aliasing));
    }
    assert_eq!(
        Matrix::from_vec(vec![1.0f64; 5], 2, 3),
        Err(Error::DataLength { rows: 2, cols: 3, expected: 6, len: 5 })
    );
    assert!(matches!(Matrix::<f64>::from_vec(vec![], usize::MAX, 3), Err(Error::TooLarge { .. })));
    let matrix = Matrix::<f64>::zeros(3, 4);
    assert!(matrix.view().submatrix(3, 4, 0, 0).is_ok());
    assert_eq!(
        matrix.view().submatrix(1, 2, 2, 3).map(|_| ()),
        Err(Error::BlockOutside { row: 1, col: 2, rows: 2, cols: 3, of_rows: 3, of_cols: 4 })
    );
    assert!(matrix.view().submatrix(usize::MAX, 0, 2, 1).is_err());
}

/// Every pair of places compared, over all small layouts: the rule in `view.rs` is exact.
#[test]
fn aliasing_is_found_exactly() {
    let mut data = [0u8; 200];
    for rows in 0..5 {
        for cols in 0..5 {
            for row_stride in 0..9 {
                for col_stride in 0..9 {
                    let mut places: Vec<_> =
                        (0..rows).flat_map(|i| (0..cols).map(move |j| i * row_stride + j * col_stride)).collect();
                    places.sort_unstable();
                    let distinct = places.windows(2).all(|pair| pair[0] != pair[1]);
                    let view = MatrixViewMut::from_slice(&mut data, rows, cols, row_stride, col_stride);
                    assert_eq!(view.is_ok(), distinct, "{rows}x{cols} strides {row_stride} {col_stride}");
                }
            }
        }
    }
}

#[test]
fn settings_that_cannot_be_followed_are_refused() {
    let (a, mut c) = (Matrix::<f32>::identity(4), Matrix::from_fn(4, 4, |_, _| 7.0f32));
    let said = Error::BadTiling { name: "kc", value: 0, max: linalg::KC_MAX }.to_string();
    assert_eq!(said, "kc is 0, it must be between 1 and 4096");
    for (tiling, name, max) in [
        (Tiling { kc: Some(0), ..Tiling::default() }, "kc", linalg::KC_MAX),
        (Tiling { mc: Some(usize::MAX), ..Tiling::default() }, "mc", linalg::MC_MAX),
        (Tiling { nc: Some(0), ..Tiling::default() }, "nc", linalg::NC_MAX),
    ] {
        let blocked = Blocked { tiling, ..Blocked::default() };
        let refused = blocked.gemm(1.0, a.view(), a.view(), 0.0, c.view_mut());
        assert!(matches!(refused, Err(Error::BadTiling { name: n, max: m, .. }) if (n, m) == (name, max)));
        let strassen = Strassen { base: blocked, cutoff: 2, levels_max: 2 };
        assert!(strassen.gemm(1.0, a.view(), a.view(), 0.0, c.view_mut()).is_err());
    }
    assert!(c.as_slice().iter().all(|&x| x == 7.0));
}

#[test]
fn matmul_picks_and_explains() {
    let mut random = Random::new(14);
    for [m, k, n] in [[0, 3, 2], [1, 1, 1], [2, 2, 2], [30, 40, 50], [1, 300, 200], [200, 300, 1]] {
        let (a, b) = (random.matrix::<f32>(m, k), random.matrix::<f32>(k, n));
        let c = matmul(&a, &b).unwrap();
        assert_eq!((c.rows(), c.cols()), (m, n));
        let mut want = Matrix::zeros(m, n);
        linalg::Naive::default().gemm(1.0, a.view(), b.view(), 0.0, want.view_mut()).unwrap();
        for (got, want) in c.as_slice().iter().zip(want.as_slice()) {
            let tolerance = (k as f32 + 3.0) * f32::EPSILON * k as f32;
            assert!((got - want).abs() <= tolerance, "seed 14, {m}x{k}x{n}");
        }
    }
    let error = matmul(&Matrix::<f64>::zeros(2, 3), &Matrix::zeros(4, 5)).unwrap_err();
    assert_eq!(error.to_string(), "cannot multiply 2x3 by 4x5: 3 columns on the left, 4 rows on the right");
    assert!(backend::explain::<f64>(2, 2, 2).contains("naive"));
    assert!(backend::explain::<f64>(2000, 2000, 2000).contains("packed"));
    assert!(backend::explain::<f64>(1, 2000, 2000).contains("one row or column"));
}
