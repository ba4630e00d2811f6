use super::*;
use crate::argument::test_buffer;
use crate::signatures;

fn signature(parameters: &str, directives: &str) -> Signature {
    let ptx = format!(".entry k({parameters}) {directives} {{ ret; }}");
    signatures("test", &ptx).expect("PTX").remove(0)
}

/// An A100's limits.
fn properties() -> Properties {
    Properties {
        name: "test".to_owned(),
        compute_capability: (8, 0),
        driver_version: (12, 0),
        multiprocessors: 108,
        memory_bytes: 1 << 35,
        l2_cache_bytes: 40 << 20,
        memory_bus_bits: 5120,
        memory_clock_khz: 1_215_000,
        clock_khz: 1_410_000,
        warp_size: 32,
        threads_per_block_max: 1024,
        threads_per_multiprocessor_max: 2048,
        block_max: [1024, 1024, 64],
        grid_max: [i32::MAX as u32, 65535, 65535],
        registers_per_block: 65536,
        shared_bytes_per_block: 48 << 10,
        shared_bytes_per_block_optin: 163 << 10,
    }
}

const ATTRIBUTES: KernelAttributes =
    KernelAttributes { threads_per_block_max: 768, registers: 80, static_shared_bytes: 1024, local_bytes: 0 };

#[test]
fn arguments_must_agree_in_number_kind_and_size() {
    let signature = signature(".param .u64 a, .param .u32 b, .param .f32 c, .param .b64 d, .param .f64 e", "");
    let check = |arguments: &[Argument<'_>]| check_arguments("k", &signature, arguments);
    let (buffer, number) = (test_buffer(7), Argument::from(1_u32));
    let good = [buffer, 3_i32.into(), 1.5_f32.into(), 9_u64.into(), 2.5_f64.into()];
    assert_eq!(check(&good), Ok(()));
    // A pointer is a 64-bit integer to PTX, and .b64 takes anything of 8 bytes.
    assert_eq!(check(&[9_i64.into(), number, 1.5_f32.into(), buffer, 2.5_f64.into()]), Ok(()));
    let count = Error::ArgumentCount { kernel: "k".into(), expected: 5, given: 4 };
    assert_eq!(check(&good[..4]), Err(count));
    let wrong: [(usize, Argument<'_>, &str); 7] = [
        (0, number, "argument 0 of kernel `k` is .u64 (8 bytes), one u32 was given"),
        (1, buffer, "argument 1 of kernel `k` is .u32 (4 bytes), a buffer of 7 f32 was given"),
        (1, 1.0_f32.into(), "argument 1 of kernel `k` is .u32 (4 bytes), one f32 was given"),
        (1, 1_i64.into(), "argument 1 of kernel `k` is .u32 (4 bytes), one i64 was given"),
        (2, number, "argument 2 of kernel `k` is .f32 (4 bytes), one u32 was given"),
        (2, 1.0_f64.into(), "argument 2 of kernel `k` is .f32 (4 bytes), one f64 was given"),
        (4, buffer, "argument 4 of kernel `k` is .f64 (8 bytes), a buffer of 7 f32 was given"),
    ];
    for (index, argument, message) in wrong {
        let mut arguments = good;
        arguments[index] = argument;
        assert_eq!(check(&arguments).expect_err(message).to_string(), message);
    }
}

#[test]
fn a_declared_pointer_takes_buffers_only() {
    let signature = signature(".param .u64 .ptr .global .align 4 a", "");
    assert_eq!(check_arguments("k", &signature, &[test_buffer(1)]), Ok(()));
    assert!(check_arguments("k", &signature, &[1_u64.into()]).is_err());
}

#[test]
fn numbers_are_passed_by_their_bits() {
    assert_eq!(Argument::from(-1_i32).bits(), 0xffff_ffff);
    assert_eq!(Argument::from(1.0_f32).bits(), 0x3f80_0000);
    assert_eq!(Argument::from(-2_i64).bits(), u64::MAX - 1);
    let sizes = [7_u32.into(), 7_i32.into(), 7_u64.into(), 7_i64.into(), (-7_i32).into(), 7.0_f32.into()];
    assert_eq!(sizes.map(|argument: Argument<'_>| argument.size()), [Some(7), Some(7), Some(7), Some(7), None, None]);
}

#[test]
fn launches_keep_to_the_limits_of_device_kernel_and_signature() {
    let check = |directives: &str, launch: Launch| {
        check_limits("k", &signature("", directives), &ATTRIBUTES, &properties(), &launch).map_err(|e| e.to_string())
    };
    let launch = |grid, block, shared_bytes| Launch { grid, block, shared_bytes };
    assert_eq!(check("", launch([5, 6, 7], [16, 16, 3], 162 << 10)), Ok(()));
    assert_eq!(check(".reqntid 32, 2", launch([1; 3], [32, 2, 1], 0)), Ok(()));
    assert_eq!(check(".maxntid 64", launch([1; 3], [2, 32, 1], 0)), Ok(()));
    let refused = [
        ("", launch([1, 0, 1], [1; 3], 0), "the grid's y is 0, the device allows 1 to 65535"),
        ("", launch([1, 1, 65536], [1; 3], 0), "the grid's z is 65536, the device allows 1 to 65535"),
        ("", launch([1; 3], [1, 1, 65], 0), "the block's z is 65, the device allows 1 to 64"),
        ("", launch([1; 3], [32, 25, 1], 0), "threads per block is 800, the device and the kernel allow 768"),
        (
            "",
            launch([1; 3], [1; 3], 163 << 10),
            "shared memory of a block in bytes, declared and dynamic is 167936, the device allows 166912",
        ),
        (
            ".reqntid 64",
            launch([1; 3], [32, 2, 1], 0),
            "threads per block is 64, the kernel requires a block of [64, 1, 1]",
        ),
        (".maxntid 8, 8", launch([1; 3], [65, 1, 1], 0), "threads per block is 65, the kernel allows 64"),
    ];
    for (directives, launch, message) in refused {
        let expected = format!("kernel `k` {launch}: {message}");
        assert_eq!(check(directives, launch), Err(expected));
    }
}

#[test]
fn a_linear_launch_covers_all_threads() {
    assert_eq!(Launch::linear(1000, 256).map(|launch| launch.grid), Ok([4, 1, 1]));
    assert_eq!(Launch::linear(1024, 256).map(|launch| launch.grid), Ok([4, 1, 1]));
    assert_eq!(Launch::linear(0, 256).map(|launch| launch.grid), Ok([1; 3]));
    let refused = |threads, block| Launch::linear(threads, block).map_err(|error| error.to_string());
    let too_large = "the grid has 72057594037927936 blocks along x, at most 4294967295 are allowed";
    assert_eq!(refused(usize::MAX, 256), Err(too_large.to_owned()));
    assert_eq!(refused(1, 0), Err("the block has 0 threads, it must have at least 1".to_owned()));
}
