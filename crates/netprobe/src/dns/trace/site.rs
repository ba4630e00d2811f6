//! How a site wants to be reached, as far as anybody says so.

use serde::{Deserialize, Serialize};

use super::{Alias, Answer, Lookup};
#[cfg(test)]
use crate::dns::Record;
use crate::dns::dnssec::Status;
use crate::dns::{DnsError, ServiceBinding, service};

/// What a site's HTTPS records say (RFC 9460), asked for beside its addresses. A site needs none: that there is none, or that nobody
/// answered, fails nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The name that was asked: that of the host, with the port in front if it is not the usual one.
    pub name: String,
    /// What came of it.
    pub lookup: Lookup,
}

impl Site {
    /// The records that can be used, the best first; none if they are bogus.
    #[must_use]
    pub fn bindings(&self) -> Vec<&ServiceBinding> {
        match (&self.lookup.answer, &self.lookup.dnssec) {
            (Ok(Answer::Records { records }), status) if !matches!(status, Status::Bogus(_)) => {
                service::usable(records)
            }
            _ => Vec::new(),
        }
    }

    /// What it means to somebody on the way to the site, in sentences.
    #[must_use]
    pub fn meaning(&self) -> Vec<String> {
        match (&self.lookup.answer, &self.lookup.dnssec) {
            (Ok(_), Status::Bogus(why)) => vec![format!("the HTTPS record is not used, since it is bogus: {why}")],
            (Ok(Answer::Records { records }), _) => service::meaning(records),
            (Ok(Answer::NoData { .. } | Answer::NoSuchName { .. }), _) => Vec::new(),
            (Err(error), _) => vec![format!("how the site wants to be reached is not known: {error}")],
        }
    }

    /// Goes on to where an alias leads: what was found there is the site's, and is trusted no more than the alias.
    pub(crate) fn led_on(&mut self, alias: Alias, found: Option<Self>) {
        let unknown = || Lookup {
            record_type: self.lookup.record_type.clone(),
            aliases: Vec::new(),
            answer: Err(DnsError::NoUsableResolver { tried: Vec::new() }),
            dnssec: Status::Unchecked,
        };
        let next = found.map_or_else(unknown, |found| found.lookup);
        let lookup = &mut self.lookup;
        lookup.aliases.push(alias);
        lookup.aliases.extend(next.aliases);
        lookup.answer = next.answer;
        let so_far = std::mem::replace(&mut lookup.dnssec, Status::Unchecked);
        lookup.dnssec = so_far.and(next.dnssec);
    }
}

#[cfg(test)]
impl Site {
    /// What came of asking about `a.test`.
    pub(crate) fn found(answer: Result<Answer, DnsError>, dnssec: Status) -> Self {
        let lookup = Lookup { record_type: "HTTPS".to_owned(), aliases: Vec::new(), answer, dnssec };
        Self { name: "a.test.".to_owned(), lookup }
    }

    /// `a.test` with a server for each of these, `0.test` the first of them: its protocol, and its keys.
    pub(crate) fn served_by(servers: &[(&str, Option<&str>)], dnssec: Status) -> Self {
        let record = |(place, (alpn, ech)): (usize, &(&str, Option<&str>))| {
            let binding = ServiceBinding {
                priority: 1,
                target: format!("{place}.test."),
                alpn: vec![(*alpn).to_owned()],
                port: None,
                ipv4_hints: Vec::new(),
                ipv6_hints: Vec::new(),
                ech: ech.map(str::to_owned),
                mandatory: Vec::new(),
                unknown: Vec::new(),
            };
            let (name, record_type) = ("a.test.".to_owned(), "HTTPS".to_owned());
            Record { name, ttl: 60, record_type, data: String::new(), service: Some(Ok(binding)) }
        };
        let records = servers.iter().enumerate().map(record).collect();
        Self::found(Ok(Answer::Records { records }), dnssec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::dnssec::{Bogus, Insecure};

    fn bogus() -> Status {
        let (name, zone) = ("a.test.".to_owned(), "test.".to_owned());
        Status::Bogus(Bogus::SignatureMissing { name, record_type: "HTTPS".to_owned(), zone })
    }

    fn site(dnssec: Status) -> Site {
        Site::served_by(&[("h2", None)], dnssec)
    }

    #[test]
    fn what_is_bogus_counts_for_nothing() {
        assert_eq!(site(Status::Secure).bindings().len(), 1);
        assert!(site(bogus()).bindings().is_empty());
        let meaning = site(bogus()).meaning().concat();
        assert!(meaning.starts_with("the HTTPS record is not used, since it is bogus: "), "{meaning}");
    }

    #[test]
    fn a_chain_of_aliases_is_worth_what_its_weakest_link_is() {
        let insecure = || Status::Insecure(Insecure::OptOut { zone: "test.".to_owned() });
        let alias = || Alias { name: "a.test.".to_owned(), target: "b.test.".to_owned(), ttl: 60 };
        for (so_far, found, together) in [
            (Status::Secure, Status::Secure, Status::Secure),
            (Status::Secure, insecure(), insecure()),
            (Status::Secure, Status::Unchecked, Status::Unchecked),
            (insecure(), Status::Secure, insecure()),
            (Status::Secure, bogus(), bogus()),
            (bogus(), Status::Secure, bogus()),
        ] {
            let mut first = site(so_far);
            first.led_on(alias(), Some(site(found)));
            assert_eq!((first.lookup.dnssec, first.lookup.aliases), (together, vec![alias()]));
        }
        let mut lost = site(Status::Secure);
        lost.led_on(alias(), None);
        assert_eq!((lost.lookup.dnssec, lost.lookup.answer.is_err()), (Status::Unchecked, true));
    }
}
