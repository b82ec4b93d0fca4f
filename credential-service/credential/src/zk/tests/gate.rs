//! At the gate: what holds is accepted, and each rule refuses with its code what breaks it alone.

use std::collections::BTreeMap;

use did_registry::{
    CredentialType, DidRecord, Genesis, Moment, NetworkId, PublicKey, Purposes, Recognition, Suite,
};

use super::*;
use crate::facts::{AgeLimits, Facts};
use crate::{Overall, Verdict};

const GATE: &str = "Lane 1";

/// An agency that issues and lets in, a holder, and what a gate knows.
struct World {
    facts: Facts,
    policy: Digest,
    witness: Witness,
    proving: ProvingKey,
    key: GateKey,
    rng: ChaCha20Rng,
}

fn noon(days: i32) -> Timestamp {
    let midnight: Timestamp = format!("{}T00:00:00Z", today().plus_days(days)).parse().unwrap();
    midnight.plus(43_200)
}

fn at(days: i32) -> Moment {
    Moment { height: 9, time: noon(days) }
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(21);
        let control = SigningKey::generate(Suite::Ed25519, &mut rng).public_key();
        let next = control.commitment();
        let key = SigningKey::generate(Suite::Jubjub, &mut rng);
        let genesis = Genesis::new(NetworkId::new("demo").unwrap(), control, next).with_key(
            "jubjub-1",
            Purposes::ASSERTION,
            key.public_key(),
        );
        let did = genesis.did();
        let record = DidRecord::create(&did, &genesis, at(-30)).unwrap();
        let recent = Predicate { claim: "sampled".into(), test: Test::AtLeast(Operand::DaysFromToday(-2)) };
        let policy = Policy { verifier: did.clone(), ..policy(vec![recent]) };
        let kind = policy.credential_type.clone();
        let recognition = Recognition {
            issuer: did.clone(),
            credential_type: kind.clone(),
            from: noon(-20),
            until: noon(300),
            decided: at(-20),
        };
        let mut facts = Facts {
            as_of: at(0),
            dids: BTreeMap::from([(did.clone(), record)]),
            recognitions: BTreeMap::from([((kind.clone(), did), recognition)]),
            policies: BTreeMap::from([(policy.id(), policy.clone())]),
            schemas: BTreeMap::from([(schema().id(), schema())]),
            statuses: BTreeMap::new(),
            issuer_sets: BTreeMap::new(),
            revocations: BTreeMap::new(),
            circuit_keys: Some(Digest::sha256(b"keys")),
        };
        let roots = IssuerRoots::after(None, RootBytes::of(&Element::from(1)), at(-9)).unwrap();
        let set = folded(&facts, &kind);
        facts
            .issuer_sets
            .insert(kind, IssuerRoots::after(Some(roots), RootBytes::of(&set.root()), at(-8)).unwrap());
        let secret = HolderSecret::generate(&mut rng);
        let day = civil_day(today());
        let place = (Handle::new(77).unwrap(), Times { issued: day, expires: day + 14 });
        let claims = claims(json!({"sampled": TODAY, "document": "P1"}));
        let slots = attributes(&schema(), &claims);
        let element = schema_element(&schema().id());
        let signing = key.jubjub().unwrap();
        let credential = Credential::issue(signing, element, &slots, secret.holder_key(), place, &mut rng);
        let issuer = set.witness(&signing.public_key()).unwrap();
        let status = StatusTree::new().witness(place.0);
        let witness = Witness { credential, secret, issuer, status };
        let proving = ProvingKey::insecure_development();
        let key = GateKey::new(proving.verifying_key(), Digest::sha256(b"keys"));
        Self { facts, policy: policy.id(), witness, proving, key, rng }
    }

    fn kind(&self) -> CredentialType {
        self.facts.policies[&self.policy].credential_type.clone()
    }

    /// A proof for a gate, on a day.
    fn prepare(&mut self, gate: &str, day: Date) -> Prepared {
        let policy = &self.facts.policies[&self.policy];
        let roots = &self.facts.issuer_sets[&policy.credential_type];
        let scope = scope(&policy.verifier, gate, day);
        let terms = policy.terms(&schema(), roots.root.element().unwrap(), day, scope).unwrap();
        let key = SigningKey::generate(Suite::P256, &mut self.rng);
        let occasion = Occasion { verifier: &policy.verifier, policy: &self.policy, epoch: roots.epoch, day };
        let statement = Statement::of(terms, &self.witness, occasion.context(&key.public_key()));
        let proof = prove(&self.proving, &statement, &self.witness, &mut self.rng).unwrap();
        let nullifier = statement.nullifier;
        Prepared { policy: self.policy, epoch: roots.epoch, day, proof, nullifier, key }
    }

    fn verify(&self, shown: &Shown) -> Verdict {
        self.verify_at(shown, GATE, noon(0))
    }

    fn verify_at(&self, shown: &Shown, name: &str, now: Timestamp) -> Verdict {
        let gate = Gate { name, now, limits: AgeLimits::default() };
        self.key.verify(shown, &self.policy, &self.facts, &gate).0
    }
}

fn folded(facts: &Facts, kind: &CredentialType) -> IssuerSet {
    issuer_set(
        facts.recognitions.iter().filter(|((of, _), _)| of == kind).map(|((_, did), recognition)| {
            Recognised { recognition, record: &facts.dids[did], status: None }
        }),
    )
}

/// The one finding of a verdict that refuses.
#[track_caller]
fn refused(verdict: &Verdict, part: fn(&Verdict) -> &Part) -> Reason {
    assert_eq!(verdict.overall(), Overall::Refuse, "{verdict:?}");
    let Part::Bad(finding) = part(verdict) else { panic!("another part is bad: {verdict:?}") };
    finding.code
}

#[test]
fn what_holds_is_accepted_in_every_part() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let verdict = world.verify(&Shown::from_text(&shown.to_text()).unwrap());
    assert_eq!(verdict.overall(), Overall::Accept);
    assert!(verdict.parts().iter().all(|(_, part)| **part == Part::Good), "{verdict:?}");
    // The set that the gate knows is the one that anybody makes of the same records.
    assert_eq!(world.facts.issuer_set(&world.kind()).unwrap().1, 2);
}

#[test]
fn another_gate_day_key_or_nullifier_is_not_what_was_proved() {
    let mut world = World::new();
    // Signed for the other lane by who has the key: the scope in the proof is still the first lane's.
    let elsewhere = world.prepare(GATE, today()).show("Lane 2", NONCE_OF_LANE);
    let verdict = world.verify_at(&elsewhere, "Lane 2", noon(0));
    assert_eq!(refused(&verdict, |it| &it.integrity), Reason::ProofInvalid);
    // A proof for tomorrow, relabelled.
    let tomorrow = world.prepare(GATE, today().plus_days(1));
    let relabelled = Prepared { day: today(), ..tomorrow }.show(GATE, NONCE_OF_LANE);
    assert_eq!(refused(&world.verify(&relabelled), |it| &it.integrity), Reason::ProofInvalid);
    // Somebody else's proof under one's own key.
    let mut stolen = world.prepare(GATE, today());
    stolen.key = SigningKey::generate(Suite::P256, &mut world.rng);
    let stolen = stolen.show(GATE, NONCE_OF_LANE);
    assert_eq!(refused(&world.verify(&stolen), |it| &it.integrity), Reason::ProofInvalid);
    // A second count under another nullifier.
    let mut again = world.prepare(GATE, today());
    again.nullifier = Element::from(9);
    let again = again.show(GATE, NONCE_OF_LANE);
    assert_eq!(refused(&world.verify(&again), |it| &it.integrity), Reason::ProofInvalid);
    // The proof of another show.
    let (first, second) = (world.prepare(GATE, today()), world.prepare(GATE, today()));
    let mixed = Prepared { proof: first.proof, ..second }.show(GATE, NONCE_OF_LANE);
    assert_eq!(refused(&world.verify(&mixed), |it| &it.integrity), Reason::ProofInvalid);
}

#[test]
fn another_nonce_or_audience_than_was_signed_is_refused() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let swapped = Shown { nonce: Some([1; NONCE]), ..shown.clone() };
    assert_eq!(refused(&world.verify(&swapped), |it| &it.freshness), Reason::WrongAudience);
    let paper = Shown { nonce: None, ..shown.clone() };
    assert_eq!(refused(&world.verify(&paper), |it| &it.freshness), Reason::WrongAudience);
    let verdict = world.verify_at(&shown, "Lane 2", noon(0));
    assert_eq!(refused(&verdict, |it| &it.freshness), Reason::WrongAudience);
}

#[test]
fn with_keys_that_the_committee_did_not_adopt_nothing_is_decided() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    for adopted in [None, Some(Digest::sha256(b"others"))] {
        world.facts.circuit_keys = adopted;
        let verdict = world.verify(&shown);
        let Part::Open(finding) = &verdict.integrity else { panic!("{verdict:?}") };
        assert_eq!(finding.code, Reason::KeyUnknown);
        assert_ne!(verdict.overall(), Overall::Accept);
        let gate = Gate { name: GATE, now: noon(0), limits: AgeLimits::default() };
        let together = [shown.clone(), shown.clone()];
        let all = world.key.verify_all(&together, &world.policy, &world.facts, &gate, &mut world.rng);
        assert!(all.iter().all(|(each, _)| *each == verdict));
    }
}

#[test]
fn a_proof_is_good_on_its_day_alone() {
    let mut world = World::new();
    for (day, code) in [(-1, Reason::Expired), (1, Reason::NotYetValid)] {
        let shown = world.prepare(GATE, today().plus_days(day)).show(GATE, NONCE_OF_LANE);
        assert_eq!(refused(&world.verify(&shown), |it| &it.validity), code);
    }
}

#[test]
fn the_policy_is_the_gates_own_in_its_version() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let own = world.policy;
    let newer = Policy { version: 2, ..world.facts.policies[&own].clone() };
    world.facts.policies.insert(newer.id(), newer.clone());
    world.policy = newer.id();
    assert_eq!(refused(&world.verify(&shown), |it| &it.rule), Reason::RuleFailed);
    // Relabelled, the proof is of the old one: version and all are in the context.
    let mut relabelled = world.prepare(GATE, today());
    world.policy = own;
    let old = world.prepare(GATE, today());
    world.policy = newer.id();
    relabelled.proof = old.proof;
    let relabelled = relabelled.show(GATE, NONCE_OF_LANE);
    assert_eq!(refused(&world.verify(&relabelled), |it| &it.integrity), Reason::ProofInvalid);
    // Asked in the clear only.
    let clear = Policy { proof: None, ..newer };
    world.facts.policies.insert(clear.id(), clear.clone());
    world.policy = clear.id();
    let shown = Shown { policy: clear.id(), ..shown };
    assert_eq!(refused(&world.verify(&shown), |it| &it.rule), Reason::WrongKind);
}

#[test]
fn an_issuer_set_counts_until_it_was_overtaken_for_as_long_as_the_policy_says() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let kind = world.kind();
    let before = world.facts.issuer_sets[&kind].clone();
    let next = |before: IssuerRoots, hours: u64| {
        let at = Moment { height: 9, time: noon(0).minus(hours * 3600) };
        IssuerRoots::after(Some(before), RootBytes::of(&Element::from(5)), at).unwrap()
    };
    world.facts.issuer_sets.insert(kind.clone(), next(before.clone(), 24));
    assert_eq!(world.verify(&shown).overall(), Overall::Accept);
    world.facts.issuer_sets.insert(kind.clone(), next(before.clone(), 25));
    assert_eq!(refused(&world.verify(&shown), |it| &it.status), Reason::ListStale);
    // Of another root than the ledger has under that epoch: an issuer that is in no set of it.
    let mut forged = before.clone();
    forged.root = RootBytes::of(&Element::from(5));
    world.facts.issuer_sets.insert(kind.clone(), forged);
    assert_eq!(refused(&world.verify(&shown), |it| &it.integrity), Reason::ProofInvalid);
    // Newer than the gate knows: not decided, and older than anybody remembers: refused.
    let mut behind = before.clone();
    behind.epoch -= 1;
    world.facts.issuer_sets.insert(kind.clone(), behind);
    assert_eq!(world.verify(&shown).overall(), Overall::Undecided);
    let mut ahead = before;
    ahead.epoch += 9;
    world.facts.issuer_sets.insert(kind.clone(), ahead);
    assert_eq!(refused(&world.verify(&shown), |it| &it.issuer), Reason::ListStale);
    world.facts.issuer_sets.remove(&kind);
    assert_eq!(refused(&world.verify(&shown), |it| &it.issuer), Reason::IssuerNotRecognised);
}

#[test]
fn old_facts_decide_nothing() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let limits = AgeLimits { amber: 60, refuse: 3600 };
    let gate = Gate { name: GATE, now: noon(0).plus(3600), limits };
    let (verdict, ages) = world.key.verify(&shown, &world.policy, &world.facts, &gate);
    assert_eq!((verdict.overall(), ages), (Overall::Undecided, None));
    assert!(matches!(&verdict.freshness, Part::Open(finding) if finding.code == Reason::ListStale));
}

#[test]
fn many_are_decided_on_as_each_alone() {
    let mut world = World::new();
    let good = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let bad = Prepared { nullifier: Element::from(9), ..world.prepare(GATE, today()) };
    let late = world.prepare(GATE, today().plus_days(-1)).show(GATE, NONCE_OF_LANE);
    let clear = Shown { policy: Digest::sha256(b"another"), ..good.clone() };
    let shown = [good.clone(), bad.show(GATE, NONCE_OF_LANE), late, clear, good];
    let gate = Gate { name: GATE, now: noon(0), limits: AgeLimits::default() };
    let together = world.key.verify_all(&shown, &world.policy, &world.facts, &gate, &mut world.rng);
    let alone: Vec<_> = shown.iter().map(|one| world.verify(one)).collect();
    assert_eq!(together.into_iter().map(|(verdict, _)| verdict).collect::<Vec<_>>(), alone);
    let accepted = alone.iter().map(|verdict| verdict.overall() == Overall::Accept);
    assert_eq!(accepted.collect::<Vec<_>>(), [true, false, false, false, true]);
}

#[test]
fn two_shows_share_nothing_but_what_all_share() {
    let mut world = World::new();
    let first = world.prepare(GATE, today()).show(GATE, Some([1; NONCE])).to_bytes();
    let second = world.prepare("Lane 2", today()).show("Lane 2", Some([2; NONCE])).to_bytes();
    let policy = world.policy;
    let windows = |bytes: &[u8]| bytes.windows(8).map(<[u8]>::to_vec).collect::<BTreeSet<_>>();
    // Policy, epoch and day stand in one piece, with the marks of the encoding around it.
    let declared = first.iter().zip(&second).take_while(|(one, other)| one == other).count();
    assert!((40..48).contains(&declared), "{declared}");
    assert!(first[..declared].windows(32).any(|window| window == policy.as_bytes()));
    assert!(windows(&first[declared..]).is_disjoint(&windows(&second[declared..])));
}

fn flipped(world: &World, shown: &Shown, bits: impl IntoIterator<Item = usize>) {
    let bytes = shown.to_bytes();
    for bit in bits {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = Shown::from_bytes(&other) {
            assert_ne!(world.verify(&read).overall(), Overall::Accept, "bit {bit}");
        }
    }
}

/// Some of the bits, or with LONG in the environment every one: `make test-long`.
#[test]
#[allow(clippy::disallowed_methods)]
fn a_flipped_bit_is_refused() {
    let mut world = World::new();
    let shown = world.prepare(GATE, today()).show(GATE, NONCE_OF_LANE);
    let step = if std::env::var_os("LONG").is_some() { 1 } else { 61 };
    flipped(&world, &shown, (0..shown.to_bytes().len() * 8).step_by(step));
}

#[test]
fn a_causeway_credential_opens_for_its_holder_and_for_its_claims() {
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let key = SigningKey::generate(Suite::Jubjub, &mut rng);
    let (secret, claims) = (HolderSecret::generate(&mut rng), claims(json!({"doses": 2})));
    let proving = ProvingKey::<zk_policy::HolderCircuit>::insecure_development();
    let verifying = proving.verifying_key();
    let asked = HolderKeyProof::prove(&proving, &secret, &verifier(), "code", &mut rng);
    let holder = asked.verify(&verifying, &verifier(), "code").unwrap();
    assert_eq!(holder, secret.holder_key());
    assert!(asked.verify(&verifying, &verifier(), "other code").is_err());
    assert!(asked.verify(&verifying, &agency(5), "code").is_err());
    let mut other = asked.clone();
    other.key = hex::encode(secret.for_next(&mut rng).holder_key().to_bytes());
    assert!(other.verify(&verifying, &verifier(), "code").is_err());

    let place = (Handle::new(5).unwrap(), Times { issued: 1, expires: 2 });
    let issued =
        CausewayCredential::issue(("did:x#jubjub-1", &key), (&schema(), &claims), holder, place, &mut rng);
    let issued = issued.unwrap();
    let open = |issued: &CausewayCredential, key: &PublicKey, claims: &Claims, secret: &HolderSecret| {
        issued.open(key, (&schema(), claims), secret).map(drop).map_err(|finding| finding.code)
    };
    let public = key.public_key();
    assert_eq!(open(&issued, &public, &claims, &secret), Ok(()));
    let more = super::claims(json!({"doses": 3}));
    assert_eq!(open(&issued, &public, &more, &secret), Err(Reason::BadSignature));
    assert_eq!(open(&issued, &public, &claims, &secret.for_next(&mut rng)), Err(Reason::BadSignature));
    let stranger = SigningKey::generate(Suite::Jubjub, &mut rng).public_key();
    assert_eq!(open(&issued, &stranger, &claims, &secret), Err(Reason::BadSignature));
    let moved = CausewayCredential { handle: 6, ..issued.clone() };
    assert_eq!(open(&moved, &public, &claims, &secret), Err(Reason::BadSignature));
    let outside = CausewayCredential { handle: 1 << 22, ..issued };
    assert_eq!(open(&outside, &public, &claims, &secret), Err(Reason::BadEncoding));
}
