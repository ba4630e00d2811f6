//! How a site wants to be reached (RFC 9460): asked beside its addresses, and from alias to alias.

use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};

use super::{Descent, Ending, Trail};
use crate::dns::trace::{Alias, Purpose, Site};
use crate::dns::{DnsError, service, text};

impl Trail<'_> {
    /// The HTTPS record of the walk's site, if it has one to ask for. Mostly it was heard beside the addresses.
    pub(super) async fn look_up_site(&mut self) -> Option<Site> {
        let name = self.site.take()?;
        let grace_ns = u64::try_from(self.options.site_grace.as_nanos()).unwrap_or(u64::MAX);
        self.site_until_ns = Some(self.clock.now_ns().saturating_add(grace_ns));
        let lookup = self.look_up(&name, RecordType::HTTPS).await;
        Some(Site { name: text::name(&name), lookup })
    }

    /// What is left of the patience for the site's record; none if nobody hurries.
    pub(super) fn patience_left(&self) -> Result<Option<Duration>, DnsError> {
        let Some(until_ns) = self.site_until_ns else { return Ok(None) };
        let after_ms = u64::try_from(self.options.site_grace.as_millis()).unwrap_or(u64::MAX);
        match until_ns.saturating_sub(self.clock.now_ns()) {
            0 => Err(DnsError::TimedOut { after_ms }),
            left_ns => Ok(Some(Duration::from_nanos(left_ns))),
        }
    }

    /// On to where records in alias mode lead. What is there may have no such record: then it is reached as its addresses say.
    pub(super) async fn descend_to_service(
        &mut self,
        name: &Name,
        record_type: RecordType,
    ) -> Result<Descent, DnsError> {
        let mut descent = self.descend(name, record_type, Purpose::Question, 0).await?;
        let mut path = vec![name.clone()];
        while let Ending::Records(records) = &descent.end
            && let Some((record, target)) = service::alias(records)
        {
            let target = target.clone();
            let alias = Alias { name: text::name(&record.name), target: text::name(&target), ttl: record.ttl };
            descent.aliases.push(alias);
            let is_loop = path.contains(&target);
            path.push(target.clone());
            let names = || path.iter().map(text::name).collect();
            if is_loop {
                return Err(DnsError::AliasLoop { path: names() });
            }
            if descent.aliases.len() > self.options.aliases_max {
                return Err(DnsError::AliasesExceeded { max: self.options.aliases_max, path: names() });
            }
            let next = self.descend(&target, record_type, Purpose::Question, 0).await?;
            descent.aliases.extend(next.aliases);
            descent.status = descent.status.and(next.status);
            descent.end = next.end;
        }
        Ok(descent)
    }
}
