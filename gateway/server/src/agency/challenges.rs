//! Challenges: each nonce is made here, for one policy, and good once, for a few minutes (W1).
//!
//! They live in memory: a restart forgets those under way, and their holders ask again. A nonce that was
//! used or forgotten is never good again, because nonces are random and only what is remembered is taken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use credential::{Finding, Reason};
use did_registry::{Digest, Timestamp};
use rand::RngCore as _;
use rand::rngs::OsRng;

/// Seconds a challenge lasts.
pub(crate) const SECONDS: u64 = 300;
/// Challenges under way; beyond that the oldest are forgotten.
const MOST: usize = 100_000;

#[derive(Default)]
struct Book {
    open: BTreeMap<String, (Digest, Timestamp)>,
    order: VecDeque<String>,
}

/// The challenges under way.
#[derive(Default)]
pub(crate) struct Challenges(Mutex<Book>);

impl Challenges {
    /// A fresh nonce for a policy.
    pub(crate) fn open(&self, policy: Digest, now: Timestamp) -> String {
        let mut bytes = [0u8; 16];
        OsRng.fill_bytes(&mut bytes);
        let nonce = bs58::encode(bytes).into_string();
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.open.insert(nonce.clone(), (policy, now.plus(SECONDS)));
        book.order.push_back(nonce.clone());
        while book.order.len() > MOST {
            if let Some(oldest) = book.order.pop_front() {
                book.open.remove(&oldest);
            }
        }
        nonce
    }

    /// Uses a nonce up; gives the policy it was made for.
    ///
    /// # Errors
    /// `REPLAYED` for a nonce that is not open: used, forgotten, or never made; `EXPIRED`.
    pub(crate) fn close(&self, nonce: &str, now: Timestamp) -> Result<Digest, Finding> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match book.open.remove(nonce) {
            Some((policy, until)) if now < until => Ok(policy),
            Some(_) => Err(Finding::new(Reason::Expired, "the challenge has expired; ask for another")),
            None => Err(Finding::new(Reason::Replayed, "a challenge is answered once; this one is not open")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_once_and_in_time() {
        let (book, policy, now) =
            (Challenges::default(), Digest::sha256(b"policy"), Timestamp::default().plus(1_000));
        let nonce = book.open(policy, now);
        assert_eq!(book.close(&nonce, now), Ok(policy));
        assert_eq!(book.close(&nonce, now).unwrap_err().code, Reason::Replayed);
        assert_eq!(book.close("never made", now).unwrap_err().code, Reason::Replayed);
        let late = book.open(policy, now);
        assert_eq!(book.close(&late, now.plus(SECONDS)).unwrap_err().code, Reason::Expired);
    }

    #[test]
    fn the_book_is_bounded() {
        let (book, policy, now) = (Challenges::default(), Digest::sha256(b"policy"), Timestamp::default());
        let first = book.open(policy, now);
        for _ in 0..MOST {
            book.open(policy, now);
        }
        assert_eq!(book.close(&first, now).unwrap_err().code, Reason::Replayed);
    }
}
