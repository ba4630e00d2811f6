//! Passwords in a page's own addresses.

use netprobe::Clock;
use pagepaint::{Network, Page, Painter};

use super::server::{Server, answered, moved};

/// Everything that anybody is shown of a page whose addresses have passwords.
async fn outputs(reveal_secrets: bool) -> Vec<String> {
    let mut server = Server::bound();
    let with_password = server.url.replacen("//", "//ann:hunter2@", 1);
    let (to, import) =
        (format!("{with_password}/c.png"), format!("@import '{with_password}/b.css'; p {{ color: red }}"));
    let html = format!(
        "<base href={with_password}/x/><title>t</title><link rel=stylesheet href=a.css><img src={with_password}/moved>\
         <style>@import '{with_password}/b.css'; p {{ background: url({with_password}/d.png) }}</style><p>x"
    );
    let page = answered("text/html", &html);
    server.serve(move |path| match path {
        "/" => page.clone(),
        "/moved" => moved(&to),
        "/x/a.css" => answered("text/css", &import),
        "/b.css" => answered("text/css", "i { color: blue }"),
        _ => answered("image/png", "none"),
    });
    let mut probe = netprobe::Probe::default();
    probe.http.reveal_secrets = reveal_secrets;
    let session = probe.open().expect("a session");
    let network = Network::on(&session, Clock::start());
    let (page, report) = network.page(&format!("{with_password}/")).await;
    let painter = Painter { reveal_secrets, ..Painter::default() };
    let painting = painter.paint(&page.expect("a page"), &network.asked_by(&report)).await.expect("a painting");
    assert_eq!(painting.resources.len(), 5, "{:#?}", painting.resources);
    assert!(
        server.heads().iter().skip(1).all(|head| head.contains("authorization: basic")),
        "they are sent all the same"
    );
    let address = Page { url: "data:ann:hunter2@x".to_owned(), ..Page::default() };
    let no_page = painter.paint(&address, &pagepaint::Offline::default()).await.expect_err("no address");
    let no_html = Page { url: with_password, content_type: Some("image/png".to_owned()), ..Page::default() };
    let no_html = painter.paint(&no_html, &pagepaint::Offline::default()).await.expect_err("no HTML");
    vec![
        painting.table().to_string(),
        serde_json::to_string(&painting).expect("JSON"),
        format!("{:?}", painting.chapter()),
        format!("{:?}", painting.warnings()),
        painting.dom.to_string(),
        painting.cssom.to_string(),
        format!("{no_page} {no_page:?}"),
        format!("{no_html} {no_html:?}"),
    ]
}

#[tokio::test]
async fn they_are_in_nothing_that_is_reported() {
    for output in outputs(false).await {
        assert!(!output.contains("hunter2"), "{output}");
    }
    for output in outputs(true).await {
        assert!(output.contains("hunter2"), "{output}");
    }
}
