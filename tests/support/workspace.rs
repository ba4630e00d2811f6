//! The workspace as Cargo sees it, for tests that go through all of its crates.
#![allow(dead_code, reason = "not every test asks for all of it")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

impl Workspace {
    pub(crate) fn read() -> Self {
        let metadata = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
        serde_json::from_slice(&metadata.stdout).expect("JSON")
    }

    /// The library crates: all but the root package, which has no library.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.name != env!("CARGO_PKG_NAME"))
    }
}
