//! `causeway policy test`: who would pass, on claims made up for it.
//!
//! Each set of claims is decided on three times: in the clear, as where claims are shown, by the rule's form in CertLogic, and by
//! the circuit's constraints over a credential issued here for the purpose. They must agree.

use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use comfy_table::Cell;
use credential::certlogic::Expression;
use credential::zk::{Element, attributes, civil_day, schema_element};
use credential::{Part, Policy};
use did_registry::{Claims, Date, Schema};
use rand::rngs::OsRng;
use serde_json::{Map, Value, json};
use zk_policy::{
    Credential, Handle, HolderSecret, IssuerEntry, IssuerKey, IssuerSet, KeyDays, Statement, StatusTree,
    Times, Witness,
};

use super::Ending;
use crate::files;
use crate::screen::{Screen, Tone, toned};

/// Bytes of the largest file of claims.
const CLAIMS_BYTES: usize = 4 << 20;
/// Sets of claims in one file.
const SETS: usize = 10_000;

/// How one set of claims comes out.
struct Tried {
    clear: Part,
    /// What the rule says in CertLogic.
    logic: bool,
    /// What the circuit says; `None` for a policy that is asked in the clear only.
    proved: Option<bool>,
}

/// Decides on every set of claims in a file, a JSON array of objects, as on a day.
pub(super) fn run(
    policy: &Policy,
    schema: &Schema,
    file: &Path,
    day: Date,
    screen: &mut Screen<'_>,
) -> anyhow::Result<Ending> {
    policy.check_against(schema)?;
    let text = files::read_text(file, CLAIMS_BYTES)?;
    let sets: Vec<Map<String, Value>> = serde_json::from_str(&text)
        .with_context(|| format!("{} is a JSON array of objects with claims", file.display()))?;
    ensure!((1..=SETS).contains(&sets.len()), "a file has 1 to {SETS} sets of claims");
    let (mut rows, mut passing, mut apart) = (Vec::with_capacity(sets.len()), 0, 0);
    for (number, set) in sets.iter().enumerate() {
        let claims = schema.check_partial(set).with_context(|| format!("set {}", number + 1))?;
        let Tried { clear, logic, proved } = tried(policy, schema, &claims, day)?;
        let passes = clear == Part::Good;
        passing += usize::from(passes);
        let agrees = proved.is_none_or(|proved| proved == passes);
        apart += usize::from(!agrees || logic != passes);
        let (tone, word) = if passes { (Tone::Good, "passes") } else { (Tone::Bad, "does not") };
        let circuit = match proved {
            None => toned(Tone::Quiet, "not proved"),
            Some(_) if agrees => toned(Tone::Good, "the same"),
            Some(_) => toned(Tone::Bad, "DIFFERS"),
        };
        let logic = if logic == passes { toned(Tone::Good, "the same") } else { toned(Tone::Bad, "DIFFERS") };
        let why = match &clear {
            Part::Bad(finding) | Part::Open(finding) => finding.detail.clone(),
            Part::Good | Part::NotChecked => String::new(),
        };
        rows.push(vec![Cell::new(number + 1), toned(tone, word), logic, circuit, Cell::new(why)]);
    }
    screen.headline(Tone::Quiet, format!("{} v{}", policy.name, policy.version), format!("as on {day}"))?;
    screen.table(&["set", "in the clear", "in CertLogic", "in the circuit", "why not"], rows)?;
    let tone = if apart == 0 { Tone::Good } else { Tone::Bad };
    screen.headline(
        tone,
        format!("{passing} of {}", sets.len()),
        format!("pass; {apart} differ in CertLogic or in the circuit"),
    )?;
    Ok(if apart == 0 { Ending::Good } else { Ending::Bad })
}

fn tried(policy: &Policy, schema: &Schema, claims: &Claims, day: Date) -> anyhow::Result<Tried> {
    let clear = policy.evaluate(claims, day);
    let rule = Expression::parse(&policy.certlogic());
    let rule = rule.map_err(|issues| anyhow!("{issues:?}")).context("the policy as a rule in CertLogic")?;
    let document = json!({"payload": claims.to_json(), "external": {"validationClock": day}});
    // An error is not fulfilled, as for whoever decides by it.
    let logic = rule.holds(&document).unwrap_or(false);
    if policy.proof.is_none() {
        return Ok(Tried { clear, logic, proved: None });
    }
    let (key, secret, today) =
        (IssuerKey::generate(&mut OsRng), HolderSecret::generate(&mut OsRng), civil_day(day));
    let handle = Handle::new(0).context("a place in the tree")?;
    let place = (handle, Times { issued: today, expires: today });
    let slots = attributes(schema, claims);
    let credential =
        Credential::issue(&key, schema_element(&schema.id()), &slots, secret.holder_key(), place, &mut OsRng);
    let list = StatusTree::new();
    let days = KeyDays { first: today, last: today, recognised: today };
    let entry = IssuerEntry { key: key.public_key(), status: list.root(), days };
    let set = IssuerSet::new(vec![entry]).context("one key is a set")?;
    let issuer = set.witness(&key.public_key()).context("the key is in it")?;
    let witness = Witness { credential, secret, issuer, status: list.witness(handle) };
    let terms = policy.terms(schema, set.root(), day, Element::default())?;
    let statement = Statement::of(terms, &witness, Element::default());
    Ok(Tried { clear, logic, proved: Some(statement.is_satisfied(&witness)) })
}

#[cfg(test)]
mod tests {
    use credential::{ProofTerms, Scope};

    use super::*;
    use crate::fixture::{Town, start};

    #[test]
    fn who_would_pass_is_told_in_the_clear_and_in_the_circuit() {
        let (town, directory) = (Town::new(1), tempfile::tempdir().unwrap());
        let proof = Some(ProofTerms { epoch_hours: 24, scope: Scope::Day });
        let policy = Policy { proof, ..town.entry.clone() };
        let file = directory.path().join("claims.json");
        std::fs::write(
            &file,
            r#"[{"result": "negative", "sampled": "2021-06-01"}, {"result": "positive", "sampled": "2021-06-01"},
                {"result": "negative", "sampled": "2021-05-01"}, {"result": "negative"}]"#,
        )
        .unwrap();
        let mut out = Vec::new();
        let ending =
            run(&policy, &town.tests(), &file, start().date(), &mut Screen::new(&mut out, false)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(ending, Ending::Good, "{text}");
        for part in ["1 of 4", "0 differ", "result is negative", "needs claim sampled", "the same"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        std::fs::write(&file, r#"[{"colour": "blue"}]"#).unwrap();
        let refused =
            run(&policy, &town.tests(), &file, start().date(), &mut Screen::new(&mut Vec::new(), false));
        assert!(format!("{:#}", refused.unwrap_err()).contains("set 1"));
    }
}
