//! Whatever a server sends, over HTTP/1.1 or HTTP/2, an exchange ends with an answer or an error: no panic, no hang, and no more
//! memory than the limits allow.
//!
//! The first byte picks the protocol; the rest is what the server sends. It says nothing more then, and a paused clock runs into the
//! exchange's timeout.

use netprobe::Clock;
use netprobe::http::{Channel, HttpOptions, Limits, Protocol, decode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BODY_MAX: usize = 4096;

pub(crate) fn check(bytes: &[u8]) {
    let Some((first, answer)) = bytes.split_first() else { return };
    let protocol = if first % 2 == 0 { Protocol::Http1 } else { Protocol::Http2 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(exchange(protocol, answer));
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, br"] {
        if let Ok(Some(decoded)) = decode(encoding, answer, BODY_MAX) {
            assert!(decoded.len() <= BODY_MAX);
        }
    }
}

async fn exchange(protocol: Protocol, answer: &[u8]) {
    let limits = Limits { body_bytes_max: BODY_MAX, decoded_bytes_max: BODY_MAX, ..Limits::default() };
    let options = HttpOptions { limits, ..HttpOptions::default() };
    let (client, mut server) = tokio::io::duplex(256 * 1024);
    let url = netprobe::url::parse("https://a.test/x").expect("a URL");
    let serving = async {
        let _ = server.read(&mut [0; 4096]).await;
        let _ = server.write_all(answer).await;
        std::future::pending::<()>().await;
    };
    let clock = Clock::start();
    let mut channel = Channel::new(client, protocol, &options, &clock);
    let twice = async {
        for _ in 0..2 {
            let (exchange, result) = channel.exchange(&url, None, &options).await;
            assert!(exchange.body.len() <= BODY_MAX && exchange.response_headers.len() <= limits.headers_max);
            let _ = exchange.steps(result.as_ref().err());
            if result.is_err() || !channel.is_ready() {
                break;
            }
        }
    };
    tokio::select! {
        biased;
        () = twice => {}
        () = serving => unreachable!("it waits for ever"),
    }
}
