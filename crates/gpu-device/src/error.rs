//! Everything that can be wrong with a device, a module or a launch, one variant each.

use crate::Launch;

/// What the driver said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} ({code}): {message}")]
pub struct DriverError {
    /// The number of the driver API's `CUresult`.
    pub code: u32,
    /// Its name, as `CUDA_ERROR_ILLEGAL_ADDRESS`, or `unknown` when the driver has no name for it.
    pub name: String,
    /// The driver's own description.
    pub message: String,
}

/// Why the device did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no CUDA here.
    #[error("no CUDA device can be opened: {reason}")]
    Unavailable {
        /// Why, and what to do about it.
        reason: String,
    },
    /// There is CUDA, but not this device.
    #[error("device {ordinal} was asked for, the machine has {count} (counted from 0)")]
    NoSuchDevice {
        /// The device asked for.
        ordinal: u32,
        /// How many there are.
        count: u32,
    },
    /// A call into the driver failed.
    #[error("{action} failed")]
    Driver {
        /// What was being done.
        action: String,
        /// What the driver said.
        source: DriverError,
    },
    /// The device has not enough memory.
    #[error("a buffer of {bytes} bytes does not fit the device's memory: {free} of {total} bytes are free")]
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
        /// Bytes free.
        free: usize,
        /// Bytes that the device has.
        total: usize,
    },
    /// A buffer's size in bytes does not fit the address space.
    #[error("{len} elements of {element_bytes} bytes are larger than the address space")]
    TooLarge {
        /// Elements asked for.
        len: usize,
        /// Bytes of one.
        element_bytes: usize,
    },
    /// A launch needs more blocks along x than it can have.
    #[error("the grid has {blocks} blocks along x, at most {max} are allowed")]
    GridTooLarge {
        /// Blocks along x.
        blocks: u64,
        /// The most that a launch can have.
        max: u32,
    },
    /// A block has no threads.
    #[error("the block has 0 threads, it must have at least 1")]
    EmptyBlock,
    /// A slice and a buffer, or two buffers, that should be equally long are not.
    #[error("cannot copy between a slice of {slice} elements and a buffer of {buffer}")]
    Length {
        /// Elements of the slice on the host, or of the buffer that is copied from.
        slice: usize,
        /// Elements of the buffer on the device.
        buffer: usize,
    },
    /// Part of a buffer was asked for that it does not have.
    #[error("{len} elements from element {start} on are not in a buffer of {buffer}")]
    OutOfRange {
        /// The first element, counted from 0.
        start: usize,
        /// How many.
        len: usize,
        /// Elements of the buffer on the device.
        buffer: usize,
    },
    /// A module's text is not PTX as far as signatures go.
    #[error("module `{module}`, line {line}: {reason}")]
    Ptx {
        /// The module's name.
        module: String,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The driver refuses a module.
    #[error("the driver refuses module `{module}`{}", if log.is_empty() { String::new() } else { format!(": {log}") })]
    Load {
        /// The module's name.
        module: String,
        /// What the driver's compiler wrote.
        log: String,
        /// What the driver said.
        source: DriverError,
    },
    /// Two different texts were loaded under one name.
    #[error("module `{module}` is loaded already, with another text")]
    ModuleDiffers {
        /// The name.
        module: String,
    },
    /// A module has no kernel of that name.
    #[error("module `{module}` has no kernel `{kernel}`, it has {}", if has.is_empty() { "none" } else { has })]
    NoSuchKernel {
        /// The module's name.
        module: String,
        /// The kernel asked for.
        kernel: String,
        /// The kernels it has, with commas between.
        has: String,
    },
    /// A launch passes too few or too many arguments.
    #[error("kernel `{kernel}` takes {expected} arguments, {given} were given")]
    ArgumentCount {
        /// The kernel.
        kernel: String,
        /// What its signature says.
        expected: usize,
        /// What was given.
        given: usize,
    },
    /// A launch passes an argument of another type or size.
    #[error("argument {index} of kernel `{kernel}` is {expected}, {given} was given")]
    ArgumentType {
        /// The kernel.
        kernel: String,
        /// Which argument, counted from 0.
        index: usize,
        /// What its signature says.
        expected: String,
        /// What was given.
        given: String,
    },
    /// A buffer is on another device, or was made by another opening of this one.
    #[error("argument {index} of kernel `{kernel}` is a buffer of another device")]
    ForeignBuffer {
        /// The kernel.
        kernel: String,
        /// Which argument, counted from 0.
        index: usize,
    },
    /// A buffer is to be copied from that is on another device, or was made by another opening of this one.
    #[error("cannot copy from a buffer of device {from} to one of device {to}: they were opened apart")]
    ForeignCopy {
        /// The device that is copied from, counted from 0.
        from: u32,
        /// The device that is copied to.
        to: u32,
    },
    /// A buffer is shorter than what a vetted kernel will touch.
    #[error("argument {index} of kernel `{kernel}` must hold {needed} bytes, it holds {given}")]
    BufferTooShort {
        /// The kernel.
        kernel: String,
        /// Which argument, counted from 0.
        index: usize,
        /// Bytes that the kernel may touch, given the launch and its numbers.
        needed: usize,
        /// Bytes that the buffer has.
        given: usize,
    },
    /// A vetted kernel's contract does not cover a launch.
    #[error("kernel `{kernel}` is not vetted for {launch} with these arguments: {reason}")]
    Unvetted {
        /// The kernel.
        kernel: String,
        /// The launch.
        launch: Launch,
        /// What the contract asks for.
        reason: String,
    },
    /// A launch asks for more than the device or the kernel allows.
    #[error("kernel `{kernel}` {launch}: {what} is {given}, {allowed}")]
    LaunchLimit {
        /// The kernel.
        kernel: String,
        /// The launch.
        launch: Launch,
        /// Which number.
        what: &'static str,
        /// What was asked for.
        given: u64,
        /// What may be asked for.
        allowed: String,
    },
    /// The driver refuses a launch.
    #[error("the driver refuses to launch kernel `{kernel}` {launch}")]
    Launch {
        /// The kernel.
        kernel: String,
        /// The launch.
        launch: Launch,
        /// What the driver said.
        source: DriverError,
    },
    /// Something that was launched before failed; the device says so only when it is waited for.
    #[error("the device failed, the last launch was {last}")]
    Asynchronous {
        /// The last kernel that was launched and how, or `none`.
        last: String,
        /// What the driver said.
        source: DriverError,
    },
}
