//! Nothing that a peer sent reaches a terminal or a page as anything but text.

/// Text that does nothing to a terminal: control characters, and those that reorder what is around them, become visible.
#[must_use]
pub fn escape_terminal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        if is_active(one) { safe.extend(one.escape_unicode()) } else { safe.push(one) }
    }
    safe
}

/// JSON that does nothing to a terminal, and says the same: what is left of control characters in its strings is written as numbers.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for one in json.chars() {
        // In a string, a line's end is written as a number already; outside, it is layout. All active characters fit 16 bits.
        if is_active(one) && one != '\n' {
            safe.push_str(&format!("\\u{:04x}", u32::from(one)));
        } else {
            safe.push(one);
        }
    }
    safe
}

/// Text that is only text in HTML and XML, inside and outside of quoted attributes.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML has no way to write most of them.
            _ if is_active(one) => safe.extend(one.escape_unicode()),
            // Nor these.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ => safe.push(one),
        }
    }
    safe
}

/// Control characters (C0, DEL, C1), the separators that break lines, and the marks that change the direction of text.
fn is_active(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_visible_and_text_is_text() {
        assert_eq!(
            escape_terminal("a\u{1b}[31mb\u{9b}0m\u{202e}ü\r\n"),
            "a\\u{1b}[31mb\\u{9b}0m\\u{202e}ü\\u{d}\\u{a}"
        );
        let json = serde_json::to_string_pretty(&["\u{9b}31m\u{202e}ü\n\u{7f}"]).expect("JSON");
        assert_eq!(escape_json(&json), "[\n  \"\\u009b31m\\u202eü\\n\\u007f\"\n]");
        assert_eq!(escape_html("<a b='c' d=\"&\">\u{0}"), "&lt;a b=&#39;c&#39; d=&quot;&amp;&quot;&gt;\\u{0}");
        assert_eq!(escape_html("\u{ffff}"), "\u{fffd}");
    }
}
