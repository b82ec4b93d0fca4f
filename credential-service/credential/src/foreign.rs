//! A foreign certificate as claims, so that an anchored policy decides on it like on anything else.
//!
//! Only what a rule needs is taken over; name, birth date and certificate identifier stay behind.

use did_registry::{ClaimKind, ClaimSpec, Claims, CredentialType, Date, Schema, SchemaError, Timestamp};
use serde_json::{Map, Value};

use crate::dcc::{Entry, Kind, VerifiedCertificate, payload};

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

/// Reads the time that a caller asks a verdict for, from 1970 on: RFC 3339, also with an offset `+hhmm` or `+hh`; in
/// UTC without an offset; a day alone is its first second in UTC.
pub fn moment(text: &str) -> Option<Timestamp> {
    match text.parse::<Date>() {
        Ok(day) => (day.days() >= 0).then(|| day.midnight()),
        Err(_) => payload::moment(text, Some("Z")),
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Test => "test",
        Kind::Vaccination => "vaccination",
        Kind::Recovery => "recovery",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_time_has_several_forms() {
        let read = |text: &str| moment(text).map(|moment| moment.to_string());
        let noon = Some("2021-06-01T10:00:00Z".to_owned());
        for text in [
            "2021-06-01T10:00:00Z",
            "2021-06-01t10:00:00z",
            "2021-06-01T10:00:00.9999999Z",
            "2021-06-01T10:00:00",
            "2021-06-01 10:00:00",
            "2021-06-01T10:00:00.123",
            "2021-06-01T12:00:00+02:00",
            "2021-06-01T12:00:00+0200",
            "2021-06-01T12:00:00+02",
            "2021-06-01T05:30:00-0430",
        ] {
            assert_eq!(read(text), noon, "{text}");
        }
        assert_eq!(read("2021-06-01").as_deref(), Some("2021-06-01T00:00:00Z"));
        assert_eq!(read("1970-01-01").as_deref(), Some("1970-01-01T00:00:00Z"));
        for text in [
            "",
            "2021",
            "2021-06",
            "20210601",
            "2021-02-30",
            "2021-13-01T10:00:00",
            "2021-06-01T25:00:00",
            "2021-06-01T",
            "2021-06-01T10:00:00+2",
            "2021-06-01T10:00:00+02:0",
            "2021-06-01T10:00:00+99",
            "2021-06-01T10:00:00+é",
            "2021-06-01T10:00:00Z ",
            "1969-12-31",
            "1969-12-31T23:59:59",
            "1622541600",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
