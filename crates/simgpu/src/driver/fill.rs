//! Memory filled with a number.

use super::codes::CUresult;
use super::copy::is_empty;
use super::failure::Failure;
use super::raw::{DevicePointer, RawHandle};
use super::state::driver;
use super::stream::check_stream;
use crate::error::Error;
use crate::gpu::Gpu;

/// Bytes written at once.
const FILL_BYTES: usize = 64 << 10;

driver_api! {
    /// Fills with a byte.
    fn cuMemsetD8_v2(address: DevicePointer, value: u8, count: usize) { fill(address, &[value], count) }

    /// Fills with two bytes.
    fn cuMemsetD16_v2(address: DevicePointer, value: u16, count: usize) { fill(address, &value.to_ne_bytes(), count) }

    /// Fills with four bytes.
    fn cuMemsetD32_v2(address: DevicePointer, value: u32, count: usize) { fill(address, &value.to_ne_bytes(), count) }

    /// Fills with a byte, at once.
    fn cuMemsetD8Async(address: DevicePointer, value: u8, count: usize, stream: RawHandle) {
        check_stream(stream)?;
        fill(address, &[value], count)
    }

    /// Fills with two bytes, at once.
    fn cuMemsetD16Async(address: DevicePointer, value: u16, count: usize, stream: RawHandle) {
        check_stream(stream)?;
        fill(address, &value.to_ne_bytes(), count)
    }

    /// Fills with four bytes, at once.
    fn cuMemsetD32Async(address: DevicePointer, value: u32, count: usize, stream: RawHandle) {
        check_stream(stream)?;
        fill(address, &value.to_ne_bytes(), count)
    }

    /// Fills rows with a byte.
    fn cuMemsetD2D8_v2(address: DevicePointer, pitch: usize, value: u8, width: usize, height: usize) {
        fill_rows(address, pitch, &[value], width, height)
    }

    /// Fills rows with two bytes.
    fn cuMemsetD2D16_v2(address: DevicePointer, pitch: usize, value: u16, width: usize, height: usize) {
        fill_rows(address, pitch, &value.to_ne_bytes(), width, height)
    }

    /// Fills rows with four bytes.
    fn cuMemsetD2D32_v2(address: DevicePointer, pitch: usize, value: u32, width: usize, height: usize) {
        fill_rows(address, pitch, &value.to_ne_bytes(), width, height)
    }

    /// Fills rows with a byte, at once.
    fn cuMemsetD2D8Async(
        address: DevicePointer,
        pitch: usize,
        value: u8,
        width: usize,
        height: usize,
        stream: RawHandle,
    ) {
        check_stream(stream)?;
        fill_rows(address, pitch, &[value], width, height)
    }

    /// Fills rows with two bytes, at once.
    fn cuMemsetD2D16Async(
        address: DevicePointer,
        pitch: usize,
        value: u16,
        width: usize,
        height: usize,
        stream: RawHandle,
    ) {
        check_stream(stream)?;
        fill_rows(address, pitch, &value.to_ne_bytes(), width, height)
    }

    /// Fills rows with four bytes, at once.
    fn cuMemsetD2D32Async(
        address: DevicePointer,
        pitch: usize,
        value: u32,
        width: usize,
        height: usize,
        stream: RawHandle,
    ) {
        check_stream(stream)?;
        fill_rows(address, pitch, &value.to_ne_bytes(), width, height)
    }
}

fn fill(address: u64, pattern: &[u8], count: usize) -> Result<(), Failure> {
    fill_rows(address, 0, pattern, count, 1)
}

/// Fills `height` rows of `width` patterns each, `pitch` bytes apart.
fn fill_rows(address: u64, pitch: usize, pattern: &[u8], width: usize, height: usize) -> Result<(), Failure> {
    let driver = driver()?;
    driver.tables().current()?;
    let row = width.checked_mul(pattern.len()).ok_or(CUresult::INVALID_VALUE)?;
    let is_aligned = |value: u64| value.is_multiple_of(pattern.len() as u64);
    if !is_aligned(address) || (height > 1 && (pitch < row || !is_aligned(pitch as u64))) {
        return Err(CUresult::INVALID_VALUE.into());
    }
    if is_empty(row, height) {
        return Ok(());
    }
    let gpu = driver.gpu();
    for index in 0..height as u64 {
        let start = index.checked_mul(pitch as u64).and_then(|offset| address.checked_add(offset));
        write_pattern(&gpu, start.ok_or(CUresult::INVALID_VALUE)?, pattern, row as u64)?;
    }
    Ok(())
}

/// Writes a pattern over `bytes` bytes, of which its length is a divisor.
fn write_pattern(gpu: &Gpu, address: u64, pattern: &[u8], bytes: u64) -> Result<(), Error> {
    let piece = pattern.repeat(FILL_BYTES.min(bytes as usize) / pattern.len());
    let mut done = 0;
    while done < bytes {
        let length = (bytes - done).min(piece.len() as u64);
        gpu.write(address + done, &piece[..length as usize])?;
        done += length;
    }
    Ok(())
}
