//! Awkward encodings and characters.

use super::{Awkward, painted};

pub(super) fn pages() -> Vec<Awkward> {
    [encodings(), characters()].into_iter().flatten().collect()
}

fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes_of).collect()
}

fn encodings() -> Vec<Awkward> {
    vec![
        painted("UTF-16, the large end first", utf16("<p>größer", u16::to_be_bytes)).checked(|painting| {
            assert!(painting.encoding == "UTF-16BE" && painting.dom.to_string().contains("größer"))
        }),
        painted(
            "UTF-16, the small end first, and half a character",
            [utf16("<p>größer", u16::to_le_bytes), vec![0x61]].concat(),
        )
        .checked(|painting| assert!(painting.encoding == "UTF-16LE" && painting.had_encoding_errors)),
        painted(
            "half of a pair in UTF-16",
            utf16("<p>", u16::to_le_bytes).into_iter().chain([0x00, 0xd8, 0x41, 0x00]).collect::<Vec<_>>(),
        ),
        painted("Shift JIS, as the page says", b"<meta charset=shift_jis><p>\x83e\x83X\x83g \x83\xff\xfd".to_vec())
            .served_as("text/html")
            .checked(|painting| assert!(painting.dom.to_string().contains("テスト"))),
        painted("ISO-2022-JP with escapes", b"<meta charset=iso-2022-jp><p>\x1b$B%F%9%H\x1b(B \x1b$Bx".to_vec())
            .served_as("text/html"),
        painted("GB 18030", b"<p>\xc4\xe3\xba\xc3 \x81\x30\x81\x30 \xff\x80".to_vec())
            .served_as("text/html; charset=gb18030"),
        painted(
            "UTF-8 that is none",
            b"<p>\xc3\x28 \xa0\xa1 \xe2\x28\xa1 \xf0\x28\x8c\xbc \xfc\xa1\xa1\xa1\xa1\xa1 \xc0\xaf".to_vec(),
        )
        .checked(|painting| assert!(painting.had_encoding_errors)),
        painted("half a byte order mark", b"\xef\xbb<p>x".to_vec()),
        painted("a charset that nobody knows", "<p>x").served_as("text/html; charset=klingon-8; charset=\"utf-8"),
        painted("UTF-7", "+ADw-script+AD4-").served_as("text/html; charset=utf-7"),
        painted("no content type that makes sense", "<p>x").served_as(";;;=;charset"),
        painted("the page contradicts itself", b"<meta charset=utf-8><meta charset=koi8-r><p>\xc1".to_vec())
            .served_as("text/html"),
    ]
}

fn characters() -> Vec<Awkward> {
    vec![
        painted("marks upon marks", format!("<p>a{}", "\u{300}\u{316}\u{334}".repeat(5_000))),
        painted(
            "from right to left and back",
            "<p>abc \u{5d0}\u{5d1} \u{202e}abc\u{202c} \u{2067}\u{2066}x\u{2069} ".repeat(200),
        ),
        painted("directions without an end", "\u{202e}\u{2067}\u{202a}".repeat(5_000)),
        painted("faces and flags", "<p>👩‍👩‍👧‍👦🏳️‍🌈🇩🇪🇩🇩🇩👍🏿 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{10ffff}".repeat(100)),
        painted("controls", (1..=255).filter_map(char::from_u32).collect::<String>()),
        painted("spaces that have no width", "<p>a\u{200b}\u{feff}\u{200d}\u{2060}\u{ad}".repeat(5_000)),
        painted("scripts from everywhere", "<p>नमस्ते สวัสดี 你好 안녕 مرحبا שלום ሰላም ဟယ်လို ជំរាបសួរ"),
        painted("line ends of every kind", "<pre>a\rb\nc\r\nd\u{85}e\u{2028}f\u{2029}g\u{b}h\u{c}i</pre>"),
    ]
}
