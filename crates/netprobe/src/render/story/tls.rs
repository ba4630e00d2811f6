//! A TLS handshake, told.

use crate::tls::{Certificate, ClientCertificate, EarlyData, EchOutcome, Handshake, HandshakeKind, Tickets, Trust};

/// What both sides agreed on, and what they showed.
pub(super) fn handshake(handshake: &Handshake) -> (String, Vec<String>) {
    let what = agreed(handshake)
        + &handshake.ech.as_ref().map(ech).unwrap_or_default()
        + &handshake.early_data.as_ref().map(early_data).unwrap_or_default();
    // The handshake failed: the error is told in place of what was agreed on.
    let unanswered = match handshake.early_data {
        Some(EarlyData::Unanswered { bytes }) => {
            Some(format!("{bytes} bytes of early data were sent, and nobody knows what became of them"))
        }
        _ => None,
    };
    let chain = handshake.chain.iter().map(certificate);
    let staple = handshake.staple.as_ref().map(ToString::to_string);
    let asked = handshake.client_certificate.as_ref().map(asked);
    let tickets = handshake.tickets.filter(|tickets| tickets.count > 0).map(tickets);
    (what, chain.chain(staple).chain(asked).chain(unanswered).chain(tickets).collect())
}

fn agreed(handshake: &Handshake) -> String {
    let parts = [&handshake.version, &handshake.cipher_suite, &handshake.group];
    let mut what = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
    if handshake.is_post_quantum {
        what += " (safe from quantum computers too)";
    }
    if let Some(alpn) = &handshake.alpn {
        what += &format!("; both speak {alpn}");
    }
    what += match handshake.kind {
        Some(HandshakeKind::Resumed) => "; resumed with a ticket from last time",
        Some(HandshakeKind::FullWithHelloRetryRequest) => {
            "; after a HelloRetryRequest: the server wanted another group"
        }
        _ => "",
    };
    what += match handshake.trust {
        Trust::Unchecked => "; THE CERTIFICATE WAS NOT CHECKED",
        Trust::Verified | Trust::NotVerified => "",
    };
    what
}

fn ech(outcome: &EchOutcome) -> String {
    match outcome {
        EchOutcome::Accepted { public_name } => format!("; the name was hidden: who listens saw {public_name}"),
        EchOutcome::Rejected { public_name } => {
            format!("; the name was hidden behind {public_name}, and the server did not decrypt it")
        }
        EchOutcome::Grease => "; what looked like a hidden name meant nothing (GREASE)".to_owned(),
        EchOutcome::NoKeys => {
            "; the name could not be hidden: there is no HTTPS record with keys for that, or nobody was asked"
                .to_owned()
        }
    }
}

fn early_data(outcome: &EarlyData) -> String {
    match outcome {
        EarlyData::Accepted { bytes } => {
            format!("; the request went with the first message: {bytes} bytes of early data")
        }
        EarlyData::Rejected { bytes } => format!("; {bytes} bytes of early data were rejected, and sent again"),
        EarlyData::TooLong { bytes, bytes_max } => {
            format!("; the request of {bytes} bytes waited: the ticket allows {bytes_max} bytes of early data")
        }
        EarlyData::NoTicket => "; the request waited: there was no ticket for early data".to_owned(),
        EarlyData::Unanswered { .. } => String::new(),
    }
}

fn certificate(certificate: &Certificate) -> String {
    let names = match certificate.names.len() {
        0 => String::new(),
        1..=3 => format!(" for {}", certificate.names.join(", ")),
        many => format!(" for {} and {} more", certificate.names[..2].join(", "), many - 2),
    };
    let life = match certificate.days_left {
        left if left < 0 => format!("expired {} days ago", -(left + 1)),
        left => format!("{left} days left"),
    };
    let (owner, issuer) = (certificate.owner(), certificate.issuer_name());
    let logs = match certificate.timestamps.len() {
        0 => String::new(),
        logs => format!("; {logs} public logs say that they know it (not checked)"),
    };
    format!("{owner}{names}: {}, {life}, signed by {issuer} ({}){logs}", certificate.key, certificate.signature)
}

fn asked(asked: &ClientCertificate) -> String {
    let of = match asked.authorities.as_slice() {
        [] => String::new(),
        authorities => format!(" of {}", authorities.join(" or ")),
    };
    let sent = match (&asked.sent, &asked.unsent) {
        (Some(sent), _) => format!("that of {} was sent, signed by {}", sent.owner(), sent.issuer_name()),
        (None, Some(unsent)) => {
            format!("that of {} was not sent: the handshake failed before", unsent.owner())
        }
        (None, None) => "none was sent".to_owned(),
    };
    format!("the server asked for a client certificate{of}: {sent}")
}

fn tickets(tickets: Tickets) -> String {
    let early = match tickets.early_data_bytes_max {
        0 => String::new(),
        bytes => format!(", which may take {bytes} bytes of early data along"),
    };
    format!("tickets for the next handshakes: {}{early}", tickets.count)
}
