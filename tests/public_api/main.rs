//! What each crate shows is what `docs/api` says it shows, a line an item. What a change does to those who depend on a crate is seen
//! here first.
//!
//! rustdoc writes JSON, and the crate `public-api` makes lines of it. Every feature is on; where there is no Open MPI, montecarlo's
//! `mpi` is not, and what is recorded of it is not compared. Trait methods that follow from the trait, and what the compiler adds by
//! itself, are left out, but for `Send` and `Sync`.
//!
//! `cargo test --test public_api -- --ignored` compares; with `RECORD_API=1` before it, it writes down what is there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use public_api::{Builder, PublicItem};

mod difference;
#[path = "../support/workspace.rs"]
mod workspace;

use difference::Difference;
use workspace::{Package, Workspace};

const RECORD: &str = "RECORD_API=1 cargo test --test public_api -- --ignored";
/// What the feature `mpi` shows.
const OF_MPI: &str = "montecarlo::mpi";
/// Traits that say nothing that a caller would miss.
const IMPLIED: [&str; 5] =
    ["core::marker::Freeze", "core::marker::StructuralPartialEq", "core::marker::Unpin", "UnsafeUnpin", "UnwindSafe"];

#[test]
#[ignore = "it documents every crate, which takes the whole workspace"]
fn each_crate_shows_what_is_recorded() {
    let (workspace, has_mpi) = (Workspace::read(), has_mpi());
    let records = std::env::var_os("RECORD_API").is_some();
    assert!(has_mpi || !records, "no `mpicc`: what montecarlo's `mpi` shows cannot be recorded without Open MPI");
    document(&workspace, has_mpi);
    let mut failures = String::new();
    for Package { name, version, .. } in workspace.crates() {
        let json = workspace.target_directory.join("doc").join(name.replace('-', "_")).with_extension("json");
        let shown = lines(&json);
        let path = recorded_at(name);
        if records {
            let text = format!("# {name} {version}\n{}\n", shown.join("\n"));
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let recorded =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}: {RECORD}", path.display()));
        let difference = Difference::between(&comparable(&recorded, has_mpi), &shown);
        if !difference.is_empty() {
            failures += &format!("{}:\n{}\n", path.display(), difference.told(name, version));
        }
    }
    assert!(failures.is_empty(), "\n{failures}To record it: {RECORD}\n");
}

#[test]
fn nothing_is_recorded_of_a_crate_that_is_gone() {
    let files = fs::read_dir(recorded_at("x").with_file_name("")).expect("a folder");
    let names: HashSet<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    assert_eq!(names, Workspace::read().crates().map(|package| recorded_at(&package.name)).collect());
}

fn recorded_at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api").join(format!("{name}.txt"))
}

/// Whether the feature `mpi` can be on: it needs an MPI library (and libclang), which Cargo cannot fetch. Only Open MPI counts, whose
/// compiler knows this flag: other libraries make other types `Send`.
fn has_mpi() -> bool {
    Command::new("mpicc").arg("--showme:version").output().is_ok_and(|output| output.status.success())
}

/// Lets rustdoc write JSON about each crate, with every feature that can be on.
fn document(workspace: &Workspace, has_mpi: bool) {
    let features = workspace.packages.iter().flat_map(|package| {
        let features = package.features.keys().filter(|feature| has_mpi || *feature != "mpi");
        features.map(|feature| format!("{}/{feature}", package.name))
    });
    let features: Vec<String> = features.collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new(env!("CARGO"))
        .args(["doc", "--quiet", "--workspace", "--no-deps", "--features", &features.join(",")])
        .env("RUSTDOC", root.join("tests/public_api/rustdoc.sh"))
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json")
        .current_dir(root)
        .status();
    assert!(status.expect("cargo runs").success(), "cargo doc fails");
}

/// What is recorded, without what cannot be shown here.
fn comparable(recorded: &str, has_mpi: bool) -> String {
    let lines = recorded.lines().filter(|line| has_mpi || !line.contains(OF_MPI));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn without_mpi_what_needs_it_is_not_missed() {
    let recorded = "# a 0.1.0\npub mod montecarlo::mpi\nimpl a::T for montecarlo::mpi::World\npub fn a::f()\n";
    assert_eq!(comparable(recorded, true), recorded);
    assert_eq!(comparable(recorded, false), "# a 0.1.0\npub fn a::f()\n");
}

/// A line an item, in the order of their paths.
fn lines(json: &Path) -> Vec<String> {
    let api = Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let api = api.unwrap_or_else(|error| panic!("{}: {error}", json.display()));
    let of_traits = api.items().filter(|item| is_of_trait(&item.to_string())).map(PublicItem::id);
    let of_traits: HashSet<_> = of_traits.collect();
    let follows = |item: &PublicItem| item.parent_id().is_some_and(|parent| of_traits.contains(&parent));
    let is_type = |line: &str| line.starts_with("pub type ");
    let items = api.items().map(|item| (item.to_string(), follows(item)));
    items.filter(|(line, follows)| !is_implied(line) && (!follows || is_type(line))).map(|(line, _)| line).collect()
}

fn is_of_trait(line: &str) -> bool {
    line.starts_with("impl") && line.contains(" for ")
}

fn is_implied(line: &str) -> bool {
    line.split_once(" for ")
        .is_some_and(|(of, _)| line.starts_with("impl") && IMPLIED.iter().any(|name| of.ends_with(name)))
}
