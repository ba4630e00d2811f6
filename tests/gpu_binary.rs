//! The very binary that would run on a GPU, on the software GPU in the driver's place: nothing in it knows.
//!
//! `cargo test --features whiteboard/simgpu --test gpu_binary`
#![cfg(all(feature = "simgpu", target_os = "linux"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What Cargo built, by the end of its name.
fn build(arguments: &[&str], ending: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("UTF-8");
    let mut files = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from));
    files.rfind(|file| file.to_string_lossy().ends_with(ending)).expect("it was built")
}

/// Runs it with these libraries before the system's, without the software GPU's other settings.
fn run(program: &Path, libraries: &Path, report: &Path) -> Output {
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os().filter(|(variable, _)| variable.to_string_lossy().starts_with("SIMGPU_")) {
        command.env_remove(variable);
    }
    command.args(["70", "--json", "rungs.json"]).current_dir(libraries);
    command.env("LD_LIBRARY_PATH", libraries).env("SIMGPU_REPORT", report).output().expect("it starts")
}

#[test]
fn the_binary_for_a_gpu_runs_on_the_software_gpu() {
    let program = build(&["--example", "gpu_matmul", "--features", "whiteboard/cuda"], "/gpu_matmul");
    // The one that this test is linked with: its file bears no hash, so that another selection of packages would build over it.
    let library = build(&["--test", "gpu_binary", "--features", "whiteboard/simgpu"], "/libsimgpu.so");
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    fs::copy(library, folder.path().join("libcuda.so.1")).expect("the library in the driver's place");

    let output = run(&program, folder.path(), &report);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("on simgpu (models NVIDIA A100") && text.contains("host's clock"), "{text}");
    let rungs = fs::read_to_string(folder.path().join("rungs.json")).expect("the program's own JSON");
    let rungs: serde_json::Value = serde_json::from_str(&rungs).expect("JSON");
    assert!(rungs["rungs"].as_array().expect("rungs").iter().all(|rung| rung["milliseconds"].as_f64() > Some(0.0)));

    // The program counted nothing; the library did, a line a launch.
    let reports = fs::read_to_string(&report).expect("reports");
    let reports: Vec<serde_json::Value> =
        reports.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for kernel in ["matmul_naive", "matmul_tiled_f32", "matmul_register", "matmul_mma_bf16"] {
        let mut launches = reports.iter().filter(|report| report["kernel"] == kernel).peekable();
        assert!(launches.peek().is_some(), "{kernel} was launched");
        assert!(launches.all(|report| report["findings"] == serde_json::json!([])), "{kernel}");
    }
}

/// Where the loader finds a driver in the system's own folders, the program would go on, as it should.
#[test]
fn without_a_driver_it_says_so() {
    let program = build(&["--example", "gpu_matmul", "--features", "whiteboard/cuda"], "/gpu_matmul");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("libcuda.so.1"), "no library").expect("a file");
    let output = run(&program, folder.path(), &folder.path().join("report.json"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: no CUDA device can be opened: there is no NVIDIA driver ("), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}
