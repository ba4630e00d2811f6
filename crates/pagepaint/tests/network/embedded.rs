//! What a page may ask for, and with what.

use netprobe::{AddressSpace, Clock, Probe, Session};
use pagepaint::{Network, Painter, Painting};

use super::server::{Server, answered, moved};

const CSS: &str = "p { color: red }";

fn session(headers: &[(&str, &str)]) -> Session {
    let mut probe = Probe::default();
    probe.http.headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    probe.open().expect("a session")
}

async fn visited(session: &Session, url: &str) -> Painting {
    let network = Network::on(session, Clock::start());
    let (page, report) = network.page(url).await;
    let painting = Painter::default().paint(&page.expect("a page"), &network.asked_by(&report)).await;
    painting.expect("a painting")
}

/// The caller's headers were for where the visit began. Where it was led to, a page could ask for anything with them.
#[tokio::test]
async fn the_callers_headers_go_to_the_pages_origin_if_that_was_asked_for() {
    let (mut first, mut second) = (Server::bound(), Server::bound());
    let (first_url, second_url) = (first.url.clone(), second.url.clone());
    let page = |other: &str| {
        answered("text/html", &format!("<link rel=stylesheet href=/own.css><link rel=stylesheet href={other}/x.css>"))
    };
    let (here, there) = (page(&second_url), page(&first_url));
    first.serve(move |path| match path {
        "/" => moved(&second_url),
        "/stays" => here.clone(),
        _ => answered("text/css", CSS),
    });
    second.serve(move |path| if path == "/" { there.clone() } else { answered("text/css", CSS) });
    let session = session(&[("Authorization", "Bearer hunter2"), ("X-Api-Key", "hunter2"), ("X-Mine", "hunter2")]);
    let told = async |url: String| {
        assert_eq!(visited(&session, &url).await.resources.len(), 2);
        [&first, &second]
            .map(|server| server.heads().iter().map(|head| head.matches("hunter2").count()).collect::<Vec<_>>())
    };
    // The redirect is told. Where it leads all but what is for one origin goes along; what is asked for there gets nothing.
    assert_eq!(told(format!("{first_url}/")).await, [vec![3, 0], vec![2, 0]]);
    // A page that stays where the visit began asks with them, and nobody else.
    assert_eq!(told(format!("{first_url}/stays")).await, [vec![3, 3], vec![0]]);
}

#[tokio::test]
async fn the_visits_cookies_go_with_what_its_page_asks_for() {
    let mut server = Server::bound();
    server.serve(|path| match path {
        "/" => {
            let page = answered("text/html", "<link rel=stylesheet href=a.css>")?;
            Some(page.replacen("content-type", "set-cookie: sid=hunter2; SameSite=Strict; HttpOnly\r\ncontent-type", 1))
        }
        _ => answered("text/css", CSS),
    });
    let painting = visited(&session(&[]), &format!("{}/", server.url)).await;
    assert_eq!(painting.warnings(), Vec::<String>::new());
    let heads = server.heads();
    assert!(heads[1].contains("cookie: sid=hunter2"), "{heads:#?}");
    assert!(!serde_json::to_string(&painting).expect("JSON").contains("hunter2"), "a report has no secrets");
}

/// A page of the internet does not reach this machine.
#[tokio::test]
async fn a_page_asks_for_nothing_more_private_than_its_server() {
    let mut server = Server::bound();
    let url = server.url.clone();
    let html = format!(
        "<link rel=stylesheet href={url}/a.css><img src={url}/b.png><style>p {{ background: url({url}/c.png) }}</style><p>x"
    );
    let page = answered("text/html", &html);
    server.serve(move |path| if path == "/" { page.clone() } else { answered("text/css", CSS) });
    let session = session(&[]);
    let network = Network::on(&session, Clock::start());
    let (page, report) = network.page(&format!("{url}/")).await;
    let page = page.expect("a page");
    assert_eq!(server.heads().len(), 1);
    let strangers = [
        network.clone(),
        network.clone().asked_by(&report).in_space(AddressSpace::Public),
        network.clone().asked_by(&report).in_space(AddressSpace::Private),
    ];
    for stranger in strangers {
        let painting = Painter::default().paint(&page, &stranger).await.expect("a painting");
        let errors: Vec<&str> = painting.resources.iter().filter_map(|resource| resource.error.as_deref()).collect();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(
            errors.iter().all(|error| error.contains("127.0.0.1 is at 127.0.0.1, which is loopback")),
            "{errors:?}"
        );
        assert_eq!((painting.warnings().len(), server.heads().len()), (3, 0));
    }
    Painter::default().paint(&page, &network.asked_by(&report)).await.expect("a painting");
    assert_eq!(server.heads().len(), 3, "a page of this machine may ask for what is on it");
}
