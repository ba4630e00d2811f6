//! What a kernel needs of a vector register, so that one kernel serves every instruction set.

/// 2ˣ on [−1/2, 1/2], the highest power first: the minimax polynomial of degree 6, by Remez's exchange. In exact arithmetic its
/// relative error is 1.9·10⁻⁹; with coefficients and steps rounded to f32 it is 7.9·10⁻⁸.
#[allow(clippy::excessive_precision, reason = "the digits that the exchange gave")]
const EXP2: [f32; 7] = [
    1.534581242594868e-4,
    1.3399930903688073e-3,
    9.618489071726799e-3,
    5.550328642129898e-2,
    0.24022646248340607,
    0.6931471824645996,
    1.0,
];

/// 2 to this, and to everything below it, is 0 in f32.
pub(super) const LOWEST: f32 = -150.0;

/// One width of register of f32 on one instruction set.
///
/// # Safety
/// Implementations use the instructions of one feature set. Every method may be called only inside a function
/// that is compiled for that set and reached only after it was detected; that is why all of them are `unsafe`.
pub(super) unsafe trait Vector {
    /// The register.
    type Register: Copy;
    /// Which lanes a partial load or store touches.
    type Mask: Copy;
    /// Elements a register.
    const LANES: usize;

    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self::Register;
    /// `LANES` elements from `from`, no alignment asked.
    unsafe fn load(from: *const f32) -> Self::Register;
    /// `LANES` elements to `to`, no alignment asked.
    unsafe fn store(to: *mut f32, x: Self::Register);
    /// The first `lanes ≤ LANES` lanes.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    /// The masked lanes from `from`, 0 in the others; touches no memory outside them.
    unsafe fn load_masked(from: *const f32, mask: Self::Mask) -> Self::Register;
    /// The masked lanes from `from`, those of `other` in the others; touches no memory outside them.
    unsafe fn load_or(from: *const f32, mask: Self::Mask, other: Self::Register) -> Self::Register;
    /// The masked lanes to `to`; touches no memory outside them.
    unsafe fn store_masked(to: *mut f32, x: Self::Register, mask: Self::Mask);
    /// The masked lanes of `x`, 0 in the others.
    unsafe fn keep(x: Self::Register, mask: Self::Mask) -> Self::Register;
    /// `x + y`.
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register;
    /// `x − y`.
    unsafe fn sub(x: Self::Register, y: Self::Register) -> Self::Register;
    /// `x·y`.
    unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register;
    /// `x·y + z`, rounded once where the set has such an instruction.
    unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register;
    /// The larger; `y` where either is NaN.
    unsafe fn max(x: Self::Register, y: Self::Register) -> Self::Register;
    /// `x` where `a < b`, otherwise (and where either is NaN) `y`.
    unsafe fn select_less(a: Self::Register, b: Self::Register, x: Self::Register, y: Self::Register)
    -> Self::Register;
    /// Whether no lane of `x` is larger than the same of `y`, or NaN.
    unsafe fn all_at_most(x: Self::Register, y: Self::Register) -> bool;
    /// 2ˣ = `scale(2^fraction, whole)` with `(whole, fraction)`; |fraction| ≤ 1/2. NaN has a NaN fraction.
    unsafe fn split(x: Self::Register) -> (Self::Register, Self::Register);
    /// x·2ʷ for what `split` gave as w: infinite above f32's range, 0 below it. NaN stays.
    unsafe fn scale(x: Self::Register, whole: Self::Register) -> Self::Register;

    /// The sum of the lanes, in an order that depends on nothing but `LANES`.
    unsafe fn sum(x: Self::Register) -> f32;
    /// The largest lane; no lane is NaN.
    unsafe fn largest(x: Self::Register) -> f32;

    /// All lanes 0.
    #[inline(always)]
    unsafe fn zero() -> Self::Register {
        // SAFETY: as the caller's.
        unsafe { Self::splat(0.0) }
    }

    /// 2ˣ, with a relative error below 0.7·2⁻²³ where multiply-adds are fused. Infinite from 128 on (NaN at +∞),
    /// 0 from −150 on downwards; NaN stays.
    ///
    /// The whole part of x goes into the exponent; a polynomial gives 2 to the rest, which is at most 1/2 either way.
    #[inline(always)]
    unsafe fn exp2(x: Self::Register) -> Self::Register {
        // SAFETY: as the caller's.
        unsafe {
            let (whole, fraction) = Self::split(x);
            let mut sum = Self::splat(EXP2[0]);
            for coefficient in &EXP2[1..] {
                sum = Self::fma(sum, fraction, Self::splat(*coefficient));
            }
            Self::scale(sum, whole)
        }
    }
}
