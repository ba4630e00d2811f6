//! Whatever the text, reading it as a URL, as an override, as a root's key, as the value of a header, or as where an answer sends us
//! gives something or an error: no panic, no hang. What a report shows of a URL holds no password, and shown again says the same.

use netprobe::Override;
use netprobe::dns::Anchor;
use netprobe::http::{AltService, Hsts, Jar, target};
use netprobe::render::{escape_html, escape_terminal};
use netprobe::url::{host, parse, port, redacted, redacted_text};

pub(crate) fn check(text: &str) {
    let shown = redacted_text(text);
    assert!(!escape_terminal(&shown).chars().any(char::is_control));
    assert!(!escape_html(&shown).contains(['<', '>', '"', '\'']));
    if let Ok(url) = parse(text) {
        assert!(!host(&url).is_empty() && port(&url) == url.port_or_known_default().unwrap_or(443));
        let shown = redacted(&url);
        let again = parse(&shown).expect("what is shown can be visited");
        assert_eq!((host(&again), again.password()), (host(&url), None));
        assert!(again.username().is_empty() || again.username() == "redacted");
        assert_eq!(redacted(&again), shown);
    }
    let from = parse("https://ann:secret@a.test/x/y?z#f").expect("a URL");
    if let Ok(Some(next)) = target(&from, 302, Some(text)) {
        assert!(matches!(next.scheme(), "http" | "https"));
        let mut jar = Jar::default();
        for cookie in jar.take([text].into_iter(), &next, false) {
            assert_ne!(cookie.value, "secret");
        }
        let _ = jar.header(&from);
    }
    let _ = (text.parse::<Override>(), text.parse::<Anchor>(), Hsts::parse(text));
    assert!(AltService::parse(text).len() <= text.len());
}
