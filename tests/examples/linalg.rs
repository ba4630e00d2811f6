//! The ladder of products.

use std::fs;

use super::{assert_kept, error, folder, run, stdout};

#[test]
fn matmul_climbs_the_ladder() {
    let folder = folder();
    let text = stdout(&run(
        "matmul",
        folder.path(),
        &["60", "--svg", "rungs.svg", "--json", "rungs.json", "--walk", "walk.svg"],
    ));
    for promised in ["60x60 times 60x60, f64", "naive ijk", "naive ikj", "blocked", "Strassen over blocked", "BLAS"] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let report = fs::read_to_string(folder.path().join("rungs.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let rungs = report["rungs"].as_array().expect("rungs");
    assert!(rungs.len() >= 7);
    assert!(rungs.iter().all(|rung| rung["max_error"].as_f64().expect("a number") < 1e-10));
    let misses = |rung: usize| rungs[rung]["l1_misses_per_multiplication"].as_f64().expect("a number");
    assert!(misses(2) < misses(1), "walking along rows misses less often than jumping across them");
    assert!(fs::read_to_string(folder.path().join("rungs.svg")).expect("a chart").starts_with("<svg"));
    assert_kept(&folder.path().join("walk.svg"), "crates/linalg/docs/walk.svg", "matmul -- --walk");
    assert!(error(&run("matmul", folder.path(), &["8", "--svg", "no/such"])).contains("cannot write \"no/such\""));
    assert_eq!(run("matmul", folder.path(), &["1"]).status.code(), Some(2));
}
