//! What a page asks for: in its name, with no more than is its own, and nothing that is more private than its server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use netprobe::http::HttpOptions;
use netprobe::proxy::Proxies;
use netprobe::tcp::TcpError;
use netprobe::{AddressSpace, Clock, Embedder, Error, Override, Probe, Report, Session};

/// A server that answers every path as it is told to, and keeps the heads of requests.
struct Server {
    authority: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let server = Self { authority: listener.local_addr().expect("an address").to_string(), heads: Arc::default() };
        let heads = Arc::clone(&server.heads);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let head: String = lines.map(|line| line + "\n").collect();
                let answered = answer(head.split(' ').nth(1).unwrap_or_default());
                heads.lock().expect("no panic").push(head.to_ascii_lowercase());
                let _ = stream.write_all(answered.as_bytes());
            }
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    fn port(&self) -> u16 {
        self.authority.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// The heads since the last time.
    fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().expect("no panic"))
    }
}

fn answer(head: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

fn ok() -> Server {
    Server::start(|_| answer("200 OK"))
}

async fn asked(session: &Session, embedder: &Embedder, url: &str) -> Report {
    session.run_resource(&Clock::start(), embedder, url).await
}

#[tokio::test]
async fn it_is_a_get_and_the_callers_headers_go_to_the_pages_origin_alone() {
    let other = ok();
    let there = other.url("/there");
    let here = Server::start(move |path| match path {
        "/moved" => answer(&format!("302 Found\r\nlocation: {there}")),
        _ => answer("200 OK"),
    });
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let secrets = [header("Authorization", "Bearer hunter2"), header("X-Api-Key", "hunter2")];
    let headers = [&secrets[..], &[header("content-type", "a/b"), header("x-mine", "1")]].concat();
    let http = HttpOptions { headers, body: Some(b"a=b"[..].into()), ..HttpOptions::default() };
    let session = Probe { http, ..Probe::default() }.open().expect("a session");
    let page = Embedder::of(&session.run(&here.url("/page")).await);
    here.heads();
    let stranger = Embedder { origin: None, ..page.clone() };
    let runs = [
        (&page, here.url("/own")),
        (&page, here.url("/moved")),
        (&page, other.url("/")),
        (&stranger, here.url("/own")),
    ];
    for (embedder, url) in runs {
        assert_eq!(asked(&session, embedder, &url).await.error, None);
    }
    let heads = [here.heads(), other.heads()].concat();
    let has_headers: Vec<bool> = heads.iter().map(|head| head.contains("hunter2") || head.contains("x-mine")).collect();
    assert_eq!(has_headers, [true, true, false, false, false], "{heads:#?}");
    for head in heads {
        assert!(head.starts_with("get /") && head.contains("user-agent: netprobe/"), "{head}");
        assert!(!head.contains("content-length") && !head.contains("content-type"), "{head}");
    }
}

#[track_caller]
fn assert_more_private(report: &Report, expected: AddressSpace) {
    let Some(Error::Tcp(TcpError::MorePrivate { space, from, .. })) = &report.error else {
        panic!("{:?}", report.error)
    };
    assert_eq!((*space, *from), (AddressSpace::Loopback, expected));
    let failed = report.failed_step().expect("a step").error.as_ref();
    assert!(failed.is_some_and(|error| error.with_causes().contains("is loopback")), "{failed:?}");
}

#[tokio::test]
async fn nothing_more_private_than_the_pages_server_is_connected_to() {
    let server = ok();
    let session = Probe::default().open().expect("a session");
    for space in [AddressSpace::Public, AddressSpace::Private, AddressSpace::LinkLocal] {
        let page = Embedder { space, ..Embedder::default() };
        let report = asked(&session, &page, &server.url("/")).await;
        assert_more_private(&report, space);
        assert_eq!(report.hops[0].asked_from, Some(space));
    }
    assert_eq!(server.heads(), Vec::<String>::new());
    let page = Embedder { space: AddressSpace::Loopback, ..Embedder::default() };
    assert_eq!(asked(&session, &page, &server.url("/")).await.error, None);
    assert_eq!(server.heads().len(), 1);
}

/// What a name means is looked at when it is known, and so is every redirect: here from a server of the internet, for which a proxy
/// stands in.
#[tokio::test]
async fn neither_a_name_nor_a_redirect_is_a_way_around_that() {
    let server = ok();
    let (url, port) = (server.url("/private"), server.port());
    let internet = Server::start(move |_| answer(&format!("302 Found\r\nlocation: {url}")));
    let proxy = format!("http://{}", internet.authority).parse().expect("a proxy");
    let mut probe = Probe { proxies: Proxies::all(proxy), ..Probe::default() };
    probe.proxies.except = vec!["127.0.0.1".to_owned(), "inside.test".to_owned()];
    let address = "127.0.0.1".parse().expect("an address");
    probe.overrides = vec![Override { host: "inside.test".to_owned(), port, address }];
    let session = probe.open().expect("a session");
    let page = Embedder::default();
    assert_more_private(&asked(&session, &page, &format!("http://inside.test:{port}/")).await, AddressSpace::Public);
    assert_eq!(internet.heads().len(), 0);
    let moved = asked(&session, &page, "http://outside.test/").await;
    assert_more_private(&moved, AddressSpace::Public);
    assert_eq!((moved.hops.len(), internet.heads().len(), server.heads().len()), (2, 1, 0));
}

/// A proxy would be asked for its own machine's services.
#[tokio::test]
async fn an_address_is_not_asked_for_through_a_proxy_either() {
    let proxy = ok();
    let kinds = ["http", "socks5", "socks5h"].map(|kind| format!("{kind}://{}", proxy.authority));
    for kind in kinds {
        let probe = Probe { proxies: Proxies::all(kind.parse().expect("a proxy")), ..Probe::default() };
        let session = probe.open().expect("a session");
        for url in ["http://127.0.0.1:9/", "https://[::1]/", "http://localhost/", "http://a.localhost/"] {
            let report = asked(&session, &Embedder::default(), url).await;
            assert!(
                matches!(report.error, Some(Error::Tcp(TcpError::MorePrivate { .. }))),
                "{url}: {:?}",
                report.error
            );
        }
    }
    assert_eq!(proxy.heads(), Vec::<String>::new());
    let probe = Probe { proxies: Proxies::all(proxy.url("").parse().expect("a proxy")), ..Probe::default() };
    let session = probe.open().expect("a session");
    let visit = session.run("http://outside.test/").await;
    assert_eq!((&visit.error, Embedder::of(&visit).space), (&None, AddressSpace::Public), "behind a proxy is anywhere");
}

#[tokio::test]
async fn cookies_of_the_visit_go_to_its_site_and_nowhere_else() {
    let server = Server::start(|path| match path {
        "/page" => {
            answer("200 OK\r\nset-cookie: sid=hunter2; HttpOnly; SameSite=Strict\r\nset-cookie: deep=1; Path=/deep")
        }
        _ => answer("200 OK"),
    });
    let port = server.port();
    let overrides =
        vec![Override { host: "localhost".to_owned(), port, address: "127.0.0.1".parse().expect("an address") }];
    let session = Probe { overrides, ..Probe::default() }.open().expect("a session");
    let visit = session.run(&server.url("/page")).await;
    let page = Embedder::of(&visit);
    assert_eq!(page.space, AddressSpace::Loopback);
    server.heads();
    let urls = [server.url("/a.css"), server.url("/deep/b.css"), format!("http://localhost:{port}/c.css")];
    for url in urls {
        let report = asked(&session, &page, &url).await;
        assert_eq!(report.error, None);
        assert!(!serde_json::to_string(&report).expect("JSON").contains("hunter2"), "a report has no secrets");
    }
    let heads = server.heads();
    let has = |cookie: &str| heads.iter().map(|head| head.contains(cookie)).collect::<Vec<_>>();
    assert_eq!(has("sid=hunter2"), [true, true, false], "{heads:#?}");
    assert_eq!(has("deep=1"), [false, true, false], "{heads:#?}");
    // What was written down has no secrets to give away.
    let kept: Report = serde_json::from_str(&serde_json::to_string(&visit).expect("JSON")).expect("a report");
    asked(&session, &Embedder::of(&kept), &server.url("/a.css")).await;
    assert!(!server.heads()[0].contains("cookie"));
}
