//! What a module may use: invariants that no manifest shows.

use std::path::PathBuf;

use super::{code, place, sources};

/// The sources of libraries, with their code.
fn libraries() -> impl Iterator<Item = (PathBuf, String)> {
    let is_library = |path: &PathBuf| {
        let place = place(path);
        place.starts_with("kernels/src/") || (place.starts_with("crates/") && place.contains("/src/"))
    };
    sources().into_iter().filter(is_library).map(|path| {
        let code = code(&path);
        (path, code)
    })
}

/// Lints forbid the macros; a library that wrote to the streams themselves would print as well.
#[test]
fn libraries_do_not_print() {
    let prints = ["println!", "print!", "dbg!", "stdout()", "stderr()", "print_stdout", "print_stderr", "dbg_macro"];
    for (path, code) in libraries() {
        let found = prints.iter().find(|print| code.contains(*print));
        assert_eq!(found, None, "{} prints", path.display());
    }
}

/// What one place alone knows: the engine of a page, the driver of a GPU, the software GPU.
const KNOWN_TO: [(&str, &[&str]); 3] = [
    ("crates/pagepaint/src/engine/", &["blitz", "anyrender", "stylo::", "parley"]),
    ("crates/gpu-device/src/", &["cust::"]),
    ("crates/simgpu/src/", &["simgpu::"]),
];

#[test]
fn blitz_the_driver_and_the_software_gpu_are_known_to_one_place_each() {
    for (path, code) in libraries() {
        let place = place(&path);
        for (owner, names) in KNOWN_TO.iter().filter(|(owner, _)| !place.starts_with(owner)) {
            let found = names.iter().find(|name| code.contains(**name));
            assert_eq!(found, None, "{place}, which is not in {owner}");
        }
    }
}

/// The steps of a probe, and those that each may use. `url` is text and no step of a network: whoever shows a URL needs it. `names` reaches
/// resolvers behind TLS. `proxy` and `tls` take a type each: what a proxy's name resolved to, why a scan has no connection.
const STEPS: [(&str, &[&str]); 8] = [
    ("keypress", &[]),
    ("url", &[]),
    ("names", &["url", "dns", "tcp", "tls", "http"]),
    ("dns", &[]),
    ("tcp", &[]),
    ("proxy", &["url", "names"]),
    ("tls", &["tcp"]),
    ("http", &["url"]),
];
/// Those that put the steps in a row, or show what they did.
const ABOVE: [&str; 4] = ["session", "probe", "report", "render"];

#[test]
fn the_steps_of_a_probe_know_nothing_of_each_other() {
    for (path, code) in libraries() {
        let place = place(&path);
        let below = place.strip_prefix("crates/netprobe/src/").unwrap_or_default();
        let step = below.split(['/', '.']).next().unwrap_or_default();
        let Some((_, allowed)) = STEPS.iter().find(|(name, _)| *name == step) else { continue };
        let others = STEPS.iter().map(|(name, _)| *name).chain(ABOVE);
        for other in others.filter(|other| *other != step && !allowed.contains(other)) {
            let is_used = used(&code).any(|name| name == other);
            assert!(!is_used, "{place} uses {other}, which ARCHITECTURE.md does not say");
        }
    }
}

/// The modules of its own crate that a source names: `crate::NAME`, and those among `use crate::{…}`.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).flat_map(|after| {
        let list = after.strip_prefix('{').and_then(|list| list.split('}').next());
        let names = list.map_or(vec![after], |list| list.split(',').collect());
        names.into_iter().map(|name| {
            let name = name.trim_start();
            name.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next().unwrap_or_default()
        })
    })
}
