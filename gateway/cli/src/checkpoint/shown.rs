//! Challenges as they are shown, and what a text says it answers, which anybody may have written.

use std::fmt;
use std::str::FromStr;

use credential::dcc::{base45, zlib};
use credential::json::{self, Limits};
use credential::jws::Jws;
use credential::presentation::{PASS_LIMIT, PRINTED_PREFIX};
use credential::zk::SHOWN_PREFIX;
use did_registry::Digest;
use rand::{CryptoRng, RngCore};
use serde_json::Value;

/// How a challenge's text begins.
const PREFIX: &str = "CWN:";
/// Digits of a nonce: 128 bits.
const NONCE: usize = 32;
/// Characters of the longest nonce looked up.
const LONGEST: usize = 256;
/// Bytes of the largest key-binding token.
const BINDING: usize = 4 * 1024;

/// What a gate asks a holder to sign: its name, and a number used once; and the policy that it takes proofs under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The gate's name.
    pub audience: String,
    /// 128 random bits, 32 upper-case hexadecimal digits (the alphanumeric mode of QR codes has them).
    pub nonce: String,
    /// The policy to prove; none where passes are shown only.
    pub policy: Option<Digest>,
}

/// Why a text is no challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a challenge is CWN:<32 hexadecimal digits>:<policy to prove, or nothing>:<name of the gate, 1 to 128 printable characters>"
)]
pub struct NotAChallenge;

impl Challenge {
    pub(super) fn fresh<R: RngCore + CryptoRng>(audience: &str, policy: Option<Digest>, rng: &mut R) -> Self {
        let mut bytes = [0u8; NONCE / 2];
        rng.fill_bytes(&mut bytes);
        Self { audience: audience.to_owned(), nonce: hex::encode_upper(bytes), policy }
    }

    /// The nonce as proofs carry it.
    pub fn nonce_bytes(&self) -> Option<[u8; NONCE / 2]> {
        let mut bytes = [0u8; NONCE / 2];
        hex::decode_to_slice(&self.nonce, &mut bytes).ok().map(|()| bytes)
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy.map(|policy| policy.to_string()).unwrap_or_default();
        write!(f, "{PREFIX}{}:{policy}:{}", self.nonce, self.audience)
    }
}

impl FromStr for Challenge {
    type Err = NotAChallenge;
    fn from_str(text: &str) -> Result<Self, NotAChallenge> {
        let rest = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':'));
        let (nonce, rest) = rest.ok_or(NotAChallenge)?;
        let (policy, audience) = rest.split_once(':').ok_or(NotAChallenge)?;
        let policy = match policy {
            "" => None,
            policy => Some(policy.parse().map_err(|_| NotAChallenge)?),
        };
        let digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        let nonce_fits = nonce.len() == NONCE && nonce.bytes().all(digit);
        let audience_fits =
            (1..=128).contains(&audience.chars().count()) && !audience.chars().any(char::is_control);
        if !nonce_fits || !audience_fits {
            return Err(NotAChallenge);
        }
        Ok(Self { audience: audience.to_owned(), nonce: nonce.to_owned(), policy })
    }
}

/// Whether a text has the form of an SD-JWT; a pass has another alphabet.
pub(super) fn is_sd_jwt(text: &str) -> bool {
    text.contains('~')
}

/// Whether a text is a proof.
pub(super) fn is_proof(text: &str) -> bool {
    text.starts_with(SHOWN_PREFIX)
}

/// A proof's nonce as the checkpoint remembers it.
pub(super) fn nonce_text(nonce: &[u8; NONCE / 2]) -> String {
    hex::encode_upper(nonce)
}

/// Whether a text begins as a printed certificate does.
pub(super) fn is_printed(text: &str) -> bool {
    text.starts_with(PRINTED_PREFIX)
}

/// The nonce that a text says it answers. It only finds the challenge; the signature over it comes later.
pub(super) fn unverified_nonce(text: &str) -> Option<String> {
    let nonce = if is_sd_jwt(text) { of_presentation(text)? } else { of_pass(text)? };
    (nonce.len() <= LONGEST).then_some(nonce)
}

fn of_presentation(text: &str) -> Option<String> {
    let (_, binding) = text.rsplit_once('~')?;
    let binding = Jws::parse(binding, BINDING).ok()?;
    let payload = json::parse_object(binding.unverified_payload(), Limits::of(BINDING)).ok()?;
    Some(payload.get("nonce")?.as_str()?.to_owned())
}

fn of_pass(text: &str) -> Option<String> {
    let encoded = text.strip_prefix("CWP:").filter(|_| text.len() <= PASS_LIMIT)?;
    let bytes = zlib::inflate(&base45::decode(encoded).ok()?).ok()?;
    let presentation: Value = json::parse(&bytes, Limits::of(PASS_LIMIT)).ok()?;
    Some(presentation.get("proof")?.get("challenge")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_challenge_is_read_as_shown() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
        for audience in ["Lane 3", "拱北口岸 3 號通道", "did:causeway:demo:abc"] {
            for policy in [None, Some(Digest::sha256(b"policy"))] {
                let challenge = Challenge::fresh(audience, policy, &mut rng);
                assert_eq!(challenge.to_string().parse(), Ok(challenge));
            }
        }
        let digits = "0".repeat(32);
        let long = "x".repeat(129);
        for text in [
            "",
            "CWN:",
            &format!("CWN:{digits}"),
            &format!("CWN:{digits}:Lane"),
            &format!("CWN:{digits}::"),
            &format!("CWN:{digits}:{digits}:Lane"),
            &format!("CWN:{digits}::{long}"),
            &format!("CWN:{digits}::a\u{7}"),
            &format!("CWN:{}::Lane", &digits[1..]),
            &format!("CWN:{}::Lane", "a".repeat(32)),
            &format!("CWP:{digits}::Lane"),
        ] {
            assert_eq!(text.parse::<Challenge>(), Err(NotAChallenge), "{text:?}");
        }
    }

    #[test]
    fn garbage_answers_nothing() {
        for text in
            ["", "~", "CWP:", "CWP:AB", "a~b~c.d.e", "HC1:6BF", &"~".repeat(100_000), &"CWP:A".repeat(10_000)]
        {
            assert_eq!(unverified_nonce(text), None);
        }
    }
}
