//! The trust list: whose keys may sign, found by key identifier.
//!
//! Read once; keys are parsed then, so that a check does no certificate work. A certificate that cannot
//! be used stays on the list as such: its identifier is known, as far as it can be read, its signatures never
//! hold, and [`TrustList::unusable`] names it. One bad entry must not cost the list.

use std::collections::BTreeMap;
use std::fmt;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use base64::engine::{DecodePaddingMode, Engine as _};
use did_registry::{PublicKey, Signature, Timestamp};
use serde::Deserialize;

use super::{Kind, ListError, Token, x509};
use crate::{Finding, Reason};

/// Bytes of a trust list. The European one was about 3 MB.
const LIMIT: usize = 16 << 20;

/// Certificates of a trust list.
const CERTIFICATES: usize = 16_384;

/// Bytes of one certificate.
const CERTIFICATE_LIMIT: usize = 16 * 1024;

/// Certificates under one key identifier. Identifiers are 64-bit hashes, so two is a coincidence.
const SHARING: usize = 16;

/// Signers by key identifier.
#[derive(Debug, Default)]
pub struct TrustList {
    signers: BTreeMap<Vec<u8>, Vec<Signer>>,
    unusable: Vec<Unusable>,
}

/// An entry of the list that cannot verify anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its key identifier; empty if it has none that can be read.
    pub kid: Vec<u8>,
    /// Whose it is, if the list says.
    pub country: Option<String>,
    /// The rule it breaks.
    pub rule: &'static str,
}

/// A key that may sign certificates, and which kinds of them.
#[derive(Debug)]
pub struct Signer {
    country: Option<String>,
    key: Key,
    uses: Vec<Kind>,
    dates: Option<(Timestamp, Timestamp)>,
}

/// A key knows its own algorithm; a token cannot choose another.
pub(super) enum Key {
    /// ES256: a point of P-256.
    P256(PublicKey),
    /// PS256: a DER RSAPublicKey of 2048 bits or more.
    Rsa(Vec<u8>),
}

#[derive(Deserialize)]
struct File {
    certificates: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    kid: String,
    country: Option<String>,
    certificate: String,
}

impl TrustList {
    /// Reads `{"certificates": [{"kid", "country"?, "certificate"}, …]}`, both base64 of either alphabet with
    /// or without padding, the certificate DER; other members are ignored. At most 16 MiB, 16,384 certificates,
    /// 16 under one identifier.
    ///
    /// # Errors
    /// [`ListError`] for another form or over a bound. An entry that is not usable is no error: see
    /// [`TrustList::unusable`].
    pub fn from_json(json: &[u8]) -> Result<Self, ListError> {
        const WHAT: &str = "a trust list";
        ListError::check_size(WHAT, LIMIT, json.len())?;
        let file: File = serde_json::from_slice(json).map_err(|error| ListError::malformed(WHAT, &error))?;
        if file.certificates.len() > CERTIFICATES {
            return Err(ListError::TooMany { what: "certificates", limit: CERTIFICATES });
        }
        let mut list = Self::default();
        for (index, entry) in file.certificates.into_iter().enumerate() {
            let country = entry.country.filter(|country| country.len() <= 8);
            let kid = base64(&entry.kid).filter(|kid| (1..=64).contains(&kid.len()));
            let Some(kid) = kid else {
                let rule = "a key identifier is base64 of 1 to 64 bytes";
                list.unusable.push(Unusable { index, kid: Vec::new(), country, rule });
                continue;
            };
            let sharing = list.signers.entry(kid.clone()).or_default();
            let der = base64(&entry.certificate).ok_or("a certificate is base64");
            match der.and_then(|der| Signer::from_der(&der, country.clone())) {
                Ok(signer) => sharing.push(signer),
                Err(rule) => list.unusable.push(Unusable { index, kid, country, rule }),
            }
            if sharing.len() > SHARING {
                return Err(ListError::TooMany {
                    what: "certificates with one key identifier",
                    limit: SHARING,
                });
            }
        }
        Ok(list)
    }

    /// The signers with this key identifier, every one of which is to be tried. `None` if the list does
    /// not know the identifier; empty if it knows only unusable certificates.
    pub fn signers(&self, kid: &[u8]) -> Option<&[Signer]> {
        self.signers.get(kid).map(Vec::as_slice)
    }

    /// Key identifiers known.
    pub fn len(&self) -> usize {
        self.signers.len()
    }

    /// Whether no key identifier is known.
    pub fn is_empty(&self) -> bool {
        self.signers.is_empty()
    }

    /// The entries that cannot verify anything, for the operator.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// Finds the token's signers by its key identifier.
    ///
    /// # Errors
    /// [`Reason::KeyUnknown`] if the token names no key or one that is not on the list.
    pub fn look_up(&self, token: &Token) -> Result<&[Signer], Finding> {
        let kid = token.kid().ok_or_else(|| Finding::new(Reason::KeyUnknown, "the token names no key"))?;
        self.signers(kid).ok_or_else(|| {
            Finding::new(Reason::KeyUnknown, format!("key {} is not on the trust list", STANDARD.encode(kid)))
        })
    }
}

/// Base64 as lists have it: of either alphabet, with padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    const EITHER: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    EITHER.decode(text.replace('-', "+").replace('_', "/")).ok()
}

impl Signer {
    /// A signer from its DER certificate of at most 16 KiB.
    ///
    /// # Errors
    /// The rule that the certificate breaks.
    pub fn from_der(der: &[u8], country: Option<String>) -> Result<Self, &'static str> {
        if der.len() > CERTIFICATE_LIMIT {
            return Err("a certificate has at most 16 KiB");
        }
        let x509::Contents { key, uses, dates } = x509::read(der)?;
        Ok(Self { country, key, uses, dates })
    }

    /// The country the trust list names for this signer.
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The certificate's own dates, first and last second. Nothing here decides on them: a key is valid
    /// while it is on the list (decision 0003).
    pub fn dates(&self) -> Option<(Timestamp, Timestamp)> {
        self.dates
    }

    /// Checks the token's signature with the algorithm that this key is of: ES256 (−7) for P-256, PS256
    /// (−37: SHA-256, salt of 32 bytes) for RSA. A header that names another algorithm is refused, one
    /// that names none is not asked.
    ///
    /// # Errors
    /// [`Reason::BadSignature`].
    pub fn verify(&self, token: &Token) -> Result<(), Finding> {
        if token.algorithm().is_some_and(|named| named != self.key.algorithm()) {
            return Err(Finding::new(
                Reason::BadSignature,
                "the token names another algorithm than its key is of",
            ));
        }
        if self.key.verify(token.signed(), token.signature()) {
            Ok(())
        } else {
            Err(Finding::new(Reason::BadSignature, "the signature does not hold under the signer's key"))
        }
    }

    /// Checks that this key may sign every one of `kinds`.
    ///
    /// # Errors
    /// [`Reason::WrongKeyUse`].
    pub fn check_use(&self, kinds: &[Kind]) -> Result<(), Finding> {
        match kinds.iter().find(|kind| !self.uses.is_empty() && !self.uses.contains(kind)) {
            None => Ok(()),
            Some(kind) => Err(Finding::new(Reason::WrongKeyUse, format!("this key may not sign a {kind}"))),
        }
    }
}

impl Key {
    const fn algorithm(&self) -> i64 {
        match self {
            Self::P256(_) => -7,
            Self::Rsa(_) => -37,
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => Signature::try_from(signature)
                .is_ok_and(|signature| key.verify_jose(message, &signature).is_ok()),
            Self::Rsa(key) => {
                let key =
                    ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PSS_2048_8192_SHA256, key);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256(_) => "P256(…)",
            Self::Rsa(_) => "Rsa(…)",
        })
    }
}
