//! Schemas, policies and status lists.

use std::collections::BTreeSet;

use credential::{Operand, Predicate, Test};
use did_registry::{ClaimKind, ClaimSpec, CredentialType};

use super::*;

fn schema(version: u32) -> Schema {
    let spec = ClaimSpec { kind: ClaimKind::Date, required: true };
    Schema {
        credential_type: CredentialType::new("HealthCertificate").unwrap(),
        version,
        claims: [("tested_on".to_owned(), spec)].into(),
    }
}

fn policy(verifier: Did, version: u32) -> Policy {
    Policy {
        verifier,
        name: "entry".into(),
        version,
        purpose: "To let you in".into(),
        credential_type: schema(1).credential_type,
        schema: schema(1).id(),
        predicates: vec![Predicate {
            claim: "tested_on".into(),
            test: Test::AtLeast(Operand::DaysFromToday(-7)),
        }],
        retained: BTreeSet::new(),
        from: time(1_000_000),
        until: time(2_000_000),
        pass: None,
        proof: None,
    }
}

fn status(list: u32, epoch: u64) -> Operation {
    let uri = format!("https://agency.example/status/{list}");
    Operation::Status(StatusHead { list, uri, epoch, digest: root(epoch as u8) })
}

impl World {
    fn with_schema() -> Self {
        let mut world = Self::new();
        world.send(ISSUER, Operation::Schema(schema(1))).unwrap();
        world
    }

    fn latest(&self, key: &StateKey) -> u32 {
        self.get::<Latest>(key).unwrap().version
    }
}

#[test]
fn a_schema_is_published_once_and_stays() {
    let mut world = World::with_schema();
    refused(world.send(ISSUER, Operation::Schema(schema(1))), "EXISTS");
    refused(world.send(ANYBODY, Operation::Schema(schema(1))), "EXISTS");
    let record: SchemaRecord = world.get(&StateKey::Schema(schema(1).id())).unwrap();
    assert_eq!((record.author, record.schema, record.published), (world.did(ISSUER), schema(1), world.at));
}

#[test]
fn schema_versions_rise() {
    let mut world = World::with_schema();
    world.send(ISSUER, Operation::Schema(schema(5))).unwrap();
    refused(world.send(ISSUER, Operation::Schema(schema(3))), "NOT_NEWER");
    let mut same = schema(5);
    same.claims.insert("more".into(), ClaimSpec { kind: ClaimKind::Boolean, required: false });
    refused(world.send(ISSUER, Operation::Schema(same)), "NOT_NEWER");
    world.send(ANYBODY, Operation::Schema(schema(3))).unwrap(); // each author counts for itself
    assert_eq!(world.latest(&StateKey::SchemaLatest(world.did(ISSUER), schema(1).credential_type)), 5);
}

#[test]
fn a_senseless_schema_is_refused() {
    let mut world = World::new();
    refused(
        world.send(ISSUER, Operation::Schema(Schema { claims: Default::default(), ..schema(1) })),
        "SCHEMA_RULE",
    );
}

#[test]
fn w10_nobody_publishes_anothers_policy() {
    let mut world = World::with_schema();
    let verifier = world.did(0);
    world.send(0, Operation::Policy(policy(verifier.clone(), 1))).unwrap();
    for attacker in [1, 2, ISSUER, ANYBODY] {
        refused(world.send(attacker, Operation::Policy(policy(verifier.clone(), 2))), "NOT_VERIFIER");
        // A policy of the same name of one's own replaces nothing.
        world.send(attacker, Operation::Policy(policy(world.did(attacker), 9))).unwrap();
    }
    assert_eq!(world.latest(&StateKey::PolicyLatest(verifier.clone(), "entry".into())), 1);
    let record: PolicyRecord = world.get(&StateKey::Policy(policy(verifier.clone(), 1).id())).unwrap();
    assert_eq!(record.policy, policy(verifier, 1));
}

#[test]
fn policy_versions_rise_and_old_ones_stay() {
    let mut world = World::with_schema();
    let verifier = world.did(0);
    world.send(0, Operation::Policy(policy(verifier.clone(), 2))).unwrap();
    for version in [1, 2] {
        refused(world.send(0, Operation::Policy(policy(verifier.clone(), version))), "NOT_NEWER");
    }
    world.send(0, Operation::Policy(policy(verifier.clone(), 3))).unwrap();
    for version in [2, 3] {
        assert!(
            world.get::<PolicyRecord>(&StateKey::Policy(policy(verifier.clone(), version).id())).is_some()
        );
    }
    assert_eq!(world.latest(&StateKey::PolicyLatest(verifier, "entry".into())), 3);
}

#[test]
fn a_policy_fits_a_published_schema() {
    let mut world = World::new();
    let verifier = world.did(0);
    refused(world.send(0, Operation::Policy(policy(verifier.clone(), 1))), "MISSING");
    world.send(ISSUER, Operation::Schema(schema(1))).unwrap();
    let unknown = Predicate { claim: "colour".into(), test: Test::Equals(Operand::Boolean(true)) };
    let senseless = Policy { predicates: vec![unknown], ..policy(verifier.clone(), 1) };
    refused(world.send(0, Operation::Policy(senseless)), "POLICY_RULE");
    world.send(0, Operation::Policy(policy(verifier, 1))).unwrap();
}

#[test]
fn a_status_list_is_not_rolled_back() {
    let mut world = World::new();
    world.send(ISSUER, status(1, 10)).unwrap();
    for epoch in [0, 9, 10] {
        refused(world.send(ISSUER, status(1, epoch)), "NOT_NEWER");
    }
    world.commit(5);
    world.send(ISSUER, status(1, 11)).unwrap();
    let record: StatusRecord = world.get(&StateKey::Status(world.did(ISSUER), 1)).unwrap();
    assert_eq!((record.head.epoch, record.updated), (11, world.at));
}

#[test]
fn w8_nobody_moves_anothers_status_list() {
    let mut world = World::new();
    world.send(ISSUER, status(1, 10)).unwrap();
    let before: StatusRecord = world.get(&StateKey::Status(world.did(ISSUER), 1)).unwrap();
    for attacker in [0, 1, 2, ANYBODY] {
        world.send(attacker, status(1, 99)).unwrap(); // its own list of that number
    }
    assert_eq!(world.get(&StateKey::Status(world.did(ISSUER), 1)), Some(before));
}

#[test]
fn a_status_list_has_one_web_address() {
    let mut world = World::new();
    let at = |uri: String, epoch| Operation::Status(StatusHead { list: 1, uri, epoch, digest: root(1) });
    refused(world.send(ISSUER, at("file:///etc/passwd".into(), 1)), "BOUNDS");
    refused(world.send(ISSUER, at(format!("https://{}", "a".repeat(249)), 1)), "BOUNDS");
    world.send(ISSUER, at(format!("https://{}", "a".repeat(248)), 1)).unwrap();
    refused(world.send(ISSUER, at("https://elsewhere.example/1".into(), 2)), "BOUNDS");
}
