//! The body of an answer, over either protocol.

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use super::error::Failure;

pub(super) enum AnswerBody {
    Http1(Incoming),
    Http2(h2::RecvStream),
}

impl AnswerBody {
    /// The next bytes; `None` at the end.
    pub(super) async fn data(&mut self) -> Option<Result<Bytes, Failure>> {
        match self {
            Self::Http1(body) => loop {
                match body.frame().await? {
                    Ok(frame) => {
                        // Trailers are not kept.
                        let Ok(data) = frame.into_data() else { continue };
                        return Some(Ok(data));
                    }
                    Err(error) => return Some(Err(error.into())),
                }
            },
            Self::Http2(body) => {
                let data = match body.data().await? {
                    Ok(data) => data,
                    // The answer is complete, and the server wants no more of the request (RFC 9113, section 8.1).
                    Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) => return None,
                    Err(error) => return Some(Err(error.into())),
                };
                // There is room for as much again. A stream that has ended needs none.
                let _ = body.flow_control().release_capacity(data.len());
                Some(Ok(data))
            }
        }
    }
}
