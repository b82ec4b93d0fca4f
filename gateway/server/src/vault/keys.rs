//! Envelope keys: the key-encryption key (KEK) wraps data keys, data keys seal rows.
//!
//! Every column has data keys of its own, numbered by epoch; the newest seals, all of them open. The
//! index key is a data key too, but makes row identifiers. Rotating the KEK wraps the same data keys anew
//! and touches no row. A wrapped key's bytes: `1 ‖ room (8, big-endian) ‖ nonce (12) ‖ key (32) ‖ tag (16)`,
//! where `room` counts seals set aside from the 2³² that a key is good for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aes_gcm::aead::{AeadInPlace as _, KeyInit as _, generic_array::GenericArray};
use aes_gcm::{Aes256Gcm, Tag};
use did_registry::Secret;
use rand::RngCore as _;
use rand::rngs::OsRng;
use rocksdb::{DB, IteratorMode, WriteBatch};
use zeroize::Zeroizing;

use super::{Column, VaultError, column_family, synced};
use crate::key_file::{self, KeyFileError};
use crate::label;

/// The column family of wrapped keys; not a [`Column`], because its rows are sealed under the KEK.
pub(super) const KEYS: &str = "keys";
const INDEX: &str = "index";
const KEK_ROW: &[u8] = b"kek";
const FORMAT: u8 = 1;

/// Seals a data key is good for, NIST SP 800-38D section 8.3.
const SEALS: u64 = 1 << 32;
/// Seals set aside at a time, so that a crash costs at most these and a seal costs no write.
const ROOM: u64 = 1 << 16;

/// The key-encryption key. It stays outside the vault; without it the vault is noise.
#[derive(Debug)]
pub struct Kek(Secret<[u8; 32]>);

impl Kek {
    /// A fresh key.
    pub fn generate() -> Self {
        Self(fresh())
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        key_file::load(path).map(Self)
    }

    /// Writes a new key file, never over an old one.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        key_file::create(path, &self.0)
    }

    /// Tells this key from another without telling anything of either: a PRF of it at a fixed point.
    fn mark(&self) -> [u8; 32] {
        keyed(&self.0, label::VAULT_KEK, &[])
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(GenericArray::from_slice(self.0.expose()))
    }

    fn wrap(&self, name: &str, epoch: u32, room: u64, key: &Secret<[u8; 32]>) -> Vec<u8> {
        let mut nonce = [0u8; 12];
        OsRng.fill_bytes(&mut nonce);
        let mut body = Zeroizing::new(*key.expose());
        let tag = self
            .cipher()
            .encrypt_in_place_detached(&nonce.into(), &place(name, epoch, room), body.as_mut_slice())
            .expect("wrapping cannot fail because 32 bytes are below GCM's 64 GiB");
        [&[FORMAT][..], &room.to_be_bytes(), &nonce, body.as_slice(), &tag].concat()
    }

    fn unwrap(&self, name: &str, epoch: u32, wrapped: &[u8]) -> Result<(Secret<[u8; 32]>, u64), VaultError> {
        let open = || {
            let wrapped: &[u8; 69] = wrapped.try_into().ok()?;
            let (front, sealed) = wrapped.split_at(21);
            let (room, nonce) = front.strip_prefix(&[FORMAT])?.split_at(8);
            let (body, tag) = sealed.split_at(32);
            let room = u64::from_be_bytes(room.try_into().ok()?);
            let mut key = Zeroizing::new([0u8; 32]);
            key.copy_from_slice(body);
            let (nonce, tag) = (GenericArray::from_slice(nonce), Tag::from_slice(tag));
            let place = place(name, epoch, room);
            self.cipher().decrypt_in_place_detached(nonce, &place, key.as_mut_slice(), tag).ok()?;
            Some((Secret::new(*key), room))
        };
        open().ok_or_else(|| VaultError::KeyDamaged { name: name.to_owned(), epoch })
    }
}

/// HMAC-SHA-256 over `label ‖ 0 ‖ (length ‖ part)*`.
pub(super) fn keyed(key: &Secret<[u8; 32]>, label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut context =
        ring::hmac::Context::with_key(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.expose()));
    context.update(label.as_bytes());
    context.update(&[0]);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().try_into().expect("32 bytes because SHA-256 has 32")
}

fn fresh() -> Secret<[u8; 32]> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    OsRng.fill_bytes(bytes.as_mut_slice());
    Secret::new(*bytes)
}

fn place(name: &str, epoch: u32, room: u64) -> Vec<u8> {
    [label::VAULT_KEY.as_bytes(), &[0], name.as_bytes(), &[0], &epoch.to_be_bytes(), &room.to_be_bytes()]
        .concat()
}

fn row_key(name: &str, epoch: u32) -> Vec<u8> {
    [name.as_bytes(), &[0], &epoch.to_be_bytes()].concat()
}

fn parse_row_key(key: &[u8]) -> Option<(&str, u32)> {
    let (name, epoch) = key.split_at_checked(key.len().checked_sub(4)?)?;
    let name = std::str::from_utf8(name.strip_suffix(&[0])?).ok()?;
    Some((name, u32::from_be_bytes(epoch.try_into().ok()?)))
}

/// One column's keys.
struct Epochs {
    ciphers: BTreeMap<u32, Arc<Aes256Gcm>>,
    current: u32,
    used: u64,
    room: u64,
}

struct Ring {
    kek: Kek,
    columns: BTreeMap<Column, Epochs>,
}

/// The open data keys of a vault.
pub(super) struct Keys {
    ring: Mutex<Ring>,
    index: Secret<[u8; 32]>,
    /// [`SEALS`], except where a test moves on sooner.
    pub(super) seals: u64,
}

impl Keys {
    /// Opens the keys of a vault, making those that are missing: all in a new vault, a new column's later.
    pub(super) fn open(db: &DB, kek: Kek) -> Result<Self, VaultError> {
        let family = column_family(db, KEYS);
        let mut wrapped: BTreeMap<(String, u32), Box<[u8]>> = BTreeMap::new();
        let mut mark = None;
        for row in db.iterator_cf(family, IteratorMode::Start) {
            let (key, value) = row?;
            if &*key == KEK_ROW {
                mark = Some(value);
                continue;
            }
            let (name, epoch) = parse_row_key(&key)
                .ok_or_else(|| VaultError::KeyDamaged { name: KEYS.to_owned(), epoch: 0 })?;
            wrapped.insert((name.to_owned(), epoch), value);
        }
        match mark {
            Some(mark) if *mark != kek.mark() => return Err(VaultError::WrongKek),
            None if !wrapped.is_empty() => {
                return Err(VaultError::KeyMissing { name: "kek".to_owned(), epoch: 0 });
            }
            _ => {}
        }
        let mut batch = WriteBatch::default();
        if mark.is_none() {
            batch.put_cf(family, KEK_ROW, kek.mark());
        }
        let mut make = |name: &str| {
            let key = fresh();
            batch.put_cf(family, row_key(name, 0), kek.wrap(name, 0, 0, &key));
            key
        };
        let index = match wrapped.remove(&(INDEX.to_owned(), 0)) {
            Some(value) => kek.unwrap(INDEX, 0, &value)?.0,
            // Without it nothing could be found again: only a vault without any key gets a new one.
            None if !wrapped.is_empty() => {
                return Err(VaultError::KeyMissing { name: INDEX.to_owned(), epoch: 0 });
            }
            None => make(INDEX),
        };
        let mut columns = BTreeMap::new();
        for column in Column::ALL {
            let name = column.name();
            let mut ciphers = BTreeMap::new();
            let mut room = 0;
            for ((_, epoch), value) in wrapped.iter().filter(|((owner, _), _)| owner == name) {
                let (key, reached) = kek.unwrap(name, *epoch, value)?;
                ciphers.insert(*epoch, Arc::new(cipher(&key)));
                room = reached;
            }
            if ciphers.is_empty() {
                let rows = db.iterator_cf(column_family(db, name), IteratorMode::Start).next();
                if rows.transpose()?.is_some() {
                    return Err(VaultError::KeyMissing { name: name.to_owned(), epoch: 0 });
                }
                ciphers.insert(0, Arc::new(cipher(&make(name))));
            }
            let current = ciphers.last_key_value().map_or(0, |(epoch, _)| *epoch);
            // Whatever was set aside before counts as used: a crash must not let a key seal too often.
            columns.insert(column, Epochs { ciphers, current, used: room, room });
        }
        db.write_opt(batch, &synced())?;
        Ok(Self { ring: Mutex::new(Ring { kek, columns }), index, seals: SEALS })
    }

    /// A keyed hash under the index key.
    pub(super) fn index(&self, parts: &[&[u8]]) -> [u8; 32] {
        keyed(&self.index, label::VAULT_INDEX, parts)
    }

    /// The key that seals the next value of a column, counted against its limit.
    pub(super) fn sealing(&self, db: &DB, column: Column) -> Result<(u32, Arc<Aes256Gcm>), VaultError> {
        let mut ring = self.lock();
        let Ring { kek, columns } = &mut *ring;
        let epochs = columns.get_mut(&column).expect("every column has keys because `open` made them");
        if epochs.used >= self.seals {
            advance(db, kek, column, epochs)?;
        }
        if epochs.used == epochs.room {
            // Before the seals, not with them: the count on disk is never behind.
            let row = row_key(column.name(), epochs.current);
            let value = db.get_cf(column_family(db, KEYS), &row)?;
            let value = value.ok_or_else(|| missing(column, epochs.current))?;
            let (key, _) = kek.unwrap(column.name(), epochs.current, &value)?;
            let room = epochs.room.saturating_add(ROOM.min(self.seals));
            let value = kek.wrap(column.name(), epochs.current, room, &key);
            db.put_cf_opt(column_family(db, KEYS), row, value, &synced())?;
            epochs.room = room;
        }
        epochs.used += 1;
        let cipher = epochs.ciphers.get(&epochs.current).ok_or_else(|| missing(column, epochs.current))?;
        Ok((epochs.current, Arc::clone(cipher)))
    }

    /// The key of an epoch.
    pub(super) fn opening(&self, column: Column, epoch: u32) -> Result<Arc<Aes256Gcm>, VaultError> {
        let ring = self.lock();
        let cipher = ring.columns.get(&column).and_then(|epochs| epochs.ciphers.get(&epoch));
        cipher.map(Arc::clone).ok_or_else(|| missing(column, epoch))
    }

    /// Starts a new epoch for a column: later values are sealed under a fresh key.
    pub(super) fn advance(&self, db: &DB, column: Column) -> Result<u32, VaultError> {
        let mut ring = self.lock();
        let Ring { kek, columns } = &mut *ring;
        let epochs = columns.get_mut(&column).expect("every column has keys because `open` made them");
        advance(db, kek, column, epochs)?;
        Ok(epochs.current)
    }

    /// Wraps every data key under `kek`, all or none, and forgets the old one.
    pub(super) fn rewrap(&self, db: &DB, kek: Kek) -> Result<(), VaultError> {
        let mut ring = self.lock();
        let family = column_family(db, KEYS);
        let mut batch = WriteBatch::default();
        batch.put_cf(family, KEK_ROW, kek.mark());
        for row in db.iterator_cf(family, IteratorMode::Start) {
            let (row, value) = row?;
            if let Some((name, epoch)) = parse_row_key(&row) {
                let (key, room) = ring.kek.unwrap(name, epoch, &value)?;
                batch.put_cf(family, &row, kek.wrap(name, epoch, room, &key));
            }
        }
        db.write_opt(batch, &synced())?;
        ring.kek = kek;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // A panic between two statements leaves counts that are too high at worst, never too low.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cipher(key: &Secret<[u8; 32]>) -> Aes256Gcm {
    Aes256Gcm::new(GenericArray::from_slice(key.expose()))
}

fn missing(column: Column, epoch: u32) -> VaultError {
    VaultError::KeyMissing { name: column.name().to_owned(), epoch }
}

fn advance(db: &DB, kek: &Kek, column: Column, epochs: &mut Epochs) -> Result<(), VaultError> {
    let epoch = epochs.current.checked_add(1).expect("2³² epochs of 2³² rows outlast the disk");
    let key = fresh();
    let value = kek.wrap(column.name(), epoch, 0, &key);
    db.put_cf_opt(column_family(db, KEYS), row_key(column.name(), epoch), value, &synced())?;
    epochs.ciphers.insert(epoch, Arc::new(cipher(&key)));
    *epochs = Epochs { ciphers: std::mem::take(&mut epochs.ciphers), current: epoch, used: 0, room: 0 };
    Ok(())
}
