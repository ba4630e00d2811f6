//! Memory of the device, with the type of its elements.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::Error;
use crate::device::{Device, Shared};

/// What may lie in a [`Buffer`]: plain numbers, for which any bits are a value. Sealed.
///
/// 16-bit floating-point numbers go as their bits, in `u16`.
pub trait Element: Copy + Default + Send + Sync + 'static + sealed::Sealed {
    /// The type's name, for messages.
    const NAME: &'static str;
}

mod sealed {
    pub trait Sealed {}
}

/// Number types, without padding and without bits that are no value.
macro_rules! elements {
    ($($type:ident),*) => { $(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const NAME: &'static str = stringify!($type);
        }
    )* };
}

elements!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// `len` elements in the device's memory, freed on drop.
///
/// Copies are ordered with launches: a copy sees what every earlier launch wrote, and a later launch sees what was
/// copied. Dropping a buffer waits for every launch, so that none can still be using it.
pub struct Buffer<T: Element> {
    shared: Arc<Shared>,
    /// 0 for an empty buffer, for which nothing is allocated.
    address: u64,
    len: usize,
    elements: PhantomData<T>,
}

impl<T: Element> Buffer<T> {
    /// Memory with whatever happens to be in it: for outputs that a kernel overwrites.
    pub(crate) fn allocate(device: &Device, len: usize) -> Result<Self, Error> {
        let shared = Arc::clone(device.shared());
        let Some(bytes) = len.checked_mul(size_of::<T>()).filter(|&bytes| isize::try_from(bytes).is_ok()) else {
            return Err(Error::TooLarge { len, element_bytes: size_of::<T>() });
        };
        let address = if bytes == 0 { 0 } else { shared.allocate(bytes)? };
        Ok(Self { shared, address, len, elements: PhantomData })
    }

    /// Elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    /// Host to device: overwrites the buffer.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless both are equally long; what an earlier launch or the driver has to say.
    pub fn copy_from_slice(&mut self, slice: &[T]) -> Result<(), Error> {
        self.check_len(slice.len())?;
        self.write(0, slice)
    }

    /// Host to device: overwrites the elements from `start` on, as many as the slice has.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the buffer ends before; what an earlier launch or the driver has to say.
    pub fn write(&mut self, start: usize, slice: &[T]) -> Result<(), Error> {
        let address = self.address_of(start, slice.len())?;
        if slice.is_empty() {
            return Ok(());
        }
        // SAFETY: an Element has no padding, so all of its bytes may be read.
        let bytes = unsafe { std::slice::from_raw_parts(slice.as_ptr().cast::<u8>(), size_of_val(slice)) };
        // SAFETY: the allocation has as many elements from `address` on as the slice: `address_of` checked.
        let copied = unsafe { self.shared.context.upload(address, bytes) };
        copied.map_err(|error| self.shared.asynchronous("copying to the device", error))
    }

    /// Device to host: waits for every launch so far, then overwrites the slice.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless both are equally long; what an earlier launch or the driver has to say.
    pub fn copy_to_slice(&self, slice: &mut [T]) -> Result<(), Error> {
        self.check_len(slice.len())?;
        self.read(0, slice)
    }

    /// Device to host: waits for every launch so far, then fills the slice with the elements from `start` on.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the buffer ends before; what an earlier launch or the driver has to say.
    pub fn read(&self, start: usize, slice: &mut [T]) -> Result<(), Error> {
        let address = self.address_of(start, slice.len())?;
        if slice.is_empty() {
            return Ok(());
        }
        let len = size_of_val(slice);
        // SAFETY: an Element has no padding and any bits are one, so its bytes may be written as one likes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(slice.as_mut_ptr().cast::<u8>(), len) };
        // SAFETY: the allocation has as many elements from `address` on as the slice: `address_of` checked.
        let copied = unsafe { self.shared.context.download(address, bytes) };
        copied.map_err(|error| self.shared.asynchronous("copying from the device", error))
    }

    /// Device to host, to a new vector.
    ///
    /// # Errors
    ///
    /// What an earlier launch or the driver has to say.
    pub fn to_vec(&self) -> Result<Vec<T>, Error> {
        let mut elements = vec![T::default(); self.len];
        self.copy_to_slice(&mut elements)?;
        Ok(elements)
    }

    /// Device to device: overwrites the buffer with another of the same device.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless both are equally long; [`Error::ForeignCopy`] if they are not of one opening of one device; what an
    /// earlier launch or the driver has to say.
    pub fn copy_from_buffer(&mut self, other: &Self) -> Result<(), Error> {
        self.check_len(other.len)?;
        // The driver might copy between devices; but dropping a buffer waits for its own device only.
        if self.device_identity() != other.device_identity() {
            return Err(Error::ForeignCopy { from: other.shared.ordinal(), to: self.shared.ordinal() });
        }
        if self.is_empty() {
            return Ok(());
        }
        // SAFETY: both allocations have `len` elements, and are of this context.
        let copied = unsafe { self.shared.context.copy(other.address, self.address, self.bytes()) };
        copied.map_err(|error| self.shared.asynchronous("copying on the device", error))
    }

    /// Sets every bit to 0, which is every element type's zero.
    ///
    /// # Errors
    ///
    /// What an earlier launch or the driver has to say.
    pub fn clear(&mut self) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        // SAFETY: the allocation at `address` has that many bytes.
        let cleared = unsafe { self.shared.context.clear(self.address, self.bytes()) };
        cleared.map_err(|error| self.shared.asynchronous("clearing memory", error))
    }

    fn check_len(&self, slice: usize) -> Result<(), Error> {
        if slice == self.len { Ok(()) } else { Err(Error::Length { slice, buffer: self.len }) }
    }

    /// The address of element `start`, if `len` elements follow from there on.
    fn address_of(&self, start: usize, len: usize) -> Result<u64, Error> {
        if start > self.len || len > self.len - start {
            return Err(Error::OutOfRange { start, len, buffer: self.len });
        }
        Ok(self.address + (start * size_of::<T>()) as u64)
    }

    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    pub(crate) fn device_identity(&self) -> usize {
        self.shared.identity()
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.address != 0 {
            // SAFETY: the address is from this context's `allocate`, and this is the only drop.
            unsafe { self.shared.context.free(self.address) };
        }
    }
}

impl<T: Element> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer of {} {} at {:#x}", self.len, T::NAME, self.address)
    }
}
