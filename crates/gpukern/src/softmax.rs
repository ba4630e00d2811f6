//! Softmax of the rows of a matrix.

use crate::Error;
use crate::attention::product;
use crate::standard::{self, Real};

/// Each row of `out` is the softmax of the same row of `x`: `exp(x − max) / sum of that`, calculated in f64 and rounded once.
/// Both are `[rows, cols]`, row-major.
///
/// ```
/// let mut out = [0.0; 2];
/// gpukern::softmax::reference(1, 2, &[1000.0, 1000.0 + 3.0_f32.ln()], &mut out)?; // exp(1000) is infinite, even in f64
/// assert!((out[0] - 0.25).abs() < 1e-5 && (out[1] - 0.75).abs() < 1e-5);
/// # Ok::<(), gpukern::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Length`], [`Error::TooLarge`], [`Error::OutOfMemory`].
pub fn reference(rows: usize, cols: usize, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    by_definition::<f64>(rows, cols, x, out)
}

pub(crate) fn by_definition<T: Real>(rows: usize, cols: usize, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    let expected = product("x", &[rows, cols])?;
    for (name, len) in [("x", x.len()), ("out", out.len())] {
        if len != expected {
            return Err(Error::Length { name, shape: format!("{:?}", [rows, cols]), expected, len });
        }
    }
    if cols == 0 {
        return Ok(());
    }
    let mut row: Vec<T> = standard::scratch("a row", &[cols])?;
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        for (element, &x) in row.iter_mut().zip(x) {
            *element = T::of(x);
        }
        standard::softmax(&mut row);
        standard::round(&row, out);
    }
    Ok(())
}
