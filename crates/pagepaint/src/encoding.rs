//! Which characters the bytes are: as browsers decide it.
//!
//! A byte order mark beats what the server says, which beats what the page says of itself in its first 1,024 bytes; windows-1252 is
//! what is left (WHATWG HTML, "determining the character encoding"; for style sheets CSS Syntax 3, section 3.2).

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use serde::{Deserialize, Serialize};

/// How far into a page its own word for its encoding is looked for.
const PRESCAN_BYTES: usize = 1_024;

/// What said which encoding it is, in the order in which it counts: WHATWG HTML, "determining the character encoding"; for style sheets CSS
/// Syntax 3, section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncodingSource {
    /// A byte order mark.
    ByteOrderMark,
    /// The server, in `content-type`.
    ContentType,
    /// The page, in a `meta` element; a style sheet, in `@charset`.
    Content,
    /// What asked for the style sheet.
    Referrer,
    /// Nothing: windows-1252, as browsers have it.
    Default,
}

impl EncodingSource {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte order mark",
            Self::ContentType => "content-type",
            Self::Content => "the page itself",
            Self::Referrer => "the page that asked",
            Self::Default => "nothing said so",
        }
    }
}

/// Text, and how it was read.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) encoding: &'static Encoding,
    pub(crate) source: EncodingSource,
    /// Whether there were bytes that no character is written as. Each is now U+FFFD.
    pub(crate) had_errors: bool,
}

/// Reads a page.
pub(crate) fn decode_html(bytes: &[u8], content_type: Option<&str>) -> Decoded {
    let said = content_type.and_then(charset).map(|encoding| (encoding, EncodingSource::ContentType));
    let said = said.or_else(|| meta_charset(bytes).map(|encoding| (encoding, EncodingSource::Content)));
    decode(bytes, said.unwrap_or((WINDOWS_1252, EncodingSource::Default)))
}

/// Reads a style sheet that a page in `referrer`'s encoding asked for.
pub(crate) fn decode_css(bytes: &[u8], content_type: Option<&str>, referrer: &'static Encoding) -> Decoded {
    let said = content_type.and_then(charset).map(|encoding| (encoding, EncodingSource::ContentType));
    let said = said.or_else(|| at_charset(bytes).map(|encoding| (encoding, EncodingSource::Content)));
    decode(bytes, said.unwrap_or((referrer, EncodingSource::Referrer)))
}

fn decode(bytes: &[u8], (said, source): (&'static Encoding, EncodingSource)) -> Decoded {
    let (encoding, source) =
        Encoding::for_bom(bytes).map_or((said, source), |(encoding, _)| (encoding, EncodingSource::ByteOrderMark));
    let (text, had_errors) = encoding.decode_with_bom_removal(bytes);
    Decoded { text: text.into_owned(), encoding, source, had_errors }
}

/// The charset of a `content-type`.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let parameters = content_type.split(';').skip(1);
    let value = parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })?;
    Encoding::for_label(value.as_bytes())
}

/// What the page says of itself: `<meta charset=x>`, or a `content-type` in one.
fn meta_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(PRESCAN_BYTES)];
    let text = without_comments(&String::from_utf8_lossy(start).to_ascii_lowercase());
    let meta = text.split("<meta").skip(1).filter_map(|rest| rest.split('>').next());
    let encoding = meta.filter_map(|attributes| {
        let (_, after) = attributes.split_once("charset")?;
        let value = after.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| c.is_ascii_whitespace() || ['"', '\'', ';', '/'].contains(&c));
        Encoding::for_label(&value.as_bytes()[..end.unwrap_or(value.len())])
    });
    // Bytes that were read as ASCII so far are not UTF-16.
    encoding.map(|encoding| if encoding.is_ascii_compatible() { encoding } else { UTF_8 }).next()
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// `@charset "x";`, exactly so, at the very beginning.
fn at_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let rest = bytes.strip_prefix(b"@charset \"")?;
    let end = rest.iter().take(PRESCAN_BYTES).position(|&byte| byte == b'"')?;
    let encoding = (rest.get(end + 1) == Some(&b';')).then(|| Encoding::for_label(&rest[..end])).flatten()?;
    Some(if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], content_type: Option<&str>) -> (String, &'static str, EncodingSource) {
        let decoded = decode_html(bytes, content_type);
        (decoded.text, decoded.encoding.name(), decoded.source)
    }

    #[test]
    fn a_mark_beats_the_server_which_beats_the_page() {
        let page = b"\xef\xbb\xbf<meta charset=koi8-r>\xc3\xa9";
        assert_eq!(read(page, Some("text/html; charset=latin1")).1, "UTF-8");
        let (text, name, source) = read(&page[3..], Some("text/html; Charset=\"latin1\""));
        assert_eq!((name, source), ("windows-1252", EncodingSource::ContentType));
        assert!(text.ends_with("Ã©"), "{text}");
        let (text, name, source) = read(&page[3..], Some("text/html"));
        assert_eq!((name, source), ("KOI8-R", EncodingSource::Content));
        assert!(text.ends_with("ц╘"), "{text}");
        assert_eq!(read(b"\x80", None), ("€".to_owned(), "windows-1252", EncodingSource::Default));
    }

    #[test]
    fn what_the_page_says_is_found_where_browsers_find_it() {
        let in_content = b"<META http-equiv=Content-Type content='text/html; charset=Shift_JIS'>\x83\x65";
        assert_eq!(read(in_content, None).1, "Shift_JIS");
        assert_eq!(read(b"<!-- <meta charset=koi8-r> --><meta charset = 'utf-8'/>", None).1, "UTF-8");
        assert_eq!(read(b"<meta charset=utf-16>", None).1, "UTF-8");
        let late = [vec![b' '; PRESCAN_BYTES], b"<meta charset=utf-8>".to_vec()].concat();
        assert_eq!(read(&late, None).2, EncodingSource::Default);
        assert_eq!(read(b"\xfe\xff\0h\0i", None).0, "hi");
    }

    #[test]
    fn style_sheets_say_it_in_their_first_bytes_or_are_as_their_page() {
        let name = |bytes: &[u8]| decode_css(bytes, Some("text/css"), encoding_rs::KOI8_R).encoding.name();
        assert_eq!(name(b"@charset \"iso-8859-2\"; a {}"), "ISO-8859-2");
        assert_eq!(name(b" @charset \"iso-8859-2\"; a {}"), "KOI8-R");
        assert_eq!(name(b"@charset \"utf-16\"; a {}"), "UTF-8");
        assert_eq!(name(b"\xef\xbb\xbfa {}"), "UTF-8");
    }
}
