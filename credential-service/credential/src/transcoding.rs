//! Verifiable transcoding: how one jurisdiction's evidence became another's pass.
//!
//! The pass names the blinded source commitment, the policy, the trust and status epochs and the verdict;
//! the decision's digest is anchored. A regulator who is handed the evidence recomputes the verdict from
//! the ledger as it was at that epoch, and sees a swapped rule, a stale list or a flipped verdict. The
//! evidence holds the policy's claims and no others, and only if the policy says that they are retained.

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::encode;
use did_registry::{ClaimKind, ClaimSpec, CredentialType, Digest, Schema, Timestamp, digest, label};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Finding, Overall, Reason};

/// Whose word was taken, as of when.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustEpoch {
    /// The ledger's recognised issuers at this height.
    Ledger(u64),
    /// A foreign trust list, by its SHA-256.
    List(Digest),
}

impl TrustEpoch {
    /// As a pass says it.
    fn text(&self) -> String {
        match self {
            Self::Ledger(height) => format!("ledger:{height}"),
            Self::List(digest) => format!("list:{digest}"),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once(':')?;
        match kind {
            "ledger" => Some(Self::Ledger(value.parse().ok()?)),
            "list" => Some(Self::List(value.parse().ok()?)),
            _ => None,
        }
    }
}

/// A decision, without anything about a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcoding {
    /// The blinded commitment to the source credential.
    pub source: Digest,
    /// The rule applied.
    pub policy: Digest,
    /// Whose signatures were accepted.
    pub trust: TrustEpoch,
    /// The epoch of the issuer's status list; `None` where the format has no status.
    pub status: Option<u64>,
    /// What was decided.
    pub verdict: Overall,
    /// When.
    pub decided: Timestamp,
}

impl Transcoding {
    /// The digest whose blinded commitment is anchored.
    pub fn digest(&self) -> Digest {
        let verdict: u8 = match self.verdict {
            Overall::Accept => 0,
            Overall::Refuse => 1,
            Overall::Undecided => 2,
        };
        let fields = (&self.source, &self.policy, &self.trust, &self.status, verdict, self.decided);
        digest(label::TRANSCODING, &[&encode(&fields)])
    }
}

/// The claims of a pass: what was decided on what, and nothing about the person.
pub fn pass_schema(credential_type: &CredentialType) -> Schema {
    let spec = |kind| ClaimSpec { kind, required: true };
    let codes = |codes: &[&str]| ClaimKind::Code { of: codes.iter().map(|&code| code.to_owned()).collect() };
    let claims = [
        ("colour", spec(codes(&["green"]))),
        ("source", spec(ClaimKind::Text { max: 64 })),
        ("policy", spec(ClaimKind::Text { max: 64 })),
        ("trust_epoch", spec(ClaimKind::Text { max: 80 })),
        ("status_epoch", ClaimSpec { kind: ClaimKind::Integer { min: 0, max: 1 << 53 }, required: false }),
        ("verdict", spec(codes(&["accept"]))),
        ("decided", spec(ClaimKind::Text { max: 32 })),
    ];
    let claims = claims.into_iter().map(|(name, spec)| (name.to_owned(), spec)).collect();
    Schema { credential_type: credential_type.clone(), version: 1, claims }
}

/// Whether what is issued as this type under this schema is a pass, in whatever format.
pub fn is_pass(credential_type: &CredentialType, schema: &Digest) -> bool {
    pass_schema(credential_type).id() == *schema
}

impl Transcoding {
    /// The claims of the pass that an accepted transcoding gives, under [`pass_schema`].
    pub fn pass_claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("colour".into(), "green".into());
        claims.insert("source".into(), self.source.to_string().into());
        claims.insert("policy".into(), self.policy.to_string().into());
        claims.insert("trust_epoch".into(), self.trust.text().into());
        if let Some(epoch) = self.status {
            claims.insert("status_epoch".into(), epoch.into());
        }
        claims.insert("verdict".into(), "accept".into());
        claims.insert("decided".into(), self.decided.to_string().into());
        claims
    }

    /// The decision that a pass with these claims was given on.
    ///
    /// # Errors
    /// `SCHEMA` unless they are exactly what [`Transcoding::pass_claims`] gives for some decision.
    pub fn from_pass_claims(claims: &Map<String, Value>) -> Result<Self, Finding> {
        let read = || {
            let text = |name: &str| claims.get(name).and_then(Value::as_str);
            Some(Self {
                source: text("source")?.parse().ok()?,
                policy: text("policy")?.parse().ok()?,
                trust: TrustEpoch::read(text("trust_epoch")?)?,
                status: claims.get("status_epoch").and_then(Value::as_u64),
                verdict: Overall::Accept,
                decided: text("decided")?.parse().ok()?,
            })
        };
        // Said again, so that nothing is left out, added or spelt in a second way.
        read().filter(|decision| &decision.pass_claims() == claims).ok_or_else(|| {
            Finding::new(
                Reason::Schema,
                "the claims of a pass say what was decided on what, and nothing else",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_fits_its_schema() {
        let schema = pass_schema(&CredentialType::new("HealthPass").unwrap());
        schema.check().unwrap();
        let one = Digest::from_bytes([1; 32]);
        for (trust, status) in [(TrustEpoch::Ledger(7), Some(3)), (TrustEpoch::List(one), None)] {
            let decided = Timestamp::default();
            let made =
                Transcoding { source: one, policy: one, trust, status, verdict: Overall::Accept, decided };
            schema.check_full(&made.pass_claims()).unwrap();
            assert_eq!(Transcoding::from_pass_claims(&made.pass_claims()).unwrap(), made);
        }
        let [pass, test] = ["HealthPass", "HealthTest"].map(|name| CredentialType::new(name).unwrap());
        assert!(is_pass(&pass, &schema.id()));
        assert!(!is_pass(&test, &schema.id()), "under the schema of another type's passes");
        assert!(!is_pass(&pass, &Schema { version: 2, ..schema }.id()));
    }

    #[test]
    fn only_the_claims_of_a_pass_are_read_as_its_decision() {
        let one = Digest::from_bytes([0xab; 32]);
        let (trust, decided) = (TrustEpoch::Ledger(7), Timestamp::default());
        let made = Transcoding {
            source: one,
            policy: one,
            trust,
            status: Some(3),
            verdict: Overall::Accept,
            decided,
        };
        for (name, value) in [
            ("colour", Value::from("red")),
            ("verdict", "refuse".into()),
            ("source", one.to_string().to_uppercase().into()),
            ("policy", Value::Null),
            ("trust_epoch", "ledger:07".into()),
            ("trust_epoch", "elsewhere:7".into()),
            ("status_epoch", "3".into()),
            ("decided", "1970-01-01".into()),
            ("full_name", "somebody".into()),
        ] {
            let mut claims = made.pass_claims();
            claims.insert(name.into(), value);
            let refused = Transcoding::from_pass_claims(&claims).unwrap_err();
            assert_eq!(refused.code, Reason::Schema, "{name}");
        }
        for name in made.pass_claims().keys().filter(|name| *name != "status_epoch") {
            let mut claims = made.pass_claims();
            claims.remove(name);
            assert!(Transcoding::from_pass_claims(&claims).is_err(), "{name}");
        }
    }

    #[test]
    fn every_field_is_bound() {
        let one = |byte| Digest::from_bytes([byte; 32]);
        let base = Transcoding {
            source: one(1),
            policy: one(2),
            trust: TrustEpoch::Ledger(7),
            status: Some(3),
            verdict: Overall::Accept,
            decided: Timestamp::default(),
        };
        let others = [
            Transcoding { source: one(9), ..base.clone() },
            Transcoding { policy: one(9), ..base.clone() },
            Transcoding { trust: TrustEpoch::Ledger(8), ..base.clone() },
            Transcoding { trust: TrustEpoch::List(one(7)), ..base.clone() },
            Transcoding { status: None, ..base.clone() },
            Transcoding { verdict: Overall::Refuse, ..base.clone() },
            Transcoding { decided: Timestamp::default().plus(1), ..base.clone() },
        ];
        for other in others {
            assert_ne!(other.digest(), base.digest(), "{other:?}");
        }
    }
}
