//! The hosts file: names and addresses that were written down before there was DNS (RFC 952, and hosts(5)).

use std::net::IpAddr;

/// The largest hosts file that is read: lists of a million blocked names fit.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// An address in a hosts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostsEntry {
    /// The address.
    pub address: IpAddr,
    /// The line that says so, from 1.
    pub line: usize,
}

/// Every address that a hosts file gives for a name, in the file's order.
///
/// Lines are `address name alias…`; capitals do not matter, `#` starts a comment, and lines that say something else are
/// skipped, as every system does.
#[must_use]
pub fn find_in_hosts(file: &[u8], name: &str) -> Vec<HostsEntry> {
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    let lines = file.split(|byte| *byte == b'\n').enumerate();
    let entry = |(index, line): (usize, &[u8])| {
        let line = line.split(|byte| *byte == b'#').next()?;
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let address = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        let named = words.any(|word| word.strip_suffix(b".").unwrap_or(word).eq_ignore_ascii_case(name));
        named.then_some(HostsEntry { address, line: index + 1 })
    };
    if name.is_empty() { Vec::new() } else { lines.filter_map(entry).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found_on_both_families() {
        let file = b"127.0.0.1\tlocalhost\n::1 localhost ip6-localhost # loopback\n\
                     # 10.0.0.1 commented\n10.0.0.2 printer.lan Printer\r\nnonsense here\n10.0.0.3\n\xff\xfe x\n";
        let found =
            |name| find_in_hosts(file, name).iter().map(|entry| (entry.address.to_string(), entry.line)).collect();
        let expected: Vec<(String, usize)> = vec![("127.0.0.1".to_owned(), 1), ("::1".to_owned(), 2)];
        assert_eq!(expected, {
            let entries: Vec<(String, usize)> = found("LOCALHOST.");
            entries
        });
        assert_eq!(find_in_hosts(file, "printer").len(), 1);
        for absent in ["commented", "here", "", "10.0.0.3", "print", "x"] {
            assert_eq!(find_in_hosts(file, absent), [], "{absent}");
        }
    }
}
