//! Servers that mean harm: what they send neither gets out of the report's hands nor into the next request.

use netprobe::http::{HttpError, HttpOptions};
use netprobe::render::{Waterfall, escape_json};
use netprobe::tls::Roots;
use netprobe::{Error, Phase, Probe, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.expect("a request") == 0 {
            break;
        }
    }
    String::from_utf8(head).expect("UTF-8")
}

/// A server that gives each connection the next of these answers, and then the heads that it read.
async fn server(answers: Vec<String>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let serving = async move {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a client");
            heads.push(read_head(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("closed");
        }
        heads
    };
    (port, tokio::spawn(serving))
}

fn answer(head: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

fn probe() -> Probe {
    Probe { roots: Roots::Unchecked, ..Probe::default() }
}

/// Everything that anybody is shown.
fn outputs(report: &Report) -> Vec<String> {
    vec![
        serde_json::to_string(report).expect("JSON"),
        report.to_har().to_string(),
        report.to_html(),
        report.to_svg(),
        report.waterfall(&Waterfall { width: 10_000, color: true }),
        format!("{:?} {:?}", report.story(), report.warnings()),
        format!("{:?}", report.error.as_ref().map(Error::with_causes)),
    ]
}

#[tokio::test]
async fn secrets_stay_out_of_every_output() {
    let (next, _served) = server(vec![answer("200 OK")]).await;
    let first = answer(&format!(
        "302 Found\r\nlocation: //ann:hunter2@127.0.0.1:{next}/\r\nset-cookie: sid=hunter2; Path=/\r\n\
         link: <https://ann:hunter2@b.test/>\r\nrefresh: 0; url=//ann:hunter2@b.test/"
    ));
    let (port, _) = server(vec![first]).await;
    let report = probe().run(&format!("http://bob:hunter2@127.0.0.1:{port}/")).await;
    assert_eq!((&report.error, report.hops.len()), (&None, 2));
    for output in outputs(&report) {
        assert!(!output.contains("hunter2") && !output.contains("Ym9i"), "{output}");
    }
    for location in ["ftp://ann:hunter2@b.test/", "//ann:hunter2@b.test:99999/", "https://ann:hunter2@/"] {
        let (port, _) = server(vec![answer(&format!("302 Found\r\nlocation: {location}"))]).await;
        let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
        assert!(matches!(report.error, Some(Error::Http(HttpError::Location { status: 302, .. }))), "{location}");
        for output in outputs(&report) {
            assert!(!output.contains("hunter2"), "{location}: {output}");
        }
    }
}

#[tokio::test]
async fn credentials_are_for_the_origin_that_they_were_given_for() {
    let (other, served) = server(vec![answer("200 OK")]).await;
    let redirect = answer(&format!("302 Found\r\nlocation: http://127.0.0.1:{other}/"));
    let (port, first) = server(vec![answer("302 Found\r\nlocation: /again"), redirect]).await;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![header("Authorization", "Bearer hunter2"), header("Cookie", "a=hunter2"), header("x-mine", "1")];
    let http = HttpOptions { headers, ..HttpOptions::default() };
    let report = Probe { http, ..probe() }.run(&format!("http://bob:pw@127.0.0.1:{port}/")).await;
    assert_eq!((&report.error, report.hops.len()), (&None, 3));
    for head in first.await.expect("heads") {
        assert!(head.contains("authorization: ") && head.contains("cookie: a=hunter2"), "{head}");
    }
    let head = served.await.expect("heads").remove(0);
    assert!(head.contains("x-mine: 1"), "{head}");
    assert!(!head.contains("authorization") && !head.contains("cookie"), "{head}");
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_the_next_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let serving = async {
        let (mut first, _) = listener.accept().await.expect("a client");
        read_head(&mut first).await;
        let two = "HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n\
                   HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
        first.write_all(two.as_bytes()).await.expect("sent");
        let (mut second, _) = listener.accept().await.expect("a client");
        let head = read_head(&mut second).await;
        assert!(head.starts_with("GET /next HTTP/1.1\r\n"), "{head}");
        second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhonest").await.expect("sent");
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = async { probe().run(&url).await } => report,
        () = serving => unreachable!("it waits for ever"),
    };
    assert_eq!(report.error, None);
    assert_eq!(report.answer().map(|answer| answer.body.as_slice()), Some(&b"honest"[..]));
}

#[tokio::test]
async fn lengths_that_contradict_each_other_are_no_answer() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx: a\r\n\r: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
    ] {
        let (port, _) = server(vec![head.to_owned()]).await;
        let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
        assert!(matches!(report.error, Some(Error::Http(HttpError::NotHttp { .. }))), "{head:?}: {:?}", report.error);
    }
    // Chunks win over a length (RFC 9112, section 6.3), and after such an answer nothing else goes over that connection.
    let both = "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let (port, _) = server(vec![both.to_owned(), answer("200 OK")]).await;
    let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
    assert_eq!((&report.error, report.hops[1].reused), (&None, None));
}

#[tokio::test]
async fn json_on_a_terminal_is_only_text() {
    let (port, _) = server(vec![answer("200 OK\r\nserver: \u{9b}31m\u{202e}")]).await;
    let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
    let json = escape_json(&serde_json::to_string_pretty(&report).expect("JSON"));
    assert!(json.contains("\\u009b31m\\u202e") && !json.contains(['\u{9b}', '\u{202e}']), "{json}");
    let read: Report = serde_json::from_str(&json).expect("a report");
    assert_eq!(read.answer().and_then(|answer| answer.header("server")), Some("\u{9b}31m\u{202e}"));
}

#[tokio::test]
async fn a_body_that_breaks_the_rules_says_which() {
    let chunks = |rest: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n{rest}");
    for (rest, reason) in [
        ("-1\r\n", "missing size digit"),
        ("\r\n", "missing size digit"),
        ("fffffffffffffffff\r\n", "overflow"),
        (&format!("1;{}\r\n", "a=b;".repeat(10_000)), "extensions"),
        (&format!("0\r\n{}\r\n", "a: b\r\n".repeat(10_000)), "trailers"),
    ] {
        let (port, _) = server(vec![chunks(rest)]).await;
        let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
        let Some(Error::Http(HttpError::Framing { bytes: 5, reason: said })) = &report.error else {
            panic!("{rest:.20?}: {:?}", report.error)
        };
        assert!(said.contains(reason), "{said}");
        assert_eq!(report.failed_step().map(|step| step.phase), Some(Phase::Transfer));
        assert_eq!(report.answer().map(|answer| answer.body.as_slice()), Some(&b"hello"[..]));
    }
    let (port, _) = server(vec![format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\nhello", u64::MAX)]).await;
    let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
    let bytes_max = HttpOptions::default().limits.body_bytes_max;
    assert_eq!(report.error, Some(HttpError::BodyTooLarge { bytes_max }.into()));
}

#[tokio::test]
async fn a_protocol_that_nobody_asked_for_is_no_answer() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let (port, _) = server(vec![head.to_owned()]).await;
    let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(report.error, Some(Error::Http(HttpError::NotHttp { .. }))), "{:?}", report.error);
    assert_eq!(report.answer().and_then(|answer| answer.status), Some(101));
}

#[tokio::test]
async fn a_header_on_several_lines_is_one_list() {
    let body = b"\x8b\x04\x80whiteboard\x03";
    let head = format!(
        "200 OK\r\ncontent-encoding: identity\r\ncontent-encoding: br\r\nalt-svc: h3=\":1\"\r\nalt-svc: h2=\":2\"\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        read_head(&mut stream).await;
        stream.write_all(&[b"HTTP/1.1 ", head.as_bytes(), body].concat()).await.expect("sent");
        stream.shutdown().await.expect("closed");
    });
    let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
    let answer = report.answer().expect("an answer");
    assert_eq!((&report.error, answer.body.as_slice()), (&None, &b"whiteboard"[..]));
    let protocols: Vec<&str> = answer.alt_svc.iter().map(|service| service.protocol.as_str()).collect();
    assert_eq!(protocols, ["h3", "h2"]);
}

#[tokio::test]
async fn an_archive_says_why_a_redirect_was_not_followed() {
    for location in ["javascript:alert(1)", "/"] {
        let (port, _) = server(vec![answer(&format!("302 Found\r\nlocation: {location}"))]).await;
        let report = probe().run(&format!("http://127.0.0.1:{port}/")).await;
        let why = report.error.as_ref().expect("an error").with_causes();
        let har = report.to_har();
        let last = har["log"]["entries"].as_array().and_then(|entries| entries.last()).expect("an entry");
        assert_eq!(last["_error"], why);
    }
}
