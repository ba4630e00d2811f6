//! `content-encoding`: gzip, deflate, br and zstd, never to more bytes than were allowed.

use std::io::Read;

use super::HttpError;

/// What a request offers.
pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

/// More layers than anybody means.
const LAYERS_MAX: usize = 4;

/// How far back zstd may refer, and so how much memory a body can ask for before it is one (RFC 9659, section 3).
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

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
        decoded = Some(undo(name, decoded.as_deref().unwrap_or(body), bytes_max)?);
    }
    Ok(decoded)
}

fn undo(encoding: &str, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, HttpError> {
    let mut decoded = Vec::new();
    let mut take = |decoder: &mut dyn Read| read(decoder, encoding, body.len(), bytes_max, &mut decoded);
    match encoding {
        "gzip" | "x-gzip" => take(&mut flate2::read::MultiGzDecoder::new(body))?,
        "deflate" => take(&mut flate2::read::ZlibDecoder::new(body))?,
        "br" => take(&mut brotli_decompressor::Decompressor::new(body, BLOCK_BYTES))?,
        _ => {
            let mut frames = body;
            while !frames.is_empty() {
                let decoder =
                    ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut frames, ZSTD_WINDOW_BYTES_MAX);
                let wrong = |reason: String| HttpError::Encoding { encoding: encoding.to_owned(), reason };
                take(&mut decoder.map_err(|error| wrong(error.to_string()))?)?;
            }
        }
    }
    Ok(decoded)
}

fn read(
    decoder: &mut dyn Read,
    encoding: &str,
    bytes: usize,
    bytes_max: usize,
    decoded: &mut Vec<u8>,
) -> Result<(), HttpError> {
    let encoding = || encoding.to_owned();
    let mut block = [0; BLOCK_BYTES];
    loop {
        match decoder.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) if decoded.len() + read > bytes_max => {
                return Err(HttpError::DecodedTooLarge { encoding: encoding(), bytes, bytes_max });
            }
            Ok(read) => decoded.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(HttpError::Encoding { encoding: encoding(), reason: error.to_string() }),
        }
    }
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
        let whole = gzip(b"whiteboard");
        assert!(matches!(decode("gzip", &whole[..whole.len() - 4], 1000), Err(HttpError::Encoding { .. })));
    }
}
