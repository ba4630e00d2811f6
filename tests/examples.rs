//! Each example keeps the promises of its header: output, files, errors, exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Those that this test was built with, so that nothing is built twice.
const FEATURES: &str = if cfg!(feature = "simgpu") {
    "simgpu"
} else if cfg!(feature = "cuda") {
    "cuda"
} else {
    ""
};

/// Runs an example in an empty folder of its own.
fn run(example: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(build(example)).args(arguments).current_dir(folder).output().expect("the example runs")
}

/// Builds an example; returns its executable.
fn build(example: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "whiteboard", "--features", FEATURES])
        .args(["--example", example, "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .expect("an executable")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The single line that an example prints when it fails.
fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn microgpt_prints_what_the_python_program_prints() {
    let reference = include_str!("../crates/microgpt/tests/reference/embedded.json");
    let reference: serde_json::Value = serde_json::from_str(reference).expect("JSON");
    let output = run("microgpt", folder().path(), &[]);
    assert_eq!(stdout(&output), reference["printed"].as_str().expect("a text"));
    assert!(output.stderr.is_empty(), "a progress bar is for a terminal");
}

#[test]
fn microgpt_learns_other_names_and_reports_in_json() {
    let folder = folder();
    fs::write(folder.path().join("names.txt"), "Ada\r\n\r\n Zoë \nOlu").expect("a file");
    let arguments = "--data names.txt --steps 3 --batch 2 --n-embd 6 --n-head 2 --n-layer 2 --block-size 5 \
                     --learning-rate 0.1 --seed 7 --temperature 1.5 --samples 4 --prompt O --json report.json";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let text = stdout(&run("microgpt", folder.path(), &arguments));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["Number of docs: 3", "Vocab size: 10", "Number of parameters: 1014"]);
    assert!(lines[3].starts_with("Step 1/3, Loss: ") && lines[5].starts_with("Step 3/3, Loss: "), "{text}");
    let names = &lines[8..];
    assert!(names.len() == 4 && names.iter().all(|name| name.starts_with('O')), "{text}");

    let report = fs::read_to_string(folder.path().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["losses"].as_array().expect("losses").len(), 3);
    assert_eq!(report["names"].as_array().expect("names")[0], names[0]);
    assert!(report["seconds"].as_f64() > Some(0.0) && report["names_per_second"].as_f64() > Some(0.0));
}

#[test]
fn microgpt_names_what_is_wrong() {
    let folder = folder();
    for (name, bytes) in [
        ("empty", &b"\n \n"[..]),
        ("latin1", b"emma\nzo\xeb\n"),
        ("long", b"emma\nwolfeschlegelsteinhausen"),
        ("one", b"aa\na"),
    ] {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    for (arguments, expected) in [
        ("--data missing", "error: cannot read \"missing\": "),
        ("--data empty", "error: \"empty\": there are no names"),
        ("--data latin1", "error: \"latin1\": the names are not UTF-8: line 2 has an invalid byte at column 3"),
        (
            "--data long",
            "error: the name \"wolfeschlegelsteinhausen\" has 24 characters, more than the block size of 16",
        ),
        ("--data one", "error: the names have one distinct character, 'a'"),
        ("--n-head 3", "error: n_embd = 16 is not divisible by n_head = 3"),
        ("--n-head 0", "error: n_head is 0"),
        ("--n-embd 1048576", "error: the model would have "),
        ("--batch 0", "error: batch is 0"),
        ("--learning-rate=-1", "error: learning_rate = -1"),
        ("--temperature 0", "error: temperature = 0"),
        ("--prompt Ada", "error: \"Ada\" has the character 'A'"),
        ("--steps 1 --json no/such/folder", "error: cannot write \"no/such/folder\": "),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let error = error(&run("microgpt", folder.path(), &arguments));
        assert!(error.starts_with(expected), "{arguments:?}: {error}");
    }
    assert_eq!(run("microgpt", folder.path(), &["--steps", "-1"]).status.code(), Some(2));
}

#[test]
fn microgpt_on_the_tensor_engine_keeps_its_model_and_goes_on_from_it() {
    let folder = folder();
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        stdout(&run("microgpt", folder.path(), &arguments))
    };
    let whole = run("--engine tensor --steps 40 --threads 1");
    assert_eq!(whole.lines().skip_while(|line| *line != "Generated names:").count(), 21, "{whole}");
    let kept = run("--engine tensor --steps 40 --save model.safetensors --save-every 16");
    assert_eq!(kept, whole, "the same on any number of threads, kept or not");
    // All steps are made: what is left is to invent names.
    let loaded = run("--engine tensor --steps 40 --load model.safetensors");
    assert!(!loaded.contains("Step "), "{loaded}");
    let names = |text: &str| text.split_once("Generated names:\n").expect("names").1.to_owned();
    assert_eq!(names(&loaded), names(&whole));
    assert!(run("--engine tensor --steps 50 --load model.safetensors --validation 0.1").contains("Step 41/50"));

    fs::write(folder.path().join("text.txt"), "the cat sat on the mat; ".repeat(40)).expect("a text");
    let text = run("--engine tensor --data text.txt --text --bytes --block-size 24 --steps 30 --top-k 3 --samples 1");
    assert!(text.contains("Vocab size: 257"), "{text}");
}

#[test]
fn microgpt_names_what_is_wrong_with_a_model_and_keeps_the_old_one() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let arguments = |text: &'static str| text.split_whitespace().collect::<Vec<&str>>();
    stdout(&run("microgpt", folder.path(), &arguments("--engine tensor --steps 2 --save model.safetensors")));
    let bytes = fs::read(&path).expect("a model");
    fs::write(folder.path().join("short"), &bytes[..bytes.len() / 2]).expect("a file");
    fs::write(folder.path().join("foreign"), "a letter to a friend").expect("a file");
    for (text, expected) in [
        ("--load missing", "error: cannot read \"missing\": "),
        ("--load short", "error: \"short\": not a checkpoint of a model: "),
        ("--load foreign", "error: \"foreign\": not a checkpoint of a model: "),
        ("--load model.safetensors --n-embd 32", "error: the model in the file has Config { n_embd: 16, "),
        ("--engine tensor --steps 1 --save no/such/folder", "error: cannot write \"no/such/folder\": "),
    ] {
        let error = error(&run("microgpt", folder.path(), &arguments(text)));
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    // A disk that is full after 8 blocks: the shell lets a larger file fail instead of ending the program.
    let executable = build("microgpt");
    let command = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' --engine tensor --steps 3 --save model.safetensors",
        executable.display()
    );
    let output = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().expect("a shell");
    let error = error(&output);
    assert!(error.starts_with("error: cannot write \"model.safetensors\": "), "{error}");
    assert_eq!(fs::read(&path).expect("a model"), bytes, "the old model is intact");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3, "nothing is left behind");
}

#[test]
fn microgpt_inspect_writes_a_page_that_stands_alone() {
    let folder = folder();
    let text = stdout(&run("microgpt_inspect", folder.path(), &["page.html", "--steps", "60", "--n-layer", "2"]));
    assert!(text.starts_with("60 steps, loss 3."), "{text}");
    let page = fs::read_to_string(folder.path().join("page.html")).expect("a page");
    for promised in ["\"losses\":[3.", "\"attention\":[[[[1.0]", "\"moved\":[{", "\"lens\":[[[", "wte[10][5]"] {
        assert!(page.contains(promised), "no {promised:?} in the page");
    }
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http:") && !elsewhere.contains("https:"), "nothing comes from a network");
    assert!(
        error(&run("microgpt_inspect", folder.path(), &["no/such/page"])).contains("cannot write \"no/such/page\"")
    );
    assert!(error(&run("microgpt_inspect", folder.path(), &["--name", "Ö"])).contains("does not know"));
}

#[test]
fn autograd_adds_up_what_comes_back_and_draws_the_readmes_picture() {
    let folder = folder();
    let text = stdout(&run("autograd", folder.path(), &["--svg", "neuron.svg", "--dot", "neuron.dot"]));
    assert!(text.contains("d(loss)/d(w) = 1 * 3 + 1 * 5 = 8"), "{text}");
    let drawn = fs::read_to_string(folder.path().join("neuron.svg")).expect("a picture");
    let kept = include_str!("../docs/neuron.svg");
    assert!(drawn == kept, "docs/neuron.svg is stale: cargo run --example autograd -- --svg docs/neuron.svg");
    assert!(fs::read_to_string(folder.path().join("neuron.dot")).expect("a graph").starts_with("digraph"));
    error(&run("autograd", folder.path(), &["--svg", "no/such/folder"]));
}

#[test]
fn gradient_journey_ends_where_it_was_sent() {
    let folder = folder();
    let text = stdout(&run("gradient_journey", folder.path(), &[]));
    for promised in [
        "loss = 3.277420",
        "loss.grad = 1",
        "total.grad = 1/8 = 0.125",
        "the plain softmax gives [NaN, NaN, NaN]",
        "6. Where it ends: wte[10][5], a number of the embedding of 'k'",
        "Its gradient is +0.000344195",
        "     malick          +0.000344195",
    ] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let elsewhere = ["--matrix", "lm_head", "--row", "3", "--column", "7"];
    assert!(stdout(&run("gradient_journey", folder.path(), &elsewhere)).contains("Its gradient is -0.018752415"));
    assert!(error(&run("gradient_journey", folder.path(), &["--matrix", "q"])).contains("no matrix is called \"q\""));
    assert!(error(&run("gradient_journey", folder.path(), &["--row", "27"])).contains("wte, which has 27 rows"));
}

#[test]
fn matmul_climbs_the_ladder() {
    let folder = folder();
    let text = stdout(&run("matmul", folder.path(), &["60", "--svg", "rungs.svg", "--json", "rungs.json"]));
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
    assert!(error(&run("matmul", folder.path(), &["8", "--svg", "no/such"])).contains("cannot write \"no/such\""));
    assert_eq!(run("matmul", folder.path(), &["1"]).status.code(), Some(2));
}

#[test]
fn flash_attention_moves_and_holds_less() {
    let folder = folder();
    let text = stdout(&run("flash_attention", folder.path(), &["--n", "512", "--svg", "flash.svg"]));
    for promised in
        ["attention of 512 queries to 512 keys", "512 plain", "512 flash", "it moved 512.0 KiB instead of 4.5 MiB"]
    {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let chart = fs::read_to_string(folder.path().join("flash.svg")).expect("a chart");
    assert!(chart.starts_with("<svg") && chart.contains("bytes between memory and processor"));
    assert!(error(&run("flash_attention", folder.path(), &["--n", "64", "--svg", "no/such"])).contains("no/such"));
    assert_eq!(run("flash_attention", folder.path(), &["--n", "1"]).status.code(), Some(2));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn without_a_gpu_of_any_kind_the_examples_say_what_to_turn_on() {
    let on_a_gpu: [(&str, &[&str]); 3] =
        [("flash_attention", &["--device", "gpu"]), ("gpu_matmul", &[]), ("gpu_race", &[])];
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
    assert!(error(&run("gpu_matmul", folder.path(), &["8", "--device", "1"])).contains("device 1 was asked for"));
    assert!(error(&run("gpu_matmul", folder.path(), &["8", "--json", "no/such"])).contains("cannot write"));
    assert_eq!(run("gpu_matmul", folder.path(), &["0"]).status.code(), Some(2));
}

#[cfg(feature = "simgpu")]
#[test]
fn flash_attention_on_the_software_gpu_counts_what_the_matrix_costs() {
    let folder = folder();
    let arguments = ["--device", "gpu", "--n", "256", "--json", "traffic.json", "--svg", "traffic.svg"];
    let text = stdout(&run("flash_attention", folder.path(), &arguments));
    for promised in ["on simgpu (models NVIDIA A100", "256 plain    not timed", "256.0 KiB", "256 flash    not timed"] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let report = fs::read_to_string(folder.path().join("traffic.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    // Lengths 64, 128 and 256: first plain, then flash.
    let lines = report["lines"].as_array().expect("lines");
    let moved = |line: usize| lines[line]["moved_bytes"].as_u64().expect("a count") as f64;
    let ratio = |length: usize| moved(length) / moved(3 + length);
    assert!(lines.len() == 6 && ratio(1) > 4.0 && ratio(2) > ratio(1), "{text}");
    let held = |line: usize| &lines[line]["materialised_bytes"];
    assert_eq!((held(2), held(5)), (&(4 * 256 * 256).into(), &0.into()));
    assert!(lines.iter().all(|line| line["milliseconds"].is_null()), "a software GPU has no time of a GPU");
    assert!(fs::read_to_string(folder.path().join("traffic.svg")).expect("a chart").starts_with("<svg"));
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

/// `example | head -1`
#[test]
fn pi_is_inside_its_error_bars_and_draws_the_readmes_picture() {
    let folder = folder();
    let text = stdout(&run("pi", folder.path(), &["50000000", "--svg", "pi.svg", "--json", "pi.json"]));
    assert!(text.contains("1000000           785475  3.1419000 ± 0.0032182") && text.lines().count() == 7, "{text}");
    let report = fs::read_to_string(folder.path().join("pi.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert!(report["table"].as_array().expect("lines").iter().all(|line| line["contains_pi"] == true), "{report}");
    let drawn = fs::read_to_string(folder.path().join("pi.svg")).expect("a picture");
    let kept = include_str!("../docs/pi.svg");
    assert!(drawn == kept, "docs/pi.svg is stale: cargo run --example pi -- --svg docs/pi.svg");
    assert!(error(&run("pi", folder.path(), &["2", "--svg", "no/such"])).contains("cannot write \"no/such\""));
}

#[test]
fn roads_integrals_and_prices_are_what_they_should_be() {
    let folder = folder();
    let roads = stdout(&run("pi_roads", folder.path(), &["200000"]));
    assert!(roads.contains("Buffon's needle") && roads.contains("… Sobol"), "{roads}");
    let integrals = stdout(&run("integrate", folder.path(), &["3", "--samples", "20000"]));
    assert!(integrals.contains("corner peak") && integrals.contains("Vegas, nets"), "{integrals}");
    let prices = stdout(&run("option_price", folder.path(), &["--samples", "20000"]));
    assert!(prices.contains("Black and Scholes: 7.127") && prices.contains("control: the share"), "{prices}");
    assert!(error(&run("option_price", folder.path(), &["--strike", "0"])).contains("--strike 0"));
}

#[cfg(not(feature = "mpi"))]
#[test]
fn without_mpi_the_example_says_what_to_turn_on() {
    assert!(error(&run("pi_mpi", folder().path(), &[])).contains("--features mpi"));
}

#[test]
fn a_reader_that_has_seen_enough_is_not_an_error() {
    let mut example = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "whiteboard", "--features", FEATURES, "--example", "microgpt", "--"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    drop(example.stdout.take());
    let output = example.wait_with_output().expect("the example ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_example_helps() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let example = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let help = stdout(&run(example, folder().path(), &["--help"]));
        assert!(help.contains("Usage: "), "{example}: {help}");
    }
}

#[test]
fn what_happens_tells_every_step_of_its_lab_and_draws_it() {
    let folder = folder();
    let arguments = "--har a.har --svg a.svg --html a.html --distance-km 10";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let text = stdout(&run("what_happens", folder.path(), &arguments));
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?} in {text}"));
    // The seed of it all: the steps, in their order, each with its reason.
    let story = [
        "a name means nothing to the network",
        "SYN, SYN-ACK, ACK",
        "TLS 1.3, TLS_",
        "Diffie-Hellman",
        "GET / HTTP/2",
        "the answer begins: 200 OK",
        "in all:",
        "light in a straight fibre",
        "✓ every step succeeded",
    ];
    assert!(story.map(place).is_sorted(), "{text}");
    assert!(!text.contains('\u{1b}'), "colours are for a terminal");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a file");
    let har: serde_json::Value = serde_json::from_str(&read("a.har")).expect("JSON");
    assert_eq!(har["log"]["entries"][0]["response"]["status"], 200);
    assert!(read("a.svg").starts_with("<svg ") && read("a.html").starts_with("<!doctype html>"));
    let json = stdout(&run("what_happens", folder.path(), &["--json"]));
    let report: netprobe::Report = serde_json::from_str(&json).expect("a report");
    assert_eq!(report.error, None);
    assert!(report.hops[0].resolution.as_ref().is_some_and(|resolution| resolution.walk.is_some()));
}

#[test]
fn what_happens_fails_when_a_step_fails() {
    let folder = folder();
    fs::write(folder.path().join("empty.pem"), "").expect("a file");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("an address").port();
    drop(unused);
    let (url, resolve) = (format!("http://a.test:{port}"), format!("a.test:{port}:127.0.0.1"));
    let failed = run("what_happens", folder.path(), &[&url, "--resolve", &resolve]);
    assert_eq!(failed.status.code(), Some(1));
    let text = String::from_utf8(failed.stdout).expect("UTF-8");
    assert!(text.contains("✗ a.test: none of 1 attempts connected"), "{text}");
    let failed = run("what_happens", folder.path(), &["ftp://a.test"]);
    assert_eq!(failed.status.code(), Some(1));
    for (arguments, expected) in [
        ("--cacert missing", "error: cannot read missing: "),
        ("--svg no/such/folder", "error: cannot write no/such/folder: "),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let error = error(&run("what_happens", folder.path(), &arguments));
        assert!(error.starts_with(expected), "{arguments:?}: {error}");
    }
    assert_eq!(run("what_happens", folder.path(), &["--resolve", "a.test"]).status.code(), Some(2));
    assert_eq!(run("what_happens", folder.path(), &["-4", "-6"]).status.code(), Some(2));
}

#[test]
fn tls_xray_shows_the_chain_and_what_a_second_visit_saves() {
    let text = stdout(&run("tls_xray", folder().path(), &[]));
    for expected in
        ["TLS 1.3", "X25519MLKEM768: also resists", "first visit    full", "second visit   resumed", "days left"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.contains("without HTTP/2 http/1.1"), "{text}");
    let error = error(&run("tls_xray", folder().path(), &["http://127.0.0.1:1"]));
    assert!(error.starts_with("error: 127.0.0.1: none of 1 attempts connected"), "{error}");
}

#[test]
fn probe_many_has_percentiles_of_every_phase() {
    let output = run("probe_many", folder().path(), &["-n", "3"]);
    let text = stdout(&output);
    assert!(output.stderr.is_empty(), "a progress bar is for a terminal");
    for expected in ["cold", "resumed", "p99", "DNS", "TLS", "whole"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json = stdout(&run("probe_many", folder().path(), &["-n", "2", "--json"]));
    let series: netprobe::Series = serde_json::from_str(&json).expect("a series");
    assert_eq!((series.cold.len(), series.resumed.len()), (2, 2));
    let error = error(&run("probe_many", folder().path(), &["ftp://a.test", "-n", "1"]));
    assert!(error.starts_with("error: 2 of 2 probes failed; the first: "), "{error}");
}

#[test]
fn break_it_names_what_is_broken() {
    let text =
        stdout(&run("break_it", folder().path(), &["expired-certificate", "not-tls", "redirect-loop", "downgrade"]));
    for expected in
        ["expired 10 days ago", "what answers is not TLS", "go in a circle", "survived: ", "ERR_TOO_MANY_REDIRECTS"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.ends_with("4 faults: 3 ended the visit and were named, 1 were survived\n"), "{text}");
    assert_eq!(run("break_it", folder().path(), &["no-such-fault"]).status.code(), Some(2));
}

#[test]
fn dns_walk_tells_who_knows_and_why_they_are_believed() {
    let folder = folder();
    let text = stdout(&run("dns_walk", folder.path(), &[]));
    for part in [
        "www.whiteboard.test. means nothing to the network.",
        "→ ask the servers of test., NOERROR [] (",
        "→ ask the servers of whiteboard.test., NOERROR [] (",
        "→ the answer, NOERROR [aa] (",
        "The chain of trust, from the key that is known in advance:",
        "www.whiteboard.test. A 127.0.1.1 (for 300 s)",
        "DNSSEC: secure",
        "6 queries in ",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let json = stdout(&run("dns_walk", folder.path(), &["--json"]));
    let walk: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(walk["queries"].as_array().map(Vec::len), Some(6));
    assert_eq!(walk["lookups"][0]["dnssec"], "secure");

    // Nobody listens there.
    let arguments = ["a.test", "--roots", "127.0.2.99", "--dns-port", "9", "--timeout-ms", "50"];
    let nobody = error(&run("dns_walk", folder.path(), &arguments));
    assert!(nobody.starts_with("error: no server of . gave a usable answer: "), "{nobody}");
    let none = error(&run("dns_walk", folder.path(), &["--type", "AAAA"]));
    let expected = "error: www.whiteboard.test. exists but has no AAAA records, says whiteboard.test., and may be \
                    believed for 60 s";
    assert_eq!(none, expected);
    assert_eq!(run("dns_walk", folder.path(), &["--type", "NONSENSE"]).status.code(), Some(2));
}
