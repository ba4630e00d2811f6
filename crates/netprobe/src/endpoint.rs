//! What is made of a site's HTTPS record: the servers that a connection may lead to, in which order, and why (RFC 9460, section 3).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::dns::dnssec::Status;
use crate::dns::{ServiceBinding, Site};
use crate::names::Resolution;
use crate::tls::Alpn;

/// What is done about the HTTPS record of a site (RFC 9460, section 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpsRecords {
    /// It is shown. The connection leads to the host's own addresses, as with curl.
    #[default]
    Shown,
    /// The connection leads to where it says, as with browsers: to its targets and ports, the smallest priority first, and to the
    /// host's own addresses if none of them answers. Hints are connected to while addresses are being asked for. `http:` becomes
    /// `https:`. Not through proxies, and not where [`Probe::connect_to`](crate::Probe::connect_to) or
    /// [`Probe::overrides`](crate::Probe::overrides) decides.
    ///
    /// Where the host is to be hidden ([`Probe::ech`](crate::Probe::ech)) and all of the record's servers have keys for that, they are the
    /// only ones: the host's own addresses would learn the name, and whoever blocks the others could lead us there (RFC 9848, section 5.1).
    ///
    /// Where the record cannot be had, or is bogus, the site is reached without it: what is missing is told, and a page that is there is
    /// measured. RFC 9460, section 3.1, has clients give up where answers are protected on their way; so does [`Probe::ech`](crate::Probe::ech), which
    /// has something to lose. Records of one priority keep the order in which they came, which servers rotate.
    Followed,
}

/// The most servers that are tried before the host's own addresses are.
pub const ENDPOINTS_MAX: usize = 8;

/// A server of the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name, without a final dot.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Addresses to begin with while its own are asked for.
    pub hints: Vec<IpAddr>,
    /// The ECHConfigList in Base64: its keys to hide the host in the ClientHello with, and nobody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ech: Option<String>,
    /// Why it is one, and why in this place.
    pub why: String,
}

/// What was made of a site's HTTPS record. Each decision is a step of [`Phase::Site`](crate::Phase::Site) as well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// The servers that it names, in the order in which they are tried; behind them come the host's own addresses, unless the host is
    /// hidden and all of them have keys.
    pub endpoints: Vec<Endpoint>,
    /// The place of the one that the connection leads to; none if it leads to the host's own addresses, or nowhere.
    pub used: Option<usize>,
    /// How the used one's name became addresses, if they are not the host's.
    pub resolution: Option<Resolution>,
}

/// What a site's record means for a connection to it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    /// What is not used, and why.
    pub(crate) passed_over: Vec<String>,
    /// Whether the record has keys to hide the site's name with for each of its servers, those that are passed over among them.
    pub(crate) is_keyed: bool,
}

impl Plan {
    /// For a site at this port of its host, and a client that offers these protocols over TCP.
    pub(crate) fn new(site: &Site, port: u16, alpn: Alpn) -> Self {
        let mut plan = Self::default();
        match (&site.lookup.answer, &site.lookup.dnssec) {
            (Err(error), _) => plan.pass(format!("the HTTPS record is not known: {error}")),
            (Ok(_), Status::Bogus(why)) => plan.pass(format!("the HTTPS record is not used, since it is bogus: {why}")),
            (Ok(_), _) => plan.read(site, port, alpn),
        }
        plan
    }

    fn pass(&mut self, sentence: String) {
        self.passed_over.push(sentence);
    }

    /// The same for somebody who hides the site's name wherever its record has keys for that. What an alias leads to has none.
    pub(crate) fn hiding(mut self) -> Self {
        if self.is_keyed {
            self.endpoints.retain(|endpoint| endpoint.ech.is_some());
        }
        self
    }

    fn read(&mut self, site: &Site, port: u16, alpn: Alpn) {
        let bindings = site.bindings();
        self.is_keyed = !bindings.is_empty() && bindings.iter().all(|binding| binding.ech.is_some());
        for binding in bindings {
            if binding.is_alias() {
                self.pass(
                    "the HTTPS record says that there is no such site, which is advice: it is visited all the same"
                        .to_owned(),
                );
                return;
            }
            self.weigh(binding, port, alpn);
        }
        // What an alias leads to is a server even without a record of its own (section 3).
        if let Some(alias) = site.lookup.aliases.last() {
            let host = unrooted(&alias.target);
            if !self.endpoints.iter().any(|known| known.host.eq_ignore_ascii_case(&host) && known.port == port) {
                let why = format!("the HTTPS record of {} is an alias of it", alias.name);
                self.endpoints.push(Endpoint { host, port, hints: Vec::new(), ech: None, why });
            }
        }
        if self.endpoints.len() > ENDPOINTS_MAX {
            let more = self.endpoints.len() - ENDPOINTS_MAX;
            self.pass(format!("{more} more servers than the limit of {ENDPOINTS_MAX} are not tried"));
            self.endpoints.truncate(ENDPOINTS_MAX);
        }
    }

    fn weigh(&mut self, binding: &ServiceBinding, port: u16, alpn: Alpn) {
        let host = unrooted(&binding.target);
        let at = crate::url::authority(&host, binding.port.unwrap_or(port));
        let (priority, offers) = (binding.priority, binding.alpn.join(", "));
        if !binding.alpn.iter().any(|name| is_offered(alpn, name)) {
            self.pass(format!("{at} is passed over: it offers {offers}, and nothing that is spoken here over TCP"));
            return;
        }
        let hints = binding.ipv4_hints.iter().copied().map(IpAddr::from);
        let hints = hints.chain(binding.ipv6_hints.iter().copied().map(IpAddr::from)).collect();
        let why = format!("priority {priority}, and it offers {offers}");
        let (port, ech) = (binding.port.unwrap_or(port), binding.ech.clone());
        self.endpoints.push(Endpoint { host, port, hints, ech, why });
    }
}

/// Whether a client with this setting speaks a protocol over TCP.
fn is_offered(alpn: Alpn, name: &str) -> bool {
    match alpn {
        Alpn::Any => matches!(name, "h2" | "http/1.1"),
        Alpn::Http1 => name == "http/1.1",
        Alpn::Http2 => name == "h2",
        Alpn::Dot => false,
    }
}

fn unrooted(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Alias;

    /// A site behind an alias, with a server for each of these.
    fn site(servers: &[(&str, Option<&str>)]) -> Site {
        let mut site = Site::served_by(servers, Status::Secure);
        site.lookup.aliases.push(Alias { name: "a.test.".to_owned(), target: "b.test.".to_owned(), ttl: 60 });
        site
    }

    #[test]
    fn who_hides_the_name_goes_where_keys_are_if_all_have_some() {
        let (open, keyed, strange) = (("h2", None), ("h2", Some("AA==")), ("h9", Some("AA==")));
        for (servers, is_keyed, all, hiding) in [
            (vec![keyed, keyed], true, vec!["0.test", "1.test", "b.test"], vec!["0.test", "1.test"]),
            (vec![keyed, open], false, vec!["0.test", "1.test", "b.test"], vec!["0.test", "1.test", "b.test"]),
            (vec![strange], true, vec!["b.test"], vec![]),
            (vec![], false, vec!["b.test"], vec!["b.test"]),
        ] {
            let plan = || Plan::new(&site(&servers), 443, Alpn::Any);
            let hosts = |plan: Plan| plan.endpoints.into_iter().map(|one| one.host).collect::<Vec<_>>();
            assert_eq!((plan().is_keyed, hosts(plan())), (is_keyed, all.iter().map(|one| (*one).to_owned()).collect()));
            assert_eq!(hosts(plan().hiding()), hiding, "{servers:?}");
        }
    }
}
