//! Softmax, RMS norm and cross-entropy, forward and backward: [`gpukern_kernels::softmax`], [`gpukern_kernels::rms_norm`],
//! [`gpukern_kernels::cross_entropy`].

use gpukern_kernels::{cross_entropy, rms_norm, softmax};

use super::{Numbers, bytes, one_dimensional};
use crate::{Argument, Launch, Vetted};

// SAFETY, of every kernel here: see `kernels`. Matrices are `rows`×`columns` elements of 4 bytes, without gaps; weights, d_weight and
// sums are `columns`; targets, losses, log_sum_exp and inverse_rms are `rows`. Targets are compared with `columns` before they are used.

/// [`softmax::SOFTMAX`].
// SAFETY: as above.
pub const SOFTMAX: Vetted = unsafe {
    Vetted::new("softmax", softmax::PTX, softmax::SOFTMAX.name, |launch, arguments| matrices(launch, arguments, 2))
};

/// [`softmax::SOFTMAX_BACKWARD`].
// SAFETY: as above.
pub const SOFTMAX_BACKWARD: Vetted = unsafe {
    Vetted::new("softmax", softmax::PTX, softmax::SOFTMAX_BACKWARD.name, |launch, arguments| {
        matrices(launch, arguments, 3)
    })
};

/// [`rms_norm::RMS_NORM`].
// SAFETY: as above; without weights none are read.
pub const RMS_NORM: Vetted = unsafe { Vetted::new("rms_norm", rms_norm::PTX, rms_norm::RMS_NORM.name, rms_norm_reach) };

/// [`rms_norm::BACKWARD_DX`].
// SAFETY: as above; without weights none are read.
pub const RMS_NORM_BACKWARD_DX: Vetted =
    unsafe { Vetted::new("rms_norm", rms_norm::PTX, rms_norm::BACKWARD_DX.name, rms_norm_dx_reach) };

/// [`rms_norm::BACKWARD_DWEIGHT`].
// SAFETY: as above; partial sums are `columns` for each run of rows, and blocks beyond the last run write nothing.
pub const RMS_NORM_BACKWARD_DWEIGHT: Vetted =
    unsafe { Vetted::new("rms_norm", rms_norm::PTX, rms_norm::BACKWARD_DWEIGHT.name, rms_norm_dweight_reach) };

/// [`rms_norm::COLUMN_SUMS`].
// SAFETY: as above.
pub const COLUMN_SUMS: Vetted =
    unsafe { Vetted::new("rms_norm", rms_norm::PTX, rms_norm::COLUMN_SUMS.name, column_sums_reach) };

/// [`cross_entropy::CROSS_ENTROPY`].
// SAFETY: as above.
pub const CROSS_ENTROPY: Vetted =
    unsafe { Vetted::new("cross_entropy", cross_entropy::PTX, cross_entropy::CROSS_ENTROPY.name, cross_entropy_reach) };

/// [`cross_entropy::CROSS_ENTROPY_BACKWARD`].
// SAFETY: as above.
pub const CROSS_ENTROPY_BACKWARD: Vetted = unsafe {
    let name = cross_entropy::CROSS_ENTROPY_BACKWARD.name;
    Vetted::new("cross_entropy", cross_entropy::PTX, name, cross_entropy_backward_reach)
};

/// Bytes of the buffers whose shapes follow from the first two arguments.
struct Shape {
    matrix: usize,
    /// A number a row.
    column: usize,
    /// A number a column.
    row: usize,
    rows: u32,
    columns: u32,
}

impl Shape {
    fn new(arguments: &[Argument<'_>]) -> Result<Self, String> {
        let numbers = Numbers(arguments);
        let [rows, columns] = [numbers.dimension(0, "rows")?, numbers.dimension(1, "columns")?];
        let (matrix, column, row) = (bytes(&[rows, columns, 4])?, bytes(&[rows, 4])?, bytes(&[columns, 4])?);
        Ok(Self { matrix, column, row, rows: rows as u32, columns: columns as u32 })
    }

    /// The same for a kernel that divides by the columns, or by their tiles.
    fn positive(arguments: &[Argument<'_>]) -> Result<Self, String> {
        let shape = Self::new(arguments)?;
        if shape.columns == 0 { Err("columns is 0, it must be at least 1".to_owned()) } else { Ok(shape) }
    }
}

/// rows, columns, and so many matrices.
fn matrices(launch: &Launch, arguments: &[Argument<'_>], count: usize) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments)?;
    one_dimensional(launch, softmax::BLOCK, shape.rows.into())?;
    Ok(vec![shape.matrix; count])
}

/// The weights' bytes, if there are any.
fn weight(shape: &Shape, arguments: &[Argument<'_>], flag: usize) -> Result<usize, String> {
    Ok(if Numbers(arguments).size(flag, "has_weight")? == 0 { 0 } else { shape.row })
}

/// rows, columns, epsilon, has_weight, x, weight, out, inverse_rms.
fn rms_norm_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::positive(arguments)?;
    one_dimensional(launch, rms_norm::BLOCK, shape.rows.into())?;
    Ok(vec![shape.matrix, weight(&shape, arguments, 3)?, shape.matrix, shape.column])
}

/// rows, columns, has_weight, x, weight, inverse_rms, d_out, d_x.
fn rms_norm_dx_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::positive(arguments)?;
    one_dimensional(launch, rms_norm::BLOCK, shape.rows.into())?;
    Ok(vec![shape.matrix, weight(&shape, arguments, 2)?, shape.column, shape.matrix, shape.matrix])
}

/// rows, columns, run, x, inverse_rms, d_out, partial.
fn rms_norm_dweight_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::positive(arguments)?;
    one_dimensional(launch, rms_norm::BLOCK, rms_norm::dweight_grid(shape.rows, shape.columns))?;
    let run = Numbers(arguments).size(2, "run")?;
    if run != rms_norm::RUN as usize {
        return Err(format!("run is {run}, it must be {}", rms_norm::RUN));
    }
    let partial = bytes(&[rms_norm::runs(shape.rows) as usize, shape.row])?;
    Ok(vec![shape.matrix, shape.column, shape.matrix, partial])
}

/// rows, columns, x, sums.
fn column_sums_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::positive(arguments)?;
    one_dimensional(launch, rms_norm::BLOCK, shape.columns.div_ceil(rms_norm::COLUMNS).into())?;
    Ok(vec![shape.matrix, shape.row])
}

/// rows, columns, logits, targets, loss, log_sum_exp.
fn cross_entropy_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments)?;
    one_dimensional(launch, cross_entropy::BLOCK, shape.rows.into())?;
    Ok(vec![shape.matrix, shape.column, shape.column, shape.column])
}

/// rows, columns, logits, targets, log_sum_exp, d_loss, d_logits.
fn cross_entropy_backward_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments)?;
    one_dimensional(launch, cross_entropy::BLOCK, shape.rows.into())?;
    Ok(vec![shape.matrix, shape.column, shape.column, shape.column, shape.matrix])
}
