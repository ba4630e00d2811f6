//! Answers, staples and keys that are nearly right: no panic, no hang, and never more memory than the limits allow.

use std::time::Duration;

use netprobe::Clock;
use netprobe::http::{HttpOptions, Limits, Protocol, decode, exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use url::Url;

use crate::fuzzed::tls;

/// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

const HTTP1: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nset-cookie: a=b; Path=/\r\nalt-svc: h3=\":443\"\r\n\r\nhello",
    b"HTTP/1.1 301 Moved\r\nlocation: /x\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nt: u\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.0 200 OK\r\nstrict-transport-security: max-age=1\r\n\r\nhello",
];

/// SETTINGS, then HEADERS (":status: 200") and DATA on stream 1.
const HTTP2: &[&[u8]] = &[
    b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88\x00\x00\x05\x00\x01\x00\x00\x00\x01hello",
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x00\x00\x04\x01\x00\x00\x00\x00\
      \x00\x00\x0d\x01\x04\x00\x00\x00\x01\x88\x40\x04test\x05value\x00\x00\x00\x00\x01\x00\x00\x00\x01",
];

fn mutate(answer: &[u8], random: &mut Random) -> Vec<u8> {
    let mut answer = answer.to_vec();
    for _ in 0..=random.below(3) {
        let place = random.below(answer.len().max(1));
        match random.below(6) {
            0 if !answer.is_empty() => answer[place] = random.next() as u8,
            1 if !answer.is_empty() => answer[place] ^= 1 << random.below(8),
            2 => answer.insert(place.min(answer.len()), random.next() as u8),
            3 => answer.truncate(place),
            4 => answer.extend_from_within(place.min(answer.len())..),
            _ => drop(answer.drain(place.min(answer.len())..(place + random.below(8)).min(answer.len()))),
        }
    }
    answer
}

async fn takes(answer: &[u8], protocol: Protocol, seed: u64) -> bool {
    let limits = Limits { body_bytes_max: 1000, decoded_bytes_max: 1000, ..Limits::default() };
    let options = HttpOptions { limits, ..HttpOptions::default() };
    let (client, mut server) = tokio::io::duplex(64 * 1024);
    let url = Url::parse("https://a.test/").expect("a URL");
    let serving = async {
        // All of the request, which HTTP/2 writes in parts: until the client says nothing more. It may have gone by then.
        let (mut request, moment) = ([0; 4096], Duration::from_millis(1));
        while timeout(moment, server.read(&mut request)).await.is_ok_and(|read| read.is_ok_and(|bytes| bytes > 0)) {}
        let _ = server.write_all(answer).await;
        // Half of the servers hang up; the others say nothing more, and the paused clock runs into the timeout.
        let kept = seed.is_multiple_of(2).then_some(server);
        std::future::pending::<()>().await;
        drop(kept);
    };
    let clock = Clock::start();
    let (exchange, result) = tokio::select! {
        biased; // the same run for the same seed
        taken = exchange(client, &url, None, protocol, &options, &clock) => taken,
        () = serving => unreachable!("it waits for ever"),
    };
    assert!(exchange.body.len() <= 1000, "seed {seed}");
    result.is_ok()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_answers_that_are_nearly_right() {
    for (protocol, answers) in [(Protocol::Http1, HTTP1), (Protocol::Http2, HTTP2)] {
        for answer in answers {
            // From a server that does not hang up, which is where an answer of HTTP/1 can end.
            assert!(
                takes(answer, protocol, 0).await || protocol == Protocol::Http1,
                "{:?}",
                String::from_utf8_lossy(answer)
            );
        }
        let mut succeeded = 0;
        for seed in 1..=5000 {
            let mut random = Random(seed);
            let answer = mutate(answers[seed as usize % answers.len()], &mut random);
            succeeded += usize::from(takes(&answer, protocol, seed).await);
        }
        // Some mutations do no harm, and most do.
        assert!((50..4500).contains(&succeeded), "{protocol:?}: {succeeded}");
    }
}

#[test]
fn ten_thousand_bodies_that_are_nearly_compressed() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b\xcf\xc8\x2c\x49\x4d\xca\x4f\x2c\x4a\x01\x00\x1f\x3c\x4d\x65\x0a\x00\x00\x00";
    let brotli = b"\x8b\x04\x80whiteboard\x03";
    let zstd = b"\x28\xb5\x2f\xfd\x04\x58\x51\x00\x00whiteboard\x9a\xea\x4a\xfd";
    for seed in 1..=10_000 {
        let mut random = Random(seed);
        let (encoding, body): (_, &[u8]) =
            [("gzip", &gzip[..]), ("br", &brotli[..]), ("zstd", &zstd[..])][seed as usize % 3];
        if let Ok(Some(decoded)) = decode(encoding, &mutate(body, &mut random), 5000) {
            assert!(decoded.len() <= 5000, "seed {seed}");
        }
    }
}

#[test]
fn ten_thousand_staples_and_ten_thousand_lists_of_keys_that_are_nearly_right() {
    let seed = |name: &str| std::fs::read(format!("{}/tests/fuzzed/seeds/tls/{name}", env!("CARGO_MANIFEST_DIR")));
    let [staples, lists] = [["good", "revoked", "delegated"], ["keys", "keys-of-tomorrow-first", "keys-many"]]
        .map(|names| names.map(|name| seed(name).expect("a seed")));
    assert!(staples.iter().all(|staple| tls::check(staple).0) && lists.iter().all(|list| tls::check(list).1));
    let mut read = (0, 0);
    for seed in 1..=10_000 {
        let mut random = Random(seed);
        let place = seed as usize % staples.len();
        read.0 += usize::from(tls::check(&mutate(&staples[place], &mut random)).0);
        read.1 += usize::from(tls::check(&mutate(&lists[place], &mut random)).1);
    }
    // Some mutations do no harm, and most do.
    assert!((500..8000).contains(&read.0) && (500..8000).contains(&read.1), "{read:?}");
}
