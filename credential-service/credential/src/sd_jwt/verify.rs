//! The verifier's side, first half: from bytes outside to the issuer's words.

use std::fmt;

use did_registry::{PublicKey, Timestamp};
use serde_json::{Map, Value};

use super::disclosure::Disclosure;
use super::expand::expand;
use super::json_form::JsonForm;
use super::{AuthenticSdJwt, DISCLOSURES, JSON, LIMIT, SdJwt, SdJwtError, TYPE, VerifiedSdJwt};
use crate::json;
use crate::jws::Jws;

/// A well-formed SD-JWT from outside; nobody has vouched for it yet.
#[derive(Clone)]
pub struct SdJwtText {
    token: Jws,
    others: Vec<Jws>, // other signatures over the same payload, of the general JSON form
    key_id: Option<String>,
    payload: Map<String, Value>,
    disclosures: Vec<Disclosure>,
    key_binding: Option<Jws>,
    shown: String, // the first token and the disclosures, each ended by ~; what sd_hash covers
}

/// For whom and when a presentation must have been made.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// `aud`: this verifier.
    pub audience: &'a str,
    /// `nonce`: this verifier's challenge.
    pub nonce: &'a str,
    /// Seconds that may have passed since the holder signed.
    pub max_age: u64,
}

/// What a verifier expects of an SD-JWT.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `typ` of the issuer's token; [`TYPE`] for an SD-JWT VC.
    pub typ: &'a str,
    /// The verifier's time.
    pub now: Timestamp,
    /// Seconds by which clocks may differ.
    pub leeway: u64,
    /// Key binding to require. None only where nobody presents, as when a holder receives a credential.
    pub binding: Option<Binding<'a>>,
}

impl SdJwtText {
    /// Reads the compact form: `<JWT>~<disclosure>~…~<key-binding token, if any>`.
    ///
    /// # Errors
    /// [`SdJwtError::TooLarge`], [`SdJwtError::TooManyDisclosures`], [`SdJwtError::NotTerminated`], or
    /// what is malformed: token, disclosure, key-binding token, JSON.
    pub fn parse(text: &str) -> Result<Self, SdJwtError> {
        check_size(text)?;
        let (front, key_binding) = text.rsplit_once('~').ok_or(SdJwtError::NotTerminated)?;
        let (token, disclosures) =
            front.split_once('~').map_or((front, None), |(token, rest)| (token, Some(rest)));
        let disclosures: Vec<&str> = disclosures.map(|rest| rest.split('~').collect()).unwrap_or_default();
        let parsed = Jws::parse(token, LIMIT).map_err(SdJwtError::Token)?;
        let key_binding = Some(key_binding).filter(|text| !text.is_empty());
        Self::assemble(token, vec![parsed], &disclosures, key_binding)
    }

    /// Reads the JSON forms (RFC 9901 §8): flattened, or general with several signatures over one payload, of
    /// which one under the issuer's key is enough.
    ///
    /// # Errors
    /// [`SdJwtError::JsonForm`], or as [`SdJwtText::parse`].
    pub fn parse_json(text: &str) -> Result<Self, SdJwtError> {
        check_size(text)?;
        let form = JsonForm::read(text)?;
        let disclosures: Vec<&str> = form.disclosures.iter().map(String::as_str).collect();
        let read = Self::assemble(&form.first, form.tokens, &disclosures, form.key_binding.as_deref())?;
        Ok(Self { key_id: read.key_id.or(form.key_id), ..read })
    }

    /// `tokens` are at least one, and of one payload; `first` is what is shown.
    fn assemble(
        first: &str,
        mut tokens: Vec<Jws>,
        disclosures: &[&str],
        key_binding: Option<&str>,
    ) -> Result<Self, SdJwtError> {
        if disclosures.len() > DISCLOSURES {
            return Err(SdJwtError::TooManyDisclosures { limit: DISCLOSURES });
        }
        let mut shown = format!("{first}~");
        for disclosure in disclosures {
            shown.push_str(disclosure);
            shown.push('~');
        }
        let token = tokens.remove(0);
        let key_id = token.unverified_key_id().map(str::to_owned);
        let payload = json::parse_object(token.unverified_payload(), JSON)?;
        let disclosures = disclosures.iter().map(|text| Disclosure::parse(text)).collect::<Result<_, _>>()?;
        let key_binding = key_binding.map(|text| Jws::parse(text, LIMIT).map_err(SdJwtError::KeyBinding));
        Ok(Self {
            token,
            others: tokens,
            key_id,
            payload,
            disclosures,
            key_binding: key_binding.transpose()?,
            shown,
        })
    }

    /// `iss`, which anybody may have written: for looking up the issuer among those the caller trusts.
    pub fn unverified_issuer(&self) -> Option<&str> {
        self.payload.get("iss").and_then(Value::as_str)
    }

    /// `kid` of the first signature, which anybody may have written: for looking up that issuer's key.
    pub fn unverified_key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `vct`, which anybody may have written: the credential type it claims to be.
    pub fn unverified_type(&self) -> Option<&str> {
        self.payload.get("vct").and_then(Value::as_str)
    }

    /// The issuer-signed token alone, the first of several; what a commitment covers.
    pub fn signed_part(&self) -> &str {
        self.token.text()
    }

    /// Verifies the issuer's part: signature, type, and every digest and disclosure (RFC 9901 §7.1, steps
    /// 1 to 5). The caller has checked that `issuer` is a key of the issuer named in `iss`, for this use. Of
    /// several signatures one must hold, with that type; what the others say is not looked at.
    ///
    /// # Errors
    /// [`SdJwtError::Token`] for signature and type, [`SdJwtError::Claim`] if an SD-JWT VC lacks `iss` or
    /// `vct`, or the rule about digests that is broken.
    pub fn verify_issuer(self, issuer: &PublicKey, typ: &str) -> Result<AuthenticSdJwt, SdJwtError> {
        let verify =
            |token: Jws| token.verify(issuer).and_then(|token| token.check_type(typ).map(|()| token));
        let others = |refusal| self.others.into_iter().find_map(|token| verify(token).ok()).ok_or(refusal);
        let token = verify(self.token).or_else(others).map_err(SdJwtError::Token)?;
        let payload = expand(self.payload, &self.disclosures)?;
        let well_salted = self.disclosures.iter().all(|disclosure| disclosure.well_salted);
        let is_text = |name: &str| payload.get(name).is_some_and(Value::is_string);
        if let Some(missing) = ["iss", "vct"].into_iter().find(|name| typ == TYPE && !is_text(name)) {
            return Err(SdJwtError::Claim(missing));
        }
        Ok(AuthenticSdJwt { token, payload, key_binding: self.key_binding, shown: self.shown, well_salted })
    }

    /// Verifies everything: the issuer's part, validity, and the holder's part as expected.
    ///
    /// # Errors
    /// The first rule broken, in that order.
    pub fn verify(self, issuer: &PublicKey, expected: &Expected<'_>) -> Result<VerifiedSdJwt, SdJwtError> {
        let authentic = self.verify_issuer(issuer, expected.typ)?;
        authentic.check_validity(expected.now, expected.leeway)?;
        match &expected.binding {
            Some(binding) => authentic.verify_holder(binding, expected.now, expected.leeway)?,
            None => authentic.check_unbound()?,
        }
        Ok(VerifiedSdJwt::new(authentic))
    }

    pub(super) fn into_credential(self) -> Result<SdJwt, SdJwtError> {
        if self.key_binding.is_some() {
            return Err(SdJwtError::UnexpectedKeyBinding);
        }
        expand(self.payload.clone(), &self.disclosures)?; // so that what is kept can be shown
        Ok(SdJwt::new(self.token.text().to_owned(), self.payload, self.disclosures))
    }
}

impl fmt::Debug for SdJwtText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SdJwtText({} bytes, {} disclosures)", self.shown.len(), self.disclosures.len()) // values are personal
    }
}

fn check_size(text: &str) -> Result<(), SdJwtError> {
    if text.len() > LIMIT { Err(SdJwtError::TooLarge { limit: LIMIT, got: text.len() }) } else { Ok(()) }
}
