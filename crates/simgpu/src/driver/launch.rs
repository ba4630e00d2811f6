//! Launches: checked as a driver checks them, run to their end, reported.

use std::ffi::c_uint;

use super::codes::CUresult;
use super::failure::Failure;
use super::function::get;
use super::raw::{HostSource, In, RawHandle};
use super::reports::record;
use super::state::{Driver, Function, driver};
use super::stream::check_stream;
use crate::finding::{Finding, FindingKind};
use crate::gpu::{KernelInfo, Launch, LaunchReport};
use crate::profile::{BLOCK_DIMENSIONS, BLOCK_THREADS, GRID_DIMENSIONS};

// Keys of the `extra` form of parameters.
const LAUNCH_PARAM_END: usize = 0;
const LAUNCH_PARAM_BUFFER_POINTER: usize = 1;
const LAUNCH_PARAM_BUFFER_SIZE: usize = 2;
/// Keys and values that `extra` may hold.
const EXTRA_KEYS: usize = 8;

driver_api! {
    /// Runs a kernel to its end. What the kernel does wrong comes out of later calls.
    fn cuLaunchKernel(
        function: RawHandle,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared_bytes: c_uint,
        stream: RawHandle,
        parameters: In<HostSource>,
        extra: In<HostSource>,
    ) {
        let function = get(function)?;
        check_stream(stream)?;
        let parameters = match (parameters.is_null(), extra.is_null()) {
            (_, true) => gather(&function.info, parameters)?,
            (true, false) => unpack(&function.info, extra)?,
            (false, false) => {
                return Err(Failure::new(CUresult::INVALID_VALUE, "both kernelParams and extra were given"));
            }
        };
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        launch(&function, &Launch { grid, block, shared_bytes, params: &parameters })
    }

    /// Not supported: blocks that wait for each other would have to be resident at once.
    fn cuLaunchCooperativeKernel(
        _function: RawHandle,
        _grid_x: c_uint,
        _grid_y: c_uint,
        _grid_z: c_uint,
        _block_x: c_uint,
        _block_y: c_uint,
        _block_z: c_uint,
        _shared_bytes: c_uint,
        _stream: RawHandle,
        _parameters: In<HostSource>,
    ) {
        driver()?;
        Err(Failure::new(CUresult::NOT_SUPPORTED, "the software GPU has no cooperative launches"))
    }
}

/// Bytes of all parameters.
fn parameter_bytes(info: &KernelInfo) -> usize {
    info.params.iter().map(|&(offset, bytes)| offset + bytes).max().unwrap_or(0) as usize
}

/// Copies parameters that are each behind a pointer to where the kernel looks for them.
fn gather(info: &KernelInfo, pointers: In<HostSource>) -> Result<Vec<u8>, Failure> {
    let mut buffer = vec![0; parameter_bytes(info)];
    for (index, &(offset, bytes)) in info.params.iter().enumerate() {
        let missing = |_| {
            let detail = format!("the kernel has {} parameters, number {index} is missing", info.params.len());
            Failure::new(CUresult::INVALID_VALUE, detail)
        };
        let value = pointers.get_at(index).and_then(|value| value.bytes(bytes as usize)).map_err(missing)?;
        buffer[offset as usize..][..bytes as usize].copy_from_slice(value);
    }
    Ok(buffer)
}

/// Reads the `extra` form: a list of keys and values that names one buffer of all parameters.
fn unpack(info: &KernelInfo, extra: In<HostSource>) -> Result<Vec<u8>, Failure> {
    let (mut buffer, mut size) = (None, None);
    let wrong = |detail: &str| Failure::new(CUresult::INVALID_VALUE, detail);
    for pair in 0..=EXTRA_KEYS {
        let key = extra.get_at(2 * pair)?.address() as usize;
        match key {
            LAUNCH_PARAM_END => break,
            LAUNCH_PARAM_BUFFER_POINTER => buffer = Some(extra.get_at(2 * pair + 1)?),
            LAUNCH_PARAM_BUFFER_SIZE => {
                let bytes = extra.get_at(2 * pair + 1)?.bytes(size_of::<usize>())?;
                size = bytes.try_into().ok().map(usize::from_ne_bytes);
            }
            _ => return Err(wrong("extra holds a key that is not known, or has no end")),
        }
    }
    let expected = parameter_bytes(info);
    let (Some(buffer), Some(size)) = (buffer, size) else {
        return Err(wrong("extra lacks a buffer or its size"));
    };
    if size < expected {
        return Err(wrong(&format!("extra has {size} bytes of parameters, the kernel takes {expected}")));
    }
    Ok(buffer.bytes(expected)?.to_vec())
}

/// What a driver checks before it begins.
fn check(driver: &Driver, function: &Function, launch: &Launch<'_>) -> Result<(), Failure> {
    let name = &function.name;
    let wrong = |detail: String| Err(Failure::new(CUresult::INVALID_VALUE, format!("launch of `{name}`: {detail}")));
    for (what, extents, limits) in
        [("a grid", launch.grid, GRID_DIMENSIONS), ("a block", launch.block, BLOCK_DIMENSIONS)]
    {
        if extents.iter().zip(limits).any(|(&extent, limit)| extent == 0 || extent > limit) {
            return wrong(format!("{what} of {extents:?}, each must be from 1 to {limits:?}"));
        }
    }
    let threads: u64 = launch.block.iter().map(|&extent| u64::from(extent)).product();
    if threads > BLOCK_THREADS.into() {
        return wrong(format!("a block of {threads} threads, at most {BLOCK_THREADS} are allowed"));
    }
    if threads > function.threads_max() {
        let most = function.threads_max();
        let detail = format!("launch of `{name}`: a block of {threads} threads, the kernel was compiled for {most}");
        return Err(Failure::new(CUresult::LAUNCH_OUT_OF_RESOURCES, detail));
    }
    let (asked, most) = (u64::from(launch.shared_bytes), function.dynamic_shared_max(driver.model));
    if asked > most {
        let hint = "cuFuncSetAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES) allows more";
        return wrong(format!("{asked} bytes of dynamic shared memory, at most {most} are allowed: {hint}"));
    }
    Ok(())
}

fn launch(function: &Function, launch: &Launch<'_>) -> Result<(), Failure> {
    let driver = driver()?;
    check(driver, function, launch)?;
    let report = driver.gpu().launch(&function.module, &function.name, launch)?;
    let failure = failure(&report, driver.fail);
    record(driver, report)?;
    if let Some(failure) = failure
        && let Some(context) = driver.tables().contexts.get_mut(function.context)
    {
        // The first failure stays.
        context.error.get_or_insert(failure);
    }
    Ok(())
}

/// The error that a launch leaves behind: of the first finding that ends it.
fn failure(report: &LaunchReport, fail_on_any: bool) -> Option<Failure> {
    let fatal = report.findings.iter().find(|finding| finding.kind.is_fatal());
    let any = report.findings.first().filter(|_| fail_on_any);
    fatal.or(any).map(|finding| Failure::new(code(finding), finding.to_string()))
}

fn code(finding: &Finding) -> CUresult {
    match finding.kind {
        FindingKind::OutOfBounds | FindingKind::UseAfterFree => CUresult::ILLEGAL_ADDRESS,
        FindingKind::Misaligned => CUresult::MISALIGNED_ADDRESS,
        FindingKind::Deadlock | FindingKind::TooManyInstructions => CUresult::LAUNCH_TIMEOUT,
        _ => CUresult::LAUNCH_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn only_what_stops_a_gpu_fails_a_launch_unless_all_is_to() {
        let mut report = example();
        assert_eq!(failure(&report, false), None, "a race");
        let strict = failure(&report, true).expect("a failure");
        assert_eq!(strict.code, CUresult::LAUNCH_FAILED);
        let mut fatal = report.findings[0].clone();
        fatal.kind = FindingKind::Misaligned;
        report.findings.push(fatal);
        let failure = failure(&report, true).expect("a failure");
        assert_eq!(failure.code, CUresult::MISALIGNED_ADDRESS);
        assert!(failure.detail.expect("a sentence").contains("tile.cu:12"));
    }
}
