//! What the fuzz targets check, for the seeds that they start from and for each of those cut off anywhere: no fuzzer needed.

#![allow(clippy::print_stdout, reason = "the last seed printed is the one that failed")]

use std::path::Path;

use crate::fuzzed::{dns, http, report, tls, url};

/// Seeds longer than this are cut off at this many places, evenly.
const CUTS_MAX: usize = 64;

/// Every seed of the fuzz target `netprobe_…`, whole and cut off.
fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzed/seeds").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        println!("{}", path.display());
        let seed = std::fs::read(path).expect("a seed");
        check(&seed);
        for cut in (0..seed.len()).step_by(seed.len() / CUTS_MAX + 1) {
            check(&seed[..cut]);
        }
        seeds += 1;
    }
    assert!(seeds > 0, "{} has no seeds", folder.display());
}

/// As a fuzzer does it: what is no text is not checked.
fn text(check: impl Fn(&str)) -> impl Fn(&[u8]) {
    move |bytes| std::str::from_utf8(bytes).map(&check).unwrap_or_default()
}

#[test]
fn dns_seeds() {
    each("dns", dns::check);
}

#[test]
fn http_seeds() {
    each("http", http::check);
}

#[test]
fn report_seeds() {
    each("report", text(report::check));
}

#[test]
fn tls_seeds() {
    each("tls", |bytes| {
        tls::check(bytes);
    });
}

#[test]
fn url_seeds() {
    each("url", text(url::check));
}
