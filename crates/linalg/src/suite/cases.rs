//! What the suite multiplies: matrices of awkward shapes, laid out awkwardly.

use super::Random;
use crate::{Error, MatrixView, MatrixViewMut, Scalar};

/// How a matrix lies in its buffer.
#[derive(Debug, Clone, Copy)]
enum Layout {
    RowMajor,
    ColumnMajor,
    PaddedRows,
    PaddedColumns,
    EveryOther,
}

const LAYOUTS: [Layout; 5] =
    [Layout::RowMajor, Layout::ColumnMajor, Layout::PaddedRows, Layout::PaddedColumns, Layout::EveryOther];

/// A matrix in a buffer that is larger than it.
pub(super) struct Laid<T> {
    pub(super) data: Vec<T>,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) strides: (usize, usize),
}

impl<T: Scalar> Laid<T> {
    fn new(random: &mut Random, rows: usize, cols: usize) -> (Self, Layout) {
        let layout = random.pick(&LAYOUTS);
        let padding = 1 + random.below(5);
        let strides = match layout {
            Layout::RowMajor => (cols, 1),
            Layout::ColumnMajor => (1, rows),
            Layout::PaddedRows => (cols + padding, 1),
            Layout::PaddedColumns => (1, rows + padding),
            Layout::EveryOther => (2 * cols + padding, 2),
        };
        let reach = match (rows, cols) {
            (0, _) | (_, 0) => 0,
            _ => (rows - 1) * strides.0 + (cols - 1) * strides.1 + 1,
        };
        let data = (0..reach + padding).map(|_| random.unit()).collect();
        (Self { data, rows, cols, strides }, layout)
    }

    pub(super) fn view(&self) -> Result<MatrixView<'_, T>, Error> {
        MatrixView::from_slice(&self.data, self.rows, self.cols, self.strides.0, self.strides.1)
    }

    pub(super) fn view_mut(&mut self) -> Result<MatrixViewMut<'_, T>, Error> {
        MatrixViewMut::from_slice(&mut self.data, self.rows, self.cols, self.strides.0, self.strides.1)
    }

    /// Which places of the buffer belong to the matrix.
    pub(super) fn owned(&self) -> Vec<bool> {
        let mut owned = vec![false; self.data.len()];
        for i in 0..self.rows {
            for j in 0..self.cols {
                owned[i * self.strides.0 + j * self.strides.1] = true;
            }
        }
        owned
    }
}

/// One product and its answer.
pub(super) struct Case<T> {
    pub(super) alpha: T,
    pub(super) beta: T,
    pub(super) a: Laid<T>,
    pub(super) b: Laid<T>,
    pub(super) c: Laid<T>,
    pub(super) description: String,
}

/// Shapes that sit on, just below and just above every tile edge there is.
const DIMENSIONS: [usize; 24] = [0, 1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 24, 31, 32, 33, 48, 63, 65, 97, 130];
/// Shapes that reach the packed loops and the thin paths.
const LARGE: [[usize; 3]; 11] = [
    [70, 6000, 80],
    [133, 150, 129],
    [150, 300, 70],
    [70, 1030, 40],
    [5, 600, 300],
    [300, 600, 5],
    [257, 2, 301],
    [300, 1, 300],
    [1, 700, 900],
    [900, 700, 1],
    [40, 64, 700],
];

impl<T: Scalar> Case<T> {
    pub(super) fn new(random: &mut Random, case: usize, special: bool) -> Self {
        let [m, k, n] =
            if case % 8 == 7 { random.pick(&LARGE) } else { std::array::from_fn(|_| random.pick(&DIMENSIONS)) };
        let factors = [0.0, 1.0, -1.0, 0.75];
        let (alpha, beta) = (T::from_f64(random.pick(&factors)), T::from_f64(random.pick(&factors)));
        let (mut a, a_layout) = Laid::new(random, m, k);
        let (mut b, b_layout) = Laid::new(random, k, n);
        let (mut c, c_layout) = Laid::new(random, m, n);
        if beta == T::ZERO {
            c.data.fill(T::from_f64(f64::NAN));
        }
        if special {
            let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0];
            for matrix in [&mut a, &mut b, &mut c] {
                for _ in 0..3 {
                    let place = random.below(matrix.data.len());
                    matrix.data[place] = T::from_f64(random.pick(&values));
                }
            }
        }
        let description =
            format!("m {m} k {k} n {n}, {a_layout:?} times {b_layout:?} into {c_layout:?}, alpha {alpha} beta {beta}");
        Self { alpha, beta, a, b, c, description }
    }
}
