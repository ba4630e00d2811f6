//! What the engine asks for, fetched, looked at and given to it.

use blitz_dom::BaseDocument;

use super::Wishes;
use super::asker::Asked;
use super::work::Work;
use crate::fetch::{Initiator, ResourceKind, Wanted};
use crate::{Error, StageName, vet};

/// How often the engine may ask for more after it has what it asked for: an import in an import, a background in either.
const ROUNDS_MAX: usize = 32;

impl Work<'_> {
    /// Fetches what the engine asks for, until it asks for nothing more.
    pub(super) fn deliver_all(&mut self, document: &mut BaseDocument) -> Result<bool, Error> {
        for round in 0..ROUNDS_MAX {
            let asked = self.asker.take();
            if asked.is_empty() {
                return Ok(round > 0);
            }
            let (asked, refused) = self.within_limits(asked);
            self.left_out += refused.len();
            for (wanted, handler) in refused {
                handler.bytes(wanted.url.to_string(), Default::default());
            }
            self.deliver(document, asked)?;
        }
        // What is still asked for does not come.
        let rest = self.asker.take();
        self.left_out += rest.len();
        for (wanted, handler) in rest {
            handler.bytes(wanted.url.to_string(), Default::default());
        }
        Ok(true)
    }

    /// What may still be fetched, and what is too much.
    fn within_limits(&self, mut asked: Vec<Asked>) -> (Vec<Asked>, Vec<Asked>) {
        let left = self.painter.limits.resources_max.saturating_sub(self.record.resources_count());
        let refused = asked.split_off(left.min(asked.len()));
        (asked, refused)
    }

    /// Waits for resources, and gives each to the engine in its turn: a style sheet may ask for more in its name.
    fn deliver(&mut self, document: &mut BaseDocument, asked: Vec<Asked>) -> Result<(), Error> {
        let (wanted, handlers): (Vec<Wanted>, Vec<_>) = asked.into_iter().unzip();
        let outside = self.outside;
        let first = self.record.asked(&wanted);
        let urls = wanted.iter().map(|wanted| wanted.url.clone()).collect();
        let waited = self.record.time(StageName::Fetch, || {
            outside.wanted.send(Wishes { first, urls }).ok()?;
            outside.delivered.recv().ok()
        });
        // Nobody waits for the picture any more.
        let gone = || Error::Time { stage: StageName::Fetch, max_ms: self.painter.limits.time_max_ms };
        let delivered = waited.ok_or_else(gone)?;
        for (((place, wanted), handler), mut fetched) in (first..).zip(wanted).zip(handlers).zip(delivered) {
            let kind = vet::kind(&wanted.initiator, &fetched);
            let vetted = self.vet.vetted(kind, &mut fetched, &wanted.url);
            let (body, error) = vetted.map_or_else(|error| (Vec::new(), Some(error)), |body| (body, None));
            self.record.vetted(place, kind, error);
            self.asker.ask_as(Initiator::StyleSheet(self.record.secrets.url(&wanted.url)));
            let stage = if kind == ResourceKind::StyleSheet { StageName::Cssom } else { StageName::Images };
            self.record.time(stage, || {
                // Nothing is what the engine gets if there is nothing, so that it does not wait.
                handler.bytes(wanted.url.to_string(), body.into());
                document.handle_messages();
            });
        }
        self.asker.ask_as(Initiator::Style);
        Ok(())
    }
}
