//! Every call from memory to timing, against a double of the driver (`double.c`): no GPU, and nothing that computes like one. What
//! is shown is that calls arrive as they should and that errors come back as they should.
#![cfg(all(feature = "cuda", not(feature = "simgpu")))]
#![allow(unsafe_code)]

use std::path::Path;
use std::process::Command;

use gpu_device::{Argument, Device, Error, Launch, Vetted};

const PTX: &str = ".version 7.0\n.target sm_80\n.visible .entry twice(.param .u64 x, .param .u32 n, .param .f32 f, .param .u64 s) { ret; }";

/// Runs one of the parts below in a process of its own, where the double stands for the driver.
fn run(part: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("double-{part}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/double.c");
    let mut compiler = Command::new("cc");
    let compiled = compiler.args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"]);
    assert!(compiled.arg(folder.join("libcuda.so.1")).arg(source).status().expect("a C compiler").success());
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    let output = program.args(["--exact", part, "--ignored"]).env("LD_LIBRARY_PATH", &folder).output();
    let output = output.expect("this program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn memory_modules_launches_and_timing() {
    run("part_that_goes_well");
}

#[test]
fn errors_name_what_was_done() {
    run("part_that_goes_wrong");
}

fn launch(kernel: &gpu_device::Kernel, launch: &Launch, arguments: &[Argument<'_>]) -> Result<(), Error> {
    // SAFETY: the double's kernel writes to the first n elements of x, and each caller's buffer has as many.
    unsafe { kernel.launch(launch, arguments) }
}

#[test]
#[ignore = "a part: run by the others"]
fn part_that_goes_well() -> Result<(), Error> {
    let device = Device::open(0)?;
    let properties = device.properties();
    assert_eq!((properties.name.as_str(), properties.driver_version), ("a double", (12, 4)));
    assert_eq!((properties.shared_bytes_per_block, properties.shared_bytes_per_block_optin), (48 << 10, 99 << 10));
    assert_eq!(device.memory_free_and_total()?, (1 << 19, 1 << 20));
    assert_eq!(device.zeros::<u64>(3)?.to_vec()?, [0; 3]);
    assert!(device.upload::<f32>(&[])?.to_vec()?.is_empty());

    let module = device.load("m", PTX)?;
    assert_eq!(device.load("m", PTX)?.signatures(), module.signatures());
    let kernel = module.kernel("twice")?;
    assert_eq!((kernel.attributes().threads_per_block_max, kernel.attributes().static_shared_bytes), (512, 1024));
    let mut x = device.upload(&[1.0_f32, 2.0, 3.0])?;
    let shape = Launch { grid: [3, 1, 1], ..Launch::default() };
    launch(&kernel, &shape, &[Argument::from(&mut x), 3_u32.into(), 2.0_f32.into(), 5_u64.into()])?;
    assert_eq!(x.to_vec()?, [7.0, 9.0, 11.0]);
    // More shared memory than usual is asked for by itself, from any thread.
    let large = Launch { shared_bytes: 90 << 10, ..shape };
    let arguments = [Argument::from(&x), 2_u32.into(), 1.0_f32.into(), 1_u64.into()];
    std::thread::scope(|scope| scope.spawn(|| launch(&kernel, &large, &arguments)).join().expect("no panic"))?;
    let mut copy = device.uninitialised(3)?;
    copy.copy_from_buffer(&x)?;
    drop(x);
    assert_eq!(copy.to_vec()?, [8.0, 10.0, 11.0]);
    assert_eq!(device.time(|| 42)?, (42, 1.5));
    // Parts of a buffer.
    let mut part = [0.0; 2];
    copy.write(2, &[5.0])?;
    copy.read(1, &mut part)?;
    assert_eq!(part, [10.0, 5.0]);
    copy.write(3, &[])?;
    let stream = device.stream()?;
    stream.synchronize()?;
    device.synchronize()
}

/// x[i] for i < n.
const TWICE: Vetted = {
    // SAFETY: as for `launch`.
    unsafe {
        Vetted::new("m", PTX, "twice", |_, arguments| {
            arguments[1].size().and_then(|n| n.checked_mul(4)).map(|bytes| vec![bytes]).ok_or_else(|| "n".to_owned())
        })
    }
};

#[test]
#[ignore = "a part: run by the others"]
fn part_that_goes_wrong() -> Result<(), Error> {
    let said = |error: Error| {
        use std::error::Error as _;
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        format!("{error}{source}")
    };
    assert_eq!(
        Device::open(3).map_err(said).unwrap_err(),
        "device 3 was asked for, the machine has 1 (counted from 0)"
    );
    let device = Device::open(0)?;
    let too_much = device.zeros::<f32>(1 << 19).map_err(said).unwrap_err();
    assert_eq!(
        too_much,
        "a buffer of 2097152 bytes does not fit the device's memory: 524288 of 1048576 bytes are free"
    );
    assert!(matches!(device.zeros::<f64>(usize::MAX), Err(Error::TooLarge { .. })));
    let mut x = device.upload(&[1.0_f32, 2.0])?;
    let length = x.copy_from_slice(&[0.0; 3]).map_err(said).unwrap_err();
    assert_eq!(length, "cannot copy between a slice of 3 elements and a buffer of 2");

    let range = x.write(1, &[0.0; 2]).map_err(said).unwrap_err();
    assert_eq!(range, "2 elements from element 1 on are not in a buffer of 2");
    assert!(x.read(usize::MAX, &mut [0.0; 2]).is_err());

    assert!(said(device.load("bad", ".entry k() {}").unwrap_err()).contains("ptxas fatal: no .target"));
    let kernel = device.load("m", PTX)?.kernel("twice")?;
    assert_eq!(device.load("m", "").map_err(said).unwrap_err(), "module `m` is loaded already, with another text");
    let missing = device.load("m", PTX)?.kernel("thrice").map_err(said).unwrap_err();
    assert_eq!(missing, "module `m` has no kernel `thrice`, it has twice");

    let other = Device::open(0)?.upload(&[1.0_f32])?;
    let foreign = [Argument::from(&other), 1_u32.into(), 1.0_f32.into(), 0_u64.into()];
    let refused = launch(&kernel, &Launch::default(), &foreign).map_err(said).unwrap_err();
    assert_eq!(refused, "argument 0 of kernel `twice` is a buffer of another device");
    let copied = device.zeros::<f32>(1)?.copy_from_buffer(&other).map_err(said).unwrap_err();
    assert_eq!(copied, "cannot copy from a buffer of device 0 to one of device 0: they were opened apart");
    let vetted = device.vetted(&TWICE)?;
    let arguments = [Argument::from(&mut x), 3_u32.into(), 0.0_f32.into(), 0_u64.into()];
    let short = vetted.launch(&Launch::default(), &arguments).map_err(said).unwrap_err();
    assert_eq!(short, "argument 0 of kernel `twice` must hold 12 bytes, it holds 8");

    // A kernel that fails: the launch is all right, what waits is not.
    let arguments = [Argument::from(&mut x), 2_u32.into(), 0.0_f32.into(), 0_u64.into()];
    vetted.launch(&Launch::default(), &arguments)?;
    let late = "the device failed, the last launch was `twice` <<<(1, 1, 1), (1, 1, 1), 0>>>: \
                CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access";
    assert_eq!(x.to_vec().map_err(said).unwrap_err(), late);
    assert_eq!(device.synchronize().map_err(said).unwrap_err(), late);
    Ok(())
}
