//! What is looked for in a style sheet before the engine sees it: a nesting that its parser could not stand, and imports from nowhere.

use url::Url;

/// The deepest nesting of `{`, `(` and `[` in a style sheet, outside comments and strings, as a CSS tokenizer reads them.
///
/// A bracket that closes nothing is a token of its own, as CSS Syntax 3 has it, and hides nothing.
pub(crate) fn depth(css: &str) -> usize {
    let mut open = Vec::new();
    let mut deepest = 0;
    let mut rest = css.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'/' if after.first() == Some(&b'*') => rest = after_comment(after),
            b'"' | b'\'' => rest = after_string(after, byte),
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            b'{' => open.push(b'}'),
            b'(' => open.push(b')'),
            b'[' => open.push(b']'),
            _ if open.last() == Some(&byte) => {
                open.pop();
            }
            _ => {}
        }
        deepest = deepest.max(open.len());
    }
    deepest
}

/// What follows a comment, whose slash is already gone.
fn after_comment(rest: &[u8]) -> &[u8] {
    let inside = rest.get(1..).unwrap_or_default();
    inside.windows(2).position(|pair| pair == b"*/").map_or(&[], |end| &inside[end + 2..])
}

/// What follows a string: it ends at its quote, and a bad one at the end of its line.
fn after_string(mut rest: &[u8], quote: u8) -> &[u8] {
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            b'\n' | b'\r' | b'\x0c' => break,
            _ if byte == quote => break,
            _ => {}
        }
    }
    rest
}

/// The same sheet, its imports of what is no URL made rules that nobody knows: the engine takes for granted that there are none.
pub(crate) fn without_broken_imports(css: &str, base: &Url) -> String {
    const IMPORT: &str = "@import";
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = find_ignoring_case(rest, IMPORT) {
        let after = &rest[at + IMPORT.len()..];
        kept.push_str(&rest[..at]);
        let is_broken = imported(after).is_some_and(|url| url.is_empty() || base.join(url).is_err());
        kept.push_str(if is_broken { "@-no-import" } else { IMPORT });
        rest = after;
    }
    kept + rest
}

/// The URL of an import, as it is written.
fn imported(after: &str) -> Option<&str> {
    let text = after.trim_start();
    let is_function = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("url("));
    let text = if is_function { text[4..].trim_start() } else { text };
    match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].split(quote).next(),
        _ if is_function => text.split(')').next().map(str::trim_end),
        _ => None,
    }
}

fn find_ignoring_case(text: &str, ascii: &str) -> Option<usize> {
    text.as_bytes().windows(ascii.len()).position(|window| window.eq_ignore_ascii_case(ascii.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_from_nowhere_are_no_imports() {
        let base = Url::parse("https://a.test/").expect("a URL");
        let broken = [
            "@import url(http://[);",
            "@IMPORT 'http://a b/';",
            "@import url( \"http://:x\" ) screen;",
            "@import '';",
            "@import url();",
        ];
        for css in broken {
            let kept = without_broken_imports(css, &base);
            assert!(kept.starts_with("@-no-import"), "{css} became {kept}");
        }
        for css in [
            "@import url(b.css); a {}",
            "@import 'c.css' layer(x);",
            "a { content: '@import' }",
            "@import",
            "@import é",
        ] {
            assert_eq!(without_broken_imports(css, &base), css);
        }
    }

    #[test]
    fn brackets_are_counted_as_a_tokenizer_sees_them() {
        assert_eq!(depth("a { b: c(d[e]) } f { g: h }"), 3);
        assert_eq!(depth("a { b: ')' ) ] c: d( }"), 2);
        assert_eq!(depth("/* {{{{ */ a { content: '{{{' }"), 1);
        assert_eq!(depth("a { content: '{{\\'{{' }"), 1);
        assert_eq!(depth("'bad { \n{ {"), 2);
        assert_eq!(depth(&"(".repeat(1000)), 1000);
        assert_eq!(depth(&"{)".repeat(1000)), 1000);
        assert_eq!(depth("a { b: \\{ } /* open {"), 1);
        assert_eq!(depth("/*/ { */ {"), 1);
        assert_eq!(depth(""), 0);
    }
}
