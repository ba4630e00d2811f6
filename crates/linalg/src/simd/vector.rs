//! What a kernel needs of a vector register, so that one kernel serves every instruction set.

use crate::Scalar;

/// One width of vector register on one instruction set.
///
/// # Safety
/// Implementations use the instructions of one feature set. Every method may be called only inside a function
/// that is compiled for that set and reached only after it was detected; that is why all of them are `unsafe`.
pub(super) unsafe trait Vector {
    /// The element type.
    type Element: Scalar;
    /// The register.
    type Register: Copy;
    /// Which lanes a partial load or store touches.
    type Mask: Copy;
    /// A register half as wide where the set includes one, for few rows; otherwise the same.
    type Half: Vector<Element = Self::Element>;
    /// Four elements, for transposing squares.
    type Quad: Quad<Element = Self::Element>;
    /// Elements a register.
    const LANES: usize;

    /// All lanes 0.
    unsafe fn zero() -> Self::Register;
    /// All lanes `x`.
    unsafe fn splat(x: Self::Element) -> Self::Register;
    /// `LANES` elements from `from`, no alignment asked.
    unsafe fn load(from: *const Self::Element) -> Self::Register;
    /// The first `lanes ≤ LANES` lanes.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    /// The masked lanes from `from`, 0 in the others; touches no memory outside them.
    unsafe fn load_masked(from: *const Self::Element, mask: Self::Mask) -> Self::Register;
    /// `LANES` elements to `to`.
    unsafe fn store(to: *mut Self::Element, x: Self::Register);
    /// `LANES` elements to `to`, aligned to the register's size, past the caches where the set can; what other threads may see
    /// of it waits for [`fence`](super::fence).
    unsafe fn stream(to: *mut Self::Element, x: Self::Register);
    /// The masked lanes to `to`; touches no memory outside them.
    unsafe fn store_masked(to: *mut Self::Element, x: Self::Register, mask: Self::Mask);
    /// `x·y`.
    unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register;
    /// `x + y`.
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register;
    /// `x·y + z`, rounded once where the set has such an instruction.
    unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register;
    /// The sum of the lanes, in an order that depends on nothing but `LANES`.
    unsafe fn sum(x: Self::Register) -> Self::Element;
}

/// A register of four elements.
///
/// # Safety
/// As [`Vector`].
pub(super) unsafe trait Quad {
    /// The element type.
    type Element: Scalar;
    /// The register.
    type Register: Copy;

    /// Four elements from `from`, no alignment asked.
    unsafe fn load(from: *const Self::Element) -> Self::Register;
    /// Four elements to `to`.
    unsafe fn store(to: *mut Self::Element, x: Self::Register);
    /// Every lane times `factor`.
    unsafe fn mul(x: Self::Register, factor: Self::Element) -> Self::Register;
    /// `x + y`.
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register;
    /// Lane i of register j becomes lane j of register i.
    unsafe fn transpose(rows: [Self::Register; 4]) -> [Self::Register; 4];
}
