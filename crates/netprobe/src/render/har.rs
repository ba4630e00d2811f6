//! HAR 1.2, what browsers' developer tools export and import [<http://www.softwareishard.com/blog/har-12-spec/>].

use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use crate::http::{Cookie, Exchange, Header};
use crate::{Hop, Phase, Report};

/// What HAR says where something does not apply.
const NONE: i64 = -1;

impl Report {
    /// The report as an HTTP archive ([HAR 1.2](http://www.softwareishard.com/blog/har-12-spec/)): one entry a hop. What HAR has no field for is in fields that begin with an underscore, as
    /// the format asks.
    #[must_use]
    pub fn to_har(&self) -> Value {
        self.to_har_with([])
    }

    /// The same with what the page asked for ([`Session::run_resource`](crate::Session::run_resource)) as entries of it, after the visit's.
    #[must_use]
    pub fn to_har_with<'a>(&'a self, resources: impl IntoIterator<Item = &'a Self>) -> Value {
        let reports = std::iter::once(self).chain(resources);
        let entries: Vec<Value> = reports.flat_map(|report| report.hops.iter().map(|hop| report.entry(hop))).collect();
        let mut log = json!({
            "version": "1.2",
            "creator": { "name": "netprobe", "version": env!("CARGO_PKG_VERSION") },
            "pages": [{
                "startedDateTime": date(self.started_unix_ms),
                "id": "page_1",
                "title": self.url,
                "pageTimings": { "onContentLoad": NONE, "onLoad": self.total.duration_ms() },
            }],
            "entries": entries,
        });
        self.add_race(&mut log);
        json!({ "log": log })
    }

    /// The log's further field for a race: both ways as entries of their own, which are no part of the visit.
    fn add_race(&self, log: &mut Value) {
        #[cfg(feature = "h3")]
        if let Some(race) = &self.race {
            let entries = [self.entry(&race.quic), self.entry(&race.tcp)];
            log["_race"] = json!({ "summary": race.summary(), "foundBy": race.found_by, "entries": entries });
        }
        #[cfg(not(feature = "h3"))]
        let _ = log;
    }

    fn entry(&self, hop: &Hop) -> Value {
        // The clock may have run for long when the run began.
        let start_ns = hop.steps.first().map_or(0, |step| step.span.start_ns.saturating_sub(self.total.start_ns));
        let mut entry = json!({
            "pageref": "page_1",
            "startedDateTime": date(self.started_unix_ms.saturating_add(start_ns / 1_000_000)),
            "time": hop.steps.iter().map(|step| step.span.duration_ms()).sum::<f64>(),
            "request": request(hop),
            "response": response(hop),
            "cache": {},
            "timings": timings(hop),
        });
        let maker = hop.reused.and_then(|index| self.hops.get(index)).unwrap_or(hop);
        if let Some(peer) = maker.connection.as_ref().and_then(|connection| connection.peer) {
            entry["serverIPAddress"] = json!(peer.ip().to_string());
        }
        if let Some(local) = maker.connection.as_ref().and_then(|connection| connection.local) {
            entry["connection"] = json!(local.port().to_string());
        }
        if let Some(exchange) = hop.exchange.as_ref().filter(|exchange| !exchange.informational.is_empty()) {
            entry["_informational"] = json!(exchange.informational);
        }
        let is_last = self.hops.last().is_some_and(|last| std::ptr::eq(last, hop));
        let of_a_step = hop.steps.iter().find_map(|step| step.error.as_ref());
        if let Some(error) = of_a_step.or(self.error.as_ref().filter(|_| is_last)) {
            entry["_error"] = json!(error.with_causes());
        }
        entry
    }
}

/// Milliseconds of each phase. HAR counts TLS as a part of connecting, and once more by itself.
fn timings(hop: &Hop) -> Value {
    let ms = |phases: &[Phase]| {
        let steps = hop.steps.iter().filter(|step| phases.contains(&step.phase));
        steps.map(|step| step.span.duration_ms()).reduce(|sum, more| sum + more)
    };
    let or_none = |ms: Option<f64>| ms.map_or(json!(NONE), |ms| json!(ms));
    let connected = hop.reused.is_none().then_some([Phase::Connect, Phase::Proxy, Phase::Tls]);
    json!({
        "blocked": or_none(ms(&[Phase::Url, Phase::Retry, Phase::Site])),
        "dns": or_none(ms(&[Phase::Names])),
        "connect": or_none(connected.and_then(|phases| ms(&phases))),
        "ssl": or_none(ms(&[Phase::Tls])),
        "send": ms(&[Phase::Send, Phase::Upload]).unwrap_or_default(),
        "wait": ms(&[Phase::Wait]).unwrap_or_default(),
        "receive": ms(&[Phase::Transfer, Phase::Decode]).unwrap_or_default(),
    })
}

fn request(hop: &Hop) -> Value {
    let exchange = hop.exchange.as_ref();
    let query: Vec<Value> = Url::parse(&hop.url)
        .map(|url| url.query_pairs().map(|(name, value)| json!({ "name": name, "value": value })).collect())
        .unwrap_or_default();
    let mut request = json!({
        "method": exchange.map_or("GET", |exchange| &exchange.method),
        "url": hop.url,
        "httpVersion": exchange.map_or("", |exchange| exchange.protocol.name()),
        "cookies": [],
        "headers": exchange.map(|exchange| headers(&exchange.request_headers)).unwrap_or_default(),
        "queryString": query,
        "headersSize": NONE,
        "bodySize": exchange.and_then(|exchange| exchange.upload_bytes).unwrap_or_default(),
    });
    if let Some(bytes) = exchange.and_then(|exchange| exchange.upload_bytes) {
        let kind = exchange.and_then(|exchange| exchange.request_headers.iter().find(|one| one.name == "content-type"));
        request["postData"] = json!({
            "mimeType": kind.map_or("", |kind| &kind.value),
            "text": "",
            "comment": format!("{bytes} bytes, which are not kept"),
        });
    }
    request
}

/// The answer; a status of 0 where there was none, as browsers write it.
fn response(hop: &Hop) -> Value {
    let exchange = hop.exchange.as_ref();
    let status = exchange.and_then(|exchange| exchange.status);
    let text = status.and_then(|status| ::http::StatusCode::from_u16(status).ok());
    json!({
        "status": status.unwrap_or_default(),
        "statusText": text.and_then(|status| status.canonical_reason()).unwrap_or_default(),
        "httpVersion": exchange.map_or("", |exchange| exchange.protocol.name()),
        "cookies": exchange.map(|exchange| cookies(&exchange.cookies)).unwrap_or_default(),
        "headers": exchange.map(|exchange| headers(&exchange.response_headers)).unwrap_or_default(),
        "content": exchange.map_or_else(|| json!({ "size": 0, "mimeType": "" }), content),
        "redirectURL": hop.redirect.as_ref().map_or("", |redirect| &redirect.url),
        "headersSize": NONE,
        "bodySize": exchange.map_or(0, |exchange| exchange.body_bytes),
    })
}

fn content(exchange: &Exchange) -> Value {
    let size = exchange.decoded_bytes.unwrap_or(exchange.body_bytes);
    json!({
        "size": size,
        "compression": i128::from(size) - i128::from(exchange.body_bytes),
        "mimeType": exchange.header("content-type").unwrap_or_default(),
    })
}

fn headers(headers: &[Header]) -> Vec<Value> {
    headers.iter().map(|header| json!({ "name": header.name, "value": header.value })).collect()
}

fn cookies(cookies: &[Cookie]) -> Vec<Value> {
    let cookie = |cookie: &Cookie| {
        json!({
            "name": cookie.name,
            "value": cookie.value,
            "path": cookie.path,
            "domain": cookie.domain,
            "httpOnly": cookie.is_http_only,
            "secure": cookie.is_secure,
        })
    };
    cookies.iter().map(cookie).collect()
}

/// ISO 8601, in UTC.
pub(super) fn date(unix_ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (month, time) = (u8::from(at.month()), at.time());
    let (year, day, ms) = (at.year(), at.day(), time.millisecond());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", time.hour(), time.minute(), time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_iso_8601() {
        assert_eq!(date(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(date(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
