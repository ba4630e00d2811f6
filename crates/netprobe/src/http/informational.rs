//! Answers before the answer (RFC 9110, section 15.2): 100 says that the body of the request may come, 103 what the page will need.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::moments::Moments;
use super::redaction::{self, Header};
use crate::Clock;

/// An answer of status 1xx: another one follows (RFC 9110, section 15.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Informational {
    /// 100 (Continue), 102 (Processing), 103 (Early Hints), or another from 100 to 199.
    pub status: u16,
    /// What came with it, secrets redacted unless asked for.
    pub headers: Vec<Header>,
    /// When it was there, in nanoseconds since the run's start.
    pub at_ns: u64,
}

impl Informational {
    /// The status, its name, and where its `link` headers point (RFC 8297).
    #[must_use]
    pub fn summary(&self) -> String {
        let name = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let name = name.unwrap_or("an informational answer");
        let links = self.headers.iter().filter(|header| header.name == "link").map(|header| header.value.as_str());
        let links: Vec<&str> = links.collect();
        let colon = if links.is_empty() { "" } else { ": " };
        format!("{} {name}{colon}{}", self.status, links.join(", "))
    }
}

/// Those of one exchange, noted from inside of whoever reads the connection.
pub(super) struct Interim {
    clock: Clock,
    moments: Arc<Moments>,
    reveal_secrets: bool,
    responses_max: usize,
    responses: Mutex<Vec<Informational>>,
    /// A 100 has come.
    pub(super) goes_on: Notify,
    /// More have come than anybody needs.
    pub(super) too_many: Notify,
}

impl Interim {
    pub(super) fn new(clock: Clock, moments: Arc<Moments>, responses_max: usize, reveal_secrets: bool) -> Arc<Self> {
        let (goes_on, too_many) = (Notify::new(), Notify::new());
        let responses = Mutex::default();
        Arc::new(Self { clock, moments, reveal_secrets, responses_max, responses, goes_on, too_many })
    }

    pub(super) fn note(&self, status: StatusCode, headers: &HeaderMap) {
        self.moments.forget_read();
        if status == StatusCode::CONTINUE {
            self.goes_on.notify_one();
        }
        let mut responses = self.responses.lock().unwrap_or_else(PoisonError::into_inner);
        if responses.len() >= self.responses_max {
            self.too_many.notify_one();
            return;
        }
        let headers = redaction::report(headers, self.reveal_secrets);
        responses.push(Informational { status: status.as_u16(), headers, at_ns: self.clock.now_ns() });
    }

    pub(super) fn take(&self) -> Vec<Informational> {
        std::mem::take(&mut *self.responses.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
