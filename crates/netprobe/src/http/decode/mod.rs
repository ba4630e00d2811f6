//! `content-encoding`: gzip, deflate, br and zstd, never to more bytes than were allowed, and never for long without a turn for others.

mod pieces;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::{ErrorKind, Read};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use pieces::Pieces;

use super::HttpError;

/// What a request offers.
pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

/// More layers than anybody means.
const LAYERS_MAX: usize = 4;

/// How far back zstd may refer, and so how much memory a body can ask for before it is one (RFC 9659, section 3).
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The most members of a gzip file or frames of a zstd stream. Empty ones cost time, and no byte of any limit.
const PARTS_MAX: usize = 16 * 1024;

/// How much is decompressed, or of what is compressed looked at, between two looks at the limits.
const BLOCK_BYTES: usize = 16 * 1024;

/// After so many such pieces others that run on the same thread have their turn.
const PIECES_A_TURN: usize = 16;

/// Undoes the encodings of a `content-encoding` header, which lists them in the order in which they were applied (RFC 9110, section 8.4):
/// gzip, deflate, br and zstd, at most four of them.
///
/// `None` if there is nothing to undo: no body, no encoding, `identity`, or one that nobody here knows.
///
/// # Errors
/// [`HttpError::DecodedTooLarge`] as soon as more than `bytes_max` bytes have come out, and [`HttpError::Encoding`] if the body
/// is not what the header says.
pub fn decode(content_encoding: &str, body: &[u8], bytes_max: usize) -> Result<Option<Vec<u8>>, HttpError> {
    let mut decoding = pin!(decode_within(content_encoding, body, Bounds::new(bytes_max, u64::MAX)));
    loop {
        // Nobody else waits for a turn here.
        if let Some(decoded) = decoding.as_mut().now_or_never() {
            return decoded;
        }
    }
}

/// How far decompressing may go.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    bytes_max: usize,
    limit_ms: u64,
    began: Instant,
}

impl Bounds {
    /// From now on.
    pub(super) fn new(bytes_max: usize, limit_ms: u64) -> Self {
        Self { bytes_max, limit_ms, began: Instant::now() }
    }
}

/// The same within a time, which is looked at between two pieces, and with turns for others between them.
pub(super) async fn decode_within(
    content_encoding: &str,
    body: &[u8],
    bounds: Bounds,
) -> Result<Option<Vec<u8>>, HttpError> {
    let names = content_encoding.split(',').map(|name| name.trim().to_ascii_lowercase());
    let names: Vec<String> = names.filter(|name| !name.is_empty() && name != "identity").collect();
    if names.len() > LAYERS_MAX {
        let reason = format!("{} layers, at most {LAYERS_MAX} are undone", names.len());
        return Err(HttpError::Encoding { encoding: content_encoding.to_owned(), reason });
    }
    let is_known = |name: &String| matches!(name.as_str(), "gzip" | "x-gzip" | "deflate" | "br" | "zstd");
    // An answer without a body has nothing to undo, whatever its head says.
    if names.is_empty() || body.is_empty() || !names.iter().all(is_known) {
        return Ok(None);
    }
    let mut decoded = None;
    for name in names.iter().rev() {
        decoded = Some(undo(name, decoded.as_deref().unwrap_or(body), bounds).await?);
    }
    Ok(decoded)
}

async fn undo(encoding: &str, body: &[u8], bounds: Bounds) -> Result<Vec<u8>, HttpError> {
    let block = vec![0; BLOCK_BYTES];
    let mut undoing = Undoing { encoding, bytes: body.len(), bounds, pieces: 0, block, decoded: Vec::new() };
    match encoding {
        "gzip" | "x-gzip" | "zstd" => undoing.parts(body).await?,
        "deflate" => undoing.read(&mut flate2::bufread::ZlibDecoder::new(Pieces::of(body))).await?,
        _ => undoing.read(&mut brotli_decompressor::Decompressor::new(Pieces::of(body), BLOCK_BYTES)).await?,
    }
    Ok(undoing.decoded)
}

/// One encoding, and what came out so far.
struct Undoing<'a> {
    encoding: &'a str,
    bytes: usize,
    bounds: Bounds,
    /// How many pieces of work are done.
    pieces: usize,
    block: Vec<u8>,
    decoded: Vec<u8>,
}

impl Undoing<'_> {
    fn wrong(&self, reason: impl Display) -> HttpError {
        HttpError::Encoding { encoding: self.encoding.to_owned(), reason: reason.to_string() }
    }

    /// Before a piece of work: whether there is time left for it, and now and then a turn for others.
    async fn pause(&mut self) -> Result<(), HttpError> {
        let Bounds { limit_ms, began, .. } = self.bounds;
        if began.elapsed() >= Duration::from_millis(limit_ms) {
            return Err(HttpError::DecodingTooSlow { encoding: self.encoding.to_owned(), bytes: self.bytes, limit_ms });
        }
        self.pieces += 1;
        if self.pieces.is_multiple_of(PIECES_A_TURN) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Takes part after part: members of gzip, frames of zstd.
    async fn parts(&mut self, body: &[u8]) -> Result<(), HttpError> {
        let mut rest = body;
        for _ in 0..PARTS_MAX {
            self.pause().await?;
            rest = if self.encoding == "zstd" { self.frame(rest).await? } else { self.member(rest).await? };
            if rest.is_empty() {
                return Ok(());
            }
        }
        Err(self.wrong(format!("more than {PARTS_MAX} parts")))
    }

    /// RFC 1952, section 2.2. Gives back what comes behind it.
    async fn member<'b>(&mut self, body: &'b [u8]) -> Result<&'b [u8], HttpError> {
        let mut decoder = flate2::bufread::GzDecoder::new(Pieces::of(body));
        self.read(&mut decoder).await?;
        Ok(decoder.into_inner().rest())
    }

    /// RFC 8878, section 3.1. Gives back what comes behind it.
    async fn frame<'b>(&mut self, body: &'b [u8]) -> Result<&'b [u8], HttpError> {
        if let Some((head, rest)) = body.split_first_chunk()
            && let Some(length) = skippable(*head)
        {
            return rest.get(length..).ok_or_else(|| self.wrong("it ends in a frame that is to be skipped"));
        }
        let mut rest = body;
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW_BYTES_MAX);
        decoder.init(&mut rest).map_err(|error| self.wrong(error))?;
        loop {
            self.pause().await?;
            if decoder.can_collect() == 0 && !decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                decoder.decode_blocks(&mut rest, one).map_err(|error| self.wrong(error))?;
            }
            if self.take(&mut decoder)? == Some(0) && decoder.is_finished() {
                break;
            }
        }
        let (announced, is) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
        if announced.is_some() && announced != is {
            return Err(self.wrong("the checksum does not match"));
        }
        Ok(rest)
    }

    /// To the end of what comes in [`Pieces`].
    async fn read(&mut self, decoder: &mut (dyn Read + Send)) -> Result<(), HttpError> {
        loop {
            self.pause().await?;
            if self.take(decoder)? == Some(0) {
                return Ok(());
            }
        }
    }

    /// A block, or what there is of it: how many bytes. `None` if one more piece is needed for that.
    fn take(&mut self, decoder: &mut dyn Read) -> Result<Option<usize>, HttpError> {
        match decoder.read(&mut self.block) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Ok(taken) if self.decoded.len() + taken > self.bounds.bytes_max => {
                let (encoding, bytes) = (self.encoding.to_owned(), self.bytes);
                Err(HttpError::DecodedTooLarge { encoding, bytes, bytes_max: self.bounds.bytes_max })
            }
            Ok(taken) => {
                self.decoded.extend_from_slice(&self.block[..taken]);
                Ok(Some(taken))
            }
            Err(error) => Err(self.wrong(error)),
        }
    }
}

/// How long the frame is behind its head, if it is one that means nothing (RFC 8878, section 3.1.2).
fn skippable([a, b, c, d, length @ ..]: [u8; 8]) -> Option<usize> {
    let is_skippable = u32::from_le_bytes([a & 0xf0, b, c, d]) == 0x184d_2a50;
    is_skippable.then(|| usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX))
}
