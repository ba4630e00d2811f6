//! How much of a name is said to whom (QNAME minimisation, RFC 9156).
//!
//! ```text
//!                the whole name to everybody        no more than it takes
//!  .             www.shop.example.? ──► example.    example.?          ──► example.
//!  example.      www.shop.example.? ──► shop…       shop.example.?     ──► shop.example.
//!  shop.example. www.shop.example.? ──► address     www.shop.example.? ──► address
//! ```
//!
//! Some servers answer wrongly when asked about a name that has nothing but names below it: they deny it, refuse, or say nothing.
//! Whatever a part of the name brings that does not lead on, the whole name is asked for next (the "relaxed" mode). It costs a query
//! where the name really does not exist, and then the proof is for the name itself.

use hickory_proto::rr::{Name, RecordType};

use super::Trail;
use super::ask::Question;
use crate::dns::DnsError;
use crate::dns::reply::{End, Reply};
use crate::dns::trace::Purpose;

/// The most queries for parts of names in one descent (MAX_MINIMISE_COUNT in RFC 9156, section 2.3).
pub(super) const PARTS_MAX: usize = 10;

/// So many of them show one label more each (MINIMISE_ONE_LAB); the others share the labels that are left.
const ONE_LABEL: usize = 4;

/// How much of a name has been shown in one descent.
pub(super) struct Disclosure {
    is_minimal: bool,
    parts: usize,
    /// Labels of the name that the zone's servers were asked about last.
    labels: usize,
}

impl Disclosure {
    pub(super) fn new(is_minimal: bool) -> Self {
        Self { is_minimal, parts: 0, labels: 0 }
    }

    /// From now on the whole name is asked for.
    fn end(&mut self) {
        self.is_minimal = false;
    }

    /// Another name is looked for.
    pub(super) fn restart(&mut self) {
        self.labels = 0;
    }

    /// The part of the name to ask the zone's servers about next; none if it is the whole name's turn.
    fn next(&mut self, zone: &Name, name: &Name) -> Option<Name> {
        if !self.is_minimal || self.parts >= PARTS_MAX {
            return None;
        }
        let (known, all) = (zone.iter().len().max(self.labels), name.iter().len());
        let left = all.saturating_sub(known);
        let more = if self.parts < ONE_LABEL { 1 } else { left.div_ceil(PARTS_MAX - self.parts) };
        if more >= left {
            return None;
        }
        self.parts += 1;
        self.labels = known + more;
        Some(name.trim_to(self.labels))
    }
}

impl Trail<'_> {
    /// From zone to zone, telling each no more of the name than it needs; the zone to ask for the whole of it.
    pub(super) async fn approach(
        &mut self,
        mut zone: Name,
        name: &Name,
        depth: usize,
        disclosure: &mut Disclosure,
    ) -> Result<Name, DnsError> {
        while let Some(part) = disclosure.next(&zone, name) {
            // Of all types the one that nobody finds strange (RFC 9156, section 2.1).
            let question = Question { name: part, record_type: RecordType::A, purpose: Purpose::Part, depth };
            match self.ask(&zone, &question, &[]).await {
                Ok(heard) => match heard.reply {
                    Reply::Referral(referral) => {
                        zone = self.enter(&zone, referral, heard.message.authorities, heard.server);
                    }
                    Reply::Answer { end: End::NoSuchName(_), .. } => disclosure.end(),
                    // No zone of its own begins here.
                    _ => {}
                },
                Err(DnsError::NoUsableServer { .. }) => disclosure.end(),
                Err(error) => return Err(error),
            }
        }
        Ok(zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    #[test]
    fn one_label_more_at_a_time_and_never_more_than_so_many() {
        let long = name(&"a.".repeat(60));
        let mut disclosure = Disclosure::new(true);
        let labels: Vec<usize> =
            std::iter::from_fn(|| disclosure.next(&Name::root(), &long)).map(|part| part.iter().len()).collect();
        assert_eq!(labels, [1, 2, 3, 4, 14, 24, 33, 42, 51]);
        assert!(labels.len() < PARTS_MAX);
        let mut disclosure = Disclosure::new(true);
        assert_eq!(disclosure.next(&name("b.c."), &name("x.y.a.b.c.")), Some(name("a.b.c.")));
        assert_eq!(disclosure.next(&name("a.b.c."), &name("x.y.a.b.c.")), Some(name("y.a.b.c.")));
        assert_eq!(
            disclosure.next(&name("a.b.c."), &name("x.y.a.b.c.")),
            None,
            "the whole name is the question itself"
        );
        assert_eq!(Disclosure::new(true).next(&Name::root(), &Name::root()), None);
        assert_eq!(Disclosure::new(false).next(&Name::root(), &long), None);
    }
}
