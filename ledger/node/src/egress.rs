//! The egress log: every byte of every response body, written down before it is sent.
//!
//! Invariant P2 says that raw records never leave the issuing agency's process. Who wants to check that reads
//! this log: it holds what the process sent, as it was sent, whole and in order of sending. If a record cannot
//! be written the response breaks off: what is not recorded is not sent. Headers are not recorded; they carry
//! sizes and types.
//!
//! One record: kind's length (2 bytes, little-endian), kind, body's length (4 bytes), body. A long response
//! takes several records of one kind.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio_stream::StreamExt as _;

/// Where what leaves is written down. Clones share the file.
#[derive(Clone, Debug)]
pub struct EgressLog(Arc<Mutex<File>>);

/// What a response is to be recorded as, in its extensions; otherwise it is method and route.
#[derive(Clone, Copy, Debug)]
pub struct Kind(pub &'static str);

/// A record of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// What it was.
    pub kind: String,
    /// The bytes.
    pub body: Vec<u8>,
}

impl EgressLog {
    /// Appends to a file; makes it if missing.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(File::options().create(true).append(true).open(path)?))))
    }

    /// Writes one record: for bytes that leave by other ways than a response.
    ///
    /// # Errors
    /// The system's; then nothing may be sent.
    pub fn append(&self, kind: &str, body: &[u8]) -> io::Result<()> {
        for part in body.chunks(usize::try_from(u32::MAX).unwrap_or(usize::MAX)) {
            let kind = kind.as_bytes().get(..kind.len().min(1024)).unwrap_or_default();
            let mut record = Vec::with_capacity(6 + kind.len() + part.len());
            record.extend_from_slice(&u16::try_from(kind.len()).unwrap_or(0).to_le_bytes());
            record.extend_from_slice(kind);
            record.extend_from_slice(&u32::try_from(part.len()).unwrap_or(0).to_le_bytes());
            record.extend_from_slice(part);
            // One call, so that a killed process leaves at most one torn record, the last.
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&record)?;
        }
        Ok(())
    }
}

/// Reads a log; a torn last record, as a killed process leaves it, ends it.
///
/// # Errors
/// The system's.
pub fn read(path: &Path) -> io::Result<Vec<Sent>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut records = Vec::new();
    while let Some(record) = read_one(&mut file)? {
        records.push(record);
    }
    Ok(records)
}

fn read_one(file: &mut impl Read) -> io::Result<Option<Sent>> {
    let mut size = [0u8; 2];
    let Some(()) = whole(file.read_exact(&mut size))? else { return Ok(None) };
    let mut kind = vec![0u8; usize::from(u16::from_le_bytes(size))];
    let Some(()) = whole(file.read_exact(&mut kind))? else { return Ok(None) };
    let mut size = [0u8; 4];
    let Some(()) = whole(file.read_exact(&mut size))? else { return Ok(None) };
    let wanted = u64::from(u32::from_le_bytes(size));
    let mut body = Vec::new();
    let got = file.take(wanted).read_to_end(&mut body)? as u64;
    Ok((got == wanted).then(|| Sent { kind: String::from_utf8_lossy(&kind).into_owned(), body }))
}

fn whole(outcome: io::Result<()>) -> io::Result<Option<()>> {
    match outcome {
        Ok(()) => Ok(Some(())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Middleware: records each piece of a response's body before it is sent.
///
/// ```ignore
/// router.layer(axum::middleware::from_fn_with_state(log, egress::record))
/// ```
pub async fn record(State(log): State<EgressLog>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unrouted", MatchedPath::as_str);
    let route = format!("{} {route}", request.method());
    let (parts, body) = next.run(request).await.into_parts();
    let kind = parts.extensions.get::<Kind>().map_or(route, |kind| kind.0.to_owned());
    let pieces = body.into_data_stream().map(move |piece| -> Result<Bytes, axum::Error> {
        let piece = piece?;
        log.append(&kind, &piece).map_err(axum::Error::new)?;
        Ok(piece)
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_a_torn_one_ends_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("egress.log");
        let log = EgressLog::open(&path).unwrap();
        log.append("GET /v1/head", b"one").unwrap();
        EgressLog::open(&path).unwrap().append("bundle", &[7; 70_000]).unwrap();
        let records = read(&path).unwrap();
        assert_eq!(records.first(), Some(&Sent { kind: "GET /v1/head".into(), body: b"one".to_vec() }));
        assert_eq!(records.get(1).map(|record| record.body.len()), Some(70_000));
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 5, 100, 69_999] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(read(&path).unwrap(), records[..1]);
        }
    }
}
