//! What a program gets where there is no GPU: a sentence, in place of a program that does not start.
#![cfg(not(feature = "simgpu"))]

use gpu_device::Device;

#[cfg(not(feature = "cuda"))]
#[test]
fn without_the_feature_the_sentence_names_it() {
    for error in [Device::open(0).map(drop), Device::count().map(drop)].map(|result| result.expect_err("no driver")) {
        let gpu_device::Error::Unavailable { reason } = &error else { panic!("{error:?}") };
        assert!(reason.contains("--features cuda"), "{reason}");
        assert!(error.to_string().starts_with("no CUDA device can be opened: "), "{error}");
    }
}

/// Runs this program again with a given LD_LIBRARY_PATH, and has it print what `Device::open` says.
#[cfg(feature = "cuda")]
fn what_open_says(libraries: &std::path::Path) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(program)
        .args(["--exact", "said_by_open", "--ignored", "--nocapture"])
        .env("LD_LIBRARY_PATH", libraries)
        .output()
        .expect("this program starts");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.split_once("said: ")).map(|(_, said)| said.to_owned()).expect("an answer")
}

#[cfg(feature = "cuda")]
#[test]
#[ignore = "a part of the others: what it prints depends on the driver"]
fn said_by_open() {
    let said = Device::open(0).map_or_else(|error| error.to_string(), |device| format!("{device:?}"));
    println!("said: {said}");
}

/// A library that stands where the driver would, with these functions.
#[cfg(feature = "cuda")]
fn library(name: &str, source: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let (source_file, library) = (folder.join("driver.c"), folder.join("libcuda.so.1"));
    std::fs::write(&source_file, source).expect("a file");
    let mut compiler = std::process::Command::new("cc");
    let compiled = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source_file).status();
    assert!(compiled.expect("a C compiler").success());
    folder
}

#[cfg(feature = "cuda")]
#[test]
fn a_driver_that_does_not_load_is_a_sentence() {
    let folder = library("damaged", "");
    std::fs::write(folder.join("libcuda.so.1"), "not a library").expect("a file");
    let said = what_open_says(&folder);
    assert!(said.starts_with("no CUDA device can be opened: there is no NVIDIA driver ("), "{said}");
    assert!(said.contains("libcuda.so.1") && said.contains("LD_LIBRARY_PATH"), "{said}");
}

#[cfg(feature = "cuda")]
#[test]
fn the_driver_that_the_loader_finds_is_the_one_that_is_called() {
    let no_device = library("no_device", "int cuInit(unsigned flags) { return 100 + (int)flags; }");
    let said = what_open_says(&no_device);
    assert_eq!(
        said,
        "no CUDA device can be opened: the driver finds no GPU; check `nvidia-smi` and CUDA_VISIBLE_DEVICES"
    );
    let none = library(
        "none",
        "int cuInit(unsigned flags) { return (int)flags; }\nint cuDeviceGetCount(int *n) { *n = 0; return 0; }",
    );
    assert_eq!(what_open_says(&none), "device 0 was asked for, the machine has 0 (counted from 0)");
}

/// Bindings of an older CUDA would read a code they do not know as an enumeration: undefined behaviour.
#[cfg(feature = "cuda")]
#[test]
fn a_code_of_a_newer_driver_arrives_as_it_is() {
    let newer = library(
        "newer",
        "int cuInit(unsigned flags) { return 4242 + (int)flags; }\n\
         int cuGetErrorName(int code, const char **name) { *name = code == 4242 ? \"CUDA_ERROR_NEW\" : 0; return 0; }\n\
         int cuGetErrorString(int code, const char **text) { *text = code == 4242 ? \"something new\" : 0; return 0; }",
    );
    let said = what_open_says(&newer);
    assert!(said.contains("CUDA_ERROR_NEW (4242): something new"), "{said}");
}
