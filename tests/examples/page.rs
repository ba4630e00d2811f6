//! From the last byte to the pixels, with the feature `paint`.

use std::fs;

use super::{error, folder, run, stdout};

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
        (["--page-bytes", "10"], "resources_total_bytes_max: it has 602, and 10 is the most"),
        (["--page-resources", "1"], "WARNING: the page asked for 1 resources more than are fetched"),
    ] {
        let text = stdout(&run("what_happens", folder.path(), &[&["--paint", "page.png"], &limit[..]].concat()));
        assert!(text.contains(expected), "{text}");
    }
    let unwritable = error(&run("what_happens", folder.path(), &["--paint", "no/such/page.png"]));
    assert!(unwritable.starts_with("error: cannot write no/such/page.png: "), "{unwritable}");
    for wrong in [&["--trees", "x"][..], &["--paint", "x.png", "-I"], &["--paint", "x.png", "--window", "0x9"]] {
        assert_eq!(run("what_happens", folder.path(), wrong).status.code(), Some(2), "{wrong:?}");
    }
}
