//! Each crate as somebody meets it who has only its package: a project outside the workspace depends on it and on nothing else of
//! ours, and the program that the crate's README begins with compiles there, and runs.
//!
//! The packages are those that `cargo package` would upload. Four of their names belong to other people's crates, so every project says
//! with `[patch.crates-io]` where ours lie. What compiles here also verifies the packages, all of them with one build of what they share.
//!
//! `cargo test --test packages -- --ignored`: it builds most of what the workspace depends on once more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod readme;
#[path = "../support/workspace.rs"]
mod workspace;

use readme::Program;
use workspace::Workspace;

/// A program that waits for something needs a runtime, which is the reader's to choose.
const RUNTIME: &str = r#"tokio = { version = "1", features = ["rt", "macros", "net", "time"] }"#;

#[test]
#[ignore = "it builds every crate once more, out of its package"]
fn a_project_that_depends_on_one_crate_alone_runs_the_program_of_its_readme() {
    let packages = packages();
    assert_eq!(packages.len(), Workspace::read().crates().count(), "every crate has a package: {packages:?}");
    for (name, package) in &packages {
        let readme =
            fs::read_to_string(package.join("README.md")).unwrap_or_else(|error| panic!("{name}/README.md: {error}"));
        let program = Program::first_of(&readme).unwrap_or_else(|| panic!("{name}/README.md has no program in Rust"));
        let project = project(name, &program, &packages);
        cargo(&project, &[if program.runs { "run" } else { "build" }, "--quiet"]);
    }
}

/// With default features and with none are the same: a crate's features only add, and none is on by default.
#[test]
fn no_feature_is_on_by_default() {
    for package in Workspace::read().crates() {
        assert!(!package.features.contains_key("default"), "{} has default features", package.name);
    }
}

/// Makes the packages and unpacks them. Returns where each lies.
fn packages() -> BTreeMap<String, PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = scratch().join("packed");
    let _ = fs::remove_dir_all(&target);
    let target_dir = target.to_str().expect("UTF-8");
    cargo(root, &["package", "--quiet", "--workspace", "--no-verify", "--allow-dirty", "--target-dir", target_dir]);
    let folder = target.join("package");
    let archives = fs::read_dir(&folder).expect("packages").map(|entry| entry.expect("an entry").path());
    for archive in archives.filter(|path| path.extension().is_some_and(|extension| extension == "crate")) {
        run(Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(&folder));
    }
    let workspace = Workspace::read();
    let unpacked = workspace.crates().map(|package| {
        let place = folder.join(format!("{}-{}", package.name, package.version));
        (package.name.clone(), place)
    });
    unpacked.filter(|(_, place)| place.is_dir()).collect()
}

/// A project whose only dependency is one package, with the program as its own.
fn project(name: &str, program: &Program, packages: &BTreeMap<String, PathBuf>) -> PathBuf {
    let folder = scratch().join(format!("alone-{name}"));
    fs::create_dir_all(folder.join("src")).expect("a folder");
    let patches: String = packages.iter().map(|(name, path)| format!("{name} = {{ path = {path:?} }}\n")).collect();
    let runtime = if program.source.contains("tokio::") { RUNTIME } else { "" };
    let manifest = format!(
        "[package]\nname = \"alone-{name}\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{name} = \"{version}\"\n{runtime}\n\n\
         [patch.crates-io]\n{patches}\n[profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(folder.join("src/main.rs"), &program.source).expect("a program");
    // The same versions of everything as in the workspace, so that what both need is built once.
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"), folder.join("Cargo.lock")).expect("a lock file");
    folder
}

/// Runs cargo in a folder, with the workspace's own build folder.
fn cargo(folder: &Path, arguments: &[&str]) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("");
    run(Command::new(env!("CARGO")).args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target));
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command runs");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages")
}
