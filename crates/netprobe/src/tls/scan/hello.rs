//! A ClientHello, byte by byte (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2). What it offers is all that matters: no handshake
//! is finished, so there are no keys behind it.

use super::Version;

/// What a client says that it can do.
pub(super) struct Offer<'a> {
    pub(super) version: Version,
    /// The host, unless it is an address.
    pub(super) server_name: Option<&'a str>,
    pub(super) suites: &'a [u16],
    pub(super) groups: &'a [u16],
    pub(super) random: [u8; 32],
}

/// Schemes that certificates and handshakes are signed with, old ones too: what is refused here would hide what is accepted otherwise.
const SIGNATURE_SCHEMES: [u16; 14] =
    [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0202];

impl Offer<'_> {
    /// The record with the ClientHello.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut record = vec![22, 3, 1];
        sized(&mut record, 2, |record| {
            record.push(1);
            sized(record, 3, |hello| self.body(hello));
        });
        record
    }

    fn body(&self, hello: &mut Vec<u8>) {
        let is_1_3 = self.version == Version::Tls13;
        // TLS 1.3 says that it is 1.2, and what it is in an extension.
        put(hello, self.version.code().min(Version::Tls12.code()));
        hello.extend(self.random);
        // A session to be resumed is nothing new to boxes on the way, which is why TLS 1.3 pretends that there is one.
        sized(hello, 1, |session| session.extend(if is_1_3 { &self.random[..] } else { &[] }));
        sized(hello, 2, |suites| self.suites.iter().for_each(|suite| put(suites, *suite)));
        hello.extend([1, 0]);
        sized(hello, 2, |extensions| self.extensions(extensions));
    }

    fn extensions(&self, to: &mut Vec<u8>) {
        if let Some(name) = self.server_name {
            extension(to, 0, |names| {
                sized(names, 2, |names| {
                    names.push(0);
                    sized(names, 2, |text| text.extend(name.bytes()));
                });
            });
        }
        extension(to, 10, |groups| sized(groups, 2, |list| self.groups.iter().for_each(|group| put(list, *group))));
        if self.version >= Version::Tls12 {
            extension(to, 13, |schemes| {
                sized(schemes, 2, |list| SIGNATURE_SCHEMES.iter().for_each(|one| put(list, *one)))
            });
        }
        if self.version == Version::Tls13 {
            extension(to, 43, |versions| sized(versions, 1, |list| put(list, self.version.code())));
            extension(to, 45, |modes| modes.extend([1, 1]));
            // No share of any group: so the server has to say which one it wants (HelloRetryRequest), and nobody computes one.
            extension(to, 51, |shares| put(shares, 0));
        } else {
            extension(to, 11, |formats| formats.extend([1, 0]));
            extension(to, 23, |_| {});
            extension(to, 0xff01, |renegotiation| renegotiation.push(0));
        }
    }
}

fn put(to: &mut Vec<u8>, value: u16) {
    to.extend(value.to_be_bytes());
}

fn extension(to: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    put(to, kind);
    sized(to, 2, write);
}

/// Something with its length in front, in so many bytes.
fn sized(to: &mut Vec<u8>, length_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.resize(start + length_bytes, 0);
    write(to);
    let length = (to.len() - start - length_bytes).to_be_bytes();
    to[start..start + length_bytes].copy_from_slice(&length[length.len() - length_bytes..]);
}
