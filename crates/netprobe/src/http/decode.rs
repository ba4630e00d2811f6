//! `content-encoding`: gzip, deflate, br and zstd, never to more bytes than were allowed.

use std::fmt::Display;
use std::io::Read;
use std::time::{Duration, Instant};

use ruzstd::decoding::StreamingDecoder;

use super::HttpError;

/// What a request offers.
pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

/// More layers than anybody means.
const LAYERS_MAX: usize = 4;

/// How far back zstd may refer, and so how much memory a body can ask for before it is one (RFC 9659, section 3).
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The most members of a gzip file or frames of a zstd stream. Empty ones cost time, and no byte of any limit.
const PARTS_MAX: usize = 16 * 1024;

/// How much is decompressed between two looks at the limit.
const BLOCK_BYTES: usize = 16 * 1024;

/// Undoes the encodings of a `content-encoding` header, which lists them in the order in which they were applied.
///
/// `None` if there is nothing to undo: no body, no encoding, `identity`, or one that nobody here knows.
///
/// # Errors
/// [`HttpError::DecodedTooLarge`] as soon as more than `bytes_max` bytes have come out, and [`HttpError::Encoding`] if the body
/// is not what the header says.
pub fn decode(content_encoding: &str, body: &[u8], bytes_max: usize) -> Result<Option<Vec<u8>>, HttpError> {
    decode_within(content_encoding, body, Bounds::new(bytes_max, u64::MAX))
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

/// The same within a time, which is looked at between two blocks.
pub(super) fn decode_within(content_encoding: &str, body: &[u8], bounds: Bounds) -> Result<Option<Vec<u8>>, HttpError> {
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
        decoded = Some(undo(name, decoded.as_deref().unwrap_or(body), bounds)?);
    }
    Ok(decoded)
}

fn undo(encoding: &str, body: &[u8], bounds: Bounds) -> Result<Vec<u8>, HttpError> {
    let mut undoing = Undoing { encoding, bytes: body.len(), bounds, decoded: Vec::new() };
    match encoding {
        "gzip" | "x-gzip" => undoing.each(body, Undoing::gzip_member)?,
        "deflate" => undoing.read(&mut flate2::read::ZlibDecoder::new(body))?,
        "br" => undoing.read(&mut brotli_decompressor::Decompressor::new(body, BLOCK_BYTES))?,
        _ => undoing.each(body, Undoing::zstd_frame)?,
    }
    Ok(undoing.decoded)
}

/// One encoding, and what came out so far.
struct Undoing<'a> {
    encoding: &'a str,
    bytes: usize,
    bounds: Bounds,
    decoded: Vec<u8>,
}

impl Undoing<'_> {
    fn wrong(&self, reason: impl Display) -> HttpError {
        HttpError::Encoding { encoding: self.encoding.to_owned(), reason: reason.to_string() }
    }

    /// Whether there is time left.
    fn hurry(&self) -> Result<(), HttpError> {
        let Bounds { limit_ms, began, .. } = self.bounds;
        if began.elapsed() < Duration::from_millis(limit_ms) {
            return Ok(());
        }
        Err(HttpError::DecodingTooSlow { encoding: self.encoding.to_owned(), bytes: self.bytes, limit_ms })
    }

    /// Takes part after part; `part` gives back what comes behind it.
    fn each<'b>(
        &mut self,
        body: &'b [u8],
        part: impl Fn(&mut Self, &'b [u8]) -> Result<&'b [u8], HttpError>,
    ) -> Result<(), HttpError> {
        let mut rest = body;
        for _ in 0..PARTS_MAX {
            self.hurry()?;
            rest = part(self, rest)?;
            if rest.is_empty() {
                return Ok(());
            }
        }
        Err(self.wrong(format!("more than {PARTS_MAX} parts")))
    }

    /// RFC 1952, section 2.2.
    fn gzip_member<'b>(&mut self, body: &'b [u8]) -> Result<&'b [u8], HttpError> {
        let mut decoder = flate2::bufread::GzDecoder::new(body);
        self.read(&mut decoder)?;
        Ok(decoder.into_inner())
    }

    /// RFC 8878, section 3.1.
    fn zstd_frame<'b>(&mut self, body: &'b [u8]) -> Result<&'b [u8], HttpError> {
        if let Some((head, rest)) = body.split_first_chunk()
            && let Some(length) = skippable(*head)
        {
            return rest.get(length..).ok_or_else(|| self.wrong("it ends in a frame that is to be skipped"));
        }
        let mut rest = body;
        let decoder = StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW_BYTES_MAX);
        let mut decoder = decoder.map_err(|error| self.wrong(error))?;
        self.read(&mut decoder)?;
        let (announced, is) = (decoder.decoder.get_checksum_from_data(), decoder.decoder.get_calculated_checksum());
        if announced.is_some() && announced != is {
            return Err(self.wrong("the checksum does not match"));
        }
        Ok(rest)
    }

    fn read(&mut self, decoder: &mut dyn Read) -> Result<(), HttpError> {
        let mut block = [0; BLOCK_BYTES];
        loop {
            self.hurry()?;
            match decoder.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(read) if self.decoded.len() + read > self.bounds.bytes_max => {
                    let (encoding, bytes) = (self.encoding.to_owned(), self.bytes);
                    return Err(HttpError::DecodedTooLarge { encoding, bytes, bytes_max: self.bounds.bytes_max });
                }
                Ok(read) => self.decoded.extend_from_slice(&block[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.wrong(error)),
            }
        }
    }
}

/// How long the frame is behind its head, if it is one that means nothing (RFC 8878, section 3.1.2).
fn skippable([a, b, c, d, length @ ..]: [u8; 8]) -> Option<usize> {
    let is_skippable = u32::from_le_bytes([a & 0xf0, b, c, d]) == 0x184d_2a50;
    is_skippable.then(|| usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(body).expect("a vector");
        encoder.finish().expect("a vector")
    }

    /// `printf 'whiteboard' | brotli -c` and `| zstd -c`.
    const BROTLI: &[u8] = b"\x8b\x04\x80whiteboard\x03";
    const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x51\x00\x00whiteboard\x9a\xea\x4a\xfd";

    #[test]
    fn what_was_compressed_comes_back() {
        assert_eq!(decode("gzip", &gzip(b"whiteboard"), 100), Ok(Some(b"whiteboard".to_vec())));
        assert_eq!(decode("gzip, x-gzip", &gzip(&gzip(b"whiteboard")), 100), Ok(Some(b"whiteboard".to_vec())));
        assert_eq!(decode("BR", BROTLI, 100), Ok(Some(b"whiteboard".to_vec())));
        assert_eq!(decode("zstd", ZSTD, 100), Ok(Some(b"whiteboard".to_vec())));
        assert_eq!(decode("zstd", &[ZSTD, ZSTD].concat(), 100), Ok(Some(b"whiteboardwhiteboard".to_vec())));
        let skipped = [b"\x5f\x2a\x4d\x18\x03\x00\x00\x00abc".as_slice(), ZSTD].concat();
        assert_eq!(decode("zstd", &skipped, 100), Ok(Some(b"whiteboard".to_vec())));
        assert_eq!(decode("gzip", b"", 1), Ok(None));
        assert_eq!(decode("", b"plain", 1), Ok(None));
        assert_eq!(decode("identity", b"plain", 1), Ok(None));
        assert_eq!(decode("rot13", b"cynva", 1), Ok(None));
    }

    #[test]
    fn a_limit_is_a_limit() {
        let bomb = gzip(&vec![0; 50_000_000]);
        assert!(bomb.len() < 60_000);
        let error = decode("gzip", &bomb, 1_000_000);
        let expected =
            HttpError::DecodedTooLarge { encoding: "gzip".to_owned(), bytes: bomb.len(), bytes_max: 1_000_000 };
        assert_eq!(error, Err(expected));
        assert!(decode("gzip", &gzip(b"0123456789"), 10).is_ok());
        assert!(decode("gzip", &gzip(b"0123456789"), 9).is_err());
        assert!(matches!(decode("gzip,gzip,gzip,gzip,gzip", b"", 10), Err(HttpError::Encoding { .. })));
    }

    #[test]
    fn parts_without_a_byte_are_counted_too() {
        // Raw and empty: the smallest frame there is.
        let frame: &[u8] = b"\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00";
        for (encoding, part) in [("gzip", gzip(b"").as_slice()), ("zstd", frame)] {
            assert_eq!(decode(encoding, &part.repeat(PARTS_MAX), 1), Ok(Some(Vec::new())), "{encoding}");
            let reason = format!("more than {PARTS_MAX} parts");
            let error = HttpError::Encoding { encoding: encoding.to_owned(), reason };
            assert_eq!(decode(encoding, &part.repeat(PARTS_MAX + 1), 1), Err(error));
        }
    }

    #[test]
    fn a_window_that_is_too_large_is_refused_before_it_is_there() {
        // A frame whose head asks for a window of 2^24 and of 2^23 bytes, and whose one block is raw and empty.
        let frame = |window: u8| [b"\x28\xb5\x2f\xfd\x00".as_slice(), &[window], b"\x01\x00\x00"].concat();
        let error = decode("zstd", &frame((24 - 10) << 3), 1000);
        assert!(matches!(&error, Err(HttpError::Encoding { encoding, .. }) if encoding == "zstd"), "{error:?}");
        assert_eq!(decode("zstd", &frame((23 - 10) << 3), 1000), Ok(Some(Vec::new())));
    }

    #[test]
    fn what_is_not_compressed_is_an_error() {
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            let error = decode(encoding, b"\xffnot compressed at all", 1000);
            assert!(matches!(error, Err(HttpError::Encoding { .. })), "{encoding}: {error:?}");
        }
        let mut wrong_sum = ZSTD.to_vec();
        *wrong_sum.last_mut().expect("a checksum") ^= 1;
        assert!(matches!(decode("zstd", &wrong_sum, 1000), Err(HttpError::Encoding { .. })));
        let cut = b"\x5f\x2a\x4d\x18\x03\x00\x00\x00ab";
        assert!(matches!(decode("zstd", cut, 1000), Err(HttpError::Encoding { .. })));
        let whole = gzip(b"whiteboard");
        assert!(matches!(decode("gzip", &whole[..whole.len() - 4], 1000), Err(HttpError::Encoding { .. })));
    }

    #[test]
    fn time_is_looked_at_between_two_blocks() {
        for (encoding, body) in [("gzip", gzip(b"whiteboard")), ("zstd", ZSTD.to_vec())] {
            let (bytes, limit_ms) = (body.len(), 0);
            let error = HttpError::DecodingTooSlow { encoding: encoding.to_owned(), bytes, limit_ms };
            assert_eq!(decode_within(encoding, &body, Bounds::new(1000, limit_ms)), Err(error));
        }
    }
}
