//! Resources from memory.

use std::collections::HashMap;

use url::Url;

use super::{Fetch, Fetched};

/// Resources that are there already, by their URL: for tests, and for pages that are to ask nobody.
#[derive(Debug, Clone, Default)]
pub struct Offline {
    /// What there is: `content-type` and bytes. The URL is whole, without a fragment.
    pub resources: HashMap<String, (String, Vec<u8>)>,
    /// What sends elsewhere: from, to. At most ten in a row are followed.
    pub redirects: HashMap<String, String>,
}

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 10;

impl Offline {
    /// The same with one more resource.
    #[must_use]
    pub fn with(mut self, url: &str, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.resources.insert(url.to_owned(), (content_type.to_owned(), bytes.into()));
        self
    }

    /// The same with one more redirect.
    #[must_use]
    pub fn with_redirect(mut self, from: &str, to: &str) -> Self {
        self.redirects.insert(from.to_owned(), to.to_owned());
        self
    }

    fn look_up(&self, url: &Url) -> Fetched {
        let mut url = url.clone();
        url.set_fragment(None);
        let mut redirects = Vec::new();
        let mut at = String::from(url);
        while let Some(next) = self.redirects.get(&at) {
            if redirects.len() == REDIRECTS_MAX {
                return Fetched { redirects, ..Fetched::failed(format!("more than {REDIRECTS_MAX} redirects")) };
            }
            redirects.push(std::mem::replace(&mut at, next.clone()));
        }
        let Some((content_type, body)) = self.resources.get(&at) else {
            return Fetched { status: Some(404), redirects, ..Fetched::failed("status 404") };
        };
        Fetched {
            status: Some(200),
            content_type: Some(content_type.clone()),
            url: Some(at),
            redirects,
            body: body.clone(),
            ..Fetched::default()
        }
    }
}

impl Fetch for Offline {
    async fn fetch(&self, url: &Url) -> Fetched {
        self.look_up(url)
    }
}
