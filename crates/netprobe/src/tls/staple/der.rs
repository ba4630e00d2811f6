//! The elements of DER (X.690) that an OCSP response is made of.

use x509_parser::asn1_rs::{Any, Enumerated, FromDer, Tag};
use x509_parser::prelude::ASN1Time;

/// What does not fit the grammar of RFC 6960, section 4.2.1.
pub(super) type Reading<T> = Result<T, String>;

/// The elements of a sequence, one after the other.
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The elements of a sequence that is all there is.
    pub(super) fn of(der: &'a [u8], what: &str) -> Reading<Self> {
        Elements(der).sequence(what)
    }

    pub(super) fn next(&mut self, what: &str) -> Reading<Any<'a>> {
        let (rest, any) = Any::from_der(self.0).map_err(|error| format!("{what}: {error}"))?;
        self.0 = rest;
        Ok(any)
    }

    pub(super) fn sequence(&mut self, what: &str) -> Reading<Elements<'a>> {
        let any = self.next(what)?;
        if any.header.tag() == Tag::Sequence { Ok(Elements(any.data)) } else { Err(format!("{what} is no sequence")) }
    }

    /// What is behind a tag of this sequence's own, if it comes next.
    pub(super) fn tagged(&mut self, number: u32) -> Option<Elements<'a>> {
        let (rest, any) = Any::from_der(self.0).ok()?;
        let is_it = any.header.is_contextspecific() && any.header.tag().0 == number;
        is_it.then(|| {
            self.0 = rest;
            Elements(any.data)
        })
    }

    pub(super) fn time(&mut self, what: &str) -> Reading<i64> {
        let (rest, time) = ASN1Time::from_der(self.0).map_err(|error| format!("{what}: {error}"))?;
        self.0 = rest;
        Ok(time.timestamp())
    }

    pub(super) fn number(&mut self, what: &str) -> Reading<u32> {
        let (rest, number) = Enumerated::from_der(self.0).map_err(|error| format!("{what}: {error}"))?;
        self.0 = rest;
        Ok(number.0)
    }
}
