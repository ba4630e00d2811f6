//! Transposing between a row a query, as the caller's matrices have it, and a lane a query, as the kernels do.
#![allow(unsafe_code)]

/// `to[column·to_stride + row] = from[row·from_stride + column]` for `rows` rows and `cols` columns.
///
/// # Panics
///
/// If a slice ends before its last element.
pub(crate) fn transpose(
    (rows, cols): (usize, usize),
    from: &[f32],
    from_stride: usize,
    to: &mut [f32],
    to_stride: usize,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    assert!(cols <= from_stride && rows <= to_stride);
    assert!((rows - 1) * from_stride + cols <= from.len() && (cols - 1) * to_stride + rows <= to.len());
    let (whole_rows, whole_columns) = (rows - rows % 4, cols - cols % 4);
    for row in (0..whole_rows).step_by(4) {
        for column in (0..whole_columns).step_by(4) {
            let (at, there) = (row * from_stride + column, column * to_stride + row);
            // SAFETY: four rows from `row` on and four columns from `column` on are inside, by the assertions above.
            unsafe { square(from.as_ptr().add(at), from_stride, to.as_mut_ptr().add(there), to_stride) }
        }
    }
    for row in 0..rows {
        let rest = if row < whole_rows { whole_columns } else { 0 };
        for column in rest..cols {
            to[column * to_stride + row] = from[row * from_stride + column];
        }
    }
}

/// Transposes 4 × 4 elements.
///
/// # Safety
/// Four elements may be read at each of four rows of `from`, and written at each of four rows of `to`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn square(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    use core::arch::x86_64::*;
    // SAFETY: SSE is part of x86-64; the caller's.
    unsafe {
        let row = |i: usize| _mm_loadu_ps(from.add(i * from_stride));
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let (ab_low, ab_high) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(to, _mm_movelh_ps(ab_low, cd_low));
        _mm_storeu_ps(to.add(to_stride), _mm_movehl_ps(cd_low, ab_low));
        _mm_storeu_ps(to.add(2 * to_stride), _mm_movelh_ps(ab_high, cd_high));
        _mm_storeu_ps(to.add(3 * to_stride), _mm_movehl_ps(cd_high, ab_high));
    }
}

/// Transposes 4 × 4 elements.
///
/// # Safety
/// Four elements may be read at each of four rows of `from`, and written at each of four rows of `to`.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn square(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    for i in 0..4 {
        for j in 0..4 {
            // SAFETY: the caller's.
            unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) }
        }
    }
}
