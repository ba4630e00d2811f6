//! Awkward CSS.

use pagepaint::StageName;

use super::{Awkward, first_error, painted, refused};

pub(super) fn pages() -> Vec<Awkward> {
    [broken(), imports(), large(), sizes(), layouts(), drawings()].into_iter().flatten().collect()
}

fn styled(name: &'static str, css: impl std::fmt::Display) -> Awkward {
    painted(name, format!("<style>{css}</style><body><div class=a id=b><p>text <b>in</b> a box<div>and another"))
}

fn broken() -> Vec<Awkward> {
    vec![
        styled("no CSS at all", "}}}{{{ ;;;; !!! @@@ ### p { color: red } ]]>"),
        styled("a string without an end", "p { color: green; content: 'never\n ends } b { color: blue }"),
        styled("a comment without an end", "p { color: green } /* never ends b { color: red }"),
        styled("a block without an end", "@media screen { @supports (color: red) { p { color: green"),
        styled("escapes", "\\70 { color: green } \\0 {} \\110000 {} .\\31 \\{ { color: red } \\"),
        styled(
            "values that are none",
            "p { color: #12; width: 12; height: px; margin: 1px 2px 3px 4px 5px; font: ; background: url( }",
        ),
        styled(
            "rules that nobody knows",
            "@charset 'x'; @layer a, b; @namespace x url(y); @nothing { p {} } @page { margin: 0 } @container x { p {} }",
        ),
        refused("brackets in brackets", format!("<style>{}</style>", "a{".repeat(100_000)), "css_depth_max"),
        refused(
            "parentheses in an attribute",
            format!("<p style='width: {}'>", "calc(".repeat(10_000)),
            "css_depth_max",
        ),
        styled("as many brackets as are allowed", format!("p {{ width: {}1px", "calc(".repeat(60))),
    ]
}

fn imports() -> Vec<Awkward> {
    let chain = |pages: Awkward, number: usize| {
        pages.with(&format!("{number}.css"), "text/css", format!("@import '{}.css'; p {{ color: green }}", number + 1))
    };
    vec![
        painted("a sheet that imports itself", "<link rel=stylesheet href=a.css><p>x").with(
            "a.css",
            "text/css",
            "@import 'a.css'; p { color: red }",
        ),
        painted("sheets that import each other", "<link rel=stylesheet href=a.css><p>x")
            .with("a.css", "text/css", "@import 'b.css'; @import 'b.css';")
            .with("b.css", "text/css", "@import 'a.css'; @import 'a.css';")
            .checked(|painting| assert!(painting.resources.len() <= 128 && painting.resources_left_out > 0)),
        (0..100).fold(painted("a hundred imports deep", "<link rel=stylesheet href=0.css><p>x"), chain),
        styled(
            "imports from nowhere",
            "@import url(http://[x); @import ''; @import 'gopher://x/'; @import 'missing.css'; p { color: red }",
        ),
        painted("a page for a style sheet", "<link rel=stylesheet href=/><p>x")
            .with("", "text/html", "<p>")
            .checked(|painting| assert!(first_error(painting).contains("not text/css"), "{}", first_error(painting))),
        painted("a sheet that sends in circles", "<link rel=stylesheet href=a.css><p>x")
            .redirecting("a.css", "b.css")
            .redirecting("b.css", "a.css")
            .checked(|painting| assert!(first_error(painting).contains("redirects"), "{}", first_error(painting))),
        styled(
            "a font that is none",
            "@font-face { font-family: x; src: url(data:font/ttf,nothing) } p { font-family: x }",
        ),
        styled("half a font", "@font-face { font-family: x; src: url(half.ttf) } p { font-family: x }").with(
            "half.ttf",
            "font/ttf",
            &include_bytes!("../../fonts/DejaVuSansMono.ttf")[..9_000],
        ),
    ]
}

fn large() -> Vec<Awkward> {
    let rules: String = (0..10_000)
        .map(|number| format!(".c{number} > p:nth-child({number}n+1) {{ color: #{:03x} }}", number % 4096))
        .collect();
    let doubling: String = (0..40).map(|number| format!("--v{number}: var(--v{0}) var(--v{0});", number + 1)).collect();
    vec![
        styled("10,000 rules", rules),
        styled("a selector of 1,000 parts", format!("{} p {{ color: red }}", "* ".repeat(1_000))),
        styled("1,000 selectors", format!("{} p {{ color: red }}", "div:not(.x) , ".repeat(1_000))),
        styled("selectors in selectors", format!("{}p{} {{ color: red }}", ":is(".repeat(30), ")".repeat(30))),
        styled("what has what has", "*:has(* + *:has(b)) * { color: red }"),
        styled("variables that double", format!("p {{ {doubling} --v40: xxxxxxxxxxxxxxxx; content: var(--v0) }}")),
        styled("variables in a circle", "p { --a: var(--b); --b: var(--a); color: var(--a); width: var(--a, 5px) }"),
        styled("a mebibyte of declarations", format!("p {{ {} }}", "color: red; ".repeat(90_000))),
    ]
}

fn sizes() -> Vec<Awkward> {
    vec![
        styled(
            "wider than anything",
            "div { width: 1e30px; height: 1e38px; margin: -1e30px; padding: 1e20px; border: 1e10px solid red }",
        ),
        styled(
            "neither number nor finite",
            "div { width: calc(infinity * 1px); height: calc(NaN * 1px); margin: calc(1px / 0) }",
        )
        .breaking(StageName::Layout),
        styled(
            "percentages of percentages",
            "div, p, b { display: block; width: 100000%; height: 100000%; padding: 1000% }",
        )
        .breaking(StageName::Layout),
        styled("fonts as large as houses", "p { font-size: 1e9px } b { font-size: 1000em; line-height: 1e9 }"),
        styled(
            "fonts as small as nothing",
            "p { font-size: 0; line-height: 0 } b { font-size: 1e-30px; letter-spacing: 1e9px; word-spacing: -1e9px }",
        ),
        styled(
            "indents and tabs",
            "p { text-indent: -1e9px; tab-size: 1000000; white-space: pre; hyphens: auto; word-break: break-all; width: 0 }",
        ),
        styled(
            "least is more than most",
            "div { min-width: 1e6px; max-width: 1px; min-height: 1e6px; max-height: 0; aspect-ratio: 1 / 0 }",
        ),
    ]
}

fn layouts() -> Vec<Awkward> {
    let nested = |display: &str, depth: usize| format!("<div style='display: {display}'>a").repeat(depth);
    vec![
        painted("flex in flex", nested("flex", 60)),
        painted("columns in columns", nested("flex; flex-direction: column; flex-wrap: wrap", 60)),
        painted("grid in grid", nested("grid", 60)),
        painted(
            "grid in flex in table",
            nested("grid", 1) + &(nested("flex", 1) + &nested("table", 1) + &nested("grid", 1)).repeat(20),
        ),
        painted("floats in floats", nested("block; float: left", 60)),
        painted("2,000 floats", "<div style='float: left; width: 10px; height: 10px'></div>".repeat(2_000)),
        styled("a grid of a million columns", "div { display: grid; grid-template-columns: repeat(1000000, 1px) }"),
        styled(
            "a grid that fills itself",
            "div { display: grid; width: 1e7px; grid-template-columns: repeat(auto-fill, 1px) }",
        ),
        styled("lines far away", "div { display: grid } p { grid-column: 1 / 30000; grid-row: -30000 / 30000 }"),
        styled("everything absolute", "* { position: absolute; inset: 0; z-index: 2147483647 }"),
        styled(
            "everything fixed and sticky",
            "div { position: fixed; top: 1e9px } p { position: sticky; bottom: -1e9px } b { position: relative; left: 1e30px }",
        ),
        styled(
            "everything a table part",
            "html { display: table-cell } body { display: table-row } div { display: table-column } p { display: table-caption } b { display: table-row-group }",
        ),
        styled(
            "everything is displayed",
            "* { display: block !important } head { display: flex } style { display: grid } title { display: inline-block }",
        ),
        styled("nothing is displayed", "html { display: none }")
            .checked(|painting| assert!(painting.render_tree.is_none())),
        styled(
            "contents and lists",
            "body, div { display: contents } p { display: list-item; list-style: upper-roman inside url(x) } b { display: ruby-text }",
        ),
        styled(
            "text from both sides",
            "body { direction: rtl; unicode-bidi: bidi-override; writing-mode: vertical-rl; columns: 1000 1px; column-gap: 1e9px }",
        ),
        styled(
            "counters",
            "p { counter-reset: a 2147483647 } p::before { counter-increment: a 2147483647; content: counters(a, '.') attr(x) url(y) open-quote }",
        ),
        styled(
            "what moves",
            "* { animation: spin 1ns infinite; transition: all 1e9s } @keyframes spin { to { transform: rotate(1e9turn); width: 1e9px } }",
        ),
    ]
}

fn drawings() -> Vec<Awkward> {
    let stops: String = (0..5_000).map(|number| format!(", #{:03x}", number % 4096)).collect();
    let shadows = vec!["1px 1px 5px red"; 200].join(", ");
    let corners = vec!["1% 2%"; 5_000].join(", ");
    vec![
        styled(
            "dashes without an end",
            "div { width: 1e7px; height: 1e7px; border: 1px dashed red; outline: 1px dotted blue }",
        ),
        styled(
            "dots in round corners",
            "div { width: 1e5px; border: 3px dotted red; border-radius: 1e9px / 1px; border-style: dotted dashed double groove }",
        ),
        styled("shadows of shadows", format!("div {{ box-shadow: {shadows}; text-shadow: {shadows} }}")),
        styled("a shadow as wide as the sky", "div { box-shadow: 0 0 1e6px 1e6px red, inset 1e9px -1e9px 1e9px blue }"),
        styled(
            "tiles of a pixel",
            "div { height: 2000px; background: linear-gradient(red, blue) 0 0 / 1px 1px repeat }",
        ),
        styled(
            "tiles of nothing",
            "div { height: 2000px; background: linear-gradient(red, blue) 0 0 / 0.001px 0.001px space round }",
        ),
        styled(
            "5,000 stops",
            format!(
                "div {{ background: linear-gradient(to right{stops}), radial-gradient(red{stops}), conic-gradient(red{stops}) }}"
            ),
        ),
        styled(
            "gradients that repeat within a pixel",
            "div { height: 200px; background: repeating-linear-gradient(red 0, blue 1e-9px), repeating-conic-gradient(red 0, blue 1e-9deg) }",
        ),
        styled(
            "transforms that are none",
            "div { transform: scale(1e30) rotate(1e30deg) skew(90deg) } p { transform: scale(0) matrix(0,0,0,0,0,0) } b { perspective: 0 }",
        ),
        styled(
            "filters",
            "div { filter: blur(1e5px) drop-shadow(0 0 1e5px red) invert(1e9) url(#x) } p { backdrop-filter: blur(99px); mix-blend-mode: difference }",
        ),
        painted("layers on layers", "<div style='opacity: .99; overflow: hidden; border-radius: 9px'>a".repeat(200)),
        styled(
            "cut to shape",
            format!("div {{ clip-path: polygon({corners}) }} p {{ clip-path: circle(1e9px at 1e9px); mask: url(#x) }}"),
        ),
        styled(
            "colours of the future",
            "div { color: color(display-p3 9 -9 9); background: color-mix(in oklch, red 200%, lab(999 999 999)); border-color: hwb(none none none) }",
        ),
    ]
}
