//! What a hidden name needs: keys from the site's HTTPS record, and certainty that nobody took the record away.

use url::Url;

use super::Session;
use crate::dns::dnssec::Status;
use crate::dns::{DnsError, ServiceBinding, Site};
use crate::names::{Method, Resolution, Upstream};
use crate::report::Hop;
use crate::tls::Ech;
use crate::{Clock, Error, Phase, Span, Step};

impl Session {
    /// Whether the name is to be hidden on the way to this URL.
    pub(super) fn hides(&self, url: &Url) -> bool {
        self.probe.ech == Ech::Offered && url.scheme() == "https"
    }

    /// Goes no further where the name is to be hidden, and the site's record, which may have the keys for it, could not be had though
    /// nobody on the way can change an answer: whoever can make it fail would learn the name (RFC 9460, section 3.1). In the clear an
    /// attacker would not have to make it fail, and so that fails nothing. Nor does a chain of aliases that is too long: the site is then
    /// reached as if it had no record. One that is bogus was changed, or kept back, whatever [`Validation`](crate::dns::Validation) makes of
    /// it.
    pub(super) fn insist_on(&self, site: &Site, url: &Url, hop: &mut Hop, clock: &Clock) -> Result<(), Error> {
        let Some(why) = withheld(site).filter(|_| self.hides(url)) else { return Ok(()) };
        let Some(channel) = self.protection(&why, hop.resolution.as_ref()) else { return Ok(()) };
        let (name, channel) = (site.name.clone(), channel.to_owned());
        let error = DnsError::SiteWithheld { name, channel, source: Box::new(why) };
        Err(not_visited(error.into(), hop, clock))
    }

    /// The same for the record that came with the host's addresses, where nobody follows it.
    pub(super) fn insist(&self, url: &Url, hop: &mut Hop, clock: &Clock) -> Result<(), Error> {
        let site = hop.resolution.as_ref().and_then(Resolution::site).cloned();
        site.map_or(Ok(()), |site| self.insist_on(&site, url, hop, clock))
    }

    /// Why nobody on the way can have changed what was answered; none if somebody can. Who was asked is not in the resolution where it was
    /// known already, and the record's own status is: here it is that of the first record, before anybody followed an alias of it.
    fn protection(&self, why: &DnsError, resolution: Option<&Resolution>) -> Option<&'static str> {
        if matches!(self.probe.names.method, Method::Resolver(Some(Upstream::Tls { .. } | Upstream::Https { .. }))) {
            return Some("through TLS");
        }
        let walked =
            resolution.and_then(|resolution| resolution.walk.as_ref()).into_iter().flat_map(|walk| &walk.lookups);
        let own = resolution.and_then(Resolution::site).map(|site| &site.lookup);
        let is_signed = walked.chain(own).any(|lookup| lookup.dnssec == Status::Secure);
        // Where nothing is signed nothing is bogus.
        (is_signed || matches!(why, DnsError::Bogus(_))).then_some("in a signed zone")
    }
}

/// Why it is not known what the site's record says, if somebody may have seen to that.
fn withheld(site: &Site) -> Option<DnsError> {
    match (&site.lookup.answer, &site.lookup.dnssec) {
        (Ok(_), Status::Bogus(why)) => Some(DnsError::Bogus(why.clone())),
        (Ok(_), _) | (Err(DnsError::AliasLoop { .. } | DnsError::AliasesExceeded { .. }), _) => None,
        (Err(why), _) => Some(why.clone()),
    }
}

/// The last step of a hop that ends before anybody learns the name.
pub(super) fn not_visited(error: Error, hop: &mut Hop, clock: &Clock) -> Error {
    let label = "not visited: its name was to be hidden".to_owned();
    hop.steps.push(Step::new(Phase::Site, label, Span::new(clock.now_ns(), 0, 0), Some(error.clone())));
    error
}

/// The keys that the site's HTTPS record has for an encrypted ClientHello; where it was followed, those of the server that it led to.
pub(super) fn ech_keys(host: &str, hop: &Hop) -> Option<Vec<u8>> {
    if let Some(followed) = &hop.followed {
        return crate::dns::decoded_ech(followed.endpoints.get(followed.used?)?.ech.as_ref()?);
    }
    let behind_proxy = hop.tunnel.as_ref().and_then(|tunnel| tunnel.resolution.as_ref());
    let resolution =
        behind_proxy.or(hop.resolution.as_ref()).filter(|resolution| resolution.name.eq_ignore_ascii_case(host))?;
    let bindings = resolution.site().map(Site::bindings)?;
    bindings.into_iter().find_map(ServiceBinding::ech_config_list)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::Probe;
    use crate::dns::Answer;
    use crate::dns::dnssec::Insecure;
    use crate::names::{ResolverOptions, Source};
    use crate::tls::Roots;

    #[test]
    fn what_was_known_already_was_protected_when_it_came() {
        let plain = Upstream::Plain(([127, 0, 0, 1], 53).into());
        let tls = Upstream::Tls { address: ([127, 0, 0, 1], 853).into(), name: None };
        let insecure = || Status::Insecure(Insecure::OptOut { zone: "test.".to_owned() });
        for (method, dnssec, channel) in [
            (Method::Resolver(Some(tls)), Status::Unchecked, Some("through TLS")),
            (Method::Resolver(Some(plain)), Status::Unchecked, None),
            (Method::Walk, Status::Secure, Some("in a signed zone")),
            (Method::Walk, insecure(), None),
        ] {
            let names =
                ResolverOptions { method: method.clone(), roots: Roots::Unchecked, ..ResolverOptions::default() };
            let probe = Probe { names, ech: Ech::Offered, roots: Roots::Unchecked, ..Probe::default() };
            let session = Session::new(probe).expect("a session");
            // The cache had the addresses and an alias; where that leads, nobody said anything.
            let alias = Site::found(Ok(Answer::Records { records: Vec::new() }), dnssec);
            let known = Resolution::given("a.test", vec![Ipv4Addr::LOCALHOST.into()], Source::Cache);
            let resolution = Some(Resolution { known_site: Some(alias), ..known });
            let mut hop = Hop { resolution, ..Hop::default() };
            let silent = Site::found(Err(DnsError::TimedOut { after_ms: 1 }), Status::Unchecked);
            let url = Url::parse("https://a.test/").expect("a URL");
            let told = session.insist_on(&silent, &url, &mut hop, &Clock::start());
            let told = told.map_err(|error| match error {
                Error::Dns(DnsError::SiteWithheld { channel, .. }) => channel,
                other => panic!("{other}"),
            });
            assert_eq!(told.err().as_deref(), channel, "{method:?}");
        }
    }
}
