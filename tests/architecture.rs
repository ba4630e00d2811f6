//! The repository keeps the rules of ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

fn manifests() -> Vec<PathBuf> {
    listed("crates").iter().map(|member| root().join(member).join("Cargo.toml")).collect()
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
    for folder in ["crates", "examples", "tests"] {
        for path in listed(folder) {
            assert!(mapped.contains(&path), "{path} is not on ARCHITECTURE.md's map");
        }
    }
}

#[test]
fn every_crate_inherits_the_lints_and_is_tested_by_default() {
    let workspace = read(&root().join("Cargo.toml"));
    for manifest in manifests() {
        let text = read(&manifest);
        assert!(text.contains("[lints]\nworkspace = true"), "{} does not inherit the lints", manifest.display());
        let member = manifest.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a name");
        assert!(workspace.contains(&format!("\"crates/{member}\"")), "{member} is not a default member");
    }
}

#[test]
fn no_crate_has_unsafe_code() {
    let mut folders: Vec<PathBuf> = manifests().iter().map(|manifest| manifest.with_file_name("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let allowed = read(&path).lines().any(|line| line.contains("allow(unsafe_code)"));
                assert!(!allowed, "{} lifts the ban on unsafe code", path.display());
            }
        }
    }
}

/// A crate may depend on another only if it stands to its right in the drawing of the layers.
#[test]
fn dependencies_run_one_way() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let drawing = text.split_once("## Layers").and_then(|(_, after)| after.split("```").nth(1)).expect("a drawing");
    let layers: Vec<&str> = drawing.trim_start_matches("text").split('←').map(str::trim).collect();
    for (level, layer) in layers.iter().enumerate() {
        let manifest = read(&root().join("crates").join(layer).join("Cargo.toml"));
        for above in &layers[level..] {
            let depends = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{above}.workspace")) || line.starts_with(&format!("{above} =")));
            assert!(!depends, "{layer} depends on {above}");
        }
    }
}
