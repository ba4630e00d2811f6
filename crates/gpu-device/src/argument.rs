//! What a launch passes to a kernel.

use std::fmt;
use std::marker::PhantomData;

use crate::signature::{Class, Parameter};
use crate::{Buffer, Element};

/// One argument of a launch: a buffer, or a number passed by value.
///
/// `Argument::from` takes `&Buffer<T>` (the kernel reads), `&mut Buffer<T>` (the kernel writes), `u32`, `i32`, `u64`, `i64`,
/// `f32` and `f64`. PTX has one integer type a size, so signed and unsigned numbers are the same to a signature.
#[derive(Debug, Clone, Copy)]
pub struct Argument<'a> {
    value: Value,
    /// A buffer stays borrowed until the launch is issued. From then on, dropping it waits for the device.
    borrow: PhantomData<&'a ()>,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Buffer { address: u64, len: usize, bytes: usize, element: &'static str, device: usize },
    Number { bits: u64, bytes: usize, class: Class, name: &'static str },
}

impl Argument<'_> {
    /// What lies at the parameter's place, little-endian from the first byte on.
    pub(crate) fn bits(&self) -> u64 {
        match self.value {
            Value::Buffer { address, .. } => address,
            Value::Number { bits, .. } => bits,
        }
    }

    /// The bytes of a buffer; none for a number.
    pub(crate) fn buffer_bytes(&self) -> Option<usize> {
        match self.value {
            Value::Buffer { bytes, .. } => Some(bytes),
            Value::Number { .. } => None,
        }
    }

    /// Which opening of which device a buffer belongs to; none for a number.
    pub(crate) fn device(&self) -> Option<usize> {
        match self.value {
            Value::Buffer { device, .. } => Some(device),
            Value::Number { .. } => None,
        }
    }

    /// The value of an integer that is not negative; none for anything else.
    pub fn size(&self) -> Option<usize> {
        match self.value {
            Value::Number { bits, name: "u32" | "u64", .. } => usize::try_from(bits).ok(),
            Value::Number { bits, name: "i32", .. } => usize::try_from(bits as u32 as i32).ok(),
            Value::Number { bits, name: "i64", .. } => usize::try_from(bits as i64).ok(),
            _ => None,
        }
    }

    /// Whether a parameter takes this argument.
    pub(crate) fn fits(&self, parameter: &Parameter) -> bool {
        match self.value {
            Value::Buffer { .. } => parameter.bytes == 8 && parameter.class != Class::Float,
            Value::Number { bytes, class, .. } => {
                let class_fits = parameter.class == class || parameter.class == Class::Bits;
                parameter.bytes == bytes && class_fits && !parameter.pointer
            }
        }
    }
}

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Buffer { len, element, .. } => write!(f, "a buffer of {len} {element}"),
            Value::Number { name, .. } => write!(f, "one {name}"),
        }
    }
}

impl<'a, T: Element> From<&'a Buffer<T>> for Argument<'a> {
    fn from(buffer: &'a Buffer<T>) -> Self {
        let (address, device) = (buffer.address(), buffer.device_identity());
        let (len, bytes) = (buffer.len(), buffer.bytes());
        let value = Value::Buffer { address, len, bytes, element: T::NAME, device };
        Self { value, borrow: PhantomData }
    }
}

impl<'a, T: Element> From<&'a mut Buffer<T>> for Argument<'a> {
    fn from(buffer: &'a mut Buffer<T>) -> Self {
        Self::from(&*buffer)
    }
}

/// An [`Element`] that can also be passed by value. Code that is generic over elements asks for it where a kernel takes a factor.
pub trait Number: Element {
    /// The number as an argument: `Argument::from(number)`.
    fn argument(self) -> Argument<'static>;
}

/// A number by value: its type, its class, and how its bits are had.
macro_rules! number {
    ($type:ident, $class:ident, $bits:expr) => {
        impl From<$type> for Argument<'_> {
            fn from(number: $type) -> Self {
                let (bits, bytes) = ($bits(number), size_of::<$type>());
                Self {
                    value: Value::Number { bits, bytes, class: Class::$class, name: stringify!($type) },
                    borrow: PhantomData,
                }
            }
        }

        impl Number for $type {
            fn argument(self) -> Argument<'static> {
                self.into()
            }
        }
    };
}

number!(u32, Integer, u64::from);
number!(i32, Integer, |number: i32| u64::from(number as u32));
number!(u64, Integer, u64::from);
number!(i64, Integer, |number: i64| number as u64);
number!(f32, Float, |number: f32| u64::from(number.to_bits()));
number!(f64, Float, f64::to_bits);

#[cfg(test)]
pub(crate) fn test_buffer(len: usize) -> Argument<'static> {
    Argument {
        value: Value::Buffer { address: 256, len, bytes: 4 * len, element: "f32", device: 1 },
        borrow: PhantomData,
    }
}
