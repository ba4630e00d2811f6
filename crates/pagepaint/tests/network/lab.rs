//! Pages of netprobe's lab.

use netprobe::{Clock, Lab, Phase};
use pagepaint::{Initiator, Network, Painter, ResourceKind};

#[tokio::test]
async fn resources_come_through_the_probe_and_say_who_asked() {
    let lab = Lab::start().expect("a lab");
    let clock = Clock::start();
    let session = lab.probe().open().expect("a session");
    let network = Network::on(&session, clock);
    let (page, report) = network.page(&lab.url("/page")).await;
    let (page, network) = (page.expect("a page"), network.asked_by(&report));
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
    let (page, report) = network.page(&lab.url("/")).await;
    let (mut page, network) = (page.expect("a page"), network.asked_by(&report));
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
    let (page, report) = network.page(&lab.url("/page")).await;
    let painter = Painter { width: 800, height: 480, ..Painter::default() };
    let painting = painter.paint(&page.expect("a page"), &network.asked_by(&report)).await.expect("a painting");
    let decoded = |png| image::load_from_memory(png).expect("a PNG").to_rgba8();
    let (kept, painted) = (decoded(include_bytes!("../../docs/page.png")), decoded(painting.png()));
    assert_eq!(kept.dimensions(), painted.dimensions());
    let differs = kept.iter().zip(painted.iter()).filter(|(kept, painted)| kept.abs_diff(**painted) > 2).count();
    assert_eq!(
        differs, 0,
        "docs/page.png is stale: what_happens --paint crates/pagepaint/docs/page.png --window 800x480"
    );
}
