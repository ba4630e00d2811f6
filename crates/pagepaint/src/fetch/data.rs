//! `data:` URLs: resources that are written in the page itself (RFC 2397, as the Fetch standard reads them).

use data_url::DataUrl;
use url::Url;

use super::Fetched;

pub(crate) fn fetch_data(url: &Url) -> Fetched {
    let Ok(data) = DataUrl::process(url.as_str()) else { return Fetched::failed("not a data: URL: it has no comma") };
    match data.decode_to_vec() {
        Ok((body, _)) => Fetched { body, content_type: Some(data.mime_type().to_string()), ..Fetched::default() },
        Err(_) => Fetched::failed("the base64 of the data: URL is broken"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_are_read() {
        let read = |url: &str| fetch_data(&Url::parse(url).expect("a URL"));
        let fetched = read("data:text/css;charset=utf-8,p%7B%7D");
        assert_eq!(
            (fetched.body.as_slice(), fetched.content_type.as_deref()),
            (&b"p{}"[..], Some("text/css;charset=utf-8"))
        );
        assert_eq!(read("data:;base64,aGk=").body, b"hi");
        assert!(read("data:;base64,***").error.is_some());
        assert!(read("data:nothing").error.is_some());
    }
}
