//! What can be asked for, and the probe that it makes.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use netprobe::dns::{PORT, Server};
use netprobe::names::{Family, Method, ResolverOptions, Upstream};
use netprobe::path::PathOptions;
use netprobe::proxy::{Proxies, Proxy};
use netprobe::render::escape_terminal;
use netprobe::tls::Roots;
use netprobe::{Objective, Probe};

use crate::files;
use crate::page::PageArguments;
use crate::request::RequestArguments;
use crate::visit::VisitArguments;

/// What happens when you type a URL, step by step, measured.
#[derive(Parser)]
// What is refused after the arguments were read is said in this name, else in the package's.
#[command(name = "what_happens")]
pub(crate) struct Arguments {
    /// The URL, or just a host; without one, a lab on loopback is visited
    pub(crate) url: Option<String>,
    /// Begin at the key: wait for Enter, and report what the machine did for it (Linux, with a terminal on standard input)
    #[arg(long)]
    pub(crate) press: bool,
    /// Visit the lab through a load balancer, and go on asking while one of its servers dies and comes back
    #[arg(long, value_name = "POLICY", num_args = 0..=1, default_missing_value = "round-robin", conflicts_with = "url")]
    pub(crate) balance: Option<Balance>,
    /// Print the report as JSON instead
    #[arg(long)]
    pub(crate) json: bool,
    /// Write an HTTP archive, as browsers' developer tools read it
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Option<PathBuf>,
    /// Write the waterfall as a picture
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the whole report as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) page: PageArguments,
    #[command(flatten)]
    pub(crate) visit: VisitArguments,
    /// Trust everybody: nothing is checked, and the report says so loudly
    #[arg(long, conflicts_with = "cacert")]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) request: RequestArguments,
    /// Root name servers to start the walk at, instead of the internet's
    #[arg(long, value_name = "IP,IP", value_delimiter = ',')]
    pub(crate) roots: Vec<IpAddr>,
    /// The port of all name servers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) dns_port: Option<u16>,
    /// Ask this resolver instead of walking from the root: IP[:PORT], tls://IP[:PORT][#NAME] or https://HOST/PATH[#IP]
    #[arg(long, value_name = "RESOLVER", value_parser = private::<Upstream>)]
    pub(crate) dns: Option<Private<Upstream>>,
    /// Ask the lab's resolver instead of walking from the root
    #[arg(long, value_name = "HOW", conflicts_with_all = ["url", "dns"])]
    pub(crate) lab_dns: Option<LabDns>,
    /// Go through a proxy: [http|socks5|socks5h://][USER[:PASSWORD]@]HOST[:PORT]; without this, by the environment's http_proxy and so on
    #[arg(long, value_name = "PROXY", value_parser = private::<Proxy>)]
    pub(crate) proxy: Option<Private<Proxy>>,
    /// Ask an HTTP proxy for a tunnel for plain HTTP too
    #[arg(short = 'p', long)]
    pub(crate) proxytunnel: bool,
    /// Visit the lab through a proxy of its own
    #[arg(long, value_name = "HOW", conflicts_with_all = ["url", "proxy"])]
    pub(crate) lab_proxy: Option<LabProxy>,
    /// Visit a host of the lab that there is something to see at in TLS
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["url", "balance"])]
    pub(crate) lab_tls: Option<LabTls>,
    /// Hosts, or ranges of addresses, that are reached without a proxy; * for all
    #[arg(long, value_name = "HOST,HOST", value_delimiter = ',')]
    pub(crate) noproxy: Option<Vec<String>>,
    /// Fail if something takes longer: ttfb=200ms, total=1s, dns=50ms, or another phase; may be given more than once
    #[arg(long, value_name = "WHAT=TIME")]
    pub(crate) slo: Vec<Objective>,
    /// Write OpenMetrics text, as Prometheus reads it
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    /// Use IPv4 alone
    #[arg(short = '4', conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Use IPv6 alone
    #[arg(short = '6')]
    pub(crate) ipv6: bool,
    /// How many redirects are followed
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_redirects: usize,
    /// If the server speaks HTTP/3: once more over QUIC and over TCP, at the same time
    #[cfg(feature = "h3")]
    #[arg(long)]
    pub(crate) http3: bool,
    /// Look for the routers on the way, when the visit is done
    #[arg(long)]
    pub(crate) path: bool,
    /// How far away the server is: sets the round trip beside what the speed of light allows
    #[arg(long, value_name = "KM", value_parser = kilometres)]
    pub(crate) distance_km: Option<f64>,
    /// Leave cookies and passwords readable in the report
    #[arg(long)]
    pub(crate) reveal_secrets: bool,
}

/// Which server gets the next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Balance {
    /// The next in turn
    RoundRobin,
    /// The one with the fewest connections
    LeastConnections,
}

/// How the lab's resolver is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabDns {
    /// In the clear
    Plain,
    /// DNS over TLS
    Tls,
    /// DNS over HTTPS
    Https,
}

/// What the lab's proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabProxy {
    /// CONNECT, and plain HTTP as it is
    Http,
    /// SOCKS 5
    Socks5,
}

/// What there is to see in TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabTls {
    /// The server wants to know who the client is, and is told
    ClientCert,
    /// A second visit, whose request goes with the first message of the handshake
    EarlyData,
}

/// A value that may have a password in it, or what is wrong with it, without the password: clap would repeat what it refuses.
pub(crate) type Private<T> = Result<T, String>;

fn private<T: FromStr<Err: Display>>(text: &str) -> Result<Private<T>, Infallible> {
    Ok(text.parse().map_err(|error: T::Err| error.to_string()))
}

impl Arguments {
    /// Those of the command line. Ends the program with exit status 2 if they make no sense.
    pub(crate) fn read() -> Self {
        let arguments = Self::parse();
        let of_dns = arguments.dns.as_ref().and_then(|dns| dns.as_ref().err());
        let of_proxy = arguments.proxy.as_ref().and_then(|proxy| proxy.as_ref().err());
        let of_page = || arguments.page.wrong().map(str::to_owned);
        if let Some(wrong) = of_dns.or(of_proxy).cloned().or_else(of_page).or_else(|| files::wrong(&arguments)) {
            Self::command().error(ErrorKind::ValueValidation, escape_terminal(&wrong)).exit();
        }
        arguments
    }
}

fn kilometres(text: &str) -> Result<f64, String> {
    let far = text.parse().ok().filter(|km: &f64| km.is_finite() && *km > 0.0);
    far.ok_or_else(|| format!("{text:?} is not a distance in kilometres"))
}

/// The probe, changed to all that was asked for.
pub(crate) fn changed(arguments: &Arguments, mut probe: Probe) -> Result<Probe, Box<dyn Error>> {
    if arguments.insecure {
        probe.roots = Roots::Unchecked;
    }
    probe.names.roots = probe.roots.clone();
    probe.names.family = match (arguments.ipv4, arguments.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    names(arguments, &mut probe.names)?;
    arguments.request.apply(&mut probe)?;
    probe.proxies = match &arguments.proxy {
        Some(proxy) => Proxies::all(proxy.clone()?),
        // The lab is on this machine.
        None if arguments.url.is_none() => probe.proxies,
        None => Proxies::from_environment()?,
    };
    probe.proxies.tunnel_all = arguments.proxytunnel;
    if let Some(except) = &arguments.noproxy {
        probe.proxies.except.clone_from(except);
    }
    probe.redirects_max = arguments.max_redirects;
    probe.distance_km = arguments.distance_km;
    #[cfg(feature = "h3")]
    {
        probe.http3 = arguments.http3;
    }
    probe.path = arguments.path.then(PathOptions::default);
    probe.http.reveal_secrets = arguments.reveal_secrets;
    Ok(probe)
}

/// Who is asked for names. Other roots have other keys, which nobody here knows: below them nothing is validated.
fn names(arguments: &Arguments, options: &mut ResolverOptions) -> Result<(), String> {
    let walker = &mut options.walker;
    walker.port = arguments.dns_port.unwrap_or(walker.port);
    if !arguments.roots.is_empty() {
        let root = |address: &IpAddr| Server {
            name: address.to_string(),
            address: SocketAddr::new(*address, arguments.dns_port.unwrap_or(PORT)),
        };
        walker.roots = arguments.roots.iter().map(root).collect();
        walker.anchors.clear();
    }
    if let Some(resolver) = &arguments.dns {
        options.method = Method::Resolver(Some(resolver.clone()?));
    }
    Ok(())
}
