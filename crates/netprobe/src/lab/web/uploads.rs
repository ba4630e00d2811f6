//! A page that takes a body and gives it back.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

/// Says by which method the body came.
const METHOD: HeaderName = HeaderName::from_static("x-method");

/// The largest body that is taken.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The body as it came, its type, and the method.
pub(super) async fn echo(request: Request<Incoming>) -> Response<Full<hyper::body::Bytes>> {
    let (head, body) = request.into_parts();
    let mut answer = match Limited::new(body, BYTES_MAX).collect().await {
        Ok(body) => Response::new(Full::from(body.to_bytes())),
        Err(_) => {
            let mut refusal = Response::new(Full::default());
            *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            refusal
        }
    };
    let method = HeaderValue::from_str(head.method.as_str()).ok();
    answer.headers_mut().extend(method.map(|method| (METHOD, method)));
    answer.headers_mut().extend(head.headers.get(CONTENT_TYPE).map(|kind| (CONTENT_TYPE, kind.clone())));
    answer
}
