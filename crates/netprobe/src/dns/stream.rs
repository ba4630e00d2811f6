//! Queries over a connection, which may lie inside TLS: two bytes of length, then the message, both ways (RFC 7766, section 8).
//!
//! All queries leave at once, and answers come in any order (section 6.2.1.1): the ID says which is which.

use std::io;
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::Failure;
use super::message::{NotAResponse, Prepared};
use super::text::escape;
use crate::Clock;

/// What came back for a query, and when.
pub(crate) struct Received {
    pub(crate) message: Message,
    pub(crate) bytes: usize,
    pub(crate) at_ns: u64,
}

/// What is asked on one connection.
#[derive(Clone, Copy)]
pub(crate) struct Queries<'a> {
    pub(crate) all: &'a [Prepared],
    /// So many of them have to be answered; those behind them are waited for no longer than `grace` after that.
    pub(crate) needed: usize,
    pub(crate) grace: Duration,
}

/// Sends queries, and takes responses until each has one or the connection is of no use. `received` has a place for each query, and
/// keeps what came when the caller stops waiting.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    queries: Queries<'_>,
    received: &mut [Option<Result<Received, Failure>>],
    clock: &Clock,
) {
    let result = exchange_all(stream, queries, received, clock).await;
    let Err(failure) = result else { return };
    received.iter_mut().filter(|place| place.is_none()).for_each(|place| *place = Some(Err(failure.clone())));
}

async fn exchange_all<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    queries: Queries<'_>,
    received: &mut [Option<Result<Received, Failure>>],
    clock: &Clock,
) -> Result<(), Failure> {
    let mut sent = Vec::new();
    for query in queries.all {
        let length = u16::try_from(query.bytes().len()).map_err(|error| cut(&io::Error::other(error)))?;
        sent.extend_from_slice(&length.to_be_bytes());
        sent.extend_from_slice(query.bytes());
    }
    stream.write_all(&sent).await.map_err(|error| cut(&error))?;
    stream.flush().await.map_err(|error| cut(&error))?;
    let mut grace_ends = None;
    while received.iter().any(Option::is_none) {
        let is_needed = received.iter().take(queries.needed).any(Option::is_none);
        let bytes = if is_needed {
            message(stream).await?
        } else {
            let ends = *grace_ends.get_or_insert_with(|| Instant::now() + queries.grace);
            match timeout_at(ends, message(stream)).await {
                Ok(bytes) => bytes?,
                Err(_) => return Ok(()),
            }
        };
        let waiting = queries.all.iter().zip(received.iter_mut()).filter(|(_, place)| place.is_none());
        let mut answered = false;
        for (query, place) in waiting {
            let result = match query.accept(&bytes) {
                Err(NotAResponse::WrongId) => continue,
                Ok(message) => Ok(Received { message, bytes: bytes.len(), at_ns: clock.now_ns() }),
                Err(why) => Err(why.failure()),
            };
            answered = true;
            *place = Some(result);
            break;
        }
        if !answered {
            return Err(NotAResponse::WrongId.failure());
        }
    }
    Ok(())
}

async fn message<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Failure> {
    let length = usize::from(stream.read_u16().await.map_err(|error| cut(&error))?);
    let mut bytes = Vec::new();
    stream.take(length as u64).read_to_end(&mut bytes).await.map_err(|error| cut(&error))?;
    if bytes.len() < length {
        return Err(Failure::Cut { reason: format!("it ended after {} of {length} bytes", bytes.len()) });
    }
    Ok(bytes)
}

fn cut(error: &io::Error) -> Failure {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server hung up".to_owned(),
        _ => error.to_string(),
    };
    Failure::Cut { reason }
}

impl NotAResponse {
    /// On a connection nobody else answers in the server's place: what is no response is the server's own mistake.
    pub(crate) fn failure(self) -> Failure {
        let reason = match self {
            Self::WrongId => "it has another ID than the query".to_owned(),
            Self::WrongQuestion => "it is for another question".to_owned(),
            Self::Malformed { reason } => escape(&reason),
        };
        Failure::Malformed { reason }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;
    use crate::dns::message::{Recursion, Shape};

    fn query(record_type: RecordType) -> Prepared {
        let shape = Shape { recursion: Recursion::Desired, randomise_case: false, ..Shape::default() };
        Prepared::new(&Name::from_ascii("a.test.").expect("a name"), record_type, shape).expect("a query")
    }

    fn response(query: &Prepared) -> Vec<u8> {
        let message = Message::from_vec(query.bytes()).expect("a message").into_response();
        let bytes = message.to_vec().expect("bytes");
        [&u16::try_from(bytes.len()).expect("a length").to_be_bytes(), bytes.as_slice()].concat()
    }

    async fn ask(answers: &[u8], queries: &[Prepared]) -> Vec<Result<(), Failure>> {
        let (mut ours, mut theirs) = tokio::io::duplex(65536);
        theirs.write_all(answers).await.expect("written");
        theirs.shutdown().await.expect("shut");
        let mut received: Vec<_> = queries.iter().map(|_| None).collect();
        let queries = Queries { all: queries, needed: queries.len(), grace: Duration::ZERO };
        exchange(&mut ours, queries, &mut received, &Clock::start()).await;
        received.into_iter().map(|place| place.expect("a result").map(drop)).collect()
    }

    #[tokio::test]
    async fn answers_come_in_any_order_and_the_id_says_which_is_which() {
        let queries = [query(RecordType::A), query(RecordType::AAAA)];
        let [first, second] = [response(&queries[0]), response(&queries[1])];
        let swapped = [second.as_slice(), first.as_slice()].concat();
        assert_eq!(ask(&swapped, &queries).await, [Ok(()), Ok(())]);
        let cut = |reason: &str| Err(Failure::Cut { reason: reason.to_owned() });
        assert_eq!(ask(&first, &queries).await, [Ok(()), cut("the server hung up")]);
        let half = &swapped[..second.len() + 7];
        let expected = format!("it ended after 5 of {} bytes", first.len() - 2);
        assert_eq!(ask(half, &queries).await, [cut(&expected), Ok(())]);
        let twice = [first.as_slice(), first.as_slice()].concat();
        let stranger = Failure::Malformed { reason: "it has another ID than the query".to_owned() };
        assert_eq!(ask(&twice, &queries).await, [Ok(()), Err(stranger)]);
    }
}
