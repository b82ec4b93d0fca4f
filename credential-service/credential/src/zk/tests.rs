//! The circuit's view of a policy is the clear one; what is shown has one form, one gate and one challenge.

use std::collections::{BTreeMap, BTreeSet};

use did_registry::{
    ClaimKind, ClaimSpec, Claims, CredentialType, Date, Did, Digest, Genesis, NetworkId, Schema, SigningKey,
    Suite, Timestamp,
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::{Map, Value, json};
use zk_policy::{
    Credential, Element, FalseStatement, Handle, HolderSecret, IssuerEntry, IssuerKey, IssuerSet, KeyDays,
    PolicyCircuit, ProvingKey, Statement, StatusTree, Times, Verifier, Witness, prove,
};

use super::*;
use crate::certlogic::Expression;
use crate::{Operand, Part, Policy, Predicate, ProofTerms, Reason, Scope, Test};

mod gate;

const TODAY: &str = "2026-03-01";
const NONCE_OF_LANE: Option<[u8; NONCE]> = Some([7; NONCE]);

fn scope(verifier: &Did, gate: &str, day: Date) -> Element {
    scope_at(verifier, Scope::GateAndDay, gate, day)
}

fn today() -> Date {
    TODAY.parse().unwrap()
}

fn schema() -> Schema {
    let codes = ["negative", "positive", "unclear"].map(str::to_owned).into();
    let claims = [
        ("result", ClaimKind::Code { of: codes }),
        ("sampled", ClaimKind::Date),
        ("doses", ClaimKind::Integer { min: -9, max: 1 << 53 }),
        ("well", ClaimKind::Boolean),
        ("document", ClaimKind::Text { max: 40 }),
    ];
    let claims = claims.map(|(name, kind)| (name.to_owned(), ClaimSpec { kind, required: false }));
    Schema { credential_type: CredentialType::new("HealthTest").unwrap(), version: 1, claims: claims.into() }
}

fn agency(seed: u64) -> Did {
    let control = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(seed)).public_key();
    let next = control.commitment();
    Genesis::new(NetworkId::new("demo").unwrap(), control, next).did()
}

fn verifier() -> Did {
    agency(1)
}

fn policy(predicates: Vec<Predicate>) -> Policy {
    Policy {
        verifier: verifier(),
        name: "entry".into(),
        version: 1,
        purpose: "To let travellers in".into(),
        credential_type: schema().credential_type,
        schema: schema().id(),
        predicates,
        retained: BTreeSet::new(),
        from: Timestamp::default(),
        until: Timestamp::default().plus(u64::MAX),
        pass: None,
        proof: Some(ProofTerms { epoch_hours: 24, scope: Scope::GateAndDay }),
    }
}

/// A credential of some claims in an issuer's set, and everything that shows it.
fn witness(claims: &Claims, rng: &mut ChaCha20Rng) -> (Element, Witness) {
    let key = IssuerKey::generate(rng);
    let secret = HolderSecret::generate(rng);
    let handle = Handle::new(77).unwrap();
    let day = civil_day(today());
    let place = (handle, Times { issued: day, expires: day + 14 });
    let credential = Credential::issue(
        &key,
        schema_element(&schema().id()),
        &attributes(&schema(), claims),
        secret.holder_key(),
        place,
        rng,
    );
    let list = StatusTree::new();
    let days = KeyDays { first: day - 30, last: day + 30, recognised: day + 300 };
    let set = IssuerSet::new(vec![IssuerEntry { key: key.public_key(), status: list.root(), days }]).unwrap();
    let issuer = set.witness(&key.public_key()).unwrap();
    (set.root(), Witness { credential, secret, issuer, status: list.witness(handle) })
}

fn claims(of: Value) -> Claims {
    let Value::Object(of) = of else { panic!("claims are an object") };
    schema().check_partial(&of).unwrap()
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let some = |strategy: BoxedStrategy<Value>| proptest::option::weighted(0.9, strategy);
    let result = some(prop_oneof![Just(json!("negative")), Just(json!("positive"))].boxed());
    let sampled = some((-4i32..4).prop_map(|days| json!(today().plus_days(days))).boxed());
    let doses = some(prop_oneof![-9i64..9, Just(1 << 53)].prop_map(Value::from).boxed());
    let well = some(any::<bool>().prop_map(Value::from).boxed());
    let document = some(prop_oneof![Just(json!("P1")), Just(json!("P2"))].boxed());
    (result, sampled, doses, well, document).prop_map(|(result, sampled, doses, well, document)| {
        let all = [
            ("result", result),
            ("sampled", sampled),
            ("doses", doses),
            ("well", well),
            ("document", document),
        ];
        let present = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        claims(Value::Object(present.collect::<Map<_, _>>()))
    })
}

fn any_predicate() -> impl Strategy<Value = Predicate> {
    let date = prop_oneof![
        (-4i32..4).prop_map(Operand::DaysFromToday),
        (-4i32..4).prop_map(|days| Operand::Date(today().plus_days(days)))
    ];
    let number =
        prop_oneof![-10i64..10, Just(i64::MIN), Just(i64::MAX), Just(1 << 53)].prop_map(Operand::Integer);
    let ordered = |claim: &'static str, operand: BoxedStrategy<Operand>| {
        (operand, 0..3).prop_map(move |(operand, which)| {
            let test = match which {
                0 => Test::Equals(operand),
                1 => Test::AtLeast(operand),
                _ => Test::AtMost(operand),
            };
            Predicate { claim: claim.into(), test }
        })
    };
    let equals =
        |claim: &'static str, operand| Predicate { claim: claim.into(), test: Test::Equals(operand) };
    prop_oneof![
        ordered("sampled", date.boxed()),
        ordered("doses", number.boxed()),
        any::<bool>().prop_map(move |yes| equals("well", Operand::Boolean(yes))),
        prop_oneof![Just("negative"), Just("positive")]
            .prop_map(move |text| equals("result", Operand::Text(text.into()))),
        Just(equals("document", Operand::Text("P1".into()))),
        Just(Predicate { claim: "document".into(), test: Test::OneOf(["P1".to_owned()].into()) }),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let set = proptest::option::of(prop_oneof![
        Just(vec!["negative", "unclear"]),
        Just(vec!["positive", "unclear", "negative"]),
        Just(vec!["unclear", "positive"])
    ]);
    (proptest::collection::vec(any_predicate(), 1..=4), set).prop_map(|(mut predicates, set)| {
        if let Some(set) = set {
            let texts: BTreeSet<String> = set.into_iter().map(str::to_owned).collect();
            predicates.push(Predicate { claim: "result".into(), test: Test::OneOf(texts) });
        }
        policy(predicates)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// One document, evaluated in the clear, as a CertLogic rule, natively over elements, and by the constraints.
    #[test]
    fn a_policy_says_the_same_in_the_clear_and_in_the_circuit(
        policy in any_policy(), claims in any_claims(), seed in any::<u64>()
    ) {
        policy.check_against(&schema()).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (issuers, witness) = witness(&claims, &mut rng);
        let clear = policy.evaluate(&claims, today()) == Part::Good;
        let terms = policy.terms(&schema(), issuers, today(), Element::from(1)).unwrap();
        let statement = Statement::of(terms, &witness, Element::from(2));
        let native = statement.check(&witness);
        prop_assert!(matches!(
            native,
            Ok(()) | Err(FalseStatement::Predicate(_) | FalseStatement::Membership)
        ));
        prop_assert_eq!(native.is_ok(), clear);
        let rule = Expression::parse(&policy.certlogic()).unwrap();
        let document = json!({"payload": claims.to_json(), "external": {"validationClock": today()}});
        prop_assert_eq!(rule.evaluate(&document), Ok(Value::Bool(clear)));
        prop_assert_eq!(statement.is_satisfied(&witness), clear);
    }
}

#[test]
fn what_the_circuit_has_no_room_for_is_asked_in_the_clear_only() {
    let one_of = |claim: &str, texts: usize| Predicate {
        claim: claim.into(),
        test: Test::OneOf((0..texts).map(|number| format!("text {number}")).collect()),
    };
    let terms = |predicates| {
        policy(predicates).terms(&schema(), Element::from(1), today(), Element::from(1)).map(drop)
    };
    assert_eq!(terms(vec![one_of("document", 64)]), Ok(()));
    assert_eq!(terms(vec![one_of("document", 65)]), Err(TermsError::SetSize("document".into())));
    assert_eq!(terms(vec![one_of("document", 0)]), Err(TermsError::SetSize("document".into())));
    let two = vec![one_of("document", 2), one_of("result", 2)];
    assert_eq!(terms(two), Err(TermsError::SecondSet("result".into())));
    assert_eq!(terms(vec![one_of("document", 2), one_of("result", 1)]), Ok(()), "one text is no choice");
    let mut other = schema();
    other.version = 2;
    let refused =
        policy(vec![one_of("document", 2)]).terms(&other, Element::from(1), today(), Element::from(1));
    assert_eq!(refused.map(drop), Err(TermsError::OtherSchema));
}

#[test]
fn slots_follow_the_schema_and_a_missing_claim_is_no_number() {
    let schema = schema();
    let slots: BTreeMap<&str, u8> =
        schema.claims.keys().map(|name| (name.as_str(), slot(&schema, name).unwrap())).collect();
    assert_eq!(
        slots,
        BTreeMap::from([("document", 0), ("doses", 1), ("result", 2), ("sampled", 3), ("well", 4)])
    );
    assert_eq!(slot(&schema, "nothing"), None);
    let filled = attributes(&schema, &claims(json!({"doses": -9, "sampled": "1969-12-31", "well": false})));
    assert_eq!(filled[1].to_u64(), Some((1 << 63) - 9));
    assert_eq!(filled[3].to_u64(), Some((1 << 31) - 1));
    assert_eq!(filled[4].to_u64(), Some(0));
    for empty in [0, 2, 5, 15] {
        assert_eq!((filled[empty], filled[empty].to_u64()), (filled[0], None));
    }
    assert_ne!(element(&did_registry::ClaimValue::Text(String::new())), filled[0], "an empty text is there");
}

fn prepared(rng: &mut ChaCha20Rng) -> (Prepared, Statement) {
    let recent = Predicate { claim: "sampled".into(), test: Test::AtLeast(Operand::DaysFromToday(-2)) };
    let policy = policy(vec![recent]);
    let claims = claims(json!({"sampled": TODAY, "document": "P1"}));
    let (issuers, witness) = witness(&claims, rng);
    let terms =
        policy.terms(&schema(), issuers, today(), scope(&policy.verifier, "Lane 1", today())).unwrap();
    let key = SigningKey::generate(Suite::P256, rng);
    let occasion = Occasion { verifier: &policy.verifier, policy: &policy.id(), epoch: 7, day: today() };
    let statement = Statement::of(terms, &witness, occasion.context(&key.public_key()));
    let proving = ProvingKey::<PolicyCircuit>::insecure_development();
    let proof = prove(&proving, &statement, &witness, rng).unwrap();
    let verifying = proving.verifying_key();
    assert!(Verifier::new(&verifying, statement.terms.clone()).verify(&statement, &proof));
    let nullifier = statement.nullifier;
    (Prepared { policy: policy.id(), epoch: 7, day: today(), proof, nullifier, key }, statement)
}

#[test]
fn what_is_shown_is_small_has_one_text_and_serves_one_challenge() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (prepared, statement) = prepared(&mut rng);
    let shown = prepared.show("Lane 1", NONCE_OF_LANE);
    let (bytes, text) = (shown.to_bytes(), shown.to_text());
    assert!(bytes.len() <= 400 && text.len() <= 600, "{} bytes, {} characters", bytes.len(), text.len());
    let alphanumeric =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" $%*+-./:".contains(&byte);
    assert!(text.bytes().all(alphanumeric), "a QR code packs it as letters and digits");
    assert_eq!(Shown::from_text(&text).unwrap(), shown);
    assert_eq!(shown.check_signature("Lane 1"), Ok(()));
    assert_eq!(shown.check_signature("Lane 2").unwrap_err().code, Reason::WrongAudience);
    for nonce in [None, Some([8; NONCE])] {
        let other = Shown { nonce, ..shown.clone() };
        assert_eq!(other.check_signature("Lane 1").unwrap_err().code, Reason::WrongAudience);
    }
    // Every part is covered: by the signature, and key and occasion by the proof's context too.
    let other = SigningKey::generate(Suite::P256, &mut rng).public_key();
    let alterations: [fn(&mut Shown, &did_registry::PublicKey); 4] = [
        |shown, _| shown.epoch += 1,
        |shown, _| shown.day = shown.day.plus_days(1),
        |shown, _| shown.policy = Digest::sha256(b"another"),
        |shown, other| shown.key = other.clone(),
    ];
    for alter in alterations {
        let mut altered = shown.clone();
        alter(&mut altered, &other);
        assert!(altered.check_signature("Lane 1").is_err());
        let verifier = verifier();
        let occasion =
            Occasion { verifier: &verifier, policy: &altered.policy, epoch: altered.epoch, day: altered.day };
        assert_ne!(occasion.context(&altered.key), statement.context);
    }
    let mut nullifier = shown.clone();
    nullifier.nullifier = Element::from(3);
    assert!(nullifier.check_signature("Lane 1").is_err());
}

#[test]
fn scopes_differ_by_verifier_gate_and_day() {
    let here = scope(&verifier(), "Lane 1", today());
    let elsewhere = agency(2);
    for other in [
        scope(&elsewhere, "Lane 1", today()),
        scope(&verifier(), "Lane 2", today()),
        scope(&verifier(), "Lane 1", today().plus_days(1)),
    ] {
        assert_ne!(here, other);
    }
    let all = |gate| scope_at(&verifier(), Scope::Day, gate, today());
    assert_eq!(all("Lane 1"), all("Lane 2"), "one holder counts once at all gates");
    assert_ne!(all("Lane 1"), here);
}

#[test]
fn anything_but_the_one_encoding_is_refused() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let shown = prepared(&mut rng).0.show("Lane 1", NONCE_OF_LANE);
    let bytes = shown.to_bytes();
    for cut in 0..bytes.len() {
        assert!(Shown::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    assert!(Shown::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    // A bit flipped is refused at once, or by the signature.
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = Shown::from_bytes(&flipped) {
            assert!(read.check_signature("Lane 1").is_err(), "bit {bit}");
        }
    }
    // A length or number in more bytes than it needs, and an array of unknown length.
    let mut long = bytes.clone();
    long.splice(1..2, [0x18, 0x01]);
    assert_eq!(Shown::from_bytes(&long).unwrap_err().code, Reason::BadEncoding);
    let mut open = bytes.clone();
    open[0] = 0x9f;
    open.push(0xff);
    assert_eq!(Shown::from_bytes(&open).unwrap_err().code, Reason::BadEncoding);
    let text = shown.to_text();
    for (other, code) in [
        (text.replacen("CW1:", "CWP:", 1), Reason::WrongKind),
        (text.to_lowercase(), Reason::WrongKind),
        (format!("{text} "), Reason::BadEncoding),
        (format!("CW1:{}", "0".repeat(SHOWN_LIMIT)), Reason::BadEncoding),
        ("CW1:".into(), Reason::BadEncoding),
    ] {
        assert_eq!(Shown::from_text(&other).unwrap_err().code, code, "{other}");
    }
}

fn handles(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<Handle> {
    numbers.into_iter().map(|number| Handle::new(number).unwrap()).collect()
}

#[test]
fn whoever_holds_the_deltas_has_the_issuers_tree() {
    let (mut issuer, mut follower) = (Revocations::new(), Revocations::new());
    let mut deltas = Vec::new();
    for step in 0..4u32 {
        let delta = issuer.delta(handles((0..100).map(|place| place * 40_000 + step)), BTreeMap::new());
        issuer.follow([&delta]).unwrap();
        deltas.push(delta);
    }
    let cause = BTreeMap::from([(Handle::new(40_001).unwrap(), Digest::sha256(b"a mistake"))]);
    let delta = issuer.delta(handles([]), cause);
    issuer.follow([&delta]).unwrap();
    deltas.push(delta);
    assert!(deltas.iter().all(|delta| delta.check() == Ok(())));
    follower.follow(&deltas[..2]).unwrap();
    follower.follow(&deltas[2..]).unwrap();
    assert_eq!((follower.epoch(), follower.tree().root()), (5, issuer.tree().root()));
    assert!(follower.tree().is_revoked(Handle::new(40_000).unwrap()));
    assert!(!follower.tree().is_revoked(Handle::new(40_001).unwrap()), "reinstated, and the delta says why");
    // The witness of a handle that is not revoked holds under the new root; nobody was asked for it.
    let (handle, root) = (Handle::new(77).unwrap(), follower.tree().root());
    assert_eq!(
        StatusTree::new().witness(handle) == follower.tree().witness(handle),
        root == nothing_revoked()
    );
}

#[test]
fn a_root_that_does_not_follow_a_gap_and_a_change_of_nothing_are_found() {
    let mut follower = Revocations::new();
    let first = follower.delta(handles([5]), BTreeMap::new());
    let mut wrong = first.clone();
    wrong.root = RootBytes::of(&nothing_revoked());
    assert_eq!(follower.follow([&wrong]), Err(ForkedDelta::Root(1)), "the issuer signed delta and root");
    let mut hidden = first.clone();
    hidden.revoked = [6].into();
    assert_eq!(follower.follow([&hidden]), Err(ForkedDelta::Root(1)));
    assert_eq!((follower.epoch(), follower.tree().root()), (0, nothing_revoked()), "nothing is half applied");
    follower.follow([&first]).unwrap();
    assert_eq!(follower.follow([&first]), Err(ForkedDelta::Epoch { before: 1, got: 1 }));
    let mut again = follower.delta(handles([5]), BTreeMap::new());
    assert_eq!(follower.follow([&again]), Err(ForkedDelta::Unchanged(2)));
    // A bit that falls again without a word shows in the root.
    let silent = Revocations::new().delta(handles([7]), BTreeMap::new());
    again = RevocationDelta { epoch: 2, ..silent };
    assert_eq!(follower.follow([&again]), Err(ForkedDelta::Root(2)));
}

#[test]
fn ten_thousand_revocations_are_one_delta() {
    let mut issuer = Revocations::new();
    let delta = issuer.delta(handles((0..10_000).map(|place| place * 419)), BTreeMap::new());
    assert_eq!(delta.check(), Ok(()));
    assert!(did_registry::canonical::encode(&delta).len() < 60_000, "a transaction holds it");
    issuer.follow([&delta]).unwrap();
    assert_eq!(RootBytes::of(&issuer.tree().root()), delta.root);
}
