//! Redirects: each is a hop with steps of its own.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::HttpError;
use crate::url::redacted;

/// Where an answer sends us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The status that says so: 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where to.
    pub url: String,
    /// The method was another, and becomes GET; the body, if there was one, is not sent again.
    #[serde(default)]
    pub becomes_get: bool,
    /// From `https` to `http`: everybody on the way can read and change what follows.
    pub is_downgrade: bool,
    /// To `http`, but the host has asked for TLS before (HSTS), so that nothing left in the clear.
    pub upgraded_by_hsts: bool,
    /// No answer says so, and no request was sent: to have an HTTPS record means to be reached by `https`, as if the site had answered
    /// 307 (RFC 9460, section 9.5).
    #[serde(default)]
    pub by_https_record: bool,
}

/// Where an answer sends us, or `None` if it is no redirect.
///
/// # Errors
/// [`HttpError::Location`] if there is a `location` header that cannot be visited.
pub fn target(from: &Url, status: u16, location: Option<&str>) -> Result<Option<Url>, HttpError> {
    let (301..=303 | 307 | 308, Some(location)) = (status, location) else { return Ok(None) };
    let wrong = |reason: String| HttpError::Location { status, location: location.to_owned(), reason };
    let mut url = from.join(location).map_err(|error| wrong(error.to_string()))?;
    // The location is told once, and there its secrets are looked after.
    crate::url::visitable(&url, url.as_str()).map_err(|error| wrong(error.reported(false).to_string()))?;
    // RFC 9110 section 10.2.2: a fragment is inherited.
    if url.fragment().is_none() {
        url.set_fragment(from.fragment());
    }
    Ok(Some(url))
}

/// Whether the request that follows such a status is a GET, without the body of the one before. Only 307 and 308 keep a `POST`
/// (Fetch standard, "HTTP-redirect fetch"; RFC 9110, section 15.4), as with curl's `--location`.
#[must_use]
pub fn becomes_get(status: u16, method: &str) -> bool {
    match status {
        301 | 302 => method == "POST",
        303 => !matches!(method, "GET" | "HEAD"),
        _ => false,
    }
}

/// Where a run has been: a server that sends us back there, with the same cookies, will do so again.
///
/// `Debug` shows no cookies.
#[derive(Default)]
pub struct Trail {
    visited: Vec<(Url, String, Option<String>)>,
}

impl fmt::Debug for Trail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let visited = self.visited.iter().map(|(url, method, _)| (method, redacted(url)));
        formatter.debug_list().entries(visited).finish()
    }
}

impl Trail {
    /// Goes to a URL with this method, sending these cookies.
    ///
    /// # Errors
    /// [`HttpError::RedirectLoop`] if that was done before, and [`HttpError::TooManyRedirects`] after `redirects_max`.
    pub fn visit(
        &mut self,
        url: &Url,
        method: &str,
        cookies: Option<String>,
        redirects_max: usize,
    ) -> Result<(), HttpError> {
        let visit = (url.clone(), method.to_owned(), cookies);
        if let Some(first) = self.visited.iter().position(|visited| *visited == visit) {
            let cycle = self.visited[first..].iter().chain([&visit]).map(|(url, ..)| redacted(url)).collect();
            return Err(HttpError::RedirectLoop { cycle });
        }
        if self.visited.len() > redirects_max {
            return Err(HttpError::TooManyRedirects { redirects_max });
        }
        self.visited.push(visit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn locations_are_relative_and_may_be_wrong() {
        let from = url("https://a.test/x/y?z#f");
        let to = |status, location| target(&from, status, Some(location)).map(|url| url.map(|url| url.to_string()));
        assert_eq!(to(301, "../q"), Ok(Some("https://a.test/q#f".to_owned())));
        assert_eq!(to(307, "//b.test/#g"), Ok(Some("https://b.test/#g".to_owned())));
        assert_eq!(to(200, "/q"), Ok(None));
        assert_eq!(to(304, "/q"), Ok(None));
        assert_eq!(target(&from, 301, None), Ok(None));
        assert!(matches!(to(302, "javascript:alert(1)"), Err(HttpError::Location { status: 302, .. })));
        assert!(matches!(to(302, "https://"), Err(HttpError::Location { .. })));
        // Typed, it is a host and a port; in an answer, it is a scheme.
        assert!(matches!(to(302, "b.test:443"), Err(HttpError::Location { status: 302, .. })));
        assert!(matches!(to(302, &"a".repeat(40_000)), Err(HttpError::Location { status: 302, .. })));
    }

    #[test]
    fn a_method_survives_as_the_standard_says() {
        let methods = ["GET", "HEAD", "POST", "PUT"];
        for (status, expected) in [
            (301, [false, false, true, false]),
            (302, [false, false, true, false]),
            (303, [false, false, true, true]),
            (307, [false; 4]),
            (308, [false; 4]),
        ] {
            assert_eq!(methods.map(|method| becomes_get(status, method)), expected, "{status}");
        }
    }

    #[test]
    fn a_circle_is_seen_when_it_closes() {
        let (a, b) = (url("https://a.test/"), url("https://ann:secret@b.test/"));
        let mut trail = Trail::default();
        assert_eq!(trail.visit(&a, "POST", None, 9), Ok(()));
        assert_eq!(trail.visit(&a, "GET", None, 9), Ok(()), "a form may be answered by its own page");
        assert_eq!(trail.visit(&b, "GET", None, 9), Ok(()));
        // With a new cookie the answer may be another.
        assert_eq!(trail.visit(&a, "GET", Some("seen=1".to_owned()), 9), Ok(()));
        let cycle =
            ["https://redacted@b.test/", "https://a.test/", "https://redacted@b.test/"].map(str::to_owned).to_vec();
        assert_eq!(trail.visit(&b, "GET", None, 9), Err(HttpError::RedirectLoop { cycle }));
        assert_eq!(
            trail.visit(&url("https://c.test/"), "GET", None, 2),
            Err(HttpError::TooManyRedirects { redirects_max: 2 })
        );
    }
}
