//! Whatever the text, reading it as a report gives one or an error, and a report becomes text, pictures, a page and an archive: no
//! panic, no hang, and nothing in them that steers a terminal or a browser.

use netprobe::Report;
use netprobe::render::{Waterfall, escape_terminal};

pub(crate) fn check(text: &str) {
    let Ok(report) = serde_json::from_str::<Report>(text) else { return };
    for width in [0, 80] {
        let drawn = report.waterfall(&Waterfall { width, color: false });
        assert!(drawn.lines().all(|line| !line.chars().any(char::is_control)));
    }
    for page in [report.to_svg(), report.to_html()] {
        assert!(!page.chars().any(|one| one.is_control() && one != '\n'));
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("javascript:\""));
    }
    for telling in report.story().iter().flatten() {
        assert!(!escape_terminal(&telling.what).chars().any(char::is_control));
    }
    assert_eq!(report.to_har()["log"]["entries"].as_array().map(Vec::len), Some(report.hops.len()));
    let _ = (report.warnings(), report.failed_step(), report.error.as_ref().map(netprobe::Error::with_causes));
    let json = serde_json::to_string(&report).expect("JSON");
    serde_json::from_str::<Report>(&json).expect("a report");
}
