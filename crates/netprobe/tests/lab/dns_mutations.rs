//! Responses that went wrong on the way, or on purpose: ten thousand of them, and walks among servers that send nothing else.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use netprobe::dns::{RecordType, Walker, dissect};
use netprobe::{Clock, Lab};

/// xorshift64*: seeded, and named in every failure.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits") % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("a byte")
    }
}

/// A query with DO set, by hand.
fn query(name: &str, record_type: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a label"));
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend(record_type.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]);
    bytes
}

/// Responses of every kind, from the lab's servers.
fn responses(port: u16) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let questions = [
        (1, "www.whiteboard.test", 1),
        (1, "", 48),
        (2, "www.whiteboard.test", 1),
        (2, "nothing.test", 1),
        (4, "www.whiteboard.test", 1),
        (4, "absent.whiteboard.test", 1),
        (4, "no-data.whiteboard.test", 28),
        (4, "a.wild.whiteboard.test", 1),
        (4, "cname-loop.whiteboard.test", 1),
        (4, "ns1.whiteboard.test", 16),
        (4, "whiteboard.test", 48),
        (4, "serv-fail.whiteboard.test", 1),
    ];
    let ask = |(host, name, record_type): (u8, &str, u16)| {
        let server = SocketAddr::from(([127, 0, 2, host], port));
        socket.send_to(&query(name, record_type), server).expect("sent");
        let mut buffer = [0; 4096];
        let (length, _) = socket.recv_from(&mut buffer).expect("a response");
        buffer[..length].to_vec()
    };
    questions.map(ask).to_vec()
}

/// One to eight changes: flipped bytes, wild counts, cuts, copies of other places, noise.
fn mutate(bytes: &[u8], others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0..3 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.byte()),
            3 => bytes.iter_mut().skip(4 + random.below(8)).take(1).for_each(|byte| *byte = random.byte()),
            4 => bytes.truncate(at),
            5 => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len());
                let piece: Vec<u8> = other.iter().skip(from).take(random.below(64)).copied().collect();
                bytes.splice(at..at, piece);
            }
            // A compression pointer to anywhere.
            6 => bytes.iter_mut().skip(at).take(2).enumerate().for_each(|(index, byte)| {
                *byte = if index == 0 { 0xc0 } else { random.byte() };
            }),
            _ => bytes.extend((0..random.below(32)).map(|_| random.byte()).collect::<Vec<u8>>()),
        }
    }
    bytes
}

#[test]
fn ten_thousand_mutated_responses_are_read_or_refused() {
    const SEED: u64 = 20_261_127;
    let lab = Lab::start().expect("a lab");
    let originals = responses(lab.walker().port);
    for original in &originals {
        dissect(original, ".", SystemTime::now()).expect("an unharmed response");
    }
    let mut random = Random(SEED);
    let (mut read, mut refused) = (0, 0);
    for round in 0..10_000 {
        let bytes = mutate(&originals[round % originals.len()], &originals, &mut random);
        match dissect(&bytes, if round % 2 == 0 { "." } else { "whiteboard.test" }, SystemTime::now()) {
            Ok(dissection) => {
                read += 1;
                let response = &dissection.response;
                let records = || response.answers.iter().chain(&response.authorities).chain(&response.additionals);
                // No record is shorter than eleven bytes, and no name longer than 255, each byte escaped with four.
                assert!(records().count() * 11 <= bytes.len(), "seed {SEED}, round {round}");
                let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                assert!(
                    records()
                        .all(|record| printable(&record.name) && printable(&record.data) && record.name.len() < 1100),
                    "seed {SEED}, round {round}"
                );
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 1000 && refused > 1000, "both happen: {read} read, {refused} refused");
}

/// A server that harms every response of an honest one.
async fn harm(socket: tokio::net::UdpSocket, honest: SocketAddr, seed: u64) {
    let mut random = Random(seed);
    let mut buffer = [0; 4096];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await.expect("a query");
        let upstream = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        upstream.send_to(&buffer[..length], honest).await.expect("sent");
        let (length, _) = upstream.recv_from(&mut buffer).await.expect("a response");
        let response = buffer[..length].to_vec();
        let mut harmed = mutate(&response, std::slice::from_ref(&response), &mut random);
        // The ID stays, or nothing would be read.
        harmed.iter_mut().zip(&response).take(2).for_each(|(harmed, byte)| *harmed = *byte);
        socket.send_to(&harmed, client).await.expect("sent");
    }
}

#[tokio::test]
async fn walks_among_harmed_responses_end_within_their_limits() {
    let lab = Lab::start().expect("a lab");
    let port = lab.walker().port;
    for seed in 1..=60 {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let mut walker = Walker { query_timeout: Duration::from_millis(20), queries_max: 12, ..lab.walker() };
        walker.roots[0].address = socket.local_addr().expect("an address");
        let harming = tokio::spawn(harm(socket, SocketAddr::from(([127, 0, 2, 1], port)), seed));
        let walk = walker.walk("www.whiteboard.test", &[RecordType::A], &Clock::start()).await;
        assert!(walk.queries.len() <= 12, "seed {seed}");
        harming.abort();
    }
}
