//! *Do you just call `torch.device("cuda")`, or do you know what happens?*
#![allow(unsafe_code)]

mod argument;
mod buffer;
mod device;
mod driver;
mod error;
mod kernel;
mod launch;
mod properties;
mod signature;
mod vetted;

pub use argument::Argument;
pub use buffer::{Buffer, Element};
pub use device::{Device, Stream};
pub use error::{DriverError, Error};
pub use kernel::{Kernel, Module};
pub use launch::{KernelAttributes, Launch};
pub use properties::Properties;
pub use signature::{Class, Parameter, Signature, signatures};
pub use vetted::{Reach, Vetted, VettedKernel};
