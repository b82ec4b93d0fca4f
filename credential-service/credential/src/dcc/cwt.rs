//! CWT claims (RFC 8392) with the certificate under claim −260, map key 1 (hcert specification, section 2.6).

use std::fmt;

use ciborium::Value;
use did_registry::Timestamp;

use crate::cwt::{Claims, EXPIRES, ISSUED, ISSUER};
use crate::{Finding, Reason, cbor};

const HEALTH_CERTIFICATE: i64 = -260;
const VERSION_1: i64 = 1;

/// The claims of a token: who says so, from when to when, and the certificate, not yet looked into.
pub struct Cwt {
    issuer: Option<String>,
    issued: Option<i64>,
    expires: i64,
    certificate: Value,
}

impl Cwt {
    /// Reads a token's payload. When it expires is required, when it was issued is not (decision 0003).
    ///
    /// # Errors
    /// [`Reason::BadEncoding`] if the structure is another one.
    pub fn decode(payload: &[u8]) -> Result<Self, Finding> {
        let mut claims = Claims::decode(payload)?;
        let issued = claims.seconds(ISSUED)?;
        let expires = claims.seconds(EXPIRES)?.ok_or_else(|| refuse("a CWT states when it expires"))?;
        let issuer = claims.text(ISSUER).and_then(country_code);
        let health = claims.take(HEALTH_CERTIFICATE).and_then(|value| value.into_map().ok());
        let certificate = health.and_then(|mut versions| cbor::take_labelled(&mut versions, VERSION_1));
        let certificate =
            certificate.ok_or_else(|| refuse("a CWT holds a certificate under claim -260, key 1"))?;
        Ok(Self { issuer, issued, expires, certificate })
    }

    /// The country the token names as its issuer, if that is two capital letters.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// When it was issued, if it says so; times before 1970 count as 1970.
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued.map(timestamp)
    }

    /// The last second it is valid in; at most the end of the year 9999.
    pub fn expires(&self) -> Timestamp {
        timestamp(self.expires)
    }

    /// The certificate as CBOR, for [`cbor::to_json`].
    pub fn certificate(&self) -> &Value {
        &self.certificate
    }

    /// Gives the certificate away.
    pub fn into_certificate(self) -> Value {
        self.certificate
    }

    /// Checks `issued ≤ now ≤ expires`, both ends included, the first where it is stated.
    ///
    /// # Errors
    /// [`Reason::Expired`] or [`Reason::NotYetValid`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Finding> {
        let now = i64::try_from(now.seconds()).expect("fits because years end at 9999");
        if now > self.expires {
            Err(Finding::new(Reason::Expired, "the certificate has expired"))
        } else if self.issued.is_some_and(|issued| now < issued) {
            Err(Finding::new(Reason::NotYetValid, "the certificate was issued after the time of this check"))
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Cwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cwt").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::default().plus(u64::try_from(seconds).unwrap_or(0))
}

/// ISO 3166 alpha-2 only: the claim is printed before any signature is checked.
fn country_code(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| text.to_owned())
}

fn refuse(rule: &str) -> Finding {
    Finding::new(Reason::BadEncoding, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cwt(claims: &[(i64, Value)]) -> Result<Cwt, Finding> {
        let entries = claims.iter().map(|(label, value)| (Value::from(*label), value.clone())).collect();
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(entries), &mut bytes).expect("memory takes it");
        Cwt::decode(&bytes)
    }

    fn health() -> (i64, Value) {
        (-260, Value::Map(vec![(1.into(), Value::Map(Vec::new()))]))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds).expect("before the year 10000")
    }

    #[test]
    fn both_ends_of_the_window_are_inside() {
        let tagged = |seconds: i32| Value::Tag(1, Box::new(seconds.into()));
        for (issued, expires) in
            [(100.into(), 200.into()), (Value::Float(100.5), Value::Float(200.9)), (tagged(100), tagged(200))]
        {
            let cwt = cwt(&[(6, issued), (4, expires), health()]).expect("well-formed");
            assert_eq!((cwt.issued(), cwt.expires()), (Some(at(100)), at(200)));
            assert_eq!(cwt.check_time(at(100)), Ok(()));
            assert_eq!(cwt.check_time(at(200)), Ok(()));
            assert_eq!(cwt.check_time(at(99)).expect_err("early").code, Reason::NotYetValid);
            assert_eq!(cwt.check_time(at(201)).expect_err("late").code, Reason::Expired);
        }
    }

    #[test]
    fn absurd_times_saturate() {
        let forever = cwt(&[(6, Value::Float(-1e300)), (4, u64::MAX.into()), health()]).expect("well-formed");
        assert_eq!(
            (forever.issued(), forever.expires().to_string()),
            (Some(at(0)), "9999-12-31T23:59:59Z".to_owned())
        );
        assert_eq!(forever.check_time(at(1)), Ok(()));
    }

    /// Decision 0003.
    #[test]
    fn the_time_of_issue_may_be_left_out_and_the_end_may_not() {
        let cwt = cwt(&[(4, 200.into()), health()]).expect("well-formed");
        assert_eq!((cwt.issued(), cwt.check_time(at(0)), cwt.check_time(at(200))), (None, Ok(()), Ok(())));
        assert_eq!(cwt.check_time(at(201)).expect_err("late").code, Reason::Expired);
    }

    #[test]
    fn other_structures_are_refused() {
        let (issued, expires) = ((6, Value::from(1)), (4, Value::from(2)));
        for (name, claims) in [
            ("no expiry", vec![issued.clone(), health()]),
            ("no certificate", vec![issued.clone(), expires.clone()]),
            ("no time at all", vec![health()]),
            ("time as text", vec![(6, "1".into()), expires.clone(), health()]),
            ("time as null", vec![(6, Value::Null), expires.clone(), health()]),
            ("end as text", vec![issued.clone(), (4, "2".into()), health()]),
            ("time not a number", vec![(6, Value::Float(f64::NAN)), expires.clone(), health()]),
            (
                "certificate elsewhere",
                vec![issued.clone(), expires.clone(), (-260, Value::Map(vec![(2.into(), 0.into())]))],
            ),
            ("certificate not in a map", vec![issued, expires, (-260, 0.into())]),
        ] {
            assert_eq!(cwt(&claims).expect_err(name).code, Reason::BadEncoding, "{name}");
        }
        assert!(Cwt::decode(&[0x01]).is_err(), "not a map");
    }

    #[test]
    fn only_a_country_code_is_repeated_as_issuer() {
        for (text, issuer) in
            [("AT", Some("AT")), (" AT ", Some("AT")), ("at", None), ("Austria", None), ("", None)]
        {
            let cwt = cwt(&[(1, text.into()), (6, 1.into()), (4, 2.into()), health()]).expect("well-formed");
            assert_eq!(cwt.issuer(), issuer);
        }
    }
}
