//! Options of the compiler inside the driver: only its logs mean something here.

use std::ffi::c_uint;

use super::failure::Failure;
use super::raw::{HostTarget, In, Out, RawHandle};

/// Options in one call. There are about thirty.
const OPTIONS: u32 = 1024;

// Numbers of `CUjit_option`.
const INFO_LOG_BUFFER: c_uint = 3;
const INFO_LOG_BUFFER_SIZE_BYTES: c_uint = 4;
const ERROR_LOG_BUFFER: c_uint = 5;
const ERROR_LOG_BUFFER_SIZE_BYTES: c_uint = 6;

/// The log buffers of a caller.
#[derive(Debug, Default)]
pub(super) struct Logs {
    info: Log,
    error: Log,
}

/// A buffer, its size, and where its size stands: how much was written goes there.
#[derive(Debug, Default)]
struct Log {
    buffer: Option<HostTarget>,
    bytes: usize,
    size: Option<(Out<RawHandle>, usize)>,
}

// SAFETY: the pointers inside are those that a caller gave to `cuLinkCreate`, and by the API's contract the memory behind
// them stays valid until `cuLinkDestroy`, on whatever thread the linker is used; the table of linkers is behind a mutex.
unsafe impl Send for Logs {}

impl Logs {
    /// Finds the log buffers among the options. A value is a pointer or a number in a pointer's place.
    pub(super) fn new(count: c_uint, options: In<c_uint>, values: Out<RawHandle>) -> Result<Logs, Failure> {
        let mut logs = Logs::default();
        if count > OPTIONS {
            let detail = format!("{count} options are more than {OPTIONS}");
            return Err(Failure::new(super::codes::CUresult::INVALID_VALUE, detail));
        }
        for index in 0..count as usize {
            match options.get_at(index)? {
                INFO_LOG_BUFFER => logs.info.buffer = buffer(values.get_at(index)?),
                INFO_LOG_BUFFER_SIZE_BYTES => logs.info.set_size(values, index)?,
                ERROR_LOG_BUFFER => logs.error.buffer = buffer(values.get_at(index)?),
                ERROR_LOG_BUFFER_SIZE_BYTES => logs.error.set_size(values, index)?,
                // How to optimise: a software GPU runs what is written.
                _ => {}
            }
        }
        Ok(logs)
    }

    /// Writes the outcome into the buffers: the error, or nothing.
    pub(super) fn write(&self, error: Option<&Failure>) {
        let text = error.map_or(String::new(), |failure| {
            format!("simgpu: {}\n", failure.detail.as_deref().unwrap_or("the image could not be loaded"))
        });
        self.info.write("");
        self.error.write(&text);
    }
}

fn buffer(value: RawHandle) -> Option<HostTarget> {
    (!value.is_null()).then(|| HostTarget::from_option(value))
}

impl Log {
    fn set_size(&mut self, values: Out<RawHandle>, index: usize) -> Result<(), Failure> {
        // The value is a 32-bit number in a pointer's place.
        self.bytes = values.get_at(index)?.addr() & 0xffff_ffff;
        self.size = Some((values, index));
        Ok(())
    }

    /// Writes as much of the text as there is room for, and a zero byte.
    fn write(&self, text: &str) {
        let mut written = 0;
        if let Some(buffer) = self.buffer
            && self.bytes > 0
        {
            written = text.len().min(self.bytes - 1);
            let out: Out<u8> = buffer.as_out();
            for (index, &byte) in text.as_bytes()[..written].iter().chain(&[0]).enumerate() {
                out.set_at(index, byte);
            }
        }
        if let Some((values, index)) = self.size {
            values.set_at(index, std::ptr::without_provenance_mut(written));
        }
    }
}
