//! Plain attention beside flash attention.

use std::fs;

#[cfg(feature = "simgpu")]
use super::assert_kept;
use super::{error, folder, run, stdout};

#[test]
fn flash_attention_moves_and_holds_less() {
    let folder = folder();
    let text = stdout(&run("flash_attention", folder.path(), &["512", "--svg", "flash.svg"]));
    for promised in
        ["attention of 512 queries to 512 keys", "512 plain", "512 flash", "it moved 512.0 KiB instead of 4.5 MiB"]
    {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let chart = fs::read_to_string(folder.path().join("flash.svg")).expect("a chart");
    assert!(chart.starts_with("<svg") && chart.contains("bytes between memory and processor"));
    assert!(error(&run("flash_attention", folder.path(), &["64", "--svg", "no/such"])).contains("no/such"));
    assert_eq!(run("flash_attention", folder.path(), &["1"]).status.code(), Some(2));
}

#[cfg(feature = "simgpu")]
#[test]
fn flash_attention_on_the_software_gpu_counts_what_the_matrix_costs() {
    let folder = folder();
    let arguments = ["512", "--device", "gpu", "--json", "traffic.json", "--svg", "traffic.svg"];
    let text = stdout(&run("flash_attention", folder.path(), &arguments));
    for promised in ["on simgpu (models NVIDIA A100", "512 plain    not timed", "1.0 MiB", "512 flash    not timed"] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let report = fs::read_to_string(folder.path().join("traffic.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    // Lengths 64, 128, 256 and 512: first plain, then flash.
    let lines = report["lines"].as_array().expect("lines");
    let moved = |line: usize| lines[line]["moved_bytes"].as_u64().expect("a count") as f64;
    let ratio = |length: usize| moved(length) / moved(4 + length);
    assert!(lines.len() == 8 && ratio(1) > 4.0 && ratio(2) > ratio(1), "{text}");
    let held = |line: usize| &lines[line]["materialised_bytes"];
    assert_eq!((held(3), held(7)), (&(4 * 512 * 512).into(), &0.into()));
    assert!(lines.iter().all(|line| line["milliseconds"].is_null()), "a software GPU has no time of a GPU");
    let command = "flash_attention --features simgpu -- 512 --device gpu --svg";
    assert_kept(&folder.path().join("traffic.svg"), "crates/gpukern/docs/traffic.svg", command);
}
