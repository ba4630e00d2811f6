//! Eight-bit floats, against the table of their values: "Alternate Floating-Point Data Formats", and "Data Movement and
//! Conversion Instructions: cvt".

use crate::support::{Kind, check, load_error, rows};

/// The value of a byte. E4M3: four bits of exponent with a bias of 7, no infinity; E5M2: five with a bias of 15.
fn value(format: &str, byte: u8) -> f64 {
    let (fraction_bits, bias) = if format == "e4m3" { (3, 7) } else { (2, 15) };
    let (exponent, fraction) = ((byte & 0x7f) >> fraction_bits, byte & ((1 << fraction_bits) - 1));
    let size = if format == "e4m3" && byte & 0x7f == 0x7f {
        f64::NAN
    } else if format == "e5m2" && exponent == 31 {
        if fraction == 0 { f64::INFINITY } else { f64::NAN }
    } else if exponent == 0 {
        f64::from(fraction) * f64::from(1 - bias - fraction_bits).exp2()
    } else {
        f64::from(fraction | 1 << fraction_bits) * f64::from(i32::from(exponent) - bias - fraction_bits).exp2()
    };
    if byte & 0x80 != 0 { -size } else { size }
}

/// The nearest finite byte, of two the even one; a value beyond the largest is the largest; a NaN is 0x7f.
fn nearest(format: &str, x: f64) -> u8 {
    if x.is_nan() {
        return 0x7f;
    }
    let most = if format == "e4m3" { 448.0 } else { 57344.0 };
    let x = x.clamp(-most, most);
    let finite =
        |byte: &u8| value(format, *byte).is_finite() && value(format, *byte).is_sign_negative() == x.is_sign_negative();
    let distance = |byte: u8| (value(format, byte) - x).abs();
    let best = |a: u8, b: u8| {
        let by_distance = distance(a).total_cmp(&distance(b));
        if by_distance.then((a & 1).cmp(&(b & 1))).is_le() { a } else { b }
    };
    (0..=255).filter(finite).reduce(best).expect("there are finite ones")
}

fn half(bits: u64) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15 & 1, bits >> 10 & 31, (bits & 1023) as f64);
    let size = match exponent {
        0 => fraction * (-24f64).exp2(),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * (exponent as f64 - 25.0).exp2(),
    };
    if sign == 1 { -size } else { size }
}

#[test]
fn every_byte_is_a_half() {
    let all: Vec<Vec<u64>> = (0..256u64).map(|byte| vec![byte | (255 - byte) << 8]).collect();
    for format in ["e4m3", "e5m2"] {
        for relu in [false, true] {
            let text = format!("@cvt.rn{}.f16x2.{format}x2 %d0, %s0;", if relu { ".relu" } else { "" });
            let same = |got: u64, want: u64| {
                let one = |got: f64, want: f64| {
                    got == want && got.is_sign_negative() == want.is_sign_negative() || got.is_nan() && want.is_nan()
                };
                let want = [want as u8, (want >> 8) as u8].map(|byte| value(format, byte));
                let want = want.map(|x| if relu && x <= 0.0 { 0.0 } else { x });
                one(half(got & 0xffff), want[0]) && one(half(got >> 16), want[1])
            };
            check(&text, &[Kind::B16], &[Kind::B32], &all, |row| vec![row[0]], same);
        }
    }
}

#[test]
fn singles_and_halves_are_rounded_once() {
    let mut edges: Vec<u64> =
        vec![0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 1, 0x3f80_0000, 0x43e0_0001, 0x4760_0001];
    // Every value of both formats, the middle between neighbours, and what is next to it.
    for format in ["e4m3", "e5m2"] {
        for byte in 0..126 {
            let (low, high) = (value(format, byte), value(format, byte + 1));
            if high.is_finite() {
                let middle = ((low + high) / 2.0) as f32;
                edges.extend(
                    [low as f32, middle, middle.next_up(), middle.next_down(), -middle].map(|x| u64::from(x.to_bits())),
                );
            }
        }
    }
    let singles = rows(&[&edges, &[0x3f80_0000, 0xc47a_0000]], 400);
    let halves = rows(&[&[0, 0x8000_8000, 0x7c00_fc00, 0x7e00_0001, 0x3c00_bc00, 0x5f40_5f3f]], 800);
    for format in ["e4m3", "e5m2"] {
        for relu in [false, true] {
            let word = if relu { ".relu" } else { "" };
            let round = |x: f64| u64::from(nearest(format, if relu && x <= 0.0 { 0.0 } else { x }));
            let single = |bits: u64| f64::from(f32::from_bits(bits as u32));
            let text = format!("@cvt.rn.satfinite{word}.{format}x2.f32 %d0, %s0, %s1;");
            let want = |row: &[u64]| vec![round(single(row[0])) << 8 | round(single(row[1]))];
            check(&text, &[Kind::B32; 2], &[Kind::B16], &singles, want, |got, want| got == want);
            let text = format!("@cvt.rn.satfinite{word}.{format}x2.f16x2 %d0, %s0;");
            let want = |row: &[u64]| vec![round(half(row[0] >> 16 & 0xffff)) << 8 | round(half(row[0] & 0xffff))];
            check(&text, &[Kind::B32], &[Kind::B16], &halves, want, |got, want| got == want);
        }
    }
}

#[test]
fn other_forms_are_refused() {
    for text in [
        "cvt.rn.e4m3x2.f32 %d0, %s0, %s0;",
        "cvt.rz.satfinite.e4m3x2.f32 %d0, %s0, %s0;",
        "cvt.rn.satfinite.f16x2.e4m3x2 %d1, %s1;",
        "cvt.rn.satfinite.e5m2x2.f64 %d0, %s0, %s0;",
    ] {
        let error = load_error(text, &[Kind::B32, Kind::B16], &[Kind::B16, Kind::B32]);
        assert!(matches!(error, simgpu::Error::Unsupported { .. }), "{text}: {error}");
    }
}
