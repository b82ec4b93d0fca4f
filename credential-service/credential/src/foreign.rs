//! A foreign certificate as claims, so that an anchored policy decides on it like on anything else.
//!
//! Only what a rule needs is taken over; name, birth date and certificate identifier stay behind.

use did_registry::{ClaimKind, ClaimSpec, Claims, CredentialType, Schema, SchemaError};
use serde_json::{Map, Value};

use crate::dcc::{Entry, Kind, VerifiedCertificate};

/// The credential type of foreign certificates.
pub const FOREIGN_CERTIFICATE: &str = "ForeignCertificate";

/// The claims taken over from a foreign certificate.
pub fn schema() -> Schema {
    let kinds = Kind::ALL.iter().map(|kind| name(*kind).to_owned()).collect();
    let claims = [
        ("certificate_kind", ClaimKind::Code { of: kinds }, true),
        ("target_disease", ClaimKind::Text { max: 32 }, true),
        ("country", ClaimKind::Text { max: 16 }, true),
        ("event_date", ClaimKind::Date, false),
        ("result", ClaimKind::Text { max: 32 }, false),
        ("dose", ClaimKind::Integer { min: 0, max: 99 }, false),
        ("doses", ClaimKind::Integer { min: 0, max: 99 }, false),
    ];
    let claims =
        claims.into_iter().map(|(name, kind, required)| (name.to_owned(), ClaimSpec { kind, required }));
    Schema {
        credential_type: CredentialType::new(FOREIGN_CERTIFICATE).expect("valid because it is ours"),
        version: 1,
        claims: claims.collect(),
    }
}

/// The claims of a verified certificate under [`schema`].
///
/// # Errors
/// [`SchemaError`] if a field does not fit; then no rule is applied to it.
pub fn claims(certificate: &VerifiedCertificate) -> Result<Claims, SchemaError> {
    let entry = certificate.payload().entry();
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("certificate_kind", name(entry.kind()).into());
    put("target_disease", entry.target().as_str().into());
    let (country, date) = match entry {
        Entry::Test(test) => {
            put("result", test.result.as_str().into());
            (&test.country, test.sampled.day())
        }
        Entry::Vaccination(dose) => {
            put("dose", dose.dose.into());
            put("doses", dose.doses.into());
            (&dose.country, dose.day.day())
        }
        Entry::Recovery(recovery) => (&recovery.country, recovery.first_positive.day()),
    };
    put("country", country.as_str().into());
    if let Some(date) = date {
        put("event_date", date.to_string().into());
    }
    schema().check_full(&claims)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Test => "test",
        Kind::Vaccination => "vaccination",
        Kind::Recovery => "recovery",
    }
}
