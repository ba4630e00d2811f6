//! Each example keeps the promises of its header: output, files, errors, exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

mod attention;
mod autograd;
#[cfg(any(feature = "simgpu", not(feature = "cuda")))]
mod gpu;
mod linalg;
mod microgpt;
mod montecarlo;
#[cfg(feature = "paint")]
mod page;
mod probes;
mod what_happens;

/// What this test was built with, so that nothing is built twice: features of dependencies are those that all selected packages
/// ask for together, so the plain run selects what plain `cargo test` does.
const SELECTION: &[&str] = if cfg!(feature = "simgpu") {
    &["--features", "whiteboard/simgpu"]
} else if cfg!(feature = "cuda") {
    &["--features", "whiteboard/cuda"]
} else if cfg!(feature = "paint") {
    &["--package", "pagepaint", "--package", "whiteboard", "--features", "paint"]
} else {
    &[]
};

/// Runs an example in an empty folder of its own.
fn run(example: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(build(example)).args(arguments).current_dir(folder).output().expect("the example runs")
}

/// Builds an example; returns its executable.
fn build(example: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", example, "--message-format", "json"])
        .args(SELECTION)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .expect("an executable")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The single line that an example prints when it fails.
fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

/// What an example drew is the picture that is kept in a crate's folder, for its README and its front page.
fn assert_kept(drawn: &Path, kept: &str, command: &str) {
    let drawn = fs::read_to_string(drawn).expect("a picture");
    let picture = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(kept)).expect("a picture");
    assert!(drawn == picture, "{kept} is stale: cargo run --release --example {command} {kept}");
    assert!(!picture.contains("\n\n"), "{kept}: on a front page, HTML ends at an empty line");
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// `example | head -1`
#[test]
fn a_reader_that_has_seen_enough_is_not_an_error() {
    let mut example = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "microgpt"])
        .args(SELECTION)
        .arg("--")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    drop(example.stdout.take());
    let output = example.wait_with_output().expect("the example ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_example_helps() {
    for example in examples() {
        let help = stdout(&run(&example, folder().path(), &["--help"]));
        assert!(help.contains("Usage: "), "{example}: {help}");
    }
}

/// And leaves nothing behind.
#[test]
fn every_example_refuses_what_it_does_not_know() {
    for example in examples() {
        let folder = folder();
        let output = run(&example, folder.path(), &["--no-such-option"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{example}: {text}");
        assert!(text.contains("--no-such-option") && output.stdout.is_empty(), "{example}: {output:?}");
        assert!(fs::read_dir(folder.path()).expect("a folder").next().is_none(), "{example} wrote something");
    }
}

/// The names of all examples.
fn examples() -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    // What examples share is a folder, too.
    let examples = paths.filter(|path| path.is_file() || path.join("main.rs").exists());
    examples.map(|path| path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned()).collect()
}
