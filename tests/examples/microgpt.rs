//! The GPT: what it prints, keeps and refuses.

use std::fs;
use std::process::Command;

use super::{assert_kept, build, error, folder, run, stdout};

#[test]
fn microgpt_prints_what_the_python_program_prints() {
    let reference = include_str!("../../crates/microgpt/tests/reference/embedded.json");
    let reference: serde_json::Value = serde_json::from_str(reference).expect("JSON");
    let output = run("microgpt", folder().path(), &[]);
    assert_eq!(stdout(&output), reference["printed"].as_str().expect("a text"));
    assert!(output.stderr.is_empty(), "a progress bar is for a terminal");
}

/// The scalar engine's numbers are the same on every machine but for the last bits of exp and ln, which no pixel shows.
#[test]
fn microgpt_draws_the_readmes_picture() {
    let folder = folder();
    stdout(&run("microgpt", folder.path(), &["--steps", "500", "--svg", "training.svg"]));
    assert_kept(
        &folder.path().join("training.svg"),
        "crates/microgpt/docs/training.svg",
        "microgpt -- --steps 500 --svg",
    );
    let error = error(&run("microgpt", folder.path(), &["--svg", "no/such/folder"]));
    assert!(error.starts_with("error: cannot write \"no/such/folder\": "), "{error}");
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
        ("nothing", b""),
        ("letter", b"z"),
    ] {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    for (arguments, expected) in [
        ("--data missing", "error: cannot read \"missing\": "),
        ("--data empty", "error: \"empty\": there are no names"),
        ("--data latin1", "error: \"latin1\": it is not UTF-8: line 2 has an invalid byte at column 3"),
        (
            "--data long",
            "error: the name \"wolfeschlegelsteinhausen\" has 24 characters, more than the block size of 16",
        ),
        ("--data one", "error: there is one distinct character, 'a': a model needs at least two"),
        ("--data nothing --text", "error: \"nothing\": there are no characters: the text is empty"),
        (
            "--data nothing --text --bytes",
            "error: \"nothing\": the text has 0 tokens, there must be a first and a next one",
        ),
        ("--data letter --text", "error: \"letter\": there is one distinct character, 'z': a model needs at least two"),
        (
            "--data letter --text --bytes",
            "error: \"letter\": the text has 1 tokens, there must be a first and a next one",
        ),
        ("--top-k 0", "error: top_k is 0, it must be at least 1"),
        ("--top-p 0", "error: top_p is 0, it must be more than 0 and at most 1"),
        ("--top-p NaN", "error: top_p is NaN, it must be more than 0 and at most 1"),
        ("--temperature=-1", "error: temperature is -1, it must be a positive number, finite as its reciprocal is"),
        ("--temperature nan", "error: temperature is NaN, it must be a positive number, finite as its reciprocal is"),
        ("--block-size 0", "error: block_size is 0, it must be at least 1"),
        ("--block-size 1", "error: the name "),
        (
            "--prompt abcdefghijklmnop",
            "error: the prompt \"abcdefghijklmnop\" has 16 characters, with a block size of 16",
        ),
        ("--clip 0", "error: clip_norm is 0, it must be a finite positive number"),
        (
            "--validation 1",
            "error: validation is 1, it must be a part between 0 and 1 that leaves something to train on",
        ),
        ("--engine tensor --learning-rate 1e40", "error: training diverged in step 1, whose loss is 3."),
        ("--steps 1 --save no/such/folder", "error: cannot write \"no/such/folder\": "),
        ("--steps 1 --save .", "error: cannot write \".\": it is a folder"),
        ("--n-head 3", "error: n_embd is 16, it must be a multiple of n_head, which is 3"),
        ("--n-head 0", "error: n_head is 0"),
        ("--n-embd 1048576", "error: the model would have "),
        ("--batch 0", "error: batch is 0"),
        ("--learning-rate=-1", "error: learning_rate is -1, "),
        ("--temperature 0", "error: temperature is 0, "),
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
    let more = run("--engine tensor --steps 50 --load model.safetensors --validation 0.1 --validate-every 4");
    assert!(more.contains("Step 41/50"));
    // After steps 44, 48 and at the end.
    let validated = |line: &&str| line.starts_with("Validation loss: ");
    assert_eq!(more.lines().filter(validated).count(), 3, "{more}");
    assert!(more.contains("Step 44/50, Loss: "), "{more}");

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
        ("--load /dev/zero", "error: \"/dev/zero\": it has more than 419430400 bytes"),
        (
            "--load model.safetensors --bytes",
            "error: the tokens of the model in the file are characters, bytes were asked for",
        ),
        ("--data /dev/zero", "error: \"/dev/zero\": it has more than 268435456 bytes"),
        ("--data /dev/zero --text", "error: \"/dev/zero\": it has more than 268435456 bytes"),
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

/// Any file is a text of bytes; what a model makes of it reaches a terminal without its control characters. A model of
/// bytes need not be told so again, and goes on as if it had not stopped.
#[test]
fn microgpt_learns_any_bytes() {
    let folder = folder();
    fs::write(folder.path().join("data"), b"\x1b\xff".repeat(200)).expect("a file");
    let run = |arguments: &str| {
        let common = "--engine tensor --data data --text --steps 60 --learning-rate 0.03 --samples 2 --top-p 0.9";
        let arguments: Vec<&str> = common.split(' ').chain(arguments.split(' ')).collect();
        stdout(&run("microgpt", folder.path(), &arguments))
    };
    let whole = run("--bytes --save model");
    let names = whole.split_once("Generated names:\n").expect("names").1;
    assert!(names.contains("\\u{1b}\u{fffd}\\u{1b}\u{fffd}") && !whole.contains('\x1b'), "{whole:?}");
    assert!(run("--load model").ends_with(names));
}

/// A device or a pipe gets the report, and is neither replaced by it nor by a model.
#[cfg(unix)]
#[test]
fn microgpt_replaces_nothing_but_files() {
    let folder = folder();
    let text = stdout(&run("microgpt", folder.path(), &["--steps", "1", "--json", "/dev/stdout"]));
    assert!(text.ends_with("}\n") && text.contains("\"names_per_second\": "), "{text}");
    let path = folder.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let error = error(&run("microgpt", folder.path(), &["--steps", "1", "--save", "socket"]));
    assert_eq!(error, "error: cannot write \"socket\": it is not a regular file");
    assert!(!fs::metadata(&path).expect("a socket").is_file());
}

#[test]
fn microgpt_inspect_writes_a_page_that_stands_alone() {
    let folder = folder();
    let text =
        stdout(&run("microgpt_inspect", folder.path(), &["--html", "page.html", "--steps", "60", "--n-layer", "2"]));
    assert!(text.starts_with("60 steps, loss 3."), "{text}");
    let page = fs::read_to_string(folder.path().join("page.html")).expect("a page");
    for promised in ["\"losses\":[3.", "\"attention\":[[[[1.0]", "\"moved\":[{", "\"lens\":[[[", "wte[10][5]"] {
        assert!(page.contains(promised), "no {promised:?} in the page");
    }
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http:") && !elsewhere.contains("https:"), "nothing comes from a network");
    assert!(
        error(&run("microgpt_inspect", folder.path(), &["--html", "no/such/page"]))
            .contains("cannot write \"no/such/page\"")
    );
    assert!(error(&run("microgpt_inspect", folder.path(), &["--name", "Ö"])).contains("does not know"));
    let error = error(&run("microgpt_inspect", folder.path(), &["--name", "wolfeschlegelstein"]));
    assert!(error.contains("has 18 characters, with a block size of 16"), "{error}");
}
