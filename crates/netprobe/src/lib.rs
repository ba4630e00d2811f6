//! *What happens when you type `www.google.com` and press Enter?*
//!
//! A name becomes an address, an address a connection, a connection a secret, and the secret carries a request. Each step is a
//! module here, usable on its own, with its own time, its own limit and its own errors:
//!
//! ```text
//!  Enter
//!        │ keypress interrupts, softirqs, a character, a context switch                (Linux)
//!        ▼
//!  "www.google.com"
//!        │ url      scheme, host, port, path
//!        ▼
//!      names ──────  our cache → hosts file → DNS: root → .com → google.com        a name means nothing to the network
//!        │ IP addresses
//!        ▼
//!       tcp  ──────  SYN, SYN-ACK, ACK to the first that answers (RFC 8305)        both count every byte: none is lost
//!        │ a connection
//!        ▼
//!       tls  ──────  ClientHello, certificate, Diffie-Hellman                      who is it, and keys nobody else has
//!        │ a secret
//!        ▼
//!      http  ──────  GET / HTTP/2 … 200 OK … redirect? again from the top          what one came for
//!        │ bytes
//!        ▼
//!      Report        JSON, HAR, a story, a waterfall, SVG, HTML
//! ```
//!
#![doc = concat!(
    "<div class=\"picture\"><style>.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/waterfall.svg"),
    "</div>\n"
)]
//!
//! *One run, against the lab: every DNS query from the root down, the connection, the handshake, the request. Pale is waiting for the network,
//! solid our own work. Drawn by [`Report::to_svg`].*
//!
//! # The whole way
//!
//! [`Probe`] is a struct of options; [`Probe::run`] never fails as a whole: a step that fails is the report's last, and every step
//! before it is there. [`Lab`] is a small internet on loopback, so that this runs anywhere:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use netprobe::{Fault, Lab, Phase};
//!
//! let lab = Lab::start()?;
//! let report = lab.probe().run(&lab.url("/")).await;
//! assert_eq!(report.error, None);
//! for step in report.steps() {
//!     println!("{:?}: {} ns, {} of them waiting for the network", step.phase, step.span.duration_ns, step.span.wait_ns);
//! }
//! let handshake = report.hops[0].handshake.as_ref().unwrap();
//! assert_eq!(handshake.group.as_deref(), Some("X25519MLKEM768"));
//!
//! let report = lab.probe().run(&lab.fault_url(Fault::ExpiredCertificate)).await;
//! let error = report.error.as_ref().unwrap().to_string();
//! assert!(error.ends_with("expired 10 days ago"), "{error}");
//! assert!(report.hops[0].step(Phase::Connect).unwrap().error.is_none());
//! assert_eq!(report.hops[0].handshake.as_ref().unwrap().chain.len(), 2, "the chain is kept");
//! # Ok::<(), netprobe::Error>(())
//! # }).unwrap();
//! ```
//!
//! To probe often, [`Probe::open`] a [`Session`]: it keeps the names' TTL cache and TLS tickets. [`Probe::repeat`] measures cold
//! runs against resumed ones, with [`Percentiles`].
//!
//! Whatever asks the network or waits for it needs a tokio runtime with I/O and timers on (`enable_all`), and panics without.
//!
//! # Reading order
//!
//! [`Probe`] is what can be asked for, [`Session`] all of it in a row: of the sources,
//! [`session/run.rs`](../src/netprobe/session/run.rs.html) (from redirect to redirect), [`session/hop.rs`](../src/netprobe/session/hop.rs.html)
//! (one request) and [`session/reach.rs`](../src/netprobe/session/reach.rs.html) (the way to whoever answers it). Then the steps alone, each with a page of its own: [`url`],
//! [`names`], [`dns`] (which has a reading order, too), [`tcp`], [`tls`], [`http`]; [`proxy`] between them, [`keypress`] before them, [`path`]
//! after them. [`Report`] is what they leave, [`render`] shows it, and [`lab`] is what they can be tried on.
//!
//! # What a time means
//!
//! Every [`Span`] counts from the run's start, after roots are read and cryptography is warm. Its `cpu_ns` is the time in which this
//! process was polled, `wait_ns` the rest: the network and the peer. Nothing is spawned; even hyper's background work runs inside
//! the probe's own future, so that it is counted. With [`Probe::distance_km`] the round trip stands beside what the speed of
//! light allows ([`Light`]).
//!
//! # What is trusted
//!
//! Nothing because a peer says so. DNSSEC is validated from the trust anchor; certificates by the roots that one picks, or by none
//! with a loud warning ([`tls::Roots::Unchecked`]). Heads, bodies and what bodies decompress to have limits with names
//! ([`http::Limits`]). Text from outside is escaped wherever it is drawn ([`render`]); passwords and cookies are redacted in reports unless
//! [`http::HttpOptions::reveal_secrets`] is set. A query string is not: it is part of what was asked for.
//!
//! `Debug` of what a caller gives hides secrets always: [`http::HttpOptions`] the body and the value of every header,
//! [`proxy::Credentials`] user and password, [`tls::ClientIdentity`] the key. Of a report [`http::Cookie`] hides the value, and [`http::Header`]
//! what is known to be a secret: credentials, cookies, the user in a URL. A report that was to reveal secrets has them in its URLs
//! ([`Report::url`], [`Hop::url`], [`http::Redirect::url`]), `Debug` or not.
//!
//! # What it is not
//!
//! Not a browser: it takes the page and looks at nothing in it. Whoever does asks for what the page names with [`Session::run_resource`], in
//! the name of an [`Embedder`]; with [`tcp::ConnectOptions::asked_from`] any probe keeps away from addresses that are not everybody's. HTTP/3 only beside
//! HTTP over TCP, with the feature `h3` (`Probe::http3`). Revoked certificates are told from what the
//! server staples, and nobody is refused for it. `TCP_INFO` and the key press are Linux's alone;
//! elsewhere the fields are empty.

mod connect_to;
pub mod dns;
mod embedder;
mod endpoint;
mod error;
pub mod http;
pub mod keypress;
pub mod lab;
mod light;
pub mod names;
mod objective;
pub mod path;
mod probe;
pub mod proxy;
#[cfg(feature = "h3")]
mod race;
pub mod render;
mod report;
mod series;
mod session;
mod space;
pub mod tcp;
mod timeline;
pub mod tls;
pub mod url;

pub use connect_to::ConnectTo;
pub use embedder::Embedder;
pub use endpoint::{ENDPOINTS_MAX, Endpoint, Followed, HttpsRecords};
pub use error::{Error, IoFailure};
pub use lab::{Fault, Lab};
pub use light::Light;
pub use objective::{Measure, Objective};
pub use probe::{Override, Probe};
#[cfg(feature = "h3")]
pub use race::Race;
pub use report::{Hop, Report};
pub use series::{Percentiles, Sample, Series};
pub use session::Session;
pub use space::AddressSpace;
pub use timeline::{Clock, Phase, Span, Step};
