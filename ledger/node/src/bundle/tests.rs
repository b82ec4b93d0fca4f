//! Who has a place in a bundle, and what happens when there is no room.

use did_registry::{ClaimKind, ClaimSpec, CredentialType, Digest, Motion, Schema, Vote};
use ledger_chain::light::TrustedHead;
use ledger_chain::{Operation, StatusHead};
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::network::write_key;
use crate::testing::{Agency, START, genesis, time, validator};
use crate::{Node, RunningNode, Status};

/// The committee alone; recognised; nobody; recognised until it was withdrawn.
const COMMITTEE: usize = 0;
const RECOGNISED: usize = 1;
const STRANGER: usize = 2;
const WITHDRAWN: usize = 3;

struct World {
    node: RunningNode,
    agencies: Vec<Agency>,
    sequences: [u64; 4],
    _directory: tempfile::TempDir,
}

fn kind() -> CredentialType {
    CredentialType::new("HealthTest").unwrap()
}

fn schema(version: u32) -> Schema {
    let of = ["negative", "positive"].map(str::to_owned).into();
    let result = ClaimSpec { kind: ClaimKind::Code { of }, required: true };
    Schema { credential_type: kind(), version, claims: [("result".to_owned(), result)].into() }
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let agencies = Agency::many(4);
        let config = Config::new(directory.path(), ([127, 0, 0, 1], 0).into());
        write_key(&config.validator_key, &validator()).unwrap();
        std::fs::write(&config.genesis, encode(&genesis(&agencies))).unwrap();
        let node = Node::start_at(config, std::sync::Arc::new(|| time(START + 100))).await.unwrap();
        Self { node, agencies, sequences: [0; 4], _directory: directory }
    }

    /// Gives the height at which it was committed.
    async fn say(&mut self, by: usize, operation: Operation) -> u64 {
        let ledger = self.node.ledger();
        let signed = self.agencies[by].sign(ledger.id(), self.sequences[by], operation);
        self.sequences[by] += 1;
        let id = signed.id();
        ledger.submit(vec![signed]).await.remove(0).1.unwrap();
        match ledger.settled(id).await.unwrap() {
            Status::Committed { height, .. } => height,
            other => panic!("{other:?}"),
        }
    }

    async fn decide(&mut self, motion: Motion) -> u64 {
        let vote = Vote { motion, round: 0, expires: time(START + 10_000) };
        self.say(COMMITTEE, Operation::Role(vote)).await
    }

    async fn recognise(&mut self, who: usize) -> u64 {
        let issuer = self.did(who);
        let (from, until) = (time(START), time(START + 1_000));
        self.decide(Motion::RecogniseIssuer { issuer, credential_type: kind(), from, until }).await
    }

    /// A schema of this version, a list, and a rule over the schema of another version; gives the rule.
    async fn publish(&mut self, by: usize, version: u32, asked: u32) -> StateKey {
        self.say(by, Operation::Schema(schema(version))).await;
        let uri = format!("https://{by}.example/status/1");
        let head = StatusHead { list: 1, uri, epoch: 1, digest: Digest::sha256(b"list") };
        self.say(by, Operation::Status(head)).await;
        let rule = json!({
            "verifier": self.did(by), "name": "entry", "version": 1, "purpose": "To let you in",
            "credential_type": kind(), "schema": schema(asked).id(), "retained": [], "pass": null,
            "predicates": [{"claim": "result", "test": {"equals": {"text": "negative"}}}],
            "from": time(START), "until": time(START + 1_000),
        });
        let operation = Operation::Policy(serde_json::from_value(rule).unwrap());
        let Operation::Policy(policy) = &operation else { unreachable!() };
        let key = StateKey::Policy(policy.id());
        self.say(by, operation).await;
        key
    }

    fn did(&self, who: usize) -> Did {
        self.agencies[who].did.clone()
    }

    fn height(&self) -> u64 {
        self.node.ledger().latest().unwrap().head.height
    }

    /// The keys of a bundle, which verifies.
    fn keys(&self, height: u64, also: &[Did]) -> BTreeSet<StateKey> {
        let bundle = self.node.ledger().bundle(height, None, also).unwrap();
        let bundle = TrustBundle::from_bytes(&bundle.to_bytes()).unwrap();
        let trusted = TrustedHead::from_genesis(&genesis(&self.agencies), &bundle.head).unwrap();
        bundle.verify(&trusted).unwrap();
        let keys: BTreeSet<StateKey> = bundle.records.iter().map(|proof| proof.key.clone()).collect();
        assert_eq!(keys.len(), bundle.records.len(), "each once");
        keys
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_holds_what_the_recognised_publish_and_nothing_of_strangers() {
    let mut world = World::new().await;
    let own = |did: Did, version, rule| {
        let schema = StateKey::Schema(schema(version).id());
        [StateKey::Did(did.clone()), schema, StateKey::Status(did, 1), rule]
    };
    // The stranger's second schema is one that a recognised verifier asks for.
    world.say(STRANGER, Operation::Schema(schema(1))).await;
    let strangers = world.publish(STRANGER, 2, 1).await;
    assert!(world.keys(world.height(), &[]).is_empty(), "whatever a stranger publishes");
    world.recognise(RECOGNISED).await;
    let recogniseds = world.publish(RECOGNISED, 3, 2).await;
    let issuer = |who| StateKey::Issuer(kind(), world.did(who));
    let mut expected: BTreeSet<StateKey> = own(world.did(RECOGNISED), 3, recogniseds).into();
    expected.extend([issuer(RECOGNISED), StateKey::Schema(schema(2).id())]);
    assert_eq!(world.keys(world.height(), &[]), expected);

    // Named by who asks: an agency before it is recognised, and its rule's schema.
    let mut named = expected.clone();
    named.extend(own(world.did(STRANGER), 2, strangers));
    named.insert(StateKey::Schema(schema(1).id()));
    assert_eq!(world.keys(world.height(), &[world.did(STRANGER)]), named);
    let nobody = Agency::new(1).did;
    assert_eq!(world.keys(world.height(), &[nobody]), expected, "who is not registered is left out");

    // Whose recognition ended keeps its keys, so that its credentials are refused for the right reason.
    let issuer = issuer(WITHDRAWN);
    world.recognise(WITHDRAWN).await;
    let withdrawns = world.publish(WITHDRAWN, 4, 4).await;
    let before = world.height();
    let motion = Motion::WithdrawIssuer { issuer: world.did(WITHDRAWN), credential_type: kind() };
    world.decide(motion).await;
    let mut then = expected.clone();
    then.extend(own(world.did(WITHDRAWN), 4, withdrawns));
    then.insert(issuer.clone());
    assert_eq!(world.keys(before, &[]), then, "as it was");
    expected.extend([issuer, StateKey::Did(world.did(WITHDRAWN))]);
    assert_eq!(world.keys(world.height(), &[]), expected);
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_for_a_bundle_is_an_error_and_never_cut() {
    let mut world = World::new().await;
    world.recognise(RECOGNISED).await;
    world.publish(RECOGNISED, 1, 1).await;
    let height = world.height();
    let ledger = world.node.ledger();
    let whole = ledger.bundle(height, None, &[]).unwrap().records;
    let exact = Bound { records: whole.len(), bytes: whole.iter().map(|proof| encode(proof).len()).sum() };
    assert_eq!(ledger.bundle_within(exact, height, None, &[]).unwrap().records, whole);
    for records in 0..exact.records {
        let refused = ledger.bundle_within(Bound { records, ..exact }, height, None, &[]).unwrap_err();
        assert_eq!(refused, QueryError::BundleFull { records, bytes: exact.bytes });
    }
    for bytes in [0, exact.bytes / 2, exact.bytes - 1] {
        let refused = ledger.bundle_within(Bound { bytes, ..exact }, height, None, &[]).unwrap_err();
        assert!(refused.to_string().contains(&format!("of {bytes} bytes in all")), "{refused}");
    }
    // What came later counts for nothing then, and hides nothing that was there.
    for version in 2..8 {
        world.say(RECOGNISED, Operation::Schema(schema(version))).await;
    }
    let ledger = world.node.ledger();
    let roomy = Bound { records: 100, ..exact };
    assert_eq!(ledger.bundle_within(roomy, height, None, &[]).unwrap().records, whole);
    assert!(ledger.bundle_within(roomy, world.height(), None, &[]).is_err());
    world.node.shutdown().await;
}
