//! Which part of the time until the head of an answer was what: sending the head of the request, uploading its body, waiting.

use std::future::{Future, poll_fn};
use std::pin::pin;

use super::Exchange;
use super::moments::Moments;
use crate::{Clock, Phase, Span, Step};

/// Counts our own work on a request: the time of those polls in which some of it left.
pub(super) struct Polls<'a> {
    moments: &'a Moments,
    clock: &'a Clock,
    pub(super) sending_ns: u64,
}

impl<'a> Polls<'a> {
    pub(super) fn new(moments: &'a Moments, clock: &'a Clock) -> Self {
        Self { moments, clock, sending_ns: 0 }
    }

    pub(super) async fn watch<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let began_ns = self.clock.now_ns();
            let polled = future.as_mut().poll(cx);
            if self.moments.sent_ns().is_some_and(|sent| sent >= began_ns) {
                self.sending_ns += self.clock.now_ns() - began_ns;
            }
            polled
        })
        .await
    }
}

/// Divides the time until the head of the answer. What was spent before the request's head left is sending, and all of it our own
/// work, since a head this small fits any socket's buffer; then comes the body, if there is one; the rest is waiting.
pub(super) fn divide(exchange: &mut Exchange, span: Span, sending_ns: u64, moments: &Moments) {
    let Some(sent_ns) = moments.sent_ns() else {
        exchange.send = Some(span);
        return;
    };
    let until = |moment_ns: u64| moment_ns.saturating_sub(span.start_ns).min(span.duration_ns);
    let all_sent = until(sent_ns);
    let head_sent = match exchange.upload_bytes {
        Some(_) => until(moments.head_sent_ns().unwrap_or(sent_ns)).min(all_sent),
        None => all_sent,
    };
    exchange.send = Some(Span::new(span.start_ns, head_sent, head_sent));
    let upload_cpu_ns = sending_ns.saturating_sub(head_sent).min(all_sent - head_sent);
    if exchange.upload_bytes.is_some() {
        exchange.upload = Some(Span::new(span.start_ns + head_sent, all_sent - head_sent, upload_cpu_ns));
    }
    let cpu_ns = span.cpu_ns.saturating_sub(head_sent + upload_cpu_ns);
    exchange.wait = Some(Span::new(span.start_ns + all_sent, span.duration_ns - all_sent, cpu_ns));
}

/// The informational answers of an exchange as parts of the steps in which they came.
pub(super) fn add_informational(steps: &mut [Step], exchange: &Exchange) {
    for informational in &exchange.informational {
        let ends_after = |step: &&mut Step| step.span.end_ns() >= informational.at_ns;
        let is_before_the_answer = |step: &&mut Step| step.phase <= Phase::Wait;
        let Some(step) = steps.iter_mut().filter(is_before_the_answer).find(ends_after) else { continue };
        // From the one before it, or from the beginning of waiting for it.
        let start_ns = step.children.last().map_or(step.span.start_ns, |before| before.span.end_ns());
        let span = Span::new(start_ns, informational.at_ns.saturating_sub(start_ns), 0);
        step.children.push(Step::new(step.phase, informational.summary(), span, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpOptions, Informational, Protocol};

    #[test]
    fn every_informational_answer_is_in_the_step_in_which_it_came() {
        let url = crate::url::parse("https://a.test/").expect("a URL");
        let options = HttpOptions { body: Some(b"ab".as_slice().into()), ..HttpOptions::default() };
        let mut exchange = Exchange::begin(Protocol::Http1, &url, &options);
        let moments = Moments::new();
        moments.submit(100);
        moments.wrote(110);
        moments.hand(2, 150);
        moments.wrote(160);
        divide(&mut exchange, Span::new(100, 100, 40), 25, &moments);
        let at = |status, at_ns| Informational { status, headers: Vec::new(), at_ns };
        exchange.informational = vec![at(100, 140), at(102, 170), at(199, 190)];
        let steps = exchange.steps(None);
        let told = |step: &Step| (step.phase, step.span.start_ns, step.span.duration_ns, step.span.cpu_ns);
        let parts = [(Phase::Send, 100, 10, 10), (Phase::Upload, 110, 50, 15), (Phase::Wait, 160, 40, 15)];
        assert_eq!(steps.iter().map(told).collect::<Vec<_>>(), parts);
        let children: Vec<_> =
            steps.iter().flat_map(|step| &step.children).map(|step| (step.label.as_str(), told(step))).collect();
        let expected = [
            ("100 Continue", (Phase::Upload, 110, 30, 0)),
            ("102 Processing", (Phase::Wait, 160, 10, 0)),
            ("199 an informational answer", (Phase::Wait, 170, 20, 0)),
        ];
        assert_eq!(children, expected);
    }
}
