//! A CSV file (RFC 4180, UTF-8, byte order mark tolerated) as bounded rows, hashed while it is read.

use std::io::{self, Read};

use csv::ByteRecord;
use did_registry::Digest;
use sha2::{Digest as _, Sha256};

use super::{ImportError, ImportLimits};

/// Bytes the CSV reader takes at a time, so as much may be read beyond the end of a row.
const BUFFER: usize = 64 << 10;

/// Where a row lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: u64,
    /// Bytes of this row.
    pub(super) bytes: u64,
    /// Bytes up to its end.
    pub(super) end: u64,
}

/// Rows of a source.
pub(super) struct Source<R> {
    reader: csv::Reader<Metered<R>>,
    limits: ImportLimits,
    rows: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(inner: R, limits: ImportLimits) -> Self {
        let metered = Metered { inner, hasher: Sha256::new(), total: 0, since_row: 0, limits, broken: None };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false) // ours to check
            .flexible(true) // a row of another width is that row's fault
            .buffer_capacity(BUFFER)
            .from_reader(metered);
        Self { reader, limits, rows: 0 }
    }

    /// Reads the next row into `cells`; none at the end. The header counts as a row here.
    pub(super) fn next(&mut self, cells: &mut ByteRecord) -> Result<Option<Place>, ImportError> {
        let line = self.reader.position().line();
        let start = self.reader.position().byte();
        self.reader.get_mut().since_row = 0;
        match self.reader.read_byte_record(cells) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => {
                return Err(match (self.reader.get_mut().broken.take(), error.into_kind()) {
                    (Some(Broken::File), _) => ImportError::FileTooLarge { limit: self.limits.file_bytes },
                    (Some(Broken::Row), _) => {
                        ImportError::RowWithoutEnd { limit: self.limits.row_bytes, line }
                    }
                    (None, csv::ErrorKind::Io(error)) => ImportError::Unreadable(error),
                    (None, _) => ImportError::Unreadable(io::ErrorKind::InvalidData.into()),
                });
            }
        }
        self.rows += 1;
        if self.rows > self.limits.rows.saturating_add(1) {
            return Err(ImportError::TooManyRows { limit: self.limits.rows });
        }
        let end = self.reader.position().byte();
        let line = cells.position().map_or(line, csv::Position::line);
        Ok(Some(Place { line, bytes: end.saturating_sub(start), end }))
    }

    /// SHA-256 and length of what was read; of the whole file, once [`Source::next`] has said so.
    pub(super) fn finish(self) -> (Digest, u64) {
        let metered = self.reader.into_inner();
        (Digest::from_bytes(metered.hasher.finalize().into()), metered.total)
    }
}

/// Why reading was stopped from our side.
enum Broken {
    File,
    Row,
}

/// Hashes, counts, and stops reading where a bound is passed: the CSV reader alone would grow a row
/// without end.
struct Metered<R> {
    inner: R,
    hasher: Sha256,
    total: u64,
    since_row: usize,
    limits: ImportLimits,
    broken: Option<Broken>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.inner.read(buffer)?;
        // A byte order mark is recognised only when its three bytes arrive together, and one more behind
        // them, because the mark alone would look like the end.
        while self.total == 0 && (1..4).contains(&read) {
            match self.inner.read(buffer.get_mut(read..).unwrap_or_default())? {
                0 => break,
                more => read += more,
            }
        }
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.total += read as u64;
        self.since_row += read;
        if self.total > self.limits.file_bytes {
            self.broken = Some(Broken::File);
        } else if self.since_row > self.limits.row_bytes.saturating_add(BUFFER) {
            self.broken = Some(Broken::Row);
        }
        if self.broken.is_some() { Err(io::Error::other("over a limit")) } else { Ok(read) }
    }
}
