//! Servers that break HTTP/2: the reason arrives, whenever the connection fails, and nothing goes on for ever.

use std::time::Duration;

use netprobe::http::{Exchange, HttpError, HttpOptions, Protocol, exchange};
use netprobe::{Clock, Error, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use url::Url;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PREFACE_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 9;

/// `:status: 200`, by its place in HPACK's table.
const OK: &[u8] = b"\x88";

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// Reads until the request's headers are there.
async fn read_request(stream: &mut DuplexStream) {
    let mut read = Vec::new();
    loop {
        let mut place = PREFACE_BYTES;
        while let Some(head) = read.get(place..place + FRAME_HEAD_BYTES) {
            if head[3] == HEADERS {
                return;
            }
            place += FRAME_HEAD_BYTES + usize::from(head[1]) * 256 + usize::from(head[2]);
        }
        assert!(stream.read_buf(&mut read).await.expect("a request") > 0);
    }
}

/// Between two parts of a flood.
const PAUSE: Duration = Duration::from_millis(5);

/// When a server answers.
#[derive(Clone, Copy, PartialEq)]
enum When {
    /// It has not seen the request.
    Early,
    Asked,
}

/// One exchange with a server that sends this, then the second part again and again. Times are a paused clock's.
async fn visit(when: When, answer: &[u8], again: &[u8]) -> (Exchange, Result<(), Error>) {
    let (client, mut server) = tokio::io::duplex(64 * 1024);
    let url = Url::parse("https://a.test/").expect("a URL");
    let serving = async {
        if when == When::Asked {
            read_request(&mut server).await;
        }
        let _ = server.write_all(answer).await;
        while !again.is_empty() && server.write_all(again).await.is_ok() {
            // The clock goes on only while everybody waits; and what is sent back is read, so that nobody waits for ever.
            tokio::time::sleep(PAUSE).await;
            let _ = tokio::time::timeout(PAUSE, server.read(&mut [0; 4096])).await;
        }
        std::future::pending::<()>().await;
    };
    let (options, clock) = (HttpOptions::default(), Clock::start());
    tokio::select! {
        biased;
        ended = exchange(client, &url, None, Protocol::Http2, &options, &clock) => ended,
        () = serving => unreachable!("it waits for ever"),
    }
}

async fn reason(when: When, parts: &[Vec<u8>]) -> String {
    match visit(when, &parts.concat(), &[]).await.1 {
        Err(Error::Http(HttpError::Stream { reason })) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_says_why_also_before_the_request() {
    let calm = frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11, b'\x1b', b'[']);
    for when in [When::Early, When::Asked] {
        let said = reason(when, &[settings(), calm.clone()]).await;
        assert!(said.contains("excessive load") && !said.contains('\u{1b}'), "{said}");
        let said = reason(when, &[b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]).await;
        assert!(said.contains("frame with invalid size"), "{said}");
        let said = reason(when, &[settings(), frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])]).await;
        assert!(said.contains("flow-control protocol violated"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_reset_says_why() {
    for (code, words) in [(1, "protocol error"), (7, "refused stream"), (11, "excessive load"), (13, "HTTP/1.1")] {
        let said = reason(When::Asked, &[settings(), frame(RST_STREAM, 0, 1, &[0, 0, 0, code])]).await;
        assert!(said.contains(words), "{code}: {said}");
    }
    let begun = [settings(), frame(HEADERS, END_HEADERS, 1, OK), frame(DATA, 0, 1, b"hel")].concat();
    let (exchange, result) = visit(When::Asked, &[begun, frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])].concat(), &[]).await;
    assert!(matches!(result, Err(Error::Http(HttpError::Stream { .. }))), "{result:?}");
    assert_eq!((exchange.status, exchange.body.as_slice()), (Some(200), &b"hel"[..]), "what came is kept");
}

#[tokio::test(start_paused = true)]
async fn a_head_or_a_body_that_breaks_the_rules_says_so() {
    // `content-length: 10`
    let head = frame(HEADERS, END_HEADERS, 1, &[OK, b"\x5c\x0210"].concat());
    for body in [&b"hello"[..], b"hello, whiteboard"] {
        let said = reason(When::Asked, &[settings(), head.clone(), frame(DATA, END_STREAM, 1, body)]).await;
        assert!(said.ends_with("protocol error detected, after 0 bytes of the body of the 10 announced"), "{said}");
    }
    // An upper-case name: here the library does not say which it was.
    let head = frame(HEADERS, END_HEADERS, 1, &[OK, b"\x40\x01A\x01b"].concat());
    let said = reason(When::Asked, &[settings(), head]).await;
    assert!(said.contains("head of more than 65536 bytes"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn floods_end_with_the_phase_they_are_in() {
    let begun = [settings(), frame(HEADERS, END_HEADERS, 1, OK)].concat();
    for (again, first, expected) in [
        (settings(), settings(), Phase::Wait),
        (frame(PING, 0, 0, &[0; 8]), settings(), Phase::Wait),
        (frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), settings(), Phase::Wait),
        (frame(PING, 0, 0, &[0; 8]), begun.clone(), Phase::Transfer),
    ] {
        let (_, result) = visit(When::Asked, &first, &again).await;
        assert!(matches!(result, Err(Error::Timeout { phase, .. }) if phase == expected), "{expected:?}: {result:?}");
    }
    for (first, again, words) in [
        (begun, frame(DATA, 0, 1, &[]), "too_many_data_frames"),
        ([settings(), frame(HEADERS, 0, 1, OK)].concat(), frame(CONTINUATION, 0, 1, &[]), "too_many_continuations"),
    ] {
        let (_, result) = visit(When::Asked, &first, &again).await;
        let Err(Error::Http(HttpError::Stream { reason })) = result else { panic!("{result:?}") };
        assert!(reason.contains(words), "{reason}");
    }
}
