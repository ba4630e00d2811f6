//! What records say, by the standard's own examples.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::NULL;

use super::*;

const FOO: &[u8] = b"\x03foo\x07example\x03com\0";

/// A record as it comes from the wire.
fn read(parts: &[&[u8]]) -> Result<Vec<rr::Record>, String> {
    let data = RData::Unknown { code: RecordType::HTTPS, rdata: NULL::with(parts.concat()) };
    let mut message = Message::query();
    message.add_answer(rr::Record::from_rdata(Name::from_ascii("a.test.").expect("a name"), 300, data));
    let bytes = message.to_vec().expect("bytes");
    Message::from_vec(&bytes).map(|message| message.answers).map_err(|error| error.to_string())
}

fn binding(parts: &[&[u8]]) -> Result<ServiceBinding, BadServiceBinding> {
    let records = read(parts).expect("a record");
    ServiceBinding::of(&records[0]).expect("an HTTPS record")
}

/// RFC 9460, appendix D.
#[test]
fn the_vectors_of_the_standard() {
    let alias = binding(&[b"\0\0", FOO]).expect("figure 2");
    assert_eq!((alias.is_alias(), alias.target.as_str(), alias.alpn.len()), (true, "foo.example.com.", 0));
    let own = binding(&[b"\0\x01\0"]).expect("figure 3");
    assert_eq!((own.priority, own.target.as_str(), own.alpn), (1, "a.test.", vec!["http/1.1".to_owned()]));
    let port = binding(&[b"\0\x10", FOO, b"\0\x03\0\x02\0\x35"]).expect("figure 4");
    assert_eq!((port.priority, port.port), (16, Some(53)));
    let unknown = binding(&[b"\0\x01", FOO, b"\x02\x9b\0\x05hello"]).expect("figure 5");
    assert_eq!(unknown.unknown, ["key667"]);
    let hints: [u8; 32] = [
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, 0,
        1,
    ];
    let hinted = binding(&[b"\0\x01", FOO, b"\0\x06\0\x20", &hints]).expect("figure 7");
    assert_eq!(
        hinted.ipv6_hints.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["2001:db8::1", "2001:db8::53:1"]
    );
    let ordered = b"\0\0\0\x04\0\x01\0\x04\0\x01\0\x09\x02h2\x05h3-19\0\x04\0\x04\xc0\0\x02\x01";
    let ordered = binding(&[b"\0\x10", FOO, ordered]).expect("figure 9");
    assert_eq!(
        (ordered.mandatory.join(","), ordered.alpn.join(",")),
        ("alpn,ipv4hint".to_owned(), "h2,h3-19,http/1.1".to_owned())
    );
    assert_eq!(ordered.ipv4_hints, [Ipv4Addr::new(192, 0, 2, 1)]);
}

#[test]
fn what_contradicts_itself_is_not_used() {
    let bad = |params: &[u8]| binding(&[b"\0\x01\0", params]).expect_err("a reason");
    let key = |key: &str| key.to_owned();
    assert_eq!(bad(b"\0\0\0\x02\0\x04"), BadServiceBinding::MandatoryAbsent { key: key("ipv4hint") });
    assert_eq!(bad(b"\0\0\0\x02\0\0"), BadServiceBinding::MandatoryWrong { key: key("mandatory") });
    let twice = b"\0\0\0\x04\0\x03\0\x03\0\x03\0\x02\0\x35";
    assert_eq!(bad(twice), BadServiceBinding::MandatoryWrong { key: key("port") });
    assert!(matches!(bad(b"\0\0\0\x02\x02\x9b\x02\x9b\0\0"), BadServiceBinding::NotUnderstood { .. }));
    assert_eq!(bad(b"\0\x02\0\0"), BadServiceBinding::NothingOffered);
    assert_eq!(bad(b"\0\x04\0\0"), BadServiceBinding::Empty { key: key("ipv4hint") });
    assert_eq!(bad(b"\0\x01\0\x01\0"), BadServiceBinding::Empty { key: key("alpn") });
}

#[test]
fn bytes_that_are_no_record_are_refused() {
    for (what, params) in [
        ("keys out of order", &b"\0\x03\0\x02\0\x35\0\x01\0\x03\x02h2"[..]),
        ("a key twice", b"\0\x03\0\x02\0\x35\0\x03\0\x02\0\x35"),
        ("a length past the end", b"\0\x03\0\x09\0\x35"),
        ("a length past the value", b"\0\x01\0\x02\x09h"),
        ("no value", b"\0\x01\0\0"),
        ("a value where there is none", b"\0\x02\0\x03abc"),
        ("half an address", b"\0\x04\0\x03\xc0\0\x02"),
        ("a few bytes more", b"\0\x03\0\x02\0\x35\0"),
    ] {
        assert!(read(&[b"\0\x01\0", params]).is_err(), "{what}");
    }
}

#[test]
fn it_is_said_in_words() {
    let records = |parts: &[&[u8]]| text::records(&read(parts).expect("a record"));
    let offer = b"\0\x01\0\x06\x02h3\x02h2\0\x03\0\x02\x20\xfb\0\x04\0\x04\xc0\0\x02\x01\0\x05\0\x04\0\x02\xfe\x0d";
    let sentences = meaning(&records(&[b"\0\x01\0", offer]));
    assert_eq!(
        sentences[0],
        "a.test. offers h3, h2, http/1.1 on port 8443; HTTP/3 can be tried on the first visit; a connection can begin at \
         192.0.2.1 before its address is known; it has keys that hide the host's name in the ClientHello (ECH)"
    );
    assert!(sentences[1].contains("goes to https: at once"));
    let found = records(&[b"\0\x01\0", offer]);
    assert_eq!(usable(&found)[0].ech_config_list(), Some(vec![0, 2, 0xfe, 0x0d]));
    let mixed = [records(&[b"\0\0", FOO]), records(&[b"\0\x01\0", offer])].concat();
    assert_eq!(meaning(&mixed), ["the site is served as foo.example.com."], "an alias alone counts");
    assert_eq!(meaning(&records(&[b"\0\0\0"])), ["the site says that it is not offered"]);
    let bad = meaning(&records(&[b"\0\x01\0\0\x02\0\0"]));
    assert!(bad[0].ends_with("is not used: it rules out http/1.1, and has no alpn"), "{bad:?}");
}

#[test]
fn it_is_written_as_zone_files_write_it() {
    let data = |parts: &[&[u8]]| text::records(&read(parts).expect("a record"))[0].data.clone();
    let all = b"\0\0\0\x02\0\x01\0\x01\0\x06\x02h2\x02h3\0\x02\0\0\0\x03\0\x02\x20\xfb\0\x04\0\x04\xc0\0\x02\x01\x02\x9b\0\x04a\x07\xff\"";
    let expected =
        r#"1 . mandatory=alpn alpn="h2,h3" no-default-alpn port=8443 ipv4hint=192.0.2.1 key667="a\007\255\"""#;
    assert_eq!(data(&[b"\0\x01\0", all]), expected);
    assert_eq!(data(&[b"\0\0", FOO]), "0 foo.example.com.");
    let comma = b"\0\x01\0\x09\x08f\\oo,bar";
    assert_eq!(data(&[b"\0\x01\0", comma]), r#"1 . alpn="f\\\\oo\\,bar""#);
}

#[test]
fn other_ports_have_names_of_their_own() {
    let host = Name::from_ascii("www.a.test.").expect("a name");
    assert_eq!(query_name(&host, 443), Some(host.clone()));
    assert_eq!(query_name(&host, 80), Some(host.clone()));
    assert_eq!(query_name(&host, 8443).map(|name| text::name(&name)).as_deref(), Some("_8443._https.www.a.test."));
    let long = Name::from_ascii(format!("{}test.", "a.".repeat(122))).expect("a name");
    assert_eq!(query_name(&long, 8443), None, "no room");
}
