//! Inflation (RFC 1950) into a bounded buffer, so that a small code cannot become a large allocation.

use std::io::Write as _;

use flate2::{Decompress, FlushDecompress, Status};

use crate::{Finding, Reason};

/// Bytes a token may inflate to. Real tokens have 350 to 900.
pub const LIMIT: usize = crate::cbor::LIMIT;

/// The bytes of one whole zlib stream whose checksum holds.
///
/// # Errors
/// [`Reason::BadEncoding`] for another format, a broken or cut stream, a wrong checksum, bytes after the
/// stream, or more than [`LIMIT`] bytes of output.
pub fn inflate(stream: &[u8]) -> Result<Vec<u8>, Finding> {
    let mut bytes = Vec::with_capacity(LIMIT);
    let mut inflater = Decompress::new(true);
    let status = inflater
        .decompress_vec(stream, &mut bytes, FlushDecompress::Finish)
        .map_err(|_| refuse("stream is whole and its checksum holds"))?;
    if status != Status::StreamEnd {
        let full = bytes.len() == bytes.capacity();
        return Err(refuse(if full { "stream holds at most 32 KiB" } else { "stream is not cut" }));
    }
    if usize::try_from(inflater.total_in()) != Ok(stream.len()) {
        return Err(refuse("stream ends where the code ends"));
    }
    if bytes.len() > LIMIT {
        return Err(refuse("stream holds at most 32 KiB")); // an allocator may give more than was asked for
    }
    Ok(bytes)
}

/// One whole zlib stream of `bytes`, as small as it gets.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writes because memory takes it")
}

fn refuse(rule: &str) -> Finding {
    Finding::new(Reason::BadEncoding, format!("a zlib {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_streams_up_to_the_limit() {
        for size in [0, 1, 500, LIMIT] {
            assert_eq!(inflate(&deflate(&vec![7; size])).map(|bytes| bytes.len()), Ok(size));
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        for size in [LIMIT + 1, 16 << 20] {
            let bomb = deflate(&vec![0; size]);
            let finding = inflate(&bomb).expect_err("too large");
            assert_eq!((finding.code, finding.detail.contains("32 KiB")), (Reason::BadEncoding, true));
        }
    }

    #[test]
    fn broken_streams_are_refused() {
        let stream = deflate(b"a token, a token, a token");
        for cut in 0..stream.len() {
            assert!(inflate(&stream[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = stream.clone();
        longer.push(0);
        assert!(inflate(&longer).is_err(), "bytes after the stream");
        let mut wrong = stream.clone();
        *wrong.last_mut().expect("not empty") ^= 1;
        assert!(inflate(&wrong).is_err(), "checksum");
        assert!(inflate(&stream[2..]).is_err(), "deflate without a zlib header");
    }
}
