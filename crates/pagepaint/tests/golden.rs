//! Each stage's output, compared with a text that was looked at. `PAGEPAINT_BLESS=1` writes the texts anew.

use std::fs;
use std::path::Path;

use pagepaint::{Offline, Page, Painter, Painting};

const HTML: &str = include_str!("golden/page.html");
const CSS: &str = include_str!("golden/style.css");
const SQUARE: &str =
    "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='20'><rect width='20' height='20' fill='#f80'/></svg>";

async fn painting() -> Painting {
    let page = Page { url: "https://golden.test/a/page.html".to_owned(), ..Page::html(HTML) };
    let resources = Offline::default()
        .with("https://golden.test/a/style.css", "text/css", CSS)
        .with("https://golden.test/a/more.css", "text/css; charset=utf-8", "li { color: green }")
        .with("https://golden.test/new.svg", "image/svg+xml", SQUARE)
        .with_redirect("https://golden.test/a/old.svg", "https://golden.test/new.svg");
    let painter = Painter { width: 320, height: 300, ..Painter::default() };
    painter.paint(&page, &resources).await.expect("a painting")
}

fn compare(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("PAGEPAINT_BLESS").is_some() {
        fs::write(&file, text).expect("a text is written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(text, expected, "{name}");
}

/// The stage table without the column of times.
fn without_times(table: &str) -> String {
    let line = |line: &str| {
        let (before, after) = line.split_once(" ms  ").unwrap_or_else(|| panic!("no time in {line:?}"));
        let name = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
        format!("{name:<12}{after}\n")
    };
    table.lines().map(line).collect()
}

#[tokio::test]
async fn every_stage_makes_what_it_made_when_it_was_looked_at() {
    let painting = painting().await;
    compare("dom.txt", &painting.dom.to_string());
    compare("cssom.txt", &painting.cssom.to_string());
    compare("render_tree.txt", &painting.render_tree.as_ref().expect("a render tree").to_string());
    compare("layout.txt", &painting.layout.as_ref().expect("a layout").to_string());
    compare("stages.txt", &without_times(&painting.table().to_string()));
}

#[tokio::test]
async fn painted_twice_is_the_same_twice() {
    let (one, other) = (painting().await, painting().await);
    assert!(one.png().starts_with(b"\x89PNG") && one.png() == other.png());
    assert_eq!(one.picture, other.picture);
    let json = |painting: &Painting| {
        let mut json = serde_json::to_value(painting).expect("JSON");
        let map = json.as_object_mut().expect("an object");
        // Times are never the same.
        for timed in ["total", "stages", "resources"] {
            map.remove(timed).unwrap_or_else(|| panic!("no {timed}"));
        }
        json
    };
    assert_eq!(json(&one), json(&other));
}

#[tokio::test]
async fn programs_read_trees_and_times_as_json() {
    let json = serde_json::to_value(painting().await).expect("JSON");
    assert_eq!(json["title"], "A page with a bit of everything");
    assert_eq!(json["dom"]["children"][1]["element"], "html");
    assert_eq!(json["layout"]["node"], "html");
    assert_eq!(json["render_tree"]["children"][0]["node"], "body");
    assert_eq!(json["cssom"]["sheets"][0]["source"], "https://golden.test/a/style.css");
    let stages = json["stages"].as_array().expect("stages");
    assert!(stages.iter().all(|stage| stage["rounds"][0]["duration_ns"].is_u64()), "{stages:?}");
    let initiators: Vec<String> =
        json["resources"].as_array().expect("resources").iter().map(|one| one["initiator"].to_string()).collect();
    assert!(initiators.iter().any(|initiator| initiator.contains("style.css")), "{initiators:?}");
}
