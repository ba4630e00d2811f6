//! What was asked over HTTP, and what came back, told.

use crate::Phase;
use crate::http::Exchange;

/// What a step of an exchange did.
pub(super) fn exchanged(exchange: &Exchange, phase: Phase) -> (String, Vec<String>) {
    let name = exchange.protocol.name();
    match phase {
        Phase::Send => {
            let header = |header: &crate::http::Header| format!("{}: {}", header.name, header.value);
            let headers = exchange.request_headers.iter().map(header).collect();
            (format!("{} {} {name}", exchange.method, exchange.target), headers)
        }
        Phase::Upload => {
            let what = format!("{} bytes of the request's body", exchange.upload_bytes.unwrap_or_default());
            (what, Vec::new())
        }
        Phase::Wait => answer(exchange),
        Phase::Transfer => (format!("{} bytes of body", exchange.body_bytes), Vec::new()),
        _ => {
            let encoding = exchange.content_encoding.as_deref().unwrap_or_default();
            let decoded = exchange.decoded_bytes.map(|bytes| format!("{bytes} bytes")).unwrap_or_default();
            (format!("{} bytes of {encoding} become {decoded}", exchange.body_bytes), Vec::new())
        }
    }
}

fn answer(exchange: &Exchange) -> (String, Vec<String>) {
    let mut details = Vec::new();
    if let Some(server) = exchange.header("x-served-by") {
        details.push(format!("answered by {server}"));
    }
    if let Some(location) = exchange.header("location") {
        details.push(format!("go to {location} instead"));
    }
    if let Some(hsts) = exchange.hsts {
        details.push(format!("only over TLS for {} days (HSTS)", hsts.max_age_s / 86_400));
    }
    details
        .extend(exchange.alt_svc.iter().map(|alt| format!("also reachable by {} at {}", alt.protocol, alt.authority)));
    let cookie = |cookie: &crate::http::Cookie| match cookie.is_accepted {
        true => format!("a cookie to send back: {}", cookie.name),
        false => format!("a cookie that is refused: {}", cookie.name),
    };
    details.extend(exchange.cookies.iter().map(cookie));
    let status = exchange.status.map(|status| status.to_string()).unwrap_or_default();
    let reason = exchange.status.and_then(|status| ::http::StatusCode::from_u16(status).ok());
    let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or_default();
    (format!("the answer begins: {status} {reason}").trim_end().to_owned(), details)
}
