//! The egress log: every response and every request of a process, written down before it is sent.
//!
//! Invariant P2 says that raw records never leave the issuing agency's process. Who wants to check that reads
//! this log: it holds what the process sent, as it was sent, whole and in order of sending. If a record cannot
//! be written the response breaks off, and the request is not made: what is not recorded is not sent. What the
//! HTTP library adds by itself is not in it: dates, lengths, and its answers to bytes that are no request.
//!
//! One record: kind's length (2 bytes, little-endian), kind, body's length (4 bytes), body. A response is one
//! record of its status and headers, whose kind ends in ` (head)`, and one for each piece of its body; a request
//! is one record.

use std::fs::{File, Permissions};
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio_stream::StreamExt as _;

/// What the kind of a response's status and headers ends in.
const HEAD: &str = " (head)";
/// For the owner's eyes.
const PRIVATE: u32 = 0o600;

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

impl Sent {
    /// Whether this is a response's status and headers.
    pub fn is_head(&self) -> bool {
        self.kind.ends_with(HEAD)
    }

    /// What it is a part of.
    pub fn message(&self) -> &str {
        self.kind.strip_suffix(HEAD).unwrap_or(&self.kind)
    }
}

impl EgressLog {
    /// Appends to a file that only its owner may read, because credentials on their way are in it; makes it if
    /// missing.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).mode(PRIVATE).open(path)?;
        file.set_permissions(Permissions::from_mode(PRIVATE))?; // also if it was there
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    /// Writes down a request that is about to be made: method, address, headers, body.
    ///
    /// # Errors
    /// The system's; then it may not be made.
    pub fn append_request(&self, kind: &str, request: &reqwest::Request) -> io::Result<()> {
        let mut record = format!("{} {}\n", request.method(), request.url()).into_bytes();
        record.extend(lines(request.headers()));
        record.push(b'\n');
        record.extend_from_slice(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default());
        self.append(kind, &record)
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

/// A line for each header.
fn lines(headers: &HeaderMap) -> Vec<u8> {
    let line = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat()
    };
    headers.iter().flat_map(line).collect()
}

/// Middleware, the outermost: records status, headers and each piece of a response's body before it is sent.
///
/// ```ignore
/// router.layer(axum::middleware::from_fn_with_state(log, egress::record))
/// ```
pub async fn record(State(log): State<EgressLog>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unrouted", MatchedPath::as_str);
    let route = format!("{} {route}", request.method());
    let (parts, body) = next.run(request).await.into_parts();
    let kind = parts.extensions.get::<Kind>().map_or(route, |kind| kind.0.to_owned());
    let head = [format!("{}\n", parts.status).into_bytes(), lines(&parts.headers)].concat();
    if let Err(error) = log.append(&format!("{kind}{HEAD}"), &head) {
        tracing::error!(%error, "an answer cannot be written down, so it is not given");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
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
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        let records = read(&path).unwrap();
        assert_eq!(records.first(), Some(&Sent { kind: "GET /v1/head".into(), body: b"one".to_vec() }));
        assert_eq!(records.get(1).map(|record| record.body.len()), Some(70_000));
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 5, 100, 69_999] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(read(&path).unwrap(), records[..1]);
        }
    }

    #[test]
    fn a_log_that_others_could_read_is_closed_to_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("egress.log");
        std::fs::write(&path, b"").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        EgressLog::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
    }

    #[test]
    fn a_request_is_written_down_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("egress.log");
        let log = EgressLog::open(&path).unwrap();
        let request =
            reqwest::Client::new().post("http://ledger.example/v1/x?wait=1").header("a", "b").body("c");
        log.append_request("to the ledger", &request.build().unwrap()).unwrap();
        let body = b"POST http://ledger.example/v1/x?wait=1\na: b\n\nc".to_vec();
        assert_eq!(read(&path).unwrap(), [Sent { kind: "to the ledger".into(), body }]);
    }
}
