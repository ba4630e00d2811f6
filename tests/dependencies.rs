//! What the workspace depends on, with every feature and on every platform, is what `deny.toml` allows: licences, sources, and no crate
//! twice without a reason. `cargo deny check licenses bans sources` reads the same file; this test needs no such program.
//!
//! `cargo test --test dependencies -- --ignored`: Cargo downloads what other platforms would build with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Who may depend on it all the same.
    #[serde(default)]
    wrappers: Vec<String>,
}

#[derive(Deserialize)]
struct Skip {
    /// `name@version`, the version as far as it matters.
    #[serde(rename = "crate")]
    package: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None: a folder of this repository.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(rename = "req")]
    requirement: String,
    path: Option<String>,
    /// `dev` for what a crate's own tests need; `build`, or none, for what it needs itself.
    kind: Option<String>,
    optional: bool,
}

fn rules() -> Rules {
    toml::from_str(include_str!("../deny.toml")).expect("deny.toml")
}

fn packages() -> Vec<Package> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--all-features", "--format-version", "1"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    serde_json::from_slice::<Metadata>(&metadata.stdout).expect("JSON").packages
}

#[test]
#[ignore = "Cargo downloads the packages of other platforms"]
fn every_licence_is_allowed() {
    let allowed: Vec<Expression> =
        rules().licenses.allow.iter().map(|one| Expression::parse(one).expect("an SPDX expression")).collect();
    let allowed: Vec<_> = allowed.iter().flat_map(Expression::requirements).map(|one| &one.req).collect();
    for Package { name, version, license, .. } in packages() {
        let license = license.unwrap_or_else(|| panic!("{name} {version} states no licence"));
        let expression = Expression::parse_mode(&license, ParseMode::LAX);
        let expression = expression.unwrap_or_else(|error| panic!("{name} {version}: {license}: {error}"));
        assert!(expression.evaluate(|wanted| allowed.contains(&wanted)), "{name} {version} is under {license}");
    }
}

#[test]
#[ignore = "Cargo downloads the packages of other platforms"]
fn everything_comes_from_the_registry() {
    let allowed: Vec<String> =
        rules().sources.allow_registry.iter().map(|address| format!("registry+{address}")).collect();
    for Package { name, source, dependencies, .. } in packages() {
        match source {
            Some(source) => assert!(allowed.contains(&source), "{name} comes from {source}"),
            None => {
                let any = dependencies.iter().find(|one| one.requirement == "*" && one.path.is_none());
                assert!(any.is_none(), "{name} takes any version of {}", any.map_or("", |one| &one.name));
            }
        }
    }
}

#[test]
#[ignore = "Cargo downloads the packages of other platforms"]
fn nothing_banned_is_depended_on() {
    let packages = packages();
    let there: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for Ban { name, wrappers } in rules().bans.deny {
        if there.contains(name.as_str()) {
            let asks = |package: &&Package| {
                package
                    .dependencies
                    .iter()
                    .any(|one| one.name == name && !one.optional && one.kind.as_deref() != Some("dev"))
            };
            for package in packages.iter().filter(asks) {
                assert!(wrappers.contains(&package.name), "{} depends on {name}", package.name);
            }
            assert!(!wrappers.is_empty(), "{name} is there");
        }
    }
}

/// And what is excused is there: an excuse that is not needed any more goes.
#[test]
#[ignore = "Cargo downloads the packages of other platforms"]
fn no_crate_is_there_twice_without_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Package { name, version, .. } in packages() {
        versions.entry(name).or_default().insert(version);
    }
    let mut excused: BTreeSet<String> = rules().bans.skip.into_iter().map(|skip| skip.package).collect();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let is_excused = |version: &&String| excused.iter().any(|skip| is_match(skip, name, version));
        let others: Vec<_> = versions.iter().filter(|version| !is_excused(version)).collect();
        assert!(others.len() <= 1, "{name} is there as {others:?}");
        excused.retain(|skip| !versions.iter().any(|version| is_match(skip, name, version)));
    }
    assert!(excused.is_empty(), "these are not there twice: {excused:?}");
}

/// `syn@1` is `syn` in any version 1.
fn is_match(skip: &str, name: &str, version: &str) -> bool {
    skip.split_once('@').is_some_and(|(skipped, prefix)| {
        skipped == name && (version == prefix || version.starts_with(&format!("{prefix}.")))
    })
}

#[test]
fn a_version_is_excused_up_to_a_dot() {
    assert!(is_match("syn@1", "syn", "1.0.109"));
    assert!(is_match("getrandom@0.2", "getrandom", "0.2.17"));
    assert!(!is_match("getrandom@0.2", "getrandom", "0.21.0"));
    assert!(!is_match("syn@1", "syn-mid", "1.0.0"));
}
