//! A page from a server, with all that it asks for.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use netprobe::{Clock, Lab, Phase};
use pagepaint::{Initiator, Network, Painter, ResourceKind};

#[tokio::test]
async fn resources_come_through_the_probe_and_say_who_asked() {
    let lab = Lab::start().expect("a lab");
    let clock = Clock::start();
    let session = lab.probe().open().expect("a session");
    let network = Network::on(&session, clock);
    let (page, report) = network.page(&lab.url("/page")).await;
    let page = page.expect("a page");
    let begun_ns = clock.now_ns();
    let painting = Painter::default().paint_on(&clock, &page, &network).await.expect("a painting");
    assert_eq!(painting.resources_left_out, 0);
    let kinds: Vec<ResourceKind> = painting.resources.iter().map(|resource| resource.kind).collect();
    assert_eq!(kinds, [ResourceKind::StyleSheet, ResourceKind::Image]);
    for resource in &painting.resources {
        assert_eq!((resource.error.as_deref(), resource.status), (None, Some(200)), "{}", resource.url);
        assert!(resource.span.start_ns >= begun_ns && report.total.end_ns() <= begun_ns);
        let inner = resource.report.as_ref().expect("a report");
        let inside = inner.total.start_ns >= resource.span.start_ns && inner.total.end_ns() <= resource.span.end_ns();
        assert!(inside, "one clock for all: {:?} in {:?}", inner.total, resource.span);
    }
    let [sheet, image] = painting.resources.as_slice() else { panic!("two resources") };
    assert_eq!(sheet.initiator, Initiator::Element("link".to_owned()));
    assert_eq!(image.initiator, Initiator::Element("img#board".to_owned()));
    assert_eq!(image.redirects.len(), 1, "{:?}", image.redirects);
    assert!(painting.cssom.sheets[0].source.ends_with("/page/style.css"));
    let chapter = painting.chapter();
    let phases: Vec<Phase> = chapter.steps.iter().map(|step| step.phase).collect();
    for phase in
        [Phase::Html, Phase::Css, Phase::Transfer, Phase::RenderTree, Phase::Layout, Phase::Paint, Phase::Composite]
    {
        assert!(phases.contains(&phase), "{phase:?} in {phases:?}");
    }
    assert!(chapter.steps.is_sorted_by_key(|step| step.span.start_ns));
    assert_eq!(chapter.steps.len(), chapter.story.len());
    assert_eq!(painting.warnings(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_is_not_there_costs_the_resource_and_not_the_page() {
    let lab = Lab::start().expect("a lab");
    let session = lab.probe().open().expect("a session");
    let network = Network::on(&session, Clock::start());
    let (page, _) = network.page(&lab.url("/")).await;
    let mut page = page.expect("a page");
    page.bytes =
        b"<link rel=stylesheet href=//nobody.test/a.css><img src=/status/500><img src=ftp://x/y><p>text".to_vec();
    let painting = Painter::default().paint(&page, &network).await.expect("a painting");
    let errors: Vec<&str> = painting.resources.iter().filter_map(|resource| resource.error.as_deref()).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[1].contains("500") && errors[2].contains("ftp"), "{errors:?}");
    assert_eq!(painting.warnings().len(), 3);
    assert!(painting.layout.expect("boxes").to_string().contains("\"text\""));
}

#[tokio::test]
async fn a_page_that_does_not_come_says_why() {
    let lab = Lab::start().expect("a lab");
    let session = lab.probe().open().expect("a session");
    let network = Network::on(&session, Clock::start());
    let (page, report) = network.page(&lab.fault_url(netprobe::Fault::ExpiredCertificate)).await;
    let error = page.expect_err("no page").to_string();
    assert!(error.contains("expired") && report.error.is_some(), "{error}");
}

/// Other processors may round the last bit of a colour otherwise.
#[tokio::test]
async fn the_picture_of_the_readme_is_what_the_labs_page_looks_like() {
    let lab = Lab::start().expect("a lab");
    let session = lab.probe().open().expect("a session");
    let network = Network::on(&session, Clock::start());
    let (page, _) = network.page(&lab.url("/page")).await;
    let painter = Painter { width: 800, height: 480, ..Painter::default() };
    let painting = painter.paint(&page.expect("a page"), &network).await.expect("a painting");
    let decoded = |png| image::load_from_memory(png).expect("a PNG").to_rgba8();
    let (kept, painted) = (decoded(include_bytes!("../docs/page.png")), decoded(painting.png()));
    assert_eq!(kept.dimensions(), painted.dimensions());
    let differs = kept.iter().zip(painted.iter()).filter(|(kept, painted)| kept.abs_diff(**painted) > 2).count();
    assert_eq!(
        differs, 0,
        "docs/page.png is stale: what_happens --paint crates/pagepaint/docs/page.png --window 800x480"
    );
}

/// Answers every request with what `answer` makes of its path, and keeps the heads.
fn serve(listener: TcpListener, heads: Arc<Mutex<Vec<String>>>, answer: impl Fn(&str) -> String + Send + 'static) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.by_ref().take_while(|line| !line.is_empty()).for_each(|line| head += &(line + "\n"));
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            heads.lock().expect("no panic").push(head.to_ascii_lowercase());
            let _ = stream.write_all(answer(&path).as_bytes());
        }
    });
}

fn answered(kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// The secrets were for where the visit began. Where it was led to, a page could ask for anything with them.
#[tokio::test]
async fn a_page_of_another_origin_asks_without_the_secrets_of_the_first() {
    let bound = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let (first, second) = (bound(), bound());
    let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
    let (first_url, second_url) = (url(&first), url(&second));
    let (of_first, of_second) = <(Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<String>>>)>::default();
    let html =
        format!("<!doctype html><link rel=stylesheet href=/own.css><link rel=stylesheet href={first_url}/back.css>");
    let there =
        format!("HTTP/1.1 302 Found\r\nlocation: {second_url}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let page = answered("text/html", &html);
    let own = page.clone();
    serve(first, Arc::clone(&of_first), move |path| match path {
        "/" => there.clone(),
        "/stays" => own.clone(),
        _ => answered("text/css", "p { color: red }"),
    });
    serve(second, Arc::clone(&of_second), move |path| match path {
        "/" => page.clone(),
        _ => answered("text/css", "p { color: red }"),
    });
    let mut probe = netprobe::Probe::default();
    probe.http.headers = vec![("Authorization".to_owned(), "Bearer hunter2".to_owned())];
    let session = probe.open().expect("a session");
    let visit = async |url: String| {
        let network = Network::on(&session, Clock::start());
        let (page, report) = network.page(&url).await;
        let painting = Painter::default().paint(&page.expect("a page"), &network.asked_by(&report)).await;
        assert_eq!(painting.expect("a painting").resources.len(), 2);
        let told = |heads: &Arc<Mutex<Vec<String>>>| {
            let heads = std::mem::take(&mut *heads.lock().expect("no panic"));
            heads.iter().map(|head| head.contains("hunter2")).collect::<Vec<bool>>()
        };
        (told(&of_first), told(&of_second))
    };
    // The redirect is told, and nobody after it.
    assert_eq!(visit(format!("{first_url}/")).await, (vec![true, false], vec![false, false]));
    // A page that stays where the visit began asks with them.
    assert_eq!(visit(format!("{first_url}/stays")).await, (vec![true, true, true], vec![]));
}
