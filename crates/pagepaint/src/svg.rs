//! What is taken out of an SVG before the engine sees it.
//!
//! The engine would load pictures that an SVG names from this machine's files, and draw its text with this machine's fonts: a page
//! must not read files, and is to look the same everywhere. So `image`, `feImage` and `text` go, and what is drawn is the rest.

use crate::Limits;

/// The elements that go, by their local names.
pub(crate) const LEFT_OUT: [&str; 3] = ["image", "feImage", "text"];

/// The largest number that an SVG may have in it: pixels, as a rule.
pub(crate) const NUMBER_MAX: f64 = 1e9;

/// Attributes whose values are names, in which digits mean nothing.
const NAMES: [&str; 4] = ["id", "class", "href", "xlink:href"];

/// Whether bytes look like an SVG rather than a picture made of pixels.
pub(crate) fn is_svg(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    start.starts_with(b"<")
}

/// The same SVG without what must not be drawn.
pub(crate) fn cleaned(bytes: &[u8], limits: &Limits) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "an SVG that is not UTF-8".to_owned())?;
    let depth = depth(text);
    if depth > limits.dom_depth_max {
        return Err(format!("dom_depth_max: the SVG has {depth}, at most {} is allowed", limits.dom_depth_max));
    }
    if text.contains("<!ENTITY") {
        return Err("an SVG that defines entities".to_owned());
    }
    let nodes_limit = u32::try_from(limits.dom_nodes_max).unwrap_or(u32::MAX);
    let options = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    if let Some(number) = document.descendants().find_map(immense_in) {
        return Err(format!("an SVG with the number {number}, at most {NUMBER_MAX:e} is allowed"));
    }
    let goes = |node: &roxmltree::Node<'_, '_>| LEFT_OUT.contains(&node.tag_name().name());
    let mut kept = String::with_capacity(text.len());
    let mut end = 0;
    for range in document.descendants().filter(goes).map(|node| node.range()) {
        // What is inside something that went is gone already.
        if range.start >= end {
            kept.push_str(&text[end..range.start]);
            end = range.end;
        }
    }
    Ok(kept + &text[end..])
}

/// A number in an element's attributes, or in its style sheet, that nothing in a picture is as large as.
fn immense_in<'a>(node: roxmltree::Node<'a, '_>) -> Option<&'a str> {
    let attributes = node.attributes().find_map(|attribute| immense(attribute.name(), attribute.value()));
    let is_style = node.is_text() && node.parent_element().is_some_and(|parent| parent.tag_name().name() == "style");
    attributes.or_else(|| immense("style", node.text().filter(|_| is_style)?))
}

/// The first number in an attribute's value that is larger than [`NUMBER_MAX`]. Curves of such sizes are never done.
pub(crate) fn immense<'a>(attribute: &str, value: &'a str) -> Option<&'a str> {
    if NAMES.contains(&attribute) {
        return None;
    }
    let mut rest = value;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '#') {
        rest = &rest[start..];
        let length = if rest.starts_with('#') { name_length(rest) } else { number_length(rest) };
        let (number, after) = rest.split_at(length);
        if number.parse().is_ok_and(|number: f64| number > NUMBER_MAX) {
            return Some(number);
        }
        rest = after;
    }
    None
}

/// How long a colour or a reference is, which looks like a number at times: `#1e38ff`.
fn name_length(text: &str) -> usize {
    text[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(text.len(), |end| end + 1)
}

/// How long a number is, exponent included.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| from + end);
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    let Some(exponent) = text[end..].strip_prefix(['e', 'E']) else { return end };
    let first = text.len() - exponent.strip_prefix(['+', '-']).unwrap_or(exponent).len();
    let exponent_end = digits(first);
    if exponent_end > first { exponent_end } else { end }
}

/// How deep elements are in elements, found without recursion, which the parser is not known to do without.
fn depth(xml: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once('<') {
        let (inside, next) = if let Some(comment) = after.strip_prefix("!--") {
            ("!", comment.split_once("-->").map_or("", |(_, next)| next))
        } else if let Some(cdata) = after.strip_prefix("![CDATA[") {
            ("!", cdata.split_once("]]>").map_or("", |(_, next)| next))
        } else {
            after.split_at(tag_length(after))
        };
        match inside.as_bytes().first() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') | None => {}
            Some(_) if inside.ends_with('/') => deepest = deepest.max(depth + 1),
            Some(_) => depth += 1,
        }
        deepest = deepest.max(depth);
        rest = next;
    }
    deepest
}

/// How long a tag is, up to its `>`: one in quotes is not its.
fn tag_length(tag: &str) -> usize {
    let mut quote = None;
    let end = tag.bytes().position(|byte| {
        match quote {
            Some(open) if byte == open => quote = None,
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            _ => {}
        }
        quote.is_none() && byte == b'>'
    });
    end.unwrap_or(tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(svg: &str) -> Result<String, String> {
        super::cleaned(svg.as_bytes(), &Limits { dom_depth_max: 100, ..Limits::default() })
    }

    #[test]
    fn pictures_and_text_go_and_the_rest_stays() {
        let svg = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/2000/svg'><g><x:image href='/etc/a.png'/>\
                   <rect/></g><text>a<text>b</text></text><filter><feImage href='b'/></filter></svg>";
        let expected = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/2000/svg'><g><rect/></g>\
                        <filter></filter></svg>";
        assert_eq!(cleaned(svg).as_deref(), Ok(expected));
    }

    #[test]
    fn numbers_of_no_picture_are_found() {
        let found =
            [("r", "1e38", "1e38"), ("d", "M0 0L1.5e+20-3", "1.5e+20"), ("d", "M9z12345678901.5", "12345678901.5")];
        for (attribute, value, number) in found {
            assert_eq!(immense(attribute, value), Some(number));
        }
        let fine =
            [("fill", "#1e38ff"), ("fill", "url(#a1e99)"), ("id", "1e99"), ("d", "M1e9 1e-99 1e 2.e 3"), ("x", "é1")];
        for (attribute, value) in fine {
            assert_eq!(immense(attribute, value), None, "{value}");
        }
        let error = cleaned("<svg><style>circle { r: 1e30px }</style></svg>").expect_err("a number");
        assert!(error.contains("1e30") && error.contains("1e9"), "{error}");
    }

    #[test]
    fn what_could_hide_something_is_refused() {
        assert!(cleaned("<!DOCTYPE svg [<!ENTITY a '<image/>'>]><svg>&a;</svg>").is_err());
        assert!(cleaned("<svg").is_err());
        assert!(super::cleaned(b"\x1f\x8b", &Limits::default()).is_err());
    }

    #[test]
    fn depth_is_seen_whatever_hides_it() {
        let hidden = ["<g a='/>'>", "<g><!-- </g> -->", "<g><![CDATA[</g>]]>", "<g a=\"'\" b='/'>"];
        for open in hidden {
            assert_eq!(depth(&open.repeat(1_000)), 1_000, "{open}");
            let error = cleaned(&open.repeat(1_000)).expect_err("too deep");
            assert!(error.contains("1000") && error.contains("at most 100 is allowed"), "{error}");
        }
        assert_eq!(depth("<?xml?><!DOCTYPE svg><a><b/><c></c></a>"), 2);
    }
}
