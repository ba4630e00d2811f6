//! What a hidden name needs: keys from the site's HTTPS record, and certainty that nobody took the record away.

use url::Url;

use super::Session;
use crate::dns::dnssec::Status;
use crate::dns::{DnsError, ServiceBinding, Site};
use crate::names::Resolution;
use crate::report::Hop;
use crate::tls::Ech;
use crate::{Clock, Error, Phase, Span, Step};

impl Session {
    /// Goes no further where the name is to be hidden, and the site's record, which may have the keys for it, could not be had though
    /// nobody on the way can change an answer: whoever can make it fail would learn the name (RFC 9460, section 3.1). In the clear an
    /// attacker would not have to make it fail, and so that fails nothing. Nor does a chain of aliases that is too long: the site is then
    /// reached as if it had no record.
    pub(super) fn insist_on(&self, site: &Site, url: &Url, hop: &mut Hop, clock: &Clock) -> Result<(), Error> {
        let is_wanted = self.probe.ech == Ech::Offered && url.scheme() == "https";
        let channel = hop.resolution.as_ref().and_then(protection);
        let (true, Some(channel), Err(why)) = (is_wanted, channel, &site.lookup.answer) else { return Ok(()) };
        if matches!(why, DnsError::AliasLoop { .. } | DnsError::AliasesExceeded { .. }) {
            return Ok(());
        }
        let (name, channel) = (site.name.clone(), channel.to_owned());
        let error = Error::from(DnsError::SiteWithheld { name, channel, source: Box::new(why.clone()) });
        let label = "not visited: its name was to be hidden".to_owned();
        hop.steps.push(Step::new(Phase::Site, label, Span::new(clock.now_ns(), 0, 0), Some(error.clone())));
        Err(error)
    }
}

/// Why nobody on the way can have changed what was answered; none if somebody can.
fn protection(resolution: &Resolution) -> Option<&'static str> {
    if resolution.stub.as_ref().is_some_and(|stub| stub.secured.is_some()) {
        return Some("through TLS");
    }
    let mut lookups = resolution.walk.iter().flat_map(|walk| &walk.lookups);
    lookups.any(|lookup| lookup.dnssec == Status::Secure).then_some("in a signed zone")
}

/// The keys that the site's HTTPS record has for an encrypted ClientHello; where it was followed, those of the server that it led to.
pub(super) fn ech_keys(host: &str, hop: &Hop) -> Option<Vec<u8>> {
    if let Some(followed) = &hop.followed {
        return crate::dns::decoded_ech(followed.endpoints.get(followed.used?)?.ech.as_ref()?);
    }
    let resolution = hop.resolution.as_ref().filter(|resolution| resolution.name.eq_ignore_ascii_case(host))?;
    let bindings = resolution.site().map(Site::bindings)?;
    bindings.into_iter().find_map(ServiceBinding::ech_config_list)
}
