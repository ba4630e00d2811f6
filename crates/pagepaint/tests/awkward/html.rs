//! Awkward HTML.

use super::{Awkward, painted, refused};

pub(super) fn pages() -> Vec<Awkward> {
    [broken(), deep(), large(), texts(), tables(), odd()].into_iter().flatten().collect()
}

/// Bytes of no language, the same every time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(byte).take(count).collect()
}

fn broken() -> Vec<Awkward> {
    vec![
        painted("nothing", ""),
        painted("white space", " \n\t "),
        painted("text alone", "hello").checked(|painting| assert!(painting.dom.to_string().contains("\"hello\""))),
        painted("NUL bytes", "<p>a\0b<\0p title=\0>\0"),
        painted("noise", noise(65_536)),
        painted("unclosed tags", "<div><p>one<b>two<i>three<table><tr><td>four<ul><li>five<a href=x>six"),
        painted("closed and never opened", "</p></br></b></td></table></body></html></p>after the end"),
        painted("crossed formatting", "<b>1<i>2<u>3</b>4</i>5</u><p>6<a>7<a>8</p>".repeat(50)),
        painted("half a tag", "<p>text<div class=\"a b"),
        painted("a comment without an end", "<p>before<!-- never -- ends <p>hidden"),
        painted("a script without an end", "<p>before<script>if (a < b) { '</scrip"),
        painted("a style without an end", "<p>before<style>p { color: red"),
        painted(
            "entities that are none",
            "<p>&amp &amp; &lt &notin; &notit; &#0; &#x110000; &#xD800; &#99999999999; &; &#;",
        ),
        painted("quotes in odd places", "<p a='\"' b=\"'\" c=' d=e \"f\"g=h'><q>\"</q>"),
        painted(
            "the same attribute again",
            "<html lang=a><body class=b><html lang=c id=d><body class=e id=f><p id=1 id=2>x",
        ),
        painted("a table full of what no table has", "<table>text<p>p<div>d<tr>t<form>f<input><td>c<table>x<caption>y"),
        painted(
            "head after body",
            "<body><p>x<head><title>late</title><link rel=stylesheet href=a.css><meta charset=x>",
        ),
    ]
}

fn deep() -> Vec<Awkward> {
    vec![
        refused("deeper than any page", "<div>".repeat(100_000), "dom_depth_max"),
        refused("formatting without an end", "<b>".repeat(100_000), "dom_depth_max"),
        painted("formatting that is opened again and again", "<font><p>".repeat(5_000)),
        painted("as deep as is allowed", "<div>".repeat(500)),
        painted("spans in spans", "<span>a".repeat(400)),
        painted("tables in tables", "<table><tr><td>a".repeat(60)),
        painted("lists in lists", "<ul><li>a".repeat(150)),
        painted("quotes in quotes", "<blockquote>a<q>b".repeat(150)),
        painted("fieldsets in buttons", "<fieldset><legend>a</legend><button>b".repeat(100)),
        painted("templates in templates", "<template>".repeat(300)),
        painted("inline-blocks in inline-blocks", "<span style='display: inline-block'>a".repeat(100)),
    ]
}

fn large() -> Vec<Awkward> {
    let row = format!("<tr>{}", "<td>x".repeat(100));
    let attributes: String = (0..20_000).map(|number| format!(" a{number}={number}")).collect();
    vec![
        refused("more nodes than any page", "<br>".repeat(200_000), "dom_nodes_max"),
        refused("more bytes than any page", vec![b' '; 9 * 1024 * 1024], "page_bytes_max"),
        painted("a huge table", format!("<table>{}", row.repeat(100))),
        painted("a table of borders", format!("<table border=1 style='border-collapse: collapse'>{}", row.repeat(20))),
        painted("a cell over 65,535 columns", "<table><tr><td colspan=65535>a<td colspan=65535>b<tr><td>c"),
        painted("a cell over 65,535 rows", "<table><tr><td rowspan=65535>a<td rowspan=0>b<tr><td>c<td colspan=0>d"),
        painted("cells over each other", "<table><tr><td rowspan=9 colspan=9>a".repeat(30)),
        painted("columns without cells", format!("<table>{}", "<col span=1000 width=1%>".repeat(100))),
        painted("20,000 attributes", format!("<p{attributes}>x")),
        painted("an attribute of a mebibyte", format!("<p title='{}'>x", "y".repeat(1 << 20))),
        painted("a class list without an end", format!("<p class='{}'>x", "a ".repeat(100_000))),
        painted("a word of 100,000 letters", "w".repeat(100_000)),
        painted("100,000 words", "word ".repeat(100_000)),
        painted("10,000 paragraphs", "<p>text".repeat(10_000)),
        painted("10,000 links in a line", "<a href=x>y</a> ".repeat(10_000)),
        painted("20,000 options", format!("<select>{}", "<option>x".repeat(20_000))),
    ]
}

/// Text beyond what is laid out, wherever it is from, and text that is not laid out.
fn texts() -> Vec<Awkward> {
    let words = "word ".repeat(400_000);
    let long = "w".repeat(20_000);
    let many = "<p>x".repeat(100);
    let generated =
        |name: &'static str, style: String| refused(name, format!("<style>{style}</style>{many}"), "text_chars_max");
    vec![
        painted("as much text as is allowed", "word ".repeat(199_000)),
        painted("as much text as is allowed, from both sides", "a\u{5d0}".repeat(499_000)),
        refused("more text than any page", words.clone(), "text_chars_max"),
        refused("more text than any field", format!("<input value='{words}'>"), "text_chars_max"),
        refused("white space that stays", format!("<pre>x{}", " ".repeat(2_000_000)), "text_chars_max"),
        generated("text before everything", format!("p::before {{ content: '{long}' }}")),
        generated("text after everything", format!("p::after {{ content: 'x' '{long}' }}")),
        generated("markers as long as books", format!("p {{ display: list-item; list-style-type: '{long}' }}")),
        painted(
            "more text than any page, hidden",
            format!("<div style='display: none'>{words}</div><script>{words}</script>"),
        ),
        painted("white space between words", format!("<p>a{}b", " \n".repeat(1_000_000))),
    ]
}

/// Tables whose columns, counted as they say, are more than 16 bits.
fn tables() -> Vec<Awkward> {
    let cells = |attributes: &str| format!("<table><tr>{}", format!("<td {attributes}>x").repeat(70));
    vec![
        painted("a row of 70 cells of 1,000 columns", cells("colspan=1000")),
        painted(
            "rows of cells of 1,000 columns that reach down",
            format!("<table>{}", "<tr><td colspan=1000 rowspan=65534>x".repeat(70)),
        ),
        painted(
            "cells that are none",
            format!("<div style='display: table-row'>{}", "<i style='display: table-cell' colspan=1000>x".repeat(70)),
        ),
        painted("a million columns", format!("<table>{}<tr><td>x", "<col span=1000>".repeat(1_000))),
    ]
}

fn odd() -> Vec<Awkward> {
    vec![
        painted("frames", "<frameset cols=50%,*><frame src=a><frame src=b><noframes>x</frameset>"),
        painted(
            "pages in pages",
            "<iframe src=/></iframe><iframe srcdoc='<iframe src=/>'></iframe><object data=/></object>",
        )
        .checked(|painting| assert!(painting.resources.is_empty(), "{:?}", painting.resources)),
        painted(
            "all kinds of input",
            ["text", "checkbox", "radio", "file", "range", "color", "date", "submit", "image", "hidden", "x"]
                .map(|kind| format!("<input type={kind} value=1 src=x>"))
                .concat()
                + "<textarea rows=999999 cols=999999>x</textarea><meter><progress value=9><keygen><isindex>",
        ),
        painted("media", "<video src=a poster=b controls><audio src=c><embed src=d><canvas width=99999 height=99999>x"),
        painted("languages in each other", "<svg><foreignObject><math><mi><svg><p>x</p><desc><table><svg><title><b>y"),
        painted("plain text to the end", "<p>a<plaintext></plaintext><p>b"),
        painted("bases", "<base href='data:x'><base href='http://[x'><base href='//other.test/a/'><img src=b>"),
        painted("details in forms in forms", "<form><form><details open><summary>a<form>b</details><dialog open>c"),
        painted(
            "ruby, marquee and friends",
            "<ruby>a<rp>(<rt>b<rp>)</ruby><marquee>c<blink>d<center><font size=+99>e<wbr>f",
        ),
        painted(
            "numbers that are none",
            "<table width=-5 height=1e99 cellpadding=x border=99999><tr><td width=0% height=%>a<hr size=99999>",
        ),
    ]
}
