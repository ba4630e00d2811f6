//! What a server says to a ClientHello, as far as it says it in the clear. Nothing here does I/O.

use rustls::AlertDescription;

/// What a server picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) version: u16,
    pub(super) suite: u16,
    /// The group of the key exchange, if there is one.
    pub(super) group: Option<u16>,
}

/// What a server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Pick(Pick),
    Alert(AlertDescription),
}

/// Why bytes are no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    NotTls,
    Rule(&'static str),
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CHANGE_CIPHER_SPEC: u8 = 20;

const SERVER_HELLO: u8 = 2;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;

const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// The longest record (RFC 5246, section 6.2.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// The reply in these bytes; none if more have to come. Before TLS 1.3 the group comes later than the rest: only who wants it waits.
pub(super) fn read(bytes: &[u8], wants_group: bool) -> Result<Option<Reply>, Broken> {
    let mut messages = Vec::new();
    let mut rest = Bytes(bytes);
    while let Some((kind, body)) = record(&mut rest)? {
        match kind {
            HANDSHAKE => messages.extend_from_slice(body),
            ALERT => {
                let [_, code] = *body else { return Err(Broken::Rule("an alert of the wrong length")) };
                return Ok(Some(Reply::Alert(AlertDescription::from(code))));
            }
            CHANGE_CIPHER_SPEC => {}
            _ => return Err(Broken::Rule("application data in a handshake")),
        }
    }
    handshake(Bytes(&messages), wants_group)
}

/// The next record, if it is whole.
fn record<'a>(bytes: &mut Bytes<'a>) -> Result<Option<(u8, &'a [u8])>, Broken> {
    let Some([kind, major, _, length @ ..]) = bytes.0.first_chunk::<5>() else {
        let may_be = bytes.0.first().is_none_or(|kind| (CHANGE_CIPHER_SPEC..=23).contains(kind));
        return if may_be { Ok(None) } else { Err(Broken::NotTls) };
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if !(CHANGE_CIPHER_SPEC..=23).contains(kind) || *major != 3 || length > RECORD_BYTES_MAX {
        return Err(Broken::NotTls);
    }
    let Some(body) = bytes.0.get(5..5 + length) else { return Ok(None) };
    bytes.0 = &bytes.0[5 + length..];
    Ok(Some((*kind, body)))
}

/// The pick in a server's messages: its hello, and before TLS 1.3 the group in its key exchange.
fn handshake(mut messages: Bytes<'_>, wants_group: bool) -> Result<Option<Reply>, Broken> {
    if messages.0.first().is_some_and(|kind| *kind != SERVER_HELLO) {
        return Err(Broken::Rule("the first message is no ServerHello"));
    }
    let Some((_, hello)) = message(&mut messages) else { return Ok(None) };
    let mut pick = server_hello(Bytes(hello)).ok_or(Broken::Rule("a ServerHello that cannot be read"))?;
    if pick.group.is_some() || !wants_group || !has_group(pick.suite) {
        return Ok(Some(Reply::Pick(pick)));
    }
    while let Some((kind, body)) = message(&mut messages) {
        match kind {
            SERVER_KEY_EXCHANGE => {
                // "named_curve", and which (RFC 8422, section 5.4).
                let [3, group @ ..] = body.first_chunk::<3>().ok_or(Broken::Rule("an empty ServerKeyExchange"))? else {
                    return Err(Broken::Rule("a curve without a name"));
                };
                pick.group = Some(u16::from_be_bytes(*group));
                return Ok(Some(Reply::Pick(pick)));
            }
            SERVER_HELLO_DONE => return Ok(Some(Reply::Pick(pick))),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a suite before TLS 1.3 exchanges keys on a curve, new for each handshake.
pub(super) fn has_group(suite: u16) -> bool {
    let name = rustls::CipherSuite::from(suite);
    name.as_str().is_some_and(|name| name.starts_with("TLS_ECDHE_") || name.starts_with("TLS_ECDH_anon_"))
}

/// The next message, if it is whole.
fn message<'a>(bytes: &mut Bytes<'a>) -> Option<(u8, &'a [u8])> {
    let [kind, length @ ..] = bytes.0.first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes([0, length[0], length[1], length[2]])).ok()?;
    let body = bytes.0.get(4..)?.get(..length)?;
    bytes.0 = &bytes.0[4 + length..];
    Some((*kind, body))
}

/// RFC 8446, section 4.1.3. A HelloRetryRequest is one with a random number that everybody knows.
fn server_hello(mut hello: Bytes<'_>) -> Option<Pick> {
    let mut pick = Pick { version: hello.u16()?, suite: 0, group: None };
    hello.take(32)?;
    let session_bytes = hello.u8()?;
    hello.take(usize::from(session_bytes))?;
    pick.suite = hello.u16()?;
    hello.u8()?;
    if hello.0.is_empty() {
        return Some(pick);
    }
    let length = hello.u16()?;
    let mut extensions = Bytes(hello.take(usize::from(length))?);
    while !extensions.0.is_empty() {
        let (kind, length) = (extensions.u16()?, extensions.u16()?);
        let mut body = Bytes(extensions.take(usize::from(length))?);
        match kind {
            SUPPORTED_VERSIONS => pick.version = body.u16()?,
            // A group and a share, or in a HelloRetryRequest the group alone.
            KEY_SHARE => pick.group = Some(body.u16()?),
            _ => {}
        }
    }
    Some(pick)
}

/// Bytes from which one takes until there are no more.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|taken| u16::from_be_bytes([taken[0], taken[1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_of(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 3, 3], &u16::try_from(body.len()).expect("short").to_be_bytes()[..], body].concat()
    }

    fn message_of(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0], &u16::try_from(body.len()).expect("short").to_be_bytes()[..], body].concat()
    }

    fn hello(version: u16, suite: u16, extensions: &[u8]) -> Vec<u8> {
        let length = u16::try_from(extensions.len()).expect("short").to_be_bytes();
        let body =
            [&version.to_be_bytes()[..], &[7; 32], &[0], &suite.to_be_bytes(), &[0], &length, extensions].concat();
        message_of(SERVER_HELLO, &body)
    }

    #[test]
    fn a_reply_is_read_when_it_is_whole_however_it_is_cut() {
        let retry = hello(0x0303, 0x1301, &[0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0x11, 0xec]);
        let older = [hello(0x0303, 0xc02b, &[]), message_of(11, &[0; 9]), message_of(12, &[3, 0, 29, 9, 9])].concat();
        for (messages, version, suite, group) in [(retry, 0x0304, 0x1301, 0x11ec), (older, 0x0303, 0xc02b, 29)] {
            for cut in [1, 4, messages.len() / 2, messages.len() - 1] {
                let (first, second) = messages.split_at(cut);
                let bytes = [record_of(HANDSHAKE, first), record_of(HANDSHAKE, second)].concat();
                assert_eq!(read(&bytes, true), Ok(Some(Reply::Pick(Pick { version, suite, group: Some(group) }))));
                for end in 0..bytes.len() {
                    assert_eq!(read(&bytes[..end], true), Ok(None), "{cut} {end}");
                }
            }
        }
        let early = record_of(HANDSHAKE, &hello(0x0303, 0xc02b, &[]));
        let without = Pick { version: 0x0303, suite: 0xc02b, group: None };
        assert_eq!((read(&early, true), read(&early, false)), (Ok(None), Ok(Some(Reply::Pick(without)))));
        // An exchange without a curve has no group to wait for.
        let plain = record_of(HANDSHAKE, &hello(0x0301, 0x002f, &[]));
        assert_eq!(read(&plain, true), Ok(Some(Reply::Pick(Pick { version: 0x0301, suite: 0x002f, group: None }))));
        let alert = Reply::Alert(AlertDescription::HandshakeFailure);
        assert_eq!(read(&record_of(ALERT, &[2, 40]), true), Ok(Some(alert)));
    }

    #[test]
    fn what_is_no_reply_says_why() {
        for not_tls in [b"HTTP/1.1 400".as_slice(), b"S", &[22, 9, 9, 0, 1, 0], &[22, 3, 3, 0xff, 0xff]] {
            assert_eq!(read(not_tls, true), Err(Broken::NotTls), "{not_tls:?}");
        }
        for broken in [
            record_of(ALERT, &[2]),
            record_of(23, &[0]),
            record_of(HANDSHAKE, &message_of(11, &[])),
            record_of(HANDSHAKE, &message_of(SERVER_HELLO, &[3, 3])),
            record_of(HANDSHAKE, &hello(0x0303, 0x1301, &[0, 43, 0, 9])),
            record_of(HANDSHAKE, &[hello(0x0303, 0xc02b, &[]), message_of(12, &[1, 0, 29])].concat()),
        ] {
            assert!(matches!(read(&broken, true), Err(Broken::Rule(_))), "{broken:?}");
        }
    }
}
