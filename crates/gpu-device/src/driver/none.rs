//! No driver: nothing here can ever be made, so nothing here can ever be called.

use std::ffi::{CStr, c_void};
use std::sync::Arc;

use crate::{DriverError, Error, KernelAttributes, Launch, Properties};

pub(crate) enum Context {}
pub(crate) enum Module {}
pub(crate) enum Function {}
pub(crate) enum Stream {}

fn unavailable() -> Error {
    let reason = "this program was built without the feature `cuda` of gpu-device; build it with \
                  `--features cuda` to use the machine's GPU"
        .to_owned();
    Error::Unavailable { reason }
}

impl Context {
    pub(crate) fn count() -> Result<u32, Error> {
        Err(unavailable())
    }
    pub(crate) fn open(_ordinal: u32) -> Result<Self, Error> {
        Err(unavailable())
    }
    pub(crate) fn properties(&self) -> Result<Properties, DriverError> {
        match *self {}
    }
    pub(crate) fn free_and_total(&self) -> Result<(usize, usize), DriverError> {
        match *self {}
    }
    pub(crate) fn allocate(&self, _bytes: usize) -> Result<u64, DriverError> {
        match *self {}
    }
    pub(crate) unsafe fn free(&self, _address: u64) {
        match *self {}
    }
    pub(crate) unsafe fn clear(&self, _address: u64, _bytes: usize) -> Result<(), DriverError> {
        match *self {}
    }
    pub(crate) unsafe fn upload(&self, _address: u64, _bytes: &[u8]) -> Result<(), DriverError> {
        match *self {}
    }
    pub(crate) unsafe fn download(&self, _address: u64, _bytes: &mut [u8]) -> Result<(), DriverError> {
        match *self {}
    }
    pub(crate) unsafe fn copy(&self, _from: u64, _to: u64, _bytes: usize) -> Result<(), DriverError> {
        match *self {}
    }
    pub(crate) fn synchronize(&self) -> Result<(), DriverError> {
        match *self {}
    }
    pub(crate) fn stream(self: &Arc<Self>) -> Result<Stream, DriverError> {
        match **self {}
    }
    pub(crate) fn load(self: &Arc<Self>, _ptx: &CStr) -> Result<Module, (DriverError, String)> {
        match **self {}
    }
    pub(crate) fn time<R>(&self, _work: impl FnOnce() -> R) -> Result<(R, f32), DriverError> {
        match *self {}
    }
    pub(crate) unsafe fn launch(
        &self,
        _stream: Option<&Stream>,
        function: &Function,
        _launch: &Launch,
        _arguments: &[*mut c_void],
    ) -> Result<(), DriverError> {
        match *function {}
    }
}

impl Module {
    pub(crate) fn function(&self, _name: &str) -> Result<Function, DriverError> {
        match *self {}
    }
}

impl Function {
    pub(crate) fn attributes(&self) -> Result<KernelAttributes, DriverError> {
        match *self {}
    }
    pub(crate) fn allow_shared(&self, _bytes: u32) -> Result<(), DriverError> {
        match *self {}
    }
}

impl Stream {
    pub(crate) fn synchronize(&self) -> Result<(), DriverError> {
        match *self {}
    }
}
