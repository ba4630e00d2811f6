//! The repository keeps the rules of ARCHITECTURE.md: here its map, its layers and where `unsafe` may be; in `imports.rs` what a module
//! may use.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod imports;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The paths on the map: the first word of each line of the block below its heading.
fn mapped() -> BTreeSet<String> {
    let text = read(&root().join("ARCHITECTURE.md"));
    let (_, after_heading) = text.split_once("## Map").expect("a heading");
    let block = after_heading.split("```").nth(1).expect("a block");
    block.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The files and folders in a folder, as paths from the root.
fn listed(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("UTF-8");
    entries.map(name).filter(|name| !name.starts_with('.')).map(|name| format!("{folder}/{name}")).collect()
}

/// The folders of the workspace's crates.
fn members() -> Vec<String> {
    let mut members = listed("crates");
    members.push("kernels".to_owned());
    members
}

/// Where the crate of this name is: folders under `crates` are called as their crates are.
fn folder(name: &str) -> String {
    if name == "gpukern-kernels" { "kernels".to_owned() } else { format!("crates/{name}") }
}

#[test]
fn the_map_names_nothing_that_is_not_there() {
    let mapped = mapped();
    assert!(mapped.len() > 10, "{mapped:?}");
    for path in &mapped {
        assert!(root().join(path).exists(), "ARCHITECTURE.md maps {path}, which does not exist");
    }
}

#[test]
fn the_map_leaves_out_no_crate_example_or_test() {
    let mapped = mapped();
    for path in [members(), listed("examples"), listed("tests")].concat() {
        assert!(mapped.contains(&path), "{path} is not on ARCHITECTURE.md's map");
    }
}

#[test]
fn the_fuzz_targets_are_named_where_one_looks_for_them() {
    let targets = listed("fuzz/fuzz_targets");
    let names: Vec<&str> = targets.iter().filter_map(|path| Path::new(path).file_stem()?.to_str()).collect();
    assert!(!names.is_empty());
    for file in ["ARCHITECTURE.md", "fuzz/README.md", "fuzz/Cargo.toml"] {
        let text = read(&root().join(file));
        let words: BTreeSet<&str> = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).collect();
        names.iter().for_each(|name| assert!(words.contains(name), "{file} does not name the fuzz target {name}"));
    }
}

/// Not default members: so large that plain `cargo test` leaves them out. CI does not.
const LARGE: [&str; 1] = ["crates/pagepaint"];

#[test]
fn every_crate_inherits_the_lints_and_is_tested_by_default_or_by_name() {
    let workspace = read(&root().join("Cargo.toml"));
    let ci = read(&root().join(".ci/run"));
    let defaults = workspace.split("default-members").nth(1).and_then(|list| list.split(']').next()).expect("a list");
    for member in members() {
        let text = read(&root().join(&member).join("Cargo.toml"));
        assert!(text.contains("[lints]\nworkspace = true"), "{member} does not inherit the lints");
        let is_default = defaults.contains(&format!("\"{member}\""));
        assert_eq!(is_default, !LARGE.contains(&member.as_str()), "{member}: a default member, or one of the large");
        let step = format!("cargo test -p {} ", member.trim_start_matches("crates/"));
        let steps: String = ci.lines().filter(|line| line.contains(&step)).collect();
        let tests = if is_default { Vec::new() } else { listed(&format!("{member}/tests")) };
        let names = tests.iter().filter_map(|test| Path::new(test).file_stem()?.to_str());
        let is_run = |name: &str| steps.contains(&format!("--test {name}")) || !is_test(&member, name);
        assert!(is_default || !steps.is_empty(), "{member} is tested by nobody");
        names.for_each(|name| assert!(is_run(name), "{member}: its test {name} is run by nobody"));
    }
}

/// Whether a file or a folder among a crate's tests is a test, and not what tests read.
fn is_test(member: &str, name: &str) -> bool {
    let tests = root().join(member).join("tests");
    tests.join(format!("{name}.rs")).exists() || tests.join(name).join("main.rs").exists()
}

/// The sources of the crates, their tests and benches, and of the examples and tests that cross crates.
fn sources() -> Vec<PathBuf> {
    let mut folders = ["crates", "examples", "kernels", "tests"].map(|folder| root().join(folder)).to_vec();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources
}

/// The modules on the way to a source, such as ["pi"] for `pi/mod.rs`: its page is that many folders below its crate's.
fn modules(source: &str) -> usize {
    let path = source.trim_end_matches("lib.rs").trim_end_matches("mod.rs").trim_end_matches(".rs");
    path.split('/').filter(|part| !part.is_empty()).count()
}

/// A crate's documentation may lead to the pages on which rustdoc shows its sources; rustdoc does not check such a link.
#[test]
fn links_to_the_pages_of_sources_lead_to_sources() {
    let crates = root().join("crates");
    let mut links = 0;
    for path in sources().iter().filter(|path| path.starts_with(&crates)) {
        let place = path.strip_prefix(&crates).expect("below it").to_str().expect("UTF-8");
        let Some((name, source)) = place.split_once("/src/") else { continue };
        for link in read(path).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((up, target)) = link.split_once("src/").filter(|(up, _)| up.starts_with("../")) else { continue };
            let target = target.split_once('/').filter(|(of, _)| *of == name.replace('-', "_"));
            let target = target.and_then(|(_, page)| page.strip_suffix(".html"));
            let target = target.unwrap_or_else(|| panic!("{place}: {link} is no page of a source of {name}"));
            assert!(crates.join(name).join("src").join(target).is_file(), "{place}: {link} leads nowhere");
            assert_eq!(up, "../".repeat(1 + modules(source)), "{place}: {link} begins in the wrong folder");
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

/// Where ARCHITECTURE.md allows unsafe code.
const UNSAFE: [&str; 12] = [
    "crates/linalg/src/simd/",
    "crates/linalg/src/view.rs",
    "crates/linalg/src/blas.rs",
    "crates/gpukern/src/simd/",
    "crates/microgpt/src/simd/",
    "crates/gpu-device/",
    "crates/montecarlo/src/simd/",
    "crates/netprobe/src/tcp/info.rs",
    "crates/simgpu/src/lanes/",
    "crates/simgpu/src/memory/",
    "crates/simgpu/src/driver/",
    "crates/simgpu/tests/driver_",
];

#[test]
fn the_ban_on_unsafe_code_is_lifted_only_where_the_map_says_so() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    assert!(UNSAFE.iter().all(|place| architecture.contains(place.trim_end_matches('/'))));
    for path in sources() {
        let text = code(&path);
        let place = place(&path);
        // A bench may call other people's libraries, and benches are not part of a crate. This test names the lints.
        let allowed = UNSAFE.iter().any(|allowed| place.starts_with(allowed)) || place.contains("/benches/");
        let is_this = place.starts_with("tests/architecture/");
        assert!(allowed || is_this || !text.contains("unsafe_code"), "{place} lifts the ban on unsafe code");
        // Each block says why it is sound: clippy sees to that, unless it is told not to.
        assert!(is_this || !text.contains("undocumented_unsafe_blocks"), "{place} lifts the need for a proof");
    }
}

/// What the other rules rest on, since every crate inherits it.
#[test]
fn the_lints_of_the_workspace_are_those_that_the_invariants_need() {
    let workspace = read(&root().join("Cargo.toml"));
    let lints =
        ["unsafe_code", "undocumented_unsafe_blocks", "print_stdout", "print_stderr", "dbg_macro", "missing_docs"];
    for lint in lints {
        assert!(workspace.contains(&format!("\n{lint} = \"deny\"\n")), "the workspace does not deny {lint}");
    }
}

/// A path as ARCHITECTURE.md writes it.
fn place(path: &Path) -> &str {
    path.strip_prefix(root()).expect("below the root").to_str().expect("UTF-8")
}

/// A source without the lines that are comments.
fn code(path: &Path) -> String {
    read(path).lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The layers as ARCHITECTURE.md lists them: each crate, and those that it may depend on.
fn layers() -> Vec<(String, Vec<String>)> {
    let text = read(&root().join("ARCHITECTURE.md"));
    let block = text.split_once("## Layers").and_then(|(_, after)| after.split("```").nth(1)).expect("a block");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let layer = |line: &str| {
        let (name, below) = line.split_once('→').unwrap_or((line, ""));
        (name.trim().to_owned(), words(below))
    };
    block.lines().skip(1).filter(|line| !line.trim().is_empty()).map(layer).collect()
}

#[test]
fn dependencies_run_one_way_and_are_those_of_the_drawing() {
    let layers = layers();
    let names: BTreeSet<String> = layers.iter().map(|(name, _)| folder(name)).collect();
    assert_eq!(names, members().into_iter().collect());
    for (level, (name, below)) in layers.iter().enumerate() {
        let lower: Vec<&String> = layers[..level].iter().map(|(name, _)| name).collect();
        assert!(below.iter().all(|name| lower.contains(&name)), "{name} depends on something that comes after it");
        let manifest = read(&root().join(folder(name)).join("Cargo.toml"));
        for (other, _) in &layers {
            let depends = manifest.lines().any(|line| {
                let line = line.trim_start_matches("[dependencies.").trim_start();
                line.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']']))
            });
            assert_eq!(
                depends,
                below.contains(other),
                "ARCHITECTURE.md and {name}'s manifest: does it depend on {other}?"
            );
        }
    }
}

/// The oldest Rust that is promised is the one that everything is built and tested with.
#[test]
fn the_stated_version_of_rust_is_the_one_in_use() {
    let toolchain = read(&root().join("rust-toolchain.toml"));
    let manifest = read(&root().join("Cargo.toml"));
    let value = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}"));
        line.trim_start_matches([' ', '=']).trim_matches('"').to_owned()
    };
    let (used, stated) = (value(&toolchain, "channel"), value(&manifest, "rust-version"));
    assert!(used == stated || used.strip_prefix(&stated).is_some_and(|rest| rest.starts_with('.')), "{used}, {stated}");
    for member in members() {
        let manifest = read(&root().join(&member).join("Cargo.toml"));
        assert!(manifest.contains("rust-version.workspace = true"), "{member} states none");
    }
}
