//! The parser, fed a little at a time, so that a tree that grows too large or too deep is noticed while it grows.

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{ParseOpts, parse_document};

use super::Dom;
use super::sink::Sink;
use crate::{Error, Limits};

/// How much the parser gets at a time. What it does with one bite is bounded, and is done before limits are looked at.
const BITE_BYTES: usize = 4_096;

/// Reads HTML, scripts not run, into a tree.
pub(crate) fn grow(html: &str, limits: &Limits) -> Result<Dom, Error> {
    let mut options = ParseOpts::default();
    // Nobody runs scripts here: what is for those who do not is part of the page.
    options.tree_builder.scripting_enabled = false;
    let mut parser = parse_document(Sink::default(), options);
    let mut rest = html;
    while !rest.is_empty() {
        let (bite, after) = rest.split_at(rest.floor_char_boundary(BITE_BYTES.min(rest.len())));
        parser.process(StrTendril::from_slice(bite));
        check(&parser.tokenizer.sink.sink, limits)?;
        rest = after;
    }
    let dom = parser.finish();
    check_counts(dom.nodes.len(), dom.depth(), limits)?;
    Ok(dom)
}

fn check(sink: &Sink, limits: &Limits) -> Result<(), Error> {
    check_counts(sink.len(), sink.deepest(), limits)
}

fn check_counts(nodes: usize, depth: usize, limits: &Limits) -> Result<(), Error> {
    if nodes > limits.dom_nodes_max {
        return Err(Error::limit("dom_nodes_max", nodes, limits.dom_nodes_max));
    }
    if depth > limits.dom_depth_max {
        return Err(Error::limit("dom_depth_max", depth, limits.dom_depth_max));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(html: &str) -> Dom {
        grow(html, &Limits::default()).expect("a tree")
    }

    #[test]
    fn broken_html_is_a_tree_all_the_same() {
        let dom = grown("<p>one<p>two<table>stray<td>x</table><b><i>y</b>z");
        let expected = "#document\n  <html>\n    <head>\n    <body>\n      <p>\n        \"one\"\n      <p>\n        \"twostray\"\n        <table>\n          <tbody>\n            <tr>\n              <td>\n                \"x\"\n        <b>\n          \
             <i>\n            \"y\"\n        <i>\n          \"z\"\n";
        assert_eq!(dom.to_string(), expected);
        assert_eq!(dom.quirks, super::super::Quirks::Full);
        assert!(dom.parse_errors > 0);
    }

    #[test]
    fn texts_that_meet_are_one_and_templates_are_apart() {
        let dom = grown("<!doctype html><title>a &amp; b</title><template><p>hidden</template>1<!--c-->2");
        assert_eq!(dom.title().as_deref(), Some("a & b"));
        assert!(!dom.to_string().contains("hidden"));
        let template = dom.elements("template").next().and_then(|(_, element)| element.template).expect("contents");
        assert_eq!(dom.text_of(template), "hidden");
        assert_eq!(dom.quirks, super::super::Quirks::None);
    }

    #[test]
    fn what_grows_too_large_or_too_deep_is_noticed_early() {
        let limits = Limits { dom_nodes_max: 1_000, dom_depth_max: 100, ..Limits::default() };
        let error = grow(&"<br>".repeat(1_000_000), &limits).expect_err("too many");
        let Error::Limit { limit, found, max: 1_000 } = error else { panic!("{error}") };
        assert!(limit == "dom_nodes_max" && found < 3_000, "{limit} {found}");
        let error = grow(&"<div>".repeat(1_000_000), &limits).expect_err("too deep");
        let Error::Limit { limit, found, max: 100 } = error else { panic!("{error}") };
        assert!(limit == "dom_depth_max" && found < 3_000, "{limit} {found}");
    }
}
