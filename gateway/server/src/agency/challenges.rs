//! Challenges: each nonce is made here, for one policy, and good once, for a few minutes (W1).
//!
//! A nonce is `random (16) ‖ end (8, big-endian) ‖ tag (16)` in base58: its tag, a keyed hash over both and the
//! policy, says that it was made here. So what is asked for and never answered costs no memory, and nobody
//! crowds out anybody by asking for many. What is remembered is what was answered by whoever holds the
//! credential, until it would have ended anyway; somebody else's nonsense uses no nonce up.
//!
//! The key is made anew with the process: a restart forgets the challenges under way, and their holders ask
//! again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use credential::{Finding, Reason};
use did_registry::{Digest, Secret, Timestamp};
use rand::RngCore as _;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq as _;

/// Seconds a challenge lasts.
pub(crate) const SECONDS: u64 = 300;

/// A nonce, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nonce {
    /// When it ends, in seconds since 1970.
    until: [u8; 8],
    random: [u8; 16],
}

/// What makes challenges, and knows those that were answered.
pub(crate) struct Challenges {
    key: Secret<[u8; 32]>,
    answered: Mutex<BTreeSet<Nonce>>,
}

impl Challenges {
    /// None under way.
    pub(crate) fn new() -> Self {
        Self { key: Secret::new(fresh()), answered: Mutex::default() }
    }

    /// A fresh nonce for a policy.
    pub(crate) fn open(&self, policy: &Digest, now: Timestamp) -> String {
        let nonce = Nonce { until: now.plus(SECONDS).seconds().to_be_bytes(), random: fresh() };
        bs58::encode([&nonce.random[..], &nonce.until, &self.tag(&nonce, policy)].concat()).into_string()
    }

    /// Whether a nonce is open; gives the policy, one of `policies`, that it was made for.
    ///
    /// # Errors
    /// `REPLAYED` for a nonce that is not open: answered, forgotten, or never made; `EXPIRED`.
    pub(crate) fn check(&self, text: &str, policies: &[Digest], now: Timestamp) -> Result<Digest, Finding> {
        let (nonce, tag) = read(text).ok_or_else(not_open)?;
        let made_for = |policy: &&Digest| bool::from(self.tag(&nonce, policy).ct_eq(&tag));
        let policy = policies.iter().find(made_for).ok_or_else(not_open)?;
        if u64::from_be_bytes(nonce.until) <= now.seconds() {
            return Err(Finding::new(Reason::Expired, "the challenge has expired; ask for another"));
        }
        if self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(&nonce) {
            return Err(not_open());
        }
        Ok(*policy)
    }

    /// Uses up a nonce that was checked; of several who come at once, one does.
    ///
    /// # Errors
    /// `REPLAYED`.
    pub(crate) fn close(&self, text: &str, now: Timestamp) -> Result<(), Finding> {
        let (nonce, _) = read(text).ok_or_else(not_open)?;
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        while answered.first().is_some_and(|first| u64::from_be_bytes(first.until) <= now.seconds()) {
            answered.pop_first();
        }
        if answered.insert(nonce) { Ok(()) } else { Err(not_open()) }
    }

    fn tag(&self, nonce: &Nonce, policy: &Digest) -> [u8; 16] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.key.expose());
        let whole = ring::hmac::sign(&key, &[&nonce.random[..], &nonce.until, policy.as_bytes()].concat());
        *whole.as_ref().first_chunk().expect("there because SHA-256 has 32 bytes")
    }
}

fn read(text: &str) -> Option<(Nonce, [u8; 16])> {
    let mut bytes = [0u8; 40];
    let length = bs58::decode(text).onto(&mut bytes).ok()?;
    let (random, rest) = bytes.split_first_chunk()?;
    let (until, tag) = rest.split_first_chunk()?;
    (length == bytes.len()).then_some((Nonce { until: *until, random: *random }, *tag.first_chunk()?))
}

fn fresh<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

fn not_open() -> Finding {
    Finding::new(Reason::Replayed, "a challenge is answered once; this one is not open")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(seconds)
    }

    #[test]
    fn a_challenge_is_answered_once_and_in_time() {
        let (book, policy, now) = (Challenges::new(), Digest::sha256(b"policy"), at(1_000));
        let policies = [Digest::sha256(b"another"), policy];
        let nonce = book.open(&policy, now);
        assert_eq!(book.check(&nonce, &policies, now), Ok(policy));
        assert_eq!(book.check(&nonce, &policies, now), Ok(policy), "looking uses nothing up");
        assert_eq!(book.close(&nonce, now), Ok(()));
        assert_eq!(book.close(&nonce, now).unwrap_err().code, Reason::Replayed);
        assert_eq!(book.check(&nonce, &policies, now).unwrap_err().code, Reason::Replayed);
        let late = book.open(&policy, now);
        assert_eq!(book.check(&late, &policies, at(1_000 + SECONDS)).unwrap_err().code, Reason::Expired);
        // What has ended is forgotten.
        book.close(&late, at(1_000 + SECONDS)).unwrap();
        assert_eq!(book.answered.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_was_not_made_here_for_one_of_these_policies_is_not_open() {
        let (book, policy, now) = (Challenges::new(), Digest::sha256(b"policy"), at(1_000));
        let nonce = book.open(&policy, now);
        let code = |nonce: &str, policies: &[Digest]| book.check(nonce, policies, now).unwrap_err().code;
        assert_eq!(code(&nonce, &[Digest::sha256(b"another")]), Reason::Replayed);
        assert_eq!(code(&nonce, &[]), Reason::Replayed);
        assert_eq!(
            code(&Challenges::new().open(&policy, now), &[policy]),
            Reason::Replayed,
            "made elsewhere"
        );
        for made_up in ["", "never made", &nonce[1..], &format!("{nonce}1"), &"1".repeat(10_000)] {
            assert_eq!(code(made_up, &[policy]), Reason::Replayed, "{made_up}");
        }
        let mut longer = bs58::decode(&nonce).into_vec().unwrap();
        longer[20] ^= 1;
        assert_eq!(code(&bs58::encode(longer).into_string(), &[policy]), Reason::Replayed, "another end");
    }

    #[test]
    fn a_flood_of_challenges_takes_nobodys_away() {
        let (book, policy, now) = (Challenges::new(), Digest::sha256(b"policy"), at(1_000));
        let first = book.open(&policy, now);
        for _ in 0..200_000 {
            book.open(&policy, now);
        }
        assert_eq!(book.check(&first, &[policy], now), Ok(policy));
        assert!(book.answered.lock().unwrap().is_empty(), "what is only asked for costs nothing");
    }
}
