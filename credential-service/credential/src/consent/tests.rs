use did_registry::{CredentialType, Date, Genesis, NetworkId, Suite};
use rand::SeedableRng;

use super::*;
use crate::{Operand, Predicate, Test};

fn policy(rng: &mut rand_chacha::ChaCha20Rng) -> Policy {
    let control = SigningKey::generate(Suite::Ed25519, rng).public_key();
    let next = control.commitment();
    Policy {
        verifier: Genesis::new(NetworkId::new("demo").unwrap(), control, next).did(),
        name: "entry".into(),
        version: 1,
        purpose: "Entry".into(),
        credential_type: CredentialType::new("HealthTest").unwrap(),
        schema: Digest::sha256(b"schema"),
        predicates: vec![Predicate {
            claim: "sample_date".into(),
            test: Test::AtLeast(Operand::Date(Date::from_days(1).unwrap())),
        }],
        retained: BTreeSet::new(),
        from: Timestamp::default(),
        until: Timestamp::default().plus(1_000_000),
        pass: None,
        proof: None,
    }
}

/// W12: a consent works for its holder, its receiver, its policy and its challenge, and once.
#[test]
fn a_consent_works_for_nobody_else() {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
    let now = Timestamp::from_seconds(5_000).unwrap();
    let (policy, other) = (policy(&mut rng), policy(&mut rng));
    let holder = SigningKey::generate(Suite::P256, &mut rng);
    let thief = SigningKey::generate(Suite::P256, &mut rng);
    let given = Consent::to(&policy, holder.public_key(), "n1", now).sign(&holder);
    let key = holder.public_key();
    given.verify(&policy, &key, "n1", now).expect("as given");

    let code = |result: Result<(), Finding>| result.unwrap_err().code;
    assert_eq!(code(given.verify(&policy, &thief.public_key(), "n1", now)), Reason::HolderMismatch);
    assert_eq!(code(given.verify(&other, &key, "n1", now)), Reason::WrongAudience);
    assert_eq!(code(given.verify(&policy, &key, "n2", now)), Reason::WrongAudience);
    assert_eq!(code(given.verify(&policy, &key, "n1", now.plus(600))), Reason::Expired);
    assert_eq!(code(given.verify(&policy, &key, "n1", now.minus(61))), Reason::NotYetValid);
    let mut wider = given.clone();
    wider.consent.claims.insert("full_name".into());
    assert_eq!(code(wider.verify(&policy, &key, "n1", now)), Reason::WrongAudience);
    let forged = Consent::to(&policy, key.clone(), "n1", now).sign(&thief);
    assert_eq!(code(forged.verify(&policy, &key, "n1", now)), Reason::BadSignature);
    let mut longer = given.clone();
    longer.consent.expires = longer.consent.expires.plus(600);
    assert_eq!(code(longer.verify(&policy, &key, "n1", now)), Reason::BadSignature);
    let mut redirected =
        Consent::to(&policy, key.clone(), "n1", now).for_pass(holder.public_key()).sign(&holder);
    redirected.verify(&policy, &key, "n1", now).expect("as given");
    redirected.consent.pass = Some(thief.public_key());
    assert_eq!(code(redirected.verify(&policy, &key, "n1", now)), Reason::BadSignature);
}
