//! What reports become: HAR, SVG, HTML, text; and what hostile text in them becomes.

use netprobe::render::Waterfall;
use netprobe::{Fault, Lab, Probe, Report};

async fn reports() -> Vec<Report> {
    let lab = Lab::start().expect("a lab");
    let probe = Probe { distance_km: Some(1.0), ..lab.probe_resolved() };
    let urls =
        [lab.url("/hops"), lab.url("/hostile"), lab.fault_url(Fault::SelfSigned), "https://a b/\u{1b}[2J".to_owned()];
    let mut reports = Vec::new();
    for url in urls {
        reports.push(probe.run(&url).await);
    }
    reports
}

#[tokio::test]
async fn an_archive_has_what_the_format_requires() {
    for report in reports().await {
        let har = report.to_har();
        assert_eq!(har["log"]["version"], "1.2");
        let entries = har["log"]["entries"].as_array().expect("entries");
        assert_eq!(entries.len(), report.hops.len());
        for (entry, hop) in entries.iter().zip(&report.hops) {
            for field in ["startedDateTime", "time", "request", "response", "cache", "timings", "pageref"] {
                assert!(!entry[field].is_null(), "{field}: {entry:#}");
            }
            for field in
                ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"]
            {
                assert!(!entry["request"][field].is_null(), "{field}: {entry:#}");
            }
            for field in
                ["status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize"]
            {
                assert!(!entry["response"][field].is_null(), "{field}: {entry:#}");
            }
            // The time is the sum of the timings, of which TLS is counted within connecting.
            let timings = entry["timings"].as_object().expect("timings");
            let counted = timings.iter().filter(|(name, _)| *name != "ssl");
            let sum: f64 = counted.filter_map(|(_, ms)| ms.as_f64()).filter(|ms| *ms >= 0.0).sum();
            let time = entry["time"].as_f64().expect("a number");
            assert!((sum - time).abs() < 1e-6 * (1.0 + time), "{sum} {time}");
            assert_eq!(entry["_error"].is_string(), hop.steps.iter().any(|step| step.error.is_some()));
        }
    }
}

#[tokio::test]
async fn nothing_that_a_peer_sent_is_more_than_text() {
    for report in reports().await {
        let text = report.waterfall(&Waterfall::default());
        assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'), "{text:?}");
        for page in [report.to_html(), report.to_svg()] {
            assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{9b}'), "{page}");
        }
    }
    let hostile = &reports().await[1];
    assert!(hostile.to_html().contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the header is shown");
}

/// Opening and closing tags match: a browser would not have to guess.
fn is_well_formed(svg: &str) -> bool {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("every tag ends");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.is_empty()
}

#[tokio::test]
async fn a_picture_has_a_bar_for_every_step() {
    for report in reports().await {
        let svg = report.to_svg();
        assert!(is_well_formed(&svg), "{svg}");
        let rows: usize = report.steps().map(|step| 1 + step.children.len()).sum();
        assert_eq!(svg.matches("<title>").count(), rows);
        assert_eq!(report.waterfall(&Waterfall::default()).lines().count(), rows + report.hops.len() + 1);
    }
}
