//! A lab in another process: this same program, started again.

#![allow(dead_code, reason = "each bench uses a part")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use netprobe::dns::{Server, Walker};
use netprobe::lab::Impairment;
use netprobe::names::ResolverOptions;
use netprobe::tls::Roots;
use netprobe::{Lab, Probe};
use serde::{Deserialize, Serialize};

/// What one process has to know about a lab in another.
#[derive(Serialize, Deserialize)]
pub(crate) struct Card {
    /// The healthy server, as near as loopback is.
    pub(crate) near: Site,
    /// The same behind a proxy that makes every round trip take [`ROUND_TRIP_MS`].
    pub(crate) far: Site,
    pub(crate) root_pem: String,
    roots: Vec<Server>,
    dns_port: u16,
    anchors: Vec<String>,
}

/// A server with two hosts.
#[derive(Serialize, Deserialize)]
pub(crate) struct Site {
    pub(crate) url: String,
    /// Its address, as `--resolve` takes it.
    pub(crate) resolve: String,
    pub(crate) other_url: String,
    pub(crate) other_resolve: String,
}

/// How far away the far server is.
pub(crate) const ROUND_TRIP_MS: u64 = 20;

impl Site {
    fn at(address: SocketAddr) -> Self {
        let (ip, port) = (address.ip(), address.port());
        let url = |label: &str| format!("https://{label}.whiteboard.test:{port}/");
        let resolve = |label: &str| format!("{label}.whiteboard.test:{port}:{ip}");
        Self { url: url("www"), resolve: resolve("www"), other_url: url("other"), other_resolve: resolve("other") }
    }
}

impl Card {
    /// A probe that walks the lab's DNS.
    pub(crate) fn probe(&self) -> Probe {
        let anchors = self.anchors.iter().map(|anchor| anchor.parse().expect("an anchor")).collect();
        let walker = Walker { roots: self.roots.clone(), port: self.dns_port, anchors, ..Walker::default() };
        let names = ResolverOptions { walker, ..ResolverOptions::default() };
        Probe { names, roots: Roots::Pem(self.root_pem.clone().into_bytes()), ..Probe::default() }
    }
}

/// The other process. It ends when this is dropped.
pub(crate) struct Other {
    pub(crate) card: Card,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Other {
    pub(crate) fn start() -> Self {
        let myself = std::env::current_exe().expect("a path");
        let mut command = Command::new(myself);
        let mut child = command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a card");
        let card = serde_json::from_str(&line).expect("a card");
        let stdin = child.stdin.take();
        Self { card, child, stdin }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// In the other process: a lab until nobody is there any more. False if this is not it.
pub(crate) fn served() -> bool {
    if std::env::args().nth(1).as_deref() != Some("serve") {
        return false;
    }
    let lab = Lab::start().expect("a lab");
    let probe = lab.probe_resolved();
    let known = probe.overrides.iter().find(|known| known.host == "www.whiteboard.test");
    let near = SocketAddr::new(known.expect("its address").address, lab.https_port());
    let delayed = Impairment { delay_ms: ROUND_TRIP_MS / 2, ..Impairment::default() };
    let far = lab.proxy(delayed).expect("a proxy").address;
    let walker = &probe.names.walker;
    let card = Card {
        near: Site::at(near),
        far: Site::at(far),
        root_pem: lab.root_pem().to_owned(),
        roots: walker.roots.clone(),
        dns_port: walker.port,
        anchors: walker.anchors.iter().map(ToString::to_string).collect(),
    };
    println!("{}", serde_json::to_string(&card).expect("JSON"));
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    true
}
