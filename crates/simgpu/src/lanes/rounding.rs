//! Directed rounding: towards zero, down and up, without touching the CPU's rounding mode.
//!
//! In single precision an operation is done in double precision and rounded to odd there: when it is inexact, the last bit is
//! made 1, so that nothing of the remainder is forgotten and the second rounding is right in every direction.
//! [Boldo & Melquiond, "When double rounding is odd", 2005: enough when p' ≥ p + 2; 53 ≥ 24 + 2.]

/// `.rn`, `.rz`, `.rm`, `.rp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Rounding {
    #[default]
    Nearest,
    Zero,
    Down,
    Up,
}

/// Values of the functions' parameter `MODE`.
pub(super) const ZERO: u8 = 0;
pub(super) const DOWN: u8 = 1;
pub(super) const UP: u8 = 2;

/// a + b exactly, as the nearest double and what it lacks [Knuth's TwoSum].
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let virtual_b = sum - a;
    (sum, (a - (sum - virtual_b)) + (b - virtual_b))
}

/// Rounded to odd: the value that `sum + error` names, its last bit set when it is inexact.
#[inline(always)]
fn odd(sum: f64, error: f64) -> f64 {
    if error == 0.0 || !error.is_finite() || !sum.is_finite() || sum.to_bits() & 1 == 1 {
        sum
    } else if error > 0.0 {
        sum.next_up()
    } else {
        sum.next_down()
    }
}

/// a + b, rounded to odd.
#[inline(always)]
pub(super) fn odd_sum(a: f64, b: f64) -> f64 {
    let (sum, error) = two_sum(a, b);
    odd(sum, error)
}

/// A double to single precision in a direction. Overflow gives the largest finite number where the direction says so.
#[inline(always)]
pub(crate) fn narrow<const MODE: u8>(x: f64) -> f32 {
    let nearest = x as f32;
    let back = f64::from(nearest);
    let down = MODE == DOWN || (MODE == ZERO && x > 0.0);
    let up = MODE == UP || (MODE == ZERO && x < 0.0);
    if down && back > x {
        nearest.next_down()
    } else if up && back < x {
        nearest.next_up()
    } else {
        nearest
    }
}

/// An exact sum of zero is −0 when rounding down.
#[inline(always)]
fn signed_zero<const MODE: u8>(value: f64, a: f64, b: f64) -> f64 {
    if MODE == DOWN && value == 0.0 && a == -b && a.to_bits() != b.to_bits() { -0.0 } else { value }
}

#[inline(always)]
pub(crate) fn add<const MODE: u8>(a: f32, b: f32) -> f32 {
    let (a, b) = (f64::from(a), f64::from(b));
    let (sum, error) = two_sum(a, b);
    narrow::<MODE>(signed_zero::<MODE>(odd(sum, error), a, b))
}

#[inline(always)]
pub(crate) fn mul<const MODE: u8>(a: f32, b: f32) -> f32 {
    // 24 + 24 bits fit into 53: the product is exact.
    narrow::<MODE>(f64::from(a) * f64::from(b))
}

#[inline(always)]
pub(crate) fn fma<const MODE: u8>(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let (sum, error) = two_sum(product, c);
    narrow::<MODE>(signed_zero::<MODE>(odd(sum, error), product, c))
}

#[inline(always)]
pub(crate) fn div<const MODE: u8>(a: f32, b: f32) -> f32 {
    let (a, b) = (f64::from(a), f64::from(b));
    let quotient = a / b;
    // a − q·b is exact in one fused step; its sign, with b's, is the error's.
    let rest = (-quotient).mul_add(b, a);
    let error = if quotient.is_finite() && b.is_finite() { rest * b.signum() } else { 0.0 };
    narrow::<MODE>(odd(quotient, error))
}

#[inline(always)]
pub(crate) fn sqrt<const MODE: u8>(a: f32) -> f32 {
    let a = f64::from(a);
    let root = a.sqrt();
    let error = (-root).mul_add(root, a);
    narrow::<MODE>(odd(root, error))
}
