//! Sealing: AES-256-GCM (NIST SP 800-38D) over a value, bound to the place it lies in.
//!
//! Statement: who holds the disk but not the keys learns of a row its column, its blinded key, its
//! length and when it changed; and cannot alter, move or cut it unnoticed. Argument: GCM is confidential
//! and authentic while no nonce repeats under a key. Nonces are 96 random bits, and a data key seals at
//! most 2³² values (section 8.3), after which the column moves to the next key. The associated data
//! repeats column, epoch and row, so a ciphertext opens in its own place only.
//!
//! Bytes: `1 ‖ epoch (4, big-endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.

use std::io;

use aes_gcm::aead::{AeadInPlace as _, generic_array::GenericArray};
use aes_gcm::{Aes256Gcm, Tag};
use rand::RngCore as _;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::{Column, RowId};
use crate::label;

const FORMAT: u8 = 1;
const NONCE: usize = 12;
const HEADER: usize = 1 + 4 + NONCE;
const TAG: usize = 16;

/// A plaintext that is being written, behind room for its header. Wiped on drop, and wherever it grows.
pub(super) struct Plain(Zeroizing<Vec<u8>>);

impl Plain {
    pub(super) fn new() -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.resize(HEADER, 0);
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() - HEADER
    }

    /// Encrypts in place: the plaintext is gone from memory when this returns.
    pub(super) fn seal(mut self, key: &Aes256Gcm, column: Column, epoch: u32, row: &RowId) -> Vec<u8> {
        self.reserve(TAG);
        let (header, body) = self.0.split_at_mut(HEADER);
        let (front, nonce) = header.split_at_mut(HEADER - NONCE);
        OsRng.fill_bytes(nonce);
        front.copy_from_slice(&header_of(epoch));
        let tag = key
            .encrypt_in_place_detached(GenericArray::from_slice(nonce), &place(column, epoch, row), body)
            .expect("sealing cannot fail because a row is far below GCM's 64 GiB");
        self.0.extend_from_slice(&tag);
        std::mem::take(&mut *self.0)
    }

    /// `Vec` would leave the old allocation behind unwiped.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.next_power_of_two());
            larger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(larger);
        }
    }
}

impl io::Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The epoch of a sealed value, if the bytes can be one.
pub(super) fn epoch_of(sealed: &[u8]) -> Option<u32> {
    match sealed {
        [FORMAT, a, b, c, d, rest @ ..] if rest.len() >= NONCE + TAG => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => None,
    }
}

/// The plaintext, if `sealed` was sealed under `key` for this very place.
pub(super) fn open(
    key: &Aes256Gcm,
    column: Column,
    row: &RowId,
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let epoch = epoch_of(sealed)?;
    let (nonce, rest) = sealed.get(HEADER - NONCE..)?.split_at_checked(NONCE)?;
    let (body, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
    let mut body = Zeroizing::new(body.to_vec());
    key.decrypt_in_place_detached(
        GenericArray::from_slice(nonce),
        &place(column, epoch, row),
        &mut body,
        Tag::from_slice(tag),
    )
    .ok()?;
    Some(body)
}

fn header_of(epoch: u32) -> [u8; HEADER - NONCE] {
    let [a, b, c, d] = epoch.to_be_bytes();
    [FORMAT, a, b, c, d]
}

/// `label ‖ 0 ‖ column ‖ 0 ‖ epoch ‖ row`: column names hold no zero byte, and the rest has fixed lengths.
fn place(column: Column, epoch: u32, row: &RowId) -> Vec<u8> {
    let mut place = Vec::with_capacity(80);
    place.extend_from_slice(label::VAULT_ROW.as_bytes());
    place.push(0);
    place.extend_from_slice(column.name().as_bytes());
    place.push(0);
    place.extend_from_slice(&epoch.to_be_bytes());
    place.extend_from_slice(row.as_bytes());
    place
}
