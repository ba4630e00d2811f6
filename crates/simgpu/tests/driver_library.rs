//! The cdylib under the name `libcuda.so.1`: C programs that were linked against a driver run on it, unchanged.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with `libcuda.so.1` (this crate) and the programs, made anew for each test.
struct Machine {
    folder: PathBuf,
}

impl Machine {
    fn new(test: &str) -> Machine {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("driver_library_{test}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("lib")).expect("a folder");
        // Cargo builds the cdylib beside the tests' own executables.
        let test_binary = std::env::current_exe().expect("a path");
        let library = test_binary.with_file_name("libsimgpu.so");
        std::fs::copy(&library, folder.join("lib/libcuda.so.1"))
            .unwrap_or_else(|error| panic!("{}: {error}", library.display()));
        Machine { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Compiles a program of `tests/c` against a stub that has the driver's name and symbols, and answers nothing.
    fn compile(&self, name: &str) -> &Machine {
        std::fs::create_dir_all(self.path("stub")).expect("a folder");
        let source = self.path("stub.c");
        // CUDA_ERROR_STUB_LIBRARY is 34.
        let functions = simgpu::driver::symbols().map(|name| format!("int {name}(void) {{ return 34; }}\n"));
        std::fs::write(&source, functions.collect::<String>()).expect("a file");
        let stub = self.path("stub/libcuda.so");
        self.cc(&["-shared".as_ref(), "-Wl,-soname,libcuda.so.1".as_ref(), "-o".as_ref(), &stub, &source]);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(format!("{name}.c"));
        let stubs = format!("-L{}", self.path("stub").display());
        let options =
            ["-std=c99", "-Wall", "-Werror", &stubs, "-Wl,--no-as-needed", "-Wl,--unresolved-symbols=ignore-all"];
        let mut arguments: Vec<&Path> = options.iter().map(Path::new).collect();
        let program = self.path(name);
        arguments.extend(["-o".as_ref(), program.as_path(), source.as_path(), "-lcuda".as_ref(), "-ldl".as_ref()]);
        self.cc(&arguments);
        self
    }

    fn cc(&self, arguments: &[&Path]) {
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let output = Command::new(&compiler).args(arguments).output().expect("a C compiler: cc, or that of CC");
        assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a program with our library in the driver's place and these settings.
    fn run(&self, name: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(self.path(name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("SIMGPU_") {
                command.env_remove(variable);
            }
        }
        command.args(arguments).env("LD_LIBRARY_PATH", self.path("lib")).envs(settings.iter().copied());
        command.output().expect("it starts")
    }
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_program_linked_against_the_driver_runs() {
    let machine = Machine::new("runs");
    let output = machine.compile("vector_add").run("vector_add", &[], &[]);
    assert_eq!(stdout(&output), "device: simgpu (models NVIDIA A100-SXM4-80GB)\nok\n");
    assert!(output.status.success());
    let output = machine.run("vector_add", &[], &[("SIMGPU_GPU", "h100"), ("SIMGPU_THREADS", "1")]);
    assert_eq!(stdout(&output), "device: simgpu (models NVIDIA H100-SXM5-80GB)\nok\n");
}

#[test]
fn a_program_that_opens_the_driver_by_hand_runs() {
    let machine = Machine::new("opens");
    let output = machine.compile("load_driver").run("load_driver", &[], &[]);
    assert_eq!(stdout(&output), "hello\n");
    assert!(output.status.success());
}

#[test]
fn every_launch_is_reported_to_the_files() {
    let machine = Machine::new("reports");
    machine.compile("vector_add");
    let (json, table) = (machine.path("report.json"), machine.path("table.txt"));
    let settings = [("SIMGPU_REPORT", json.to_str().expect("UTF-8")), ("SIMGPU_TABLE", table.to_str().expect("UTF-8"))];
    for _ in 0..2 {
        assert!(machine.run("vector_add", &[], &settings).status.success());
    }
    let json = std::fs::read_to_string(json).expect("a report");
    assert_eq!(json.lines().count(), 2, "one line a launch, appended");
    for line in json.lines() {
        let report: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(report["kernel"], "add");
        assert_eq!(report["grid"], serde_json::json!([4, 1, 1]));
        assert_eq!(report["counters"]["flops_f32"], 1024);
        assert_eq!(report["counters"]["global_stores"]["sectors"], 128);
        assert_eq!(report["findings"], serde_json::json!([]));
        assert_eq!(report["model"]["name"], "NVIDIA A100-SXM4-80GB");
    }
    let table = std::fs::read_to_string(table).expect("a table");
    assert_eq!(table.matches("add: grid 4×1×1, block 256×1×1").count(), 2, "{table}");
    assert!(table.contains("not measured"), "{table}");
}

#[test]
fn a_store_out_of_bounds_ends_with_the_place_of_it() {
    let machine = Machine::new("bounds");
    let output = machine.compile("vector_add").run("vector_add", &["add", "4000"], &[]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cuCtxSynchronize(): CUDA_ERROR_ILLEGAL_ADDRESS (700)"), "{text}");
    assert!(text.contains("add, PTX line 17, block (3, 0, 0), thread (232, 0, 0)"), "{text}");
}

#[test]
fn a_race_fails_the_launch_when_any_finding_does() {
    let machine = Machine::new("race");
    machine.compile("vector_add");
    assert!(machine.run("vector_add", &["race"], &[]).status.success(), "reported, as no GPU would see it");
    let output = machine.run("vector_add", &["race"], &[("SIMGPU_FAIL", "1")]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("CUDA_ERROR_LAUNCH_FAILED (719)") && text.contains("race in race"), "{text}");
    let none = [("SIMGPU_FAIL", "1"), ("SIMGPU_CHECKS", "none")];
    assert!(machine.run("vector_add", &["race"], &none).status.success(), "nobody looked");
    assert!(machine.run("vector_add", &["add"], &[("SIMGPU_FAIL", "1")]).status.success(), "nothing to find");
}

#[test]
fn a_kernel_without_end_is_stopped() {
    let machine = Machine::new("endless");
    let output = machine.compile("vector_add").run("vector_add", &[], &[("SIMGPU_INSTRUCTIONS_MAX", "3")]);
    let text = stdout(&output);
    assert!(text.contains("cuCtxSynchronize(): CUDA_ERROR_LAUNCH_TIMEOUT (702)"), "{text}");
}

#[test]
fn a_wrong_setting_is_named() {
    let machine = Machine::new("settings");
    machine.compile("vector_add");
    for (name, value) in [("SIMGPU_CHECKS", "racez"), ("SIMGPU_CHEKCS", "all"), ("SIMGPU_REPORT", "/nowhere/at/all")] {
        let output = machine.run("vector_add", &[], &[(name, value)]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.starts_with("cuInit(0): CUDA_ERROR_INVALID_VALUE (1): invalid argument: "), "{text}");
        assert!(text.contains(name), "{text}");
    }
}
