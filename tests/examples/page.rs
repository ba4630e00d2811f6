//! From the last byte to the pixels, with the feature `paint`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{build, error, folder, run, stdout};

#[test]
fn what_happens_goes_on_to_the_pixels() {
    let folder = folder();
    let arguments = "--paint page.png --trees trees.txt --svg a.svg --html a.html";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let text = stdout(&run("what_happens", folder.path(), &arguments));
    let story = [
        "a name means nothing to the network",
        "the answer begins: 200 OK",
        "the page: from ",
        "text becomes a tree",
        "/page/style.css for <link>: ",
        "/page/board for <img#board>: ",
        "by way of https://www.whiteboard.test:",
        "boxes get their places and sizes",
        "the list becomes pixels",
        "in all:",
        "✓ every step succeeded",
    ];
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?} in {text}"));
    assert!(story.map(place).is_sorted(), "{text}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a file");
    for drawn in ["a.svg", "a.html"] {
        let (drawn, name) = (read(drawn), drawn);
        assert!(drawn.contains("the page: from ") && drawn.contains("img#board"), "{name}: {drawn}");
    }
    let trees = read("trees.txt");
    let parts = ["== stages\n", "== DOM\n", "== CSSOM\n", "== render tree\n", "== layout", "html block 0,0 1024×"];
    assert!(parts.iter().all(|part| trees.contains(part)), "{trees}");

    // The picture is the same once more, and what programs read says how it came to be.
    let arguments = ["--paint", "again.png", "--trees", "trees.json", "--json"];
    let json = stdout(&run("what_happens", folder.path(), &arguments));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let picture = |name: &str| fs::read(folder.path().join(name)).expect("a file");
    assert!(picture("page.png").starts_with(b"\x89PNG") && picture("page.png") == picture("again.png"));
    let page = &json["page"];
    assert_eq!(page["stages"].as_array().map(Vec::len), Some(11), "{page}");
    let resources = page["resources"].as_array().expect("resources");
    assert_eq!(resources.iter().map(|one| &one["initiator"]["element"]).collect::<Vec<_>>(), ["link", "img#board"]);
    assert_eq!(resources[1]["redirects"].as_array().map(Vec::len), Some(1));
    let visited_ns = json["total"]["duration_ns"].as_u64().expect("a time");
    let start_ns = |one: &serde_json::Value| one["span"]["start_ns"].as_u64().expect("a time");
    assert!(resources.iter().all(|one| start_ns(one) >= visited_ns), "one clock: {resources:#?}");
    let trees: serde_json::Value = serde_json::from_str(&read("trees.json")).expect("JSON");
    assert_eq!((&trees["layout"]["node"], &trees["render_tree"]["node"]), (&"html".into(), &"html".into()));
}

#[test]
fn a_page_that_is_too_much_ends_in_a_report() {
    let folder = folder();
    let failed = |arguments: &[&str], expected: &str| {
        let output = run("what_happens", folder.path(), &[&["--paint", "page.png"], arguments].concat());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected) && text.contains("the answer begins: 200 OK"), "{text}");
        assert!(fs::read_dir(folder.path()).expect("a folder").next().is_none(), "{arguments:?} wrote something");
    };
    failed(&["--window", "16384x16384"], "✗ a picture of 16384 × 16384 pixels: ");
    let (lab, arguments) = (netprobe::Lab::start().expect("a lab"), ["--insecure", "--resolve"]);
    let known = format!("www.whiteboard.test:{}:127.0.1.1", lab.https_port());
    let visit = |path: &str| [&[&*lab.url(path)], &arguments[..], &[&known]].concat().join(" ");
    // What is no HTML: a picture.
    let board = visit("/page/board.svg");
    failed(&board.split(' ').collect::<Vec<_>>(), "is \"image/svg+xml\", and only HTML is painted");
    // What a page is painted without is no failure of the page.
    for (limit, expected) in [
        (["--page-bytes", "10"], "resources_total_bytes_max: with it there are 602, at most 10 is allowed"),
        (["--page-resources", "1"], "WARNING: the page asked for 1 resources more than are fetched"),
        (["--page-resources", "0"], "WARNING: the page asked for 2 resources more than are fetched"),
    ] {
        let text = stdout(&run("what_happens", folder.path(), &[&["--paint", "page.png"], &limit[..]].concat()));
        assert!(text.contains(expected), "{text}");
    }
    let unwritable = error(&run("what_happens", folder.path(), &["--paint", "no/such/page.png"]));
    assert!(unwritable.starts_with("error: cannot write \"no/such/page.png\": "), "{unwritable}");
    for (wrong, expected) in [
        (&["--trees", "x"][..], "--paint <FILE>"),
        (&["--paint", "x.png", "-I"], "cannot be used with"),
        (&["--paint", "x.png", "--window", "0x9"], "each from 1 to 16384"),
        (&["--paint", "x.png", "--page-time-ms", "0"], "0 is not in 1.."),
        (&["--paint", "x.png", "--page-bytes", "0"], "0 is not in 1.."),
    ] {
        assert!(refused(folder.path(), wrong).contains(expected), "{wrong:?}");
    }
}

/// What is said of arguments that make no sense. Nothing is written then.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let entries = || fs::read_dir(folder).expect("a folder").count();
    let before = entries();
    let output = run("what_happens", folder, arguments);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!((output.status.code(), output.stdout.len(), entries()), (Some(2), 0, before), "{arguments:?}: {text}");
    text
}

#[test]
fn one_file_is_not_written_twice() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).expect("a folder");
    let whole = folder.path().join("in/a").display().to_string();
    let mut spellings = vec!["in/a", "./in/a", "in/../in/a", "in/./a", &whole];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("in/a", folder.path().join("link")).expect("a link");
        std::os::unix::fs::symlink("in", folder.path().join("folder")).expect("a link");
        spellings.extend(["link", "folder/a"]);
    }
    for spelling in &spellings {
        for other in ["--trees", "--har"] {
            let text = refused(folder.path(), &["--paint", "in/a", other, spelling]);
            assert!(text.contains("are the same file") && text.contains(other), "{text}");
        }
    }
    for (arguments, expected) in [
        (&["--paint", "-"][..], "--paint -: standard output has the report"),
        (&["--paint", "a.png", "--trees", "-", "--json"], "--trees -: standard output has the report as JSON"),
        (&["--paint", "a.png", "--trees", "-", "--har", "-"], "--har - and --trees - are the same file"),
    ] {
        assert!(refused(folder.path(), arguments).contains(expected), "{arguments:?}");
    }
}

/// `-`, and standard output by its other names.
#[test]
fn trees_follow_the_report_on_standard_output() {
    let folder = folder();
    let ends = |text: &str| {
        let done = text.find("✓ every step succeeded").expect("the report");
        assert!(text[done..].contains("\n== stages\n") && text[done..].contains("html block 0,0 1024×"), "{text}");
        assert!(text.starts_with("https://www.whiteboard.test:"), "{text}");
    };
    ends(&stdout(&run("what_happens", folder.path(), &["--paint", "a.png", "--trees", "-"])));
    assert!(folder.path().join("a.png").exists() && !folder.path().join("-").exists());
    #[cfg(target_os = "linux")]
    {
        ends(&stdout(&run("what_happens", folder.path(), &["--paint", "a.png", "--trees", "/dev/stdout"])));
        // A shell's `> out.txt`: to replace that file would be to lose the report.
        for name in ["/dev/stdout", "out.txt", "-"] {
            let out = fs::File::create(folder.path().join("out.txt")).expect("a file");
            let mut command = Command::new(build("what_happens"));
            command.args(["--paint", "a.png", "--trees", name]).current_dir(folder.path()).stdout(out);
            assert!(command.status().expect("it runs").success());
            ends(&fs::read_to_string(folder.path().join("out.txt")).expect("a file"));
        }
        // What nothing is kept of may be asked for more than once.
        let nothing = ["--paint", "/dev/null", "--trees", "/dev/null", "--har", "/dev/null"];
        stdout(&run("what_happens", folder.path(), &nothing));
    }
}

/// `what_happens --trees - | head -1`, and a link to what is not there yet.
#[cfg(unix)]
#[test]
fn a_reader_that_leaves_costs_neither_files_nor_the_exit_status() {
    let folder = folder();
    std::os::unix::fs::symlink("kept.png", folder.path().join("link.png")).expect("a link");
    let mut command = Command::new(build("what_happens"));
    command.args(["--paint", "link.png", "--trees", "-", "--har", "a.har"]).current_dir(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    let link = fs::symlink_metadata(folder.path().join("link.png")).expect("a link");
    assert!(link.file_type().is_symlink(), "what it leads to is written, and not the link");
    assert!(fs::read(folder.path().join("kept.png")).expect("a picture").ends_with(b"IEND\xaeB`\x82"));
    serde_json::from_slice::<serde_json::Value>(&fs::read(folder.path().join("a.har")).expect("a file")).expect("JSON");
}

/// An archive has what the page asked for, each request at its time.
#[test]
fn the_archive_has_the_pages_resources() {
    let folder = folder();
    stdout(&run("what_happens", folder.path(), &["--paint", "a.png", "--har", "a.har"]));
    let har: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("a.har")).expect("a file")).expect("JSON");
    let entries = har["log"]["entries"].as_array().expect("entries");
    let paths: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["request"]["url"].as_str())
        .filter_map(|url| url.splitn(4, '/').nth(3))
        .collect();
    assert_eq!(paths, ["page", "page/style.css", "page/board", "page/board.svg"]);
    let started = |entry: &serde_json::Value| entry["startedDateTime"].as_str().expect("a time").to_owned();
    let visited_ms = entries[0]["time"].as_f64().expect("a time");
    assert!(entries.iter().all(|entry| started(entry) >= started(&entries[0])), "{entries:#?}");
    assert!(visited_ms > 0.0 && entries.iter().all(|entry| entry["response"]["status"].as_u64() > Some(0)));
}

/// A page that breaks the engine: the report says so, and nobody else does.
#[test]
fn an_engine_that_panics_is_told_in_the_report_alone() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let html = "<style>div { width: calc(infinity * 1px); height: calc(NaN * 1px); margin: calc(1px / 0) }</style>\
                    <body><div class=a id=b><p>text <b>in</b> a box<div>and another";
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", html.len());
            let _ = stream.write_all((head + html).as_bytes());
        }
    });
    let output = run("what_happens", folder.path(), &[&url, "--paint", "a.png"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("✗ layout broke down: "), "the engine stands it now: find another page\n{text}");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
}
