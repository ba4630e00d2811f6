//! What is requested, and where: arguments that several examples share, by curl's names.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};

use clap::{Args, ValueEnum};
use netprobe::tls::Ech;
use netprobe::{ConnectTo, HttpsRecords, Override, Probe};

use crate::visit::IdentityArguments;

/// The request, and the way to its server.
#[derive(Args)]
pub(crate) struct RequestArguments {
    /// An address that is known already; may be given more than once
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<Override>,
    /// For requests to the first host and port, connect to the second; what is empty means any, or the request's own
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2")]
    pub(crate) connect_to: Vec<ConnectTo>,
    #[command(flatten)]
    identity: IdentityArguments,
    /// Hide the host in the ClientHello (ECH) if its HTTPS record has keys for that, or only look as if
    #[arg(long, value_name = "HOW")]
    pub(crate) ech: Option<Hiding>,
    /// With a ticket of an earlier visit, send a GET or HEAD along with the ClientHello (0-RTT): who records it may send it again
    #[arg(long, visible_alias = "tls-earlydata")]
    pub(crate) early_data: bool,
    /// Go where the site's HTTPS record says, as browsers do: its servers, ports and hints, and from http to https
    #[arg(long)]
    pub(crate) follow_https_records: bool,
    /// The method; without this, POST if there is a body, and GET if not. A redirect may make it GET
    #[arg(short = 'X', long, visible_alias = "method", value_name = "METHOD")]
    pub(crate) request: Option<String>,
    /// Ask for the head of the answer alone
    #[arg(short = 'I', long, conflicts_with_all = ["request", "data", "data_binary"])]
    pub(crate) head: bool,
    /// A body, or @FILE without its line ends (@- for standard input); several are joined by &
    #[arg(short = 'd', long, value_name = "DATA", conflicts_with = "data_binary")]
    pub(crate) data: Vec<String>,
    /// A body as it is, or @FILE; several are joined by &
    #[arg(long, value_name = "DATA")]
    pub(crate) data_binary: Vec<String>,
    /// A header in place of ours; "NAME:" leaves ours out, "NAME;" sends it without a value
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<Header>,
    /// How long a body waits for the server's 100, with -H "Expect: 100-continue"
    #[arg(long, value_name = "SECONDS", value_parser = milliseconds)]
    pub(crate) expect100_timeout: Option<u64>,
}

/// How the host is hidden in the ClientHello, by curl's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hiding {
    /// With the keys of the HTTPS record, if there are any
    True,
    /// Not at all: an extension that looks like it
    Grease,
}

/// What is to become of a header.
#[derive(Debug, Clone)]
pub(crate) enum Header {
    Sent(String, String),
    Omitted(String),
}

/// The largest file that becomes a body.
const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl RequestArguments {
    /// Changes a probe to what was asked for.
    pub(crate) fn apply(&self, probe: &mut Probe) -> Result<(), Box<dyn Error>> {
        probe.overrides.extend(self.resolve.iter().cloned());
        probe.connect_to.extend(self.connect_to.iter().cloned());
        probe.ech = match self.ech {
            Some(Hiding::True) => Ech::Offered,
            Some(Hiding::Grease) => Ech::Grease,
            None => probe.ech,
        };
        probe.early_data |= self.early_data;
        self.identity.apply(probe)?;
        if self.follow_https_records {
            probe.https_records = HttpsRecords::Followed;
        }
        let http = &mut probe.http;
        http.method = if self.head { Some("HEAD".to_owned()) } else { self.request.clone() };
        http.body = self.body()?.map(Into::into);
        for header in &self.headers {
            match header.clone() {
                Header::Sent(name, value) => http.headers.push((name, value)),
                Header::Omitted(name) => http.omitted_headers.push(name),
            }
        }
        http.expect_timeout_ms = self.expect100_timeout.unwrap_or(http.expect_timeout_ms);
        Ok(())
    }

    fn body(&self) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        let texts = self.data.iter().map(|text| (text, true));
        let texts = texts.chain(self.data_binary.iter().map(|text| (text, false)));
        let parts: Vec<Vec<u8>> = texts.map(|(text, is_text)| part(text, is_text)).collect::<Result<_, _>>()?;
        Ok((!parts.is_empty()).then(|| parts.join(&b'&')))
    }
}

/// A part of a body: what is given, or a file. Of a text, what ends lines is left out, as with curl.
fn part(given: &str, is_text: bool) -> Result<Vec<u8>, Box<dyn Error>> {
    let Some(name) = given.strip_prefix('@') else { return Ok(given.as_bytes().to_vec()) };
    let mut bytes = Vec::new();
    let read = |reader: &mut dyn Read, bytes: &mut Vec<u8>| reader.take(BODY_BYTES_MAX + 1).read_to_end(bytes);
    let read = match name {
        "-" => read(&mut io::stdin(), &mut bytes),
        name => File::open(name).and_then(|mut file| read(&mut file, &mut bytes)),
    };
    read.map_err(|error| format!("cannot read {name:?}: {error}"))?;
    if bytes.len() as u64 > BODY_BYTES_MAX {
        return Err(format!("{name:?} is longer than {BODY_BYTES_MAX} bytes, the most that is sent").into());
    }
    if is_text {
        bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    }
    Ok(bytes)
}

fn header(text: &str) -> Result<Header, String> {
    if let Some((name, value)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) {
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        return Ok(if value.is_empty() { Header::Omitted(name) } else { Header::Sent(name, value) });
    }
    let empty = text.strip_suffix(';').filter(|name| !name.is_empty());
    let empty = empty.map(|name| Header::Sent(name.trim().to_owned(), String::new()));
    empty.ok_or_else(|| format!("{text:?} is not NAME: VALUE"))
}

fn milliseconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..1e9).contains(seconds));
    seconds.map(|seconds| (seconds * 1e3) as u64).ok_or_else(|| format!("{text:?} is not a number of seconds"))
}
