//! What is compressed comes back, and nothing that is compressed takes all of the memory or the time.

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

/// Brotli that is stored and not compressed (RFC 7932, section 9.2): meta-blocks with a head of 3 bytes each.
fn stored_brotli(body: &[u8]) -> Vec<u8> {
    // A window of 64 KiB, which is one bit more in the first head.
    let mut spare_bits = 1;
    let mut stored = Vec::new();
    for part in body.chunks(1 << 16) {
        // Not the last; four hexadecimal digits of a length less one; not compressed.
        let head = ((part.len() as u32 - 1) << 3 | 1 << 19) << std::mem::take(&mut spare_bits);
        stored.extend(&head.to_le_bytes()[..3]);
        stored.extend(part);
    }
    // The last, and empty.
    stored.push(3);
    stored
}

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
    let expected = HttpError::DecodedTooLarge { encoding: "gzip".to_owned(), bytes: bomb.len(), bytes_max: 1_000_000 };
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
        let decoded = decode_within(encoding, &body, Bounds::new(1000, limit_ms)).now_or_never();
        assert_eq!(decoded, Some(Err(error)));
    }
}

/// How often somebody else has a turn while a body is decompressed.
fn turns(encoding: &str, body: &[u8]) -> usize {
    let mut decoding = Box::pin(decode_within(encoding, body, Bounds::new(usize::MAX, u64::MAX)));
    let polls = std::iter::repeat_with(|| decoding.as_mut().now_or_never());
    polls.map_while(|decoded| decoded.is_none().then_some(())).count()
}

#[test]
fn others_have_a_turn_while_a_large_body_is_decompressed() {
    let often = |bytes: usize| bytes / (PIECES_A_TURN * BLOCK_BYTES);
    let bytes = 8_000_000;
    let bomb = gzip(&vec![0; bytes]);
    assert!(turns("gzip", &bomb) >= often(bytes) && often(bytes) > 10);
    assert_eq!(turns("gzip", &gzip(b"whiteboard")), 0, "a small one is done at once");
    // Stored blocks of nothing, 5 bytes each.
    let nothing = b"\x00\x00\x00\xff\xff".repeat(bytes / 5);
    let gzipped = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff".as_slice(), &nothing, b"\x01\x00\x00\xff\xff", &[0; 8]].concat();
    assert_eq!(decode("gzip", &gzipped, 1), Ok(Some(Vec::new())));
    assert!(turns("gzip", &gzipped) >= often(gzipped.len()));
    // Meta-blocks of no data that skip nothing, a byte each.
    let brotli = [b"\x0c".as_slice(), &vec![6; bytes], b"\x03"].concat();
    assert_eq!(decode("br", &brotli, 1), Ok(Some(Vec::new())));
    assert!(turns("br", &brotli) >= often(brotli.len()));
    // Raw blocks of nothing, 3 bytes each.
    let blocks = 100_000;
    let zstd = [b"\x28\xb5\x2f\xfd\x00\x00".as_slice(), &[0; 3].repeat(blocks), b"\x01\x00\x00"].concat();
    assert_eq!(decode("zstd", &zstd, 1), Ok(Some(Vec::new())));
    assert!(turns("zstd", &zstd) >= blocks / PIECES_A_TURN);
}

#[test]
fn what_comes_in_pieces_is_the_same() {
    let plain: Vec<u8> = (0..400_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&plain).expect("a vector");
    let zlib = zlib.finish().expect("a vector");
    for (encoding, body) in [("gzip", gzip(&plain)), ("deflate", zlib), ("br", stored_brotli(&plain))] {
        assert!(body.len() > 10 * BLOCK_BYTES, "{encoding}: {}", body.len());
        assert!(
            decode(encoding, &body, plain.len()).expect("what was compressed").as_deref() == Some(&plain),
            "{encoding}"
        );
    }
}
