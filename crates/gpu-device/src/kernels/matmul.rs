//! Matrix products, and conversions to 16 bits: [`gpukern_kernels::matmul`].

use gpukern_kernels::matmul::{convert, mma, naive, register, tiled};

use super::{Numbers, bytes, one_dimensional};
use crate::{Argument, Launch, Vetted};

// SAFETY, of every kernel here: see `kernels`. A is m×k, B is k×n (each transposed where a flag says so) and C is m×n, with rows
// `lda`, `ldb`, `ldc` elements apart; beyond the last column of the last row nothing is touched.

/// [`naive::MATMUL_NAIVE`]: C ← A·B, without gaps between rows.
// SAFETY: as above, with leading dimensions k, n and n.
pub const NAIVE: Vetted = unsafe { Vetted::new("matmul_naive", naive::PTX, naive::MATMUL_NAIVE.name, naive_reach) };

/// [`tiled::MATMUL_TILED_F32`].
// SAFETY: as above, elements of 4 bytes.
pub const TILED_F32: Vetted =
    unsafe { Vetted::new("matmul_tiled", tiled::PTX, tiled::MATMUL_TILED_F32.name, tiled_reach::<4>) };

/// [`tiled::MATMUL_TILED_F64`].
// SAFETY: as above, elements of 8 bytes.
pub const TILED_F64: Vetted =
    unsafe { Vetted::new("matmul_tiled", tiled::PTX, tiled::MATMUL_TILED_F64.name, tiled_reach::<8>) };

/// [`register::MATMUL_REGISTER`].
// SAFETY: as above, elements of 4 bytes.
pub const REGISTER: Vetted =
    unsafe { Vetted::new("matmul_register", register::PTX, register::MATMUL_REGISTER.name, plain_reach::<4>) };

/// [`mma::MATMUL_MMA_BF16`].
// SAFETY: as above, elements of A and B of 2 bytes.
pub const MMA_BF16: Vetted =
    unsafe { Vetted::new("matmul_mma", mma::PTX, mma::MATMUL_MMA_BF16.name, plain_reach::<2>) };

/// [`mma::MATMUL_MMA_F16`].
// SAFETY: as above, elements of A and B of 2 bytes.
pub const MMA_F16: Vetted = unsafe { Vetted::new("matmul_mma", mma::PTX, mma::MATMUL_MMA_F16.name, plain_reach::<2>) };

/// [`convert::CONVERT_F32_TO_BF16`].
// SAFETY: see `kernels`: reads `count` f32, writes as many u16.
pub const CONVERT_F32_TO_BF16: Vetted =
    unsafe { Vetted::new("convert", convert::PTX, convert::CONVERT_F32_TO_BF16.name, convert_reach) };

/// [`convert::CONVERT_F32_TO_F16`].
// SAFETY: see `kernels`: reads `count` f32, writes as many u16.
pub const CONVERT_F32_TO_F16: Vetted =
    unsafe { Vetted::new("convert", convert::PTX, convert::CONVERT_F32_TO_F16.name, convert_reach) };

fn naive_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let [m, n, k] = sizes(arguments)?;
    let most = naive::grid(m as u32, n as u32);
    if launch.block != naive::BLOCK || launch.grid.iter().zip(most).any(|(&given, most)| given > most) {
        return Err(format!("its block is {:?}, its grid at most {most:?} for these sizes", naive::BLOCK));
    }
    Ok(vec![bytes(&[m, k, 4])?, bytes(&[k, n, 4])?, bytes(&[m, n, 4])?])
}

/// m, n, k, alpha, a, lda, transpose_a, b, ldb, transpose_b, beta, c, ldc.
fn tiled_reach<const ELEMENT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let [m, n, k] = sizes(arguments)?;
    one_dimensional(launch, tiled::BLOCK, tiled::grid(m as u32, n as u32))?;
    let numbers = Numbers(arguments);
    let shape = |flag: usize, rows: usize, columns: usize| {
        let transposed = numbers.size(flag, "the flag of a transpose")? != 0;
        Ok::<_, String>(if transposed { (columns, rows) } else { (rows, columns) })
    };
    let a = extent(&numbers, 5, "lda", shape(6, m, k)?)?;
    let b = extent(&numbers, 8, "ldb", shape(9, k, n)?)?;
    let c = extent(&numbers, 12, "ldc", (m, n))?;
    Ok(vec![bytes(&[a, ELEMENT])?, bytes(&[b, ELEMENT])?, bytes(&[c, ELEMENT])?])
}

/// m, n, k, alpha, a, lda, b, ldb, beta, c, ldc; C is f32.
fn plain_reach<const ELEMENT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    const { assert!(register::TILE == mma::TILE && register::BLOCK[0] == mma::BLOCK[0]) };
    let [m, n, k] = sizes(arguments)?;
    one_dimensional(launch, register::BLOCK, register::grid(m as u32, n as u32))?;
    let numbers = Numbers(arguments);
    let a = extent(&numbers, 5, "lda", (m, k))?;
    let b = extent(&numbers, 7, "ldb", (k, n))?;
    let c = extent(&numbers, 10, "ldc", (m, n))?;
    Ok(vec![bytes(&[a, ELEMENT])?, bytes(&[b, ELEMENT])?, bytes(&[c, 4])?])
}

/// Any block of one dimension, any grid of one.
fn convert_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let count = Numbers(arguments).size(0, "count")?;
    one_dimensional(launch, [launch.block[0], 1, 1], u64::from(gpukern_kernels::GRID_X_MAX))?;
    Ok(vec![bytes(&[count, 4])?, bytes(&[count, 2])?])
}

/// m, n and k: the first three arguments of every product.
fn sizes(arguments: &[Argument<'_>]) -> Result<[usize; 3], String> {
    let numbers = Numbers(arguments);
    Ok([numbers.dimension(0, "m")?, numbers.dimension(1, "n")?, numbers.dimension(2, "k")?])
}

/// Elements from the first to the last of a matrix whose rows lie a leading dimension apart.
fn extent(numbers: &Numbers<'_>, index: usize, name: &str, shape: (usize, usize)) -> Result<usize, String> {
    let ((rows, columns), leading) = (shape, numbers.dimension(index, name)?);
    if leading < columns && rows > 1 {
        return Err(format!("{name} is {leading}, but rows have {columns} elements"));
    }
    if rows == 0 || columns == 0 {
        return Ok(0);
    }
    let last = bytes(&[rows - 1, leading])?;
    last.checked_add(columns).ok_or_else(|| format!("{rows} rows {leading} apart overflow"))
}
