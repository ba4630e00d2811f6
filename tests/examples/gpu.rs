//! Kernels, on whatever GPU there is.

#[cfg(feature = "simgpu")]
use std::fs;

#[cfg(feature = "simgpu")]
use super::{assert_kept, stdout};
use super::{error, folder, run};

#[cfg(not(feature = "cuda"))]
#[test]
fn without_a_gpu_of_any_kind_the_examples_say_what_to_turn_on() {
    let on_a_gpu: [(&str, &[&str]); 4] = [
        ("flash_attention", &["--device", "gpu"]),
        ("gpu_matmul", &[]),
        ("gpu_race", &[]),
        ("microgpt", &["--engine", "cuda"]),
    ];
    for (example, arguments) in on_a_gpu {
        let error = error(&run(example, folder().path(), arguments));
        assert!(error.starts_with("error: this example ") && error.contains("--features simgpu"), "{error}");
    }
}

#[cfg(feature = "simgpu")]
#[test]
fn gpu_matmul_counts_what_each_rung_saves() {
    let folder = folder();
    let text = stdout(&run("gpu_matmul", folder.path(), &["96", "--json", "rungs.json"]));
    for promised in ["96x96 times 96x96, f32, on simgpu (models NVIDIA A100", "not measured", "tensor cores: bf16"] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let report = fs::read_to_string(folder.path().join("rungs.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["n"], &report["software"]), (&serde_json::json!(96), &serde_json::json!(true)));
    let rungs = report["rungs"].as_array().expect("rungs");
    assert_eq!(rungs.len(), 4);
    // Each thread of the naive kernel reads 2·96 numbers and writes one; a tile of 32 shares what it reads among 32.
    let asked = |rung: usize| rungs[rung]["counts"]["requested_bytes"].as_u64().expect("a count");
    assert_eq!(asked(0), 96 * 96 * (2 * 96 + 1) * 4);
    assert_eq!(asked(1), 96 * 96 * (2 * 3 + 1) * 4);
    assert!(rungs.iter().all(|rung| rung["milliseconds"].is_null() && rung["counts"]["warp_instructions"] != 0));
    assert!(rungs[..3].iter().all(|rung| rung["max_error"].as_f64().expect("a number") < 1e-4));
    stdout(&run("gpu_matmul", folder.path(), &["512", "--svg", "binds.svg"]));
    let command = "gpu_matmul --features simgpu -- 512 --svg";
    assert_kept(&folder.path().join("binds.svg"), "crates/simgpu/docs/binds.svg", command);
    assert!(error(&run("gpu_matmul", folder.path(), &["8", "--ordinal", "1"])).contains("device 1 was asked for"));
    assert!(error(&run("gpu_matmul", folder.path(), &["8", "--json", "no/such"])).contains("cannot write"));
    assert_eq!(run("gpu_matmul", folder.path(), &["0"]).status.code(), Some(2));
}

#[cfg(feature = "simgpu")]
#[test]
fn gpu_race_finds_the_missing_barrier() {
    let folder = folder();
    let text = stdout(&run("gpu_race", folder.path(), &["40", "--json", "race.json"]));
    let (without, with) = text.split_once("With it:").expect("both kernels");
    for promised in ["Race, ", "UninitializedShared, ", "thread [", "kernels/cuda/matmul_tiled.cu:58    sum += "] {
        assert!(without.contains(promised), "no {promised:?} in:\n{text}");
    }
    assert!(
        with.contains("nothing found in 4 blocks") && with.contains("\n0 of the product's 1600 elements"),
        "{text}"
    );
    let report = fs::read_to_string(folder.path().join("race.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert!(!report["without"]["findings"].as_array().expect("findings").is_empty());
    assert_eq!(report["with"]["findings"], serde_json::json!([]));
    assert_eq!(stdout(&run("gpu_race", folder.path(), &["40"])), text, "the same in every run");
}

/// Losses are printed with four digits; what rounding does to them in three steps is far below the last.
#[cfg(feature = "simgpu")]
#[test]
fn microgpt_learns_on_the_gpu_what_it_learns_without() {
    let folder = folder();
    let losses = |engine: &str| {
        let text = stdout(&run("microgpt", folder.path(), &["--engine", engine, "--steps", "3", "--samples", "1"]));
        let losses = text.lines().filter_map(|line| line.split_once("Loss: ")?.1.parse::<f64>().ok());
        losses.collect::<Vec<f64>>()
    };
    let (got, expected) = (losses("cuda"), losses("tensor"));
    assert!(got.len() == 3 && expected.len() == 3, "{got:?}");
    assert!(got.iter().zip(&expected).all(|(got, expected)| (got - expected).abs() < 1.5e-4), "{got:?}, {expected:?}");
}
