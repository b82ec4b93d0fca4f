//! EU Digital COVID Certificates: a foreign paper certificate, from QR text to verdict.
//!
//! **What.** [`Verifier::verify`] takes the text of a QR code and a time, and gives a
//! [`VerifiedCertificate`] or the first reason against it. Each step is also a public function of its own.
//!
//! **Spec.** eHealth Network, *Electronic Health Certificate Specification* 1.0 ("hcert") and *EU DCC JSON
//! schema* 1.3.0 with its value sets; RFC 9285 (Base45), RFC 1950 (zlib), RFC 9052 (COSE_Sign1), RFC 8392
//! (CWT), RFC 8949 (CBOR), RFC 5280 (certificates). Algorithms: ES256 and PS256. Where real certificates
//! leave the schema, [`schema`] lists what is tolerated.
//!
//! **Picture.**
//! ```text
//! HC1:… ─unprefix→ base45 ─decode→ zlib ─inflate→ COSE_Sign1 ─Token→ CWT ─Cwt→ CBOR ─to_json→ JSON ─schema→ Payload
//!       WRONG_KIND └───────────────────── BAD_ENCODING ────────────────────┘          └ SCHEMA, MULTIPLE_ENTRIES ┘
//! kid → TrustList → Signer ─verify, check_use→ Cwt ─check_time→ …                                 → ValueSets
//!   KEY_UNKNOWN       BAD_SIGNATURE, WRONG_KEY_USE      EXPIRED, NOT_YET_VALID                   CODE_NOT_IN_LIST
//! ```
//! The verdict is the first failing step in this order: kind, encoding, key, signature, key use, time,
//! schema, number of entries, codes.
//!
//! **Why a signature means what it says.** The key identifier only finds candidates; each candidate's key
//! knows its own algorithm, and the signature covers the protected header and the payload exactly as they
//! were parsed. So whoever changes a header can at most make a good token fail, never make another key or
//! another algorithm pass. CBOR with a key twice is refused, so no two readers see two certificates.
//!
//! **Absent on purpose.** 1. Pictures: reading a QR code is the shell's work (`UNREADABLE` is its
//! verdict). 2. Certificate dates: a key is valid while it is on the trust list; they are told, not
//! judged (decision 0003). 3. Revocation lists and entry rules: other modules. 4. Storage: the original is
//! not kept; [`VerifiedCertificate::source_digest`] is what a blinded commitment is made of.

pub mod base45;
mod cwt;
pub mod payload;
pub mod schema;
mod trust;
mod value_sets;
mod x509;
pub mod zlib;

use std::fmt;

use did_registry::{Digest, Timestamp, digest, label};

pub use crate::cbor;
pub use crate::cose::Sign1 as Token;
pub use cwt::Cwt;
pub use payload::{Entry, Payload};
pub use trust::{Signer, TrustList, Unusable};
pub use value_sets::ValueSets;

use crate::{Finding, Reason};

/// What a certificate is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A test.
    Test,
    /// A vaccination.
    Vaccination,
    /// A recovery.
    Recovery,
}

impl Kind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Test, Self::Vaccination, Self::Recovery];

    /// The member of the certificate that holds entries of this kind.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Test => "t",
            Self::Vaccination => "v",
            Self::Recovery => "r",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Vaccination => "vaccination",
            Self::Recovery => "recovery",
        })
    }
}

/// Why a trust list or value sets were not loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Over a size limit.
    #[error("{what} has at most {limit} bytes, got {got}")]
    TooLarge {
        /// Which file.
        what: &'static str,
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        got: usize,
    },
    /// Not JSON of the expected form.
    #[error("{what} is JSON of its published form: {why}")]
    Malformed {
        /// Which file.
        what: &'static str,
        /// What the JSON reader met, with line and column.
        why: String,
    },
    /// Over a count limit.
    #[error("at most {limit} {what} are read")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// A value set is missing.
    #[error("value set {0} is missing; all eight are needed")]
    Missing(&'static str),
    /// A value set was given twice.
    #[error("value set {0} is given once")]
    Repeated(&'static str),
    /// A value set without codes.
    #[error("value set {0} has at least one code")]
    Empty(&'static str),
}

impl ListError {
    const fn check_size(what: &'static str, limit: usize, got: usize) -> Result<(), Self> {
        if got > limit { Err(Self::TooLarge { what, limit, got }) } else { Ok(()) }
    }

    fn malformed(what: &'static str, why: &serde_json::Error) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }
}

/// A refusal: the first failing step, and the country the token names, if it could be read so far.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{finding}")]
pub struct Refusal {
    /// What failed.
    pub finding: Finding,
    /// Two capital letters, for counters. Anybody can have written them: no signature stands behind a refusal.
    pub country: Option<String>,
}

/// A certificate whose every check passed, made by [`Verifier::verify`] alone.
///
/// It prints its kind, country and key; its personal fields are wiped on drop; it cannot be serialised whole.
/// ```compile_fail
/// fn leak(certificate: &credential::dcc::VerifiedCertificate) -> String {
///     serde_json::to_string(certificate).expect("serialises")
/// }
/// ```
pub struct VerifiedCertificate {
    country: Option<String>,
    signer_country: Option<String>,
    signer_dates: Option<(Timestamp, Timestamp)>,
    kid: Vec<u8>,
    issued: Option<Timestamp>,
    expires: Timestamp,
    payload: Payload,
    source_digest: Digest,
}

impl VerifiedCertificate {
    /// What it is about.
    pub const fn kind(&self) -> Kind {
        self.payload.entry().kind()
    }

    /// The issuing country as the signed token names it, two capital letters.
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The country whose key signed, as the trust list names it.
    pub fn signer_country(&self) -> Option<&str> {
        self.signer_country.as_deref()
    }

    /// First and last second of the signer's certificate in its own words; told, not judged (decision 0003).
    pub const fn signer_dates(&self) -> Option<(Timestamp, Timestamp)> {
        self.signer_dates
    }

    /// The signer's key identifier.
    pub fn signer_kid(&self) -> &[u8] {
        &self.kid
    }

    /// When it was issued, if it says so (decision 0003).
    pub const fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// The last second it is valid in.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Name, birth date and the entry.
    pub const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Digest of the bytes that the signature covers: the same for every wrapping of one certificate
    /// (tags, unprotected headers, compression, the other ECDSA signature). It can be guessed by who knows
    /// the holder, so it leaves this machine only inside a blinded commitment.
    pub const fn source_digest(&self) -> &Digest {
        &self.source_digest
    }
}

impl fmt::Debug for VerifiedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("VerifiedCertificate");
        shown
            .field("kind", &self.kind())
            .field("country", &self.country)
            .field("kid", &hex::encode(&self.kid));
        shown.finish_non_exhaustive() // not the digest: it is an unblinded hash of personal values (P1)
    }
}

/// Trust list and value sets, ready to verify. Holds no state: every call stands alone.
#[derive(Debug)]
pub struct Verifier {
    trust: TrustList,
    value_sets: ValueSets,
}

impl Verifier {
    /// A verifier over these lists.
    pub const fn new(trust: TrustList, value_sets: ValueSets) -> Self {
        Self { trust, value_sets }
    }

    /// The trust list.
    pub const fn trust(&self) -> &TrustList {
        &self.trust
    }

    /// The value sets.
    pub const fn value_sets(&self) -> &ValueSets {
        &self.value_sets
    }

    /// Verifies the text of a QR code at `now`.
    ///
    /// # Errors
    /// The first failing step, in the order of this module's picture.
    pub fn verify(&self, qr_text: &str, now: Timestamp) -> Result<VerifiedCertificate, Refusal> {
        let early = |finding| Refusal { finding, country: None };
        let token = open(qr_text).map_err(early)?;
        let cwt = Cwt::decode(token.payload()).map_err(early)?;
        let country = cwt.issuer().map(str::to_owned);
        self.decide(&token, cwt, now).map_err(|finding| Refusal { finding, country })
    }

    fn decide(&self, token: &Token, cwt: Cwt, now: Timestamp) -> Result<VerifiedCertificate, Finding> {
        let candidates = self.trust.look_up(token)?;
        let (issued, expires, in_time) = (cwt.issued(), cwt.expires(), cwt.check_time(now));
        let country = cwt.issuer().map(str::to_owned);
        let certificate = cbor::to_json(cwt.into_certificate());
        let kinds = certificate.as_ref().map_or(Vec::new(), schema::kinds);
        let signer = find_signer(candidates, token, &kinds)?;
        in_time?;
        let payload = schema::read(certificate?)?;
        self.value_sets.check(&payload)?;
        Ok(VerifiedCertificate {
            country,
            signer_country: signer.country().map(str::to_owned),
            signer_dates: signer.dates(),
            kid: token.kid().unwrap_or_default().to_vec(),
            issued,
            expires,
            payload,
            source_digest: digest(label::CREDENTIAL, &[token.signed()]),
        })
    }
}

/// The first candidate whose key made the signature and may sign these kinds. Several certificates can
/// share an identifier, and several certificates a key, so neither refusal ends the search.
fn find_signer<'a>(candidates: &'a [Signer], token: &Token, kinds: &[Kind]) -> Result<&'a Signer, Finding> {
    let mut refusal =
        Finding::new(Reason::BadSignature, "no usable key of this identifier is on the trust list");
    for signer in candidates {
        match signer.verify(token).and_then(|()| signer.check_use(kinds)) {
            Ok(()) => return Ok(signer),
            Err(finding) if refusal.code == Reason::BadSignature => refusal = finding,
            Err(_) => {} // a signature that holds under a key for other uses says more than one that does not
        }
    }
    Err(refusal)
}

/// Everything from QR text to token.
///
/// # Errors
/// [`Reason::WrongKind`] or [`Reason::BadEncoding`].
pub fn open(qr_text: &str) -> Result<Token, Finding> {
    Token::decode(&zlib::inflate(&base45::decode(unprefix(qr_text)?)?)?)
}

/// The Base45 text behind the context identifier `HC1:`, which is capital letters and exact.
///
/// # Errors
/// [`Reason::WrongKind`].
pub fn unprefix(qr_text: &str) -> Result<&str, Finding> {
    qr_text.strip_prefix("HC1:").ok_or_else(|| Finding::new(Reason::WrongKind, "an EU DCC starts with HC1:"))
}
