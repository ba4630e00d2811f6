//! Resources that do not come in time.

use netprobe::Clock;
use pagepaint::{Error, Limits, Network, Painter, StageName};

use super::server::{Server, answered};

/// More than are fetched at a time.
const SLOW: usize = 8;

/// Enough for what comes at once, and no time for what hangs.
const TIME_MAX_MS: u64 = 2_000;

#[tokio::test]
async fn what_was_on_its_way_when_time_was_up_is_told() {
    let mut server = Server::bound();
    let slow: String = (0..SLOW).map(|number| format!("<link rel=stylesheet href=slow{number}.css>")).collect();
    let html = format!("<link rel=stylesheet href=quick.css>{slow}");
    server.serve(move |path| match path {
        "/" => answered("text/html", &html),
        "/quick.css" => answered("text/css", "p { color: red }"),
        _ => None,
    });
    let session = netprobe::Probe::default().open().expect("a session");
    let clock = Clock::start();
    let network = Network::on(&session, clock);
    let (page, report) = network.page(&format!("{}/", server.url)).await;
    let limits = Limits { time_max_ms: TIME_MAX_MS, ..Limits::default() };
    let painter = Painter { limits, ..Painter::default() };
    let unpainted =
        painter.paint_on(&clock, &page.expect("a page"), &network.asked_by(&report)).await.expect_err("too slow");
    assert_eq!(unpainted.error, Error::Time { stage: StageName::Fetch, max_ms: TIME_MAX_MS });
    let outcomes: Vec<Option<&str>> = unpainted.resources.iter().map(|resource| resource.error.as_deref()).collect();
    let count = |what: &str| outcomes.iter().flatten().filter(|outcome| outcome.starts_with(what)).count();
    assert_eq!((outcomes[0], count("not finished"), count("not begun")), (None, 6, 2), "{outcomes:?}");
    let end_ns = clock.now_ns();
    for resource in &unpainted.resources[1..] {
        assert!(resource.span.duration_ns > 0 && resource.span.end_ns() <= end_ns, "{resource:?}");
    }
    let chapter = unpainted.chapter();
    let told = chapter.story.iter().filter(|told| told.failed && told.what.contains("/slow")).count();
    assert_eq!(told, SLOW, "{:?}", chapter.story);
}
