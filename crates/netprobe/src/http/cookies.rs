//! Cookies: what a server wants to hear again [RFC 6265].

use std::fmt;

use cookie_store::{CookieStore, RawCookie};
use serde::{Deserialize, Serialize};
use url::Url;

use super::redaction::REDACTED;
use crate::Report;
use crate::embedder::is_same_site;

/// A cookie that an answer sets (RFC 6265, section 4.1). `Debug` does not show its value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value, redacted unless asked for.
    pub value: String,
    /// The hosts that it is sent to, if not this one alone.
    pub domain: Option<String>,
    /// The paths that it is sent to.
    pub path: Option<String>,
    /// Only over TLS.
    pub is_secure: bool,
    /// Hidden from scripts.
    pub is_http_only: bool,
    /// `Strict`, `Lax` or `None`.
    pub same_site: Option<String>,
    /// Whether the jar took it: a cookie for somebody else's domain is refused.
    pub is_accepted: bool,
}

impl fmt::Debug for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .field("is_secure", &self.is_secure)
            .field("is_http_only", &self.is_http_only)
            .field("same_site", &self.same_site)
            .field("is_accepted", &self.is_accepted)
            .finish_non_exhaustive()
    }
}

/// The cookies of one run, kept and sent as RFC 6265, section 5, has it. `Debug` says how many.
#[derive(Clone, Default)]
pub struct Jar {
    store: CookieStore,
}

impl fmt::Debug for Jar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cookies = self.store.iter_any().count();
        formatter.debug_struct("Jar").field("cookies", &cookies).finish_non_exhaustive()
    }
}

/// More cookies than browsers keep for a site.
const COOKIES_MAX: usize = 180;

impl Jar {
    /// The `cookie` header for a URL, or `None` if nothing is to be sent.
    #[must_use]
    pub fn header(&self, url: &Url) -> Option<String> {
        let pairs = self.store.get_request_values(url).map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<String> = pairs.collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The cookies that a visit set for the site of the page that it ended with. A report that was JSON in between has none: it kept no secrets.
    pub(crate) fn of_visit(visit: &Report, page: &Url) -> Self {
        let mut jar = Self::default();
        for hop in &visit.hops {
            let Some(exchange) = &hop.exchange else { continue };
            let Some(url) = Url::parse(&hop.url).ok().filter(|url| is_same_site(page, url)) else { continue };
            let set = exchange.raw_headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
            jar.take(set, &url, false);
        }
        jar
    }

    /// Takes the `set-cookie` headers of an answer. What is not a cookie is left out.
    pub fn take<'a>(&mut self, headers: impl Iterator<Item = &'a str>, url: &Url, reveal_secrets: bool) -> Vec<Cookie> {
        headers.take(COOKIES_MAX).filter_map(|header| self.take_one(header, url, reveal_secrets)).collect()
    }

    /// A public suffix that sets a cookie for itself sets it for that host alone.
    fn insert(&mut self, raw: &RawCookie<'_>, url: &Url) -> bool {
        let mut raw = raw.clone();
        if raw.domain().is_some_and(|domain| url.host_str() == Some(&domain.to_ascii_lowercase()))
            && is_public(url.host_str().unwrap_or_default())
        {
            raw.unset_domain();
        }
        self.store.insert_raw(&raw, url).is_ok()
    }

    fn take_one(&mut self, header: &str, url: &Url, reveal_secrets: bool) -> Option<Cookie> {
        let raw = RawCookie::parse(header.to_owned()).ok()?;
        let is_accepted = keeps_to_itself(&raw, url) && keeps_its_prefix(&raw, url) && self.insert(&raw, url);
        Some(Cookie {
            name: raw.name().to_owned(),
            value: if reveal_secrets { raw.value().to_owned() } else { REDACTED.to_owned() },
            domain: raw.domain().map(str::to_owned),
            path: raw.path().map(str::to_owned),
            is_secure: raw.secure().unwrap_or(false),
            is_http_only: raw.http_only().unwrap_or(false),
            same_site: raw.same_site().map(|same_site| same_site.to_string()),
            is_accepted,
        })
    }
}

/// Whether the domain that a cookie asks for is one owner's: everybody can have a host below `com` or `co.uk` (RFC 6265, section 5.3,
/// step 5).
fn keeps_to_itself(raw: &RawCookie<'_>, url: &Url) -> bool {
    let Some(domain) = raw.domain() else { return true };
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    !is_public(&domain) || url.host_str() == Some(&domain)
}

/// Whether anybody can have a host below this one. An address has none.
fn is_public(domain: &str) -> bool {
    let is_suffix = psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == domain.as_bytes());
    is_suffix && domain.parse::<std::net::IpAddr>().is_err()
}

/// Whether a name that makes promises keeps them (RFC 6265bis, section 4.1.3).
fn keeps_its_prefix(raw: &RawCookie<'_>, url: &Url) -> bool {
    let name = raw.name().to_ascii_lowercase();
    let is_secure = raw.secure() == Some(true) && url.scheme() == "https";
    let is_host = raw.domain().is_none() && raw.path() == Some("/");
    (is_secure || !name.starts_with("__secure-")) && (is_secure && is_host || !name.starts_with("__host-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sets_cookies_for_everybody() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        for (host, header, is_accepted) in [
            ("www.a.co.uk", "x=1; Domain=a.co.uk", true),
            ("www.a.co.uk", "x=1; Domain=.CO.UK", false),
            ("www.a.com", "x=1; Domain=com", false),
            ("www.a.test", "x=1; Domain=test", false),
            ("ann.github.io", "x=1; Domain=github.io", false),
            ("github.io", "x=1; Domain=github.io", true),
            ("localhost", "x=1; Domain=localhost", true),
            ("127.0.0.1", "x=1; Domain=127.0.0.1", true),
            ("www.a.test", "__Host-x=1; Secure; Path=/", true),
            ("www.a.test", "__Host-x=1; Secure; Path=/; Domain=a.test", false),
            ("www.a.test", "__Secure-x=1", false),
        ] {
            let cookies = Jar::default().take([header].into_iter(), &url(&format!("https://{host}/")), false);
            assert_eq!(cookies[0].is_accepted, is_accepted, "{host}: {header}");
        }
        let mut jar = Jar::default();
        jar.take(["x=1; Domain=github.io"].into_iter(), &url("https://github.io/"), false);
        assert_eq!(jar.header(&url("https://ann.github.io/")), None, "it is that host's alone");
        assert!(jar.header(&url("https://github.io/")).is_some());
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut jar = Jar::default();
        let url = Url::parse("https://a.test/").expect("a URL");
        let cookies = jar.take(["sid=secret"].into_iter(), &url, true);
        assert_eq!((cookies[0].value.as_str(), jar.header(&url).as_deref()), ("secret", Some("sid=secret")));
        let mut trail = crate::http::Trail::default();
        trail.visit(&url, "GET", jar.header(&url), 1).expect("a visit");
        let shown = format!("{cookies:?} {jar:?} {trail:?}");
        assert!(!shown.contains("secret") && shown.contains("sid"), "{shown}");
    }

    #[test]
    fn a_jar_sends_back_what_it_may() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let mut jar = Jar::default();
        let headers =
            ["sid=1; Path=/; Secure; HttpOnly; SameSite=Lax", "evil=1; Domain=other.test", "a=b; Path=/deep", ""];
        let cookies = jar.take(headers.into_iter(), &url("https://www.a.test/"), false);
        assert_eq!(cookies.len(), 3);
        assert_eq!((cookies[0].value.as_str(), cookies[0].same_site.as_deref()), ("[redacted]", Some("Lax")));
        assert!(cookies[0].is_accepted && !cookies[1].is_accepted && cookies[0].is_http_only);
        assert_eq!(jar.header(&url("https://www.a.test/x")).as_deref(), Some("sid=1"));
        assert_eq!(jar.header(&url("http://www.a.test/x")), None);
        assert_eq!(jar.header(&url("https://a.test/")), None);
        let deep = jar.header(&url("https://www.a.test/deep/er")).expect("cookies");
        assert!(deep.contains("sid=1") && deep.contains("a=b"));
    }
}
