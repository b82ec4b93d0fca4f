//! Changing what somebody else published: anchors, statuses, rules, schemas.

use credential::status::anchored_digest;
use did_registry::{Digest, Schema};
use gateway::operator::Role;
use ledger_chain::{AnchorOperation, Operation, StatusHead, Transaction};
use serde_json::json;

use super::*;

/// W8: anyone revokes anyone's anchor, or signs in another's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w8_nobody_withdraws_or_signs_for_somebody_else() {
    let (mut town, _place) = town().await;
    let stranger = town.stranger("stranger", None).await.unwrap();
    let root = Digest::sha256(b"a batch of Guangdong's");
    let batch = || Operation::Anchor(AnchorOperation::Batch { root, count: 3 });
    let withdraw = || Operation::Anchor(AnchorOperation::Withdraw { root });
    town.guangdong.stop().await.unwrap(); // so that it does not speak in between
    let owner = town.voice(&town.guangdong).unwrap();
    owner.say(batch()).await.unwrap();
    // A committee member may do no more than anybody.
    for other in [&stranger.voice, &town.members[0]] {
        assert_eq!(ledger_code(other.say(withdraw()).await), "MISSING", "a withdrawal is of one's own batch");
    }
    // Further signatures are their signers' own, and are not the issuer's.
    stranger
        .voice
        .say(Operation::Anchor(AnchorOperation::Sign { issuer: town.guangdong.did.clone(), root }))
        .await
        .unwrap();
    // In Guangdong's name, signed by somebody else.
    let client = town.ledger.client();
    let sequence = client.next_sequence(&town.guangdong.did).await.unwrap();
    let transaction = Transaction { actor: town.guangdong.did.clone(), sequence, operation: withdraw() };
    let control = stranger.actor.control().unwrap();
    let forged = client.commit(&transaction.clone().sign(&town.ledger.id(), &control)).await;
    assert_eq!(forged.unwrap_err().code(), "BAD_SIGNATURE");
    // Signed by Guangdong, for another ledger.
    let own = causeway::actor::ActorDirectory::open(&town.guangdong.directory).unwrap().control().unwrap();
    let elsewhere = client.commit(&transaction.sign(&Digest::sha256(b"another ledger"), &own)).await;
    assert_eq!(elsewhere.unwrap_err().code(), "BAD_SIGNATURE");
    owner.say(withdraw()).await.unwrap();
    assert_eq!(ledger_code(owner.say(withdraw()).await), "WITHDRAWN");
    assert_eq!(ledger_code(owner.say(batch()).await), "EXISTS", "what was withdrawn does not come back");
}

/// W8: anyone un-revokes, or flips, a status.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w8_a_status_is_its_issuers_and_a_revocation_is_final() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (revoked, good) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    assert_eq!(town.set_status(&town.guangdong, revoked.id(), "revoked").await.unwrap().status, 200);
    for status in ["valid", "suspended"] {
        let answer = town.set_status(&town.guangdong, revoked.id(), status).await.unwrap();
        assert_eq!(answer.problem().unwrap(), (409, "STATUS".into()));
    }
    // Another agency's operator knows no such credential; nor does anybody by guessing.
    let answer = town.set_status(&town.macau, good.id(), "revoked").await.unwrap();
    assert_eq!(answer.problem().unwrap(), (404, "NOT_FOUND".into()));
    let answer = town.set_status(&town.guangdong, &Digest::sha256(b""), "revoked").await.unwrap();
    assert_eq!(answer.problem().unwrap(), (404, "NOT_FOUND".into()));

    // A stranger anchors a list at Guangdong's address: a friendlier one, and a copy of the genuine head.
    let stranger = town.stranger("stranger", None).await.unwrap();
    let uri = format!("{}/status/1", town.guangdong.url());
    let served = town.guangdong.get(None, "/status/1").await.unwrap();
    let genuine = anchored_digest(std::str::from_utf8(&served.bytes).unwrap());
    for (list, digest) in [(1, Digest::sha256(b"a friendlier list")), (2, genuine)] {
        let head = StatusHead { list, uri: uri.clone(), epoch: 1_000, digest };
        stranger.voice.say(Operation::Status(head)).await.unwrap();
    }
    // Even with the stranger recognised for something, so that its list would be looked for.
    town.recognise(&stranger.did, "CanteenVisit").await.unwrap();
    town.follow().await.unwrap();
    refused(&town.apply_with(&revoked).await.unwrap(), &["status REVOKED"]);
    accepted(&town.apply_with(&good).await.unwrap());
    // In Guangdong's own name, an epoch again or one before.
    let client = town.ledger.client();
    town.guangdong.stop().await.unwrap();
    let owner = town.voice(&town.guangdong).unwrap();
    let back = StatusHead { list: 1, uri, epoch: 1, digest: genuine };
    assert_eq!(ledger_code(owner.say(Operation::Status(back.clone())).await), "NOT_NEWER");
    let sequence = client.next_sequence(&town.guangdong.did).await.unwrap();
    let operation = Operation::Status(StatusHead { epoch: 1_000, ..back });
    let transaction = Transaction { actor: town.guangdong.did.clone(), sequence, operation };
    let forged =
        client.commit(&transaction.sign(&town.ledger.id(), &stranger.actor.control().unwrap())).await;
    assert_eq!(forged.unwrap_err().code(), "BAD_SIGNATURE");
}

/// W10: overwrite another's policy or schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w10_nobody_overwrites_a_rule_or_a_schema() {
    let (mut town, _place) = town().await;
    let stranger = town.stranger("stranger", None).await.unwrap();
    let entry = town.rules.entry.clone();
    let mut easier = entry.clone();
    easier.predicates.truncate(1);
    easier.retained.clear();
    easier.version += 1;
    let publish = |policy: &credential::Policy| Operation::Policy(policy.clone());
    assert_eq!(ledger_code(stranger.voice.say(publish(&easier)).await), "NOT_VERIFIER");
    // In one's own name it is another rule, which Macau does not apply.
    let own = credential::Policy { verifier: stranger.did.clone(), ..easier.clone() };
    stranger.voice.say(publish(&own)).await.unwrap();
    assert_ne!(own.id(), entry.id());
    // Nor does the owner change a version: what was published is what its identifier names.
    let macau = town.voice(&town.macau).unwrap();
    let quiet = credential::Policy { version: entry.version, ..easier.clone() };
    assert_eq!(ledger_code(macau.say(publish(&quiet)).await), "NOT_NEWER");
    macau.say(publish(&easier)).await.unwrap();
    town.follow().await.unwrap();
    let facts = town.facts(&town.macau).await.unwrap();
    assert_eq!(facts.policies[&entry.id()], entry);
    // A schema is its content, whoever brings it; the same again changes nothing.
    assert_eq!(ledger_code(stranger.voice.say(Operation::Schema(town.schema.clone())).await), "EXISTS");
    let mut looser = Schema { version: 2, ..town.schema.clone() };
    looser.claims.retain(|name, _| name == "test_result");
    stranger.voice.say(Operation::Schema(looser.clone())).await.unwrap();
    assert_ne!(looser.id(), town.schema.id());
    // Nobody reads somebody else's evidence or rule book by naming it.
    let answer = town.guangdong.post(None, "/v1/challenges", &json!({"policy": entry.id()})).await.unwrap();
    assert_eq!(answer.problem().unwrap(), (404, "NOT_FOUND".into()));
    let path = format!("/v1/audit/transcodings/{}", entry.id());
    let answer = town.guangdong.get(Some(Role::Audit), &path).await.unwrap();
    assert_eq!(answer.problem().unwrap(), (404, "NOT_FOUND".into()));
}
