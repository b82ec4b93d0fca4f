//! The verifier's side, second half: the issuer's words, whether they are in force, and who shows them.

use std::fmt;

use did_registry::{PublicKey, Timestamp};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::disclosure::digest;
use super::{Binding, JSON, KEY_BINDING_TYPE, REGISTERED, SdJwt, SdJwtError};
use crate::json;
use crate::jws::{Jws, JwsError, VerifiedJws, seconds};
use crate::status::StatusReference;

/// An SD-JWT whose claims the issuer stated; that it is in force and who shows it is still open.
///
/// A verdict answers these parts separately, so each check stands alone; [`SdJwtText::verify`](super::SdJwtText::verify) runs all.
#[derive(Clone)]
pub struct AuthenticSdJwt {
    pub(super) token: VerifiedJws,
    pub(super) payload: Map<String, Value>,
    pub(super) key_binding: Option<Jws>,
    pub(super) shown: String,
    pub(super) well_salted: bool,
}

impl AuthenticSdJwt {
    /// The payload with the disclosed claims in their places; nothing concealed is left in it.
    pub fn payload(&self) -> &Map<String, Value> {
        &self.payload
    }

    /// The claims about the subject: the payload without the claims about the token.
    pub fn claims(&self) -> Map<String, Value> {
        let about_subject = self.payload.iter().filter(|(name, _)| !REGISTERED.contains(&name.as_str()));
        about_subject.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// `iss`.
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `vct`: the credential type.
    pub fn vct(&self) -> Option<&str> {
        self.text("vct")
    }

    /// `kid`: the name under which the issuer's key was looked up.
    pub fn key_id(&self) -> Option<&str> {
        self.token.header().get("kid").and_then(Value::as_str)
    }

    /// The issuer-signed token alone; what a commitment covers.
    pub fn signed_part(&self) -> &str {
        self.token.text()
    }

    /// `cnf`: the key of the only person who can present it.
    ///
    /// # Errors
    /// [`SdJwtError::Claim`] or [`SdJwtError::HolderKey`] if there is none.
    pub fn holder(&self) -> Result<PublicKey, SdJwtError> {
        holder_of(&self.payload)
    }

    /// `status`: where a revocation would be found; none if the credential cannot be revoked.
    ///
    /// # Errors
    /// [`SdJwtError::Claim`] if it names a mechanism that is not understood: it must not pass unseen (W4).
    pub fn status(&self) -> Result<Option<StatusReference>, SdJwtError> {
        let status = self.payload.get("status").map(StatusReference::from_json);
        status.transpose().map_err(|_| SdJwtError::Claim("status"))
    }

    /// `iat`.
    ///
    /// # Errors
    /// [`SdJwtError::Claim`] if it is not in seconds.
    pub fn issued(&self) -> Result<Option<Timestamp>, SdJwtError> {
        self.time("iat")
    }

    /// `exp`.
    ///
    /// # Errors
    /// [`SdJwtError::Claim`] if it is not in seconds.
    pub fn expires(&self) -> Result<Option<Timestamp>, SdJwtError> {
        self.time("exp")
    }

    /// Holds `iat`, `nbf` and `exp`, as far as present, to `now`; clocks may differ by `leeway` seconds.
    ///
    /// # Errors
    /// [`SdJwtError::NotYetValid`], [`SdJwtError::Expired`], [`SdJwtError::Claim`].
    pub fn check_validity(&self, now: Timestamp, leeway: u64) -> Result<(), SdJwtError> {
        for start in [self.time("iat")?, self.time("nbf")?].into_iter().flatten() {
            if start > now.plus(leeway) {
                return Err(SdJwtError::NotYetValid);
            }
        }
        match self.time("exp")? {
            Some(end) if end.plus(leeway) <= now => Err(SdJwtError::Expired),
            _ => Ok(()),
        }
    }

    /// Verifies the key-binding token (RFC 9901 §7.3): signed by `cnf`'s key, over exactly what is shown, for
    /// this audience and nonce, within the last `max_age` seconds.
    ///
    /// # Errors
    /// [`SdJwtError::NoKeyBinding`], [`SdJwtError::KeyBinding`], [`SdJwtError::BindingHash`],
    /// [`SdJwtError::Audience`], [`SdJwtError::Nonce`], [`SdJwtError::BindingOld`],
    /// [`SdJwtError::BindingEarly`], or that `cnf` is unusable.
    pub fn verify_holder(
        &self,
        expected: &Binding<'_>,
        now: Timestamp,
        leeway: u64,
    ) -> Result<(), SdJwtError> {
        let token = self.key_binding.clone().ok_or(SdJwtError::NoKeyBinding)?;
        let token = token.verify(&self.holder()?).map_err(SdJwtError::KeyBinding)?;
        token.check_type(KEY_BINDING_TYPE).map_err(SdJwtError::KeyBinding)?;
        let claims = json::parse_object(token.payload(), JSON)?;
        let time = |name| seconds(&claims, name).map_err(SdJwtError::KeyBinding);
        let names = |name, expected: &str| {
            let stated = claims.get(name).and_then(Value::as_str).unwrap_or_default();
            bool::from(stated.as_bytes().ct_eq(expected.as_bytes()))
        };
        if !names("sd_hash", &digest(self.shown.as_bytes())) {
            return Err(SdJwtError::BindingHash);
        }
        if !names("aud", expected.audience) {
            return Err(SdJwtError::Audience);
        }
        if !names("nonce", expected.nonce) {
            return Err(SdJwtError::Nonce);
        }
        let made = time("iat")?.ok_or(SdJwtError::KeyBinding(JwsError::Claim("iat")))?;
        let end = time("exp")?.is_some_and(|end| end.plus(leeway) <= now);
        if end || made.plus(expected.max_age).plus(leeway) < now {
            return Err(SdJwtError::BindingOld);
        }
        let start = time("nbf")?.is_some_and(|start| start > now.plus(leeway));
        if start || made > now.plus(leeway) { Err(SdJwtError::BindingEarly) } else { Ok(()) }
    }

    /// Refuses a key-binding token where none is asked for, so that nothing passes unchecked.
    ///
    /// # Errors
    /// [`SdJwtError::UnexpectedKeyBinding`].
    pub fn check_unbound(&self) -> Result<(), SdJwtError> {
        if self.key_binding.is_some() { Err(SdJwtError::UnexpectedKeyBinding) } else { Ok(()) }
    }

    /// What a holder does with a credential it receives: is it bound to this holder's key, with salts that
    /// nobody guesses? Then keep it (RFC 9901 §7.2).
    ///
    /// # Errors
    /// [`SdJwtError::NotHolder`], [`SdJwtError::ShortSalt`], [`SdJwtError::UnexpectedKeyBinding`].
    pub fn keep(&self, holder: &PublicKey) -> Result<SdJwt, SdJwtError> {
        self.check_unbound()?;
        if &self.holder()? != holder {
            return Err(SdJwtError::NotHolder);
        }
        if !self.well_salted {
            return Err(SdJwtError::ShortSalt);
        }
        // Of several signatures the one that holds is kept, and it may not be the one that is shown.
        let disclosures = self.shown.split_once('~').map_or("", |(_, disclosures)| disclosures);
        SdJwt::restore(&format!("{}~{disclosures}", self.token.text()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.payload.get(name).and_then(Value::as_str)
    }

    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, SdJwtError> {
        seconds(&self.payload, name).map_err(|_| SdJwtError::Claim(name))
    }
}

impl fmt::Debug for AuthenticSdJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthenticSdJwt").field(&self.payload.keys().collect::<Vec<_>>()).finish() // names only
    }
}

/// An SD-JWT that passed every check of [`SdJwtText::verify`](super::SdJwtText::verify).
#[derive(Clone, Debug)]
pub struct VerifiedSdJwt(AuthenticSdJwt);

impl std::ops::Deref for VerifiedSdJwt {
    type Target = AuthenticSdJwt;
    fn deref(&self) -> &AuthenticSdJwt {
        &self.0
    }
}

impl VerifiedSdJwt {
    pub(super) fn new(authentic: AuthenticSdJwt) -> Self {
        Self(authentic)
    }

    /// The payload with the disclosed claims in their places.
    pub fn into_payload(self) -> Map<String, Value> {
        self.0.payload
    }
}

pub(super) fn holder_of(payload: &Map<String, Value>) -> Result<PublicKey, SdJwtError> {
    let jwk = payload.get("cnf").and_then(|cnf| cnf.get("jwk")).ok_or(SdJwtError::Claim("cnf"))?;
    PublicKey::from_jwk(jwk).map_err(SdJwtError::HolderKey)
}
