//! What was done in vain: how it is told, and when it is worth doing again.

use crate::http::HttpError;
use crate::report::{Hop, waited_ns};
use crate::tcp::Passed;
use crate::tls::TlsError;
use crate::{Error, Phase, Span, Step};

/// What was tried and has to be done again, as one step. That it failed is its parts' to say: the run goes on.
pub(super) fn vain(why: &str, tried: Vec<Step>) -> Step {
    together(Phase::Retry, why.to_owned(), tried)
}

/// Steps as the parts of one.
pub(super) fn together(phase: Phase, label: String, parts: Vec<Step>) -> Step {
    let start_ns = parts.first().map_or(0, |step| step.span.start_ns);
    let end_ns = parts.iter().map(|step| step.span.end_ns()).max().unwrap_or(start_ns);
    let wait_ns = waited_ns(parts.iter().map(|step| step.span));
    let duration_ns = end_ns - start_ns;
    let span = Span::new(start_ns, duration_ns, duration_ns.saturating_sub(wait_ns));
    let mut step = Step::new(phase, label, span, None);
    step.children = parts;
    step
}

pub(super) fn note_end(hop: &mut Hop, passed: &Passed) {
    if let Some(connection) = &mut hop.connection {
        connection.info_at_end = passed.at_end();
    }
}

/// Whether the connection ended.
pub(super) fn is_cut(error: &Error) -> bool {
    matches!(error, Error::Http(HttpError::Incomplete { .. } | HttpError::Cut { .. } | HttpError::Stream { .. }))
}

/// Whether a handshake may have failed because of early data in it. Not if the server showed who it is, and that was not good enough.
pub(super) fn is_shy_of_early_data(error: &Error) -> bool {
    use TlsError::{Alert, Cut, NotTls, NothingInCommon, Protocol, TooOld};
    match error {
        Error::Timeout { .. } => true,
        Error::Tls(error) => matches!(
            error,
            Alert { .. } | Cut { .. } | NotTls { .. } | NothingInCommon { .. } | Protocol { .. } | TooOld { .. }
        ),
        _ => false,
    }
}
