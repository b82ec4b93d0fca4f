//! What credentials, rules and passes of the bench are about: a laboratory's test result, shown for entry.

use std::collections::{BTreeMap, BTreeSet};

use credential::transcoding::pass_schema;
use credential::{Operand, PassTerms, Policy, Predicate, Test};
use did_registry::{ClaimKind, ClaimSpec, CredentialType, Date, Did, Schema, Timestamp};
use serde_json::{Map, Value, json};

/// The type of the test result.
pub(super) fn test_type() -> anyhow::Result<CredentialType> {
    Ok(CredentialType::new("HealthTest")?)
}

/// The type of the pass.
pub(super) fn pass_type() -> anyhow::Result<CredentialType> {
    Ok(CredentialType::new("HealthPass")?)
}

/// Seven claims, as a laboratory would state them.
pub(super) fn schema() -> anyhow::Result<Schema> {
    let codes = |codes: &[&str]| ClaimKind::Code { of: codes.iter().map(|&code| code.to_owned()).collect() };
    let claims = [
        ("name", ClaimKind::Text { max: 80 }),
        ("document_number", ClaimKind::Text { max: 32 }),
        ("birth_date", ClaimKind::Date),
        ("test", codes(&["antigen", "nucleic-acid"])),
        ("result", codes(&["negative", "positive"])),
        ("sampled_on", ClaimKind::Date),
        ("laboratory", ClaimKind::Text { max: 80 }),
    ];
    let spec = |kind| ClaimSpec { kind, required: true };
    let claims: BTreeMap<_, _> =
        claims.into_iter().map(|(name, kind)| (name.to_owned(), spec(kind))).collect();
    Ok(Schema { credential_type: test_type()?, version: 1, claims })
}

/// The claims of one person; nobody real.
pub(super) fn claims(number: usize, sampled_on: Date) -> Map<String, Value> {
    let person = json!({
        "name": format!("陳大文 Chan Tai Man {number}"),
        "document_number": format!("M{number:07}"),
        "birth_date": "1971-03-14",
        "test": "nucleic-acid",
        "result": "negative",
        "sampled_on": sampled_on.to_string(),
        "laboratory": "Zhuhai People's Hospital",
    });
    let Value::Object(claims) = person else { unreachable!("an object because it was written as one") };
    claims
}

/// The rule at the border: a negative nucleic-acid test of the last week. Gives a pass for a day.
pub(super) fn entry_policy(verifier: Did, now: Timestamp) -> anyhow::Result<Policy> {
    let predicates = vec![
        equals("test", "nucleic-acid"),
        equals("result", "negative"),
        Predicate { claim: "sampled_on".to_owned(), test: Test::AtLeast(Operand::DaysFromToday(-7)) },
    ];
    let pass = Some(PassTerms { credential_type: pass_type()?, hours: 24 });
    Ok(Policy { predicates, pass, ..policy(verifier, "entry", &schema()?, now) })
}

/// The rule at the gate: a green pass.
pub(super) fn gate_policy(verifier: Did, now: Timestamp) -> anyhow::Result<Policy> {
    let predicates = vec![equals("colour", "green"), equals("verdict", "accept")];
    Ok(Policy { predicates, ..policy(verifier, "gate", &pass_schema(&pass_type()?), now) })
}

fn equals(claim: &str, text: &str) -> Predicate {
    Predicate { claim: claim.to_owned(), test: Test::Equals(Operand::Text(text.to_owned())) }
}

fn policy(verifier: Did, name: &str, schema: &Schema, now: Timestamp) -> Policy {
    Policy {
        verifier,
        name: name.to_owned(),
        version: 1,
        purpose: "To let you in without quarantine".to_owned(),
        credential_type: schema.credential_type.clone(),
        schema: schema.id(),
        predicates: Vec::new(),
        retained: BTreeSet::new(),
        from: now.minus(86_400),
        until: now.plus(365 * 86_400),
        pass: None,
        proof: None,
    }
}
