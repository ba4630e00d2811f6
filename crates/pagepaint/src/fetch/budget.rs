//! How many bytes the resources of a page may have.

use super::Fetched;
use crate::Limits;
use crate::vet::{exceeded, exceeded_together};

/// What is left of the bytes that a page's resources may have.
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    taken: usize,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, taken: 0 }
    }

    /// What is too much, or does not count, is given up at once, and not kept until all others are there.
    pub(crate) fn take(&mut self, fetched: &mut Fetched) {
        let bytes = fetched.body.len();
        let taken = self.taken.saturating_add(bytes);
        let Limits { resource_bytes_max: one_max, resources_total_bytes_max: all_max, .. } = *self.limits;
        if fetched.error.is_none() && bytes > one_max {
            fetched.error = Some(exceeded("resource_bytes_max", bytes as u64, one_max as u64));
        } else if fetched.error.is_none() && taken > all_max {
            fetched.error = Some(exceeded_together("resources_total_bytes_max", taken as u64, all_max as u64));
        }
        match fetched.error {
            Some(_) => fetched.body = Vec::new(),
            None => self.taken = taken,
        }
    }
}
