//! The page in whose name something is asked for.

use url::Url;

use crate::AddressSpace;
use crate::http::Jar;
use crate::report::{Hop, Report};
use crate::url::host;

/// The page that asks for something ([`Session::run_resource`](crate::Session::run_resource)): what it may ask for, and with what.
///
/// Its default is a page that nobody knows: of the internet, without secrets.
#[derive(Debug, Clone, Default)]
pub struct Embedder {
    /// Whose origin gets the headers of [`HttpOptions::headers`](crate::http::HttpOptions::headers), and is told who we are; nobody's if
    /// there is none.
    pub origin: Option<Url>,
    /// Where the page's server is: nothing that is more private is connected to.
    pub space: AddressSpace,
    /// Where cookies may go: to the page's site, and to no other.
    pub site: Option<Url>,
    /// The cookies of the visit that led to the page.
    pub cookies: Jar,
}

impl Embedder {
    /// The page that a visit ended with.
    ///
    /// If the visit was led to another origin than it began at, nobody gets the caller's headers: they were not meant for that one, and
    /// it chooses what is asked for. Behind a proxy nobody knows where the page's server is, unless its address is its name: it counts as
    /// public.
    #[must_use]
    pub fn of(visit: &Report) -> Self {
        let url = |hop: &Hop| Url::parse(&hop.url).ok();
        let began = visit.hops.first().and_then(url);
        let ended = visit.hops.last().and_then(url);
        let origin = ended.clone().filter(|ended| began.is_some_and(|began| began.origin() == ended.origin()));
        let cookies = ended.as_ref().map(|page| Jar::of_visit(visit, page)).unwrap_or_default();
        Self { origin, space: space(visit), site: ended, cookies }
    }

    /// The cookies that go with what is asked for at a URL, as browsers have it for sites other than the page's: none.
    pub(crate) fn cookies_for(&self, url: &Url) -> Jar {
        let is_same_site = self.site.as_ref().is_some_and(|site| is_same_site(site, url));
        if is_same_site { self.cookies.clone() } else { Jar::default() }
    }
}

fn space(visit: &Report) -> AddressSpace {
    let Some(last) = visit.hops.last() else { return AddressSpace::default() };
    let maker = last.reused.and_then(|index| visit.hops.get(index)).unwrap_or(last);
    let is_direct = maker.tunnel.is_none() && maker.forwarded_by.is_none() && last.forwarded_by.is_none();
    let peer = maker.connection.as_ref().and_then(|connection| connection.peer).filter(|_| is_direct);
    let named = || Url::parse(&last.url).ok().and_then(|url| host(&url).parse().ok());
    peer.map(|peer| peer.ip()).or_else(named).map(AddressSpace::of).unwrap_or_default()
}

/// Whether both are of one owner by their names, over the same scheme ("schemefully same-site" in the HTML standard).
pub(crate) fn is_same_site(one: &Url, other: &Url) -> bool {
    let (of_one, of_other) = (host(one), host(other));
    // An address has no owner by name, and so is its own site; so is a public suffix.
    let owner = |host| psl::domain_str(host).filter(|_| host.parse::<std::net::IpAddr>().is_err());
    let is_one_owner = owner(of_one).is_some_and(|owned| owner(of_other) == Some(owned));
    one.scheme() == other.scheme() && (of_one == of_other || is_one_owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_an_owner_and_a_scheme() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        for (one, other, expected) in [
            ("https://www.a.test/", "https://img.a.test:8443/x", true),
            ("https://a.co.uk/", "https://b.co.uk/", false),
            ("https://ann.github.io/", "https://bob.github.io/", false),
            ("https://a.test/", "http://a.test/", false),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/", true),
            ("http://127.0.0.1/", "http://127.0.1.1/", false),
            ("http://localhost/", "http://localhost:81/", true),
            ("http://[::1]/", "http://[::1]/", true),
        ] {
            assert_eq!(is_same_site(&url(one), &url(other)), expected, "{one} and {other}");
        }
    }
}
