//! Scratch memory for packed panels, kept by each thread from one product to the next.
//!
//! Fresh pages cost about as much as packing into them, so a thread keeps its largest buffer: at most
//! [`SCRATCH_BYTES_MAX`](crate::blocked::SCRATCH_BYTES_MAX).
#![allow(unsafe_code)]

use std::cell::Cell;

use crate::Scalar;

/// One cache line, which makes a `Vec` of them aligned to lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code, reason = "read as elements")] [u8; 64]);

thread_local! {
    static KEPT: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with `len` elements of scratch memory, aligned to a cache line, holding anything.
///
/// Calls may nest, as they do when a thread that waits picks up another product: the inner one gets a new buffer.
pub(crate) fn with_scratch<T: Scalar, R>(len: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
    let mut buffer = KEPT.take();
    if buffer.len() < lines {
        // Not both at a time.
        drop(buffer);
        buffer = vec![Line([0; 64]); lines];
    }
    // SAFETY: the buffer holds at least len·size_of::<T>() initialised bytes, aligned to 64, and T is f32 or
    // f64 (Scalar is sealed), for which every bit pattern is a value.
    let elements = unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast::<T>(), len) };
    let result = work(elements);
    let other = KEPT.take();
    KEPT.set(if other.len() > buffer.len() { other } else { buffer });
    result
}
