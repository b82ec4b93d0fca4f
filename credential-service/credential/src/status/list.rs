//! The list itself: entries, and their compressed form.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress};

use super::StatusError;

/// Bytes accepted for a list, uncompressed: 134 million entries of 2 bits.
pub const LIST_BYTES: usize = 32 << 20;

/// The status of one credential (§7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// 0: in force.
    Valid,
    /// 1: revoked, for good.
    Invalid,
    /// 2: out of force for now.
    Suspended,
    /// 3 and above: what the issuer's application says, or not assigned.
    Other(u8),
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        match status {
            Status::Valid => 0,
            Status::Invalid => 1,
            Status::Suspended => 2,
            Status::Other(other) => other,
        }
    }
}

/// The status of many credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusList {
    /// A list of at least `entries` entries, all valid. The number is rounded up to whole bytes.
    ///
    /// # Errors
    /// [`StatusError::Bits`], [`StatusError::TooLarge`].
    pub fn new(bits: u8, entries: u64) -> Result<Self, StatusError> {
        let bytes = entries.div_ceil(per_byte(bits)?);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > LIST_BYTES {
            return Err(StatusError::TooLarge { limit: LIST_BYTES });
        }
        Ok(Self { bits, bytes: vec![0; bytes] })
    }

    /// A list from its uncompressed bytes.
    ///
    /// # Errors
    /// [`StatusError::Bits`], [`StatusError::TooLarge`].
    pub fn from_bytes(bits: u8, bytes: Vec<u8>) -> Result<Self, StatusError> {
        per_byte(bits)?;
        if bytes.len() > LIST_BYTES {
            return Err(StatusError::TooLarge { limit: LIST_BYTES });
        }
        Ok(Self { bits, bytes })
    }

    /// Bits per entry.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Entries in the list.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64 * u64::from(8 / self.bits)
    }

    /// The uncompressed bytes: entry i in byte ⌊i·bits/8⌋, low bits first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The status of entry `index`.
    ///
    /// # Errors
    /// [`StatusError::Outside`].
    pub fn get(&self, index: u64) -> Result<Status, StatusError> {
        let (byte, shift) = self.place(index)?;
        let byte = self.bytes.get(byte).expect("inside because the index was checked");
        Ok(Status::from((byte >> shift) & self.mask()))
    }

    /// Sets the status of entry `index`.
    ///
    /// # Errors
    /// [`StatusError::Outside`], [`StatusError::TooWide`], or [`StatusError::Final`] if the entry is revoked
    /// and would become anything else.
    pub fn set(&mut self, index: u64, status: Status) -> Result<(), StatusError> {
        let value = u8::from(status);
        if value > self.mask() {
            return Err(StatusError::TooWide { bits: self.bits });
        }
        if self.get(index)? == Status::Invalid && status != Status::Invalid {
            return Err(StatusError::Final);
        }
        let (byte, shift) = self.place(index)?;
        let mask = self.mask();
        let byte = self.bytes.get_mut(byte).expect("inside because the index was checked");
        *byte = (*byte & !(mask << shift)) | (value << shift);
        Ok(())
    }

    /// One zlib stream at level 9, as the specification recommends.
    pub fn compress(&self) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
        written.expect("writing to memory cannot fail because a Vec grows")
    }

    /// Reads one whole zlib stream. The output is bounded while it is produced, so a bomb costs at most
    /// [`LIST_BYTES`].
    ///
    /// # Errors
    /// [`StatusError::Bits`]; [`StatusError::Compression`] for a broken, cut or trailing stream;
    /// [`StatusError::TooLarge`].
    pub fn decompress(bits: u8, stream: &[u8]) -> Result<Self, StatusError> {
        per_byte(bits)?;
        let mut inflate = Decompress::new(true);
        let mut bytes = Vec::new();
        loop {
            // One byte over the bound shows that the bound is passed; no more is ever allocated.
            bytes.reserve_exact(bytes.len().clamp(4096, LIST_BYTES).min(LIST_BYTES + 1 - bytes.len()));
            let (read, written) = (inflate.total_in(), bytes.len());
            let rest = usize::try_from(read).ok().and_then(|read| stream.get(read..)).unwrap_or_default();
            let state = inflate.decompress_vec(rest, &mut bytes, FlushDecompress::None);
            if bytes.len() > LIST_BYTES {
                return Err(StatusError::TooLarge { limit: LIST_BYTES });
            }
            match state.map_err(|_| StatusError::Compression)? {
                flate2::Status::StreamEnd => break,
                // Neither read nor written: the stream is cut.
                _ if inflate.total_in() == read && bytes.len() == written => {
                    return Err(StatusError::Compression);
                }
                _ => {}
            }
        }
        if inflate.total_in() != stream.len() as u64 {
            return Err(StatusError::Compression); // something follows the stream
        }
        Self::from_bytes(bits, bytes)
    }

    /// Byte and shift of an entry.
    fn place(&self, index: u64) -> Result<(usize, u8), StatusError> {
        let per_byte = u64::from(8 / self.bits);
        let outside = || StatusError::Outside { index, size: self.size() };
        let byte = usize::try_from(index / per_byte).ok().filter(|byte| *byte < self.bytes.len());
        let within = u8::try_from(index % per_byte).expect("fits because a byte has at most 8 entries");
        Ok((byte.ok_or_else(outside)?, within * self.bits))
    }

    fn mask(&self) -> u8 {
        u8::MAX >> (8 - self.bits)
    }
}

/// Entries per byte.
fn per_byte(bits: u8) -> Result<u64, StatusError> {
    if matches!(bits, 1 | 2 | 4 | 8) { Ok(u64::from(8 / bits)) } else { Err(StatusError::Bits) }
}
