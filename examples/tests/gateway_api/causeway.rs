//! Causeway credentials end to end: issued beside the other formats, proved from, revoked by public deltas.

use causeway::checkpoint::Checkpoint;
use credential::{Overall, Reason};
use did_registry::{Digest, Motion, Retirement, Timestamp};
use rand::rngs::OsRng;
use serde_json::json;
use wallet::{Ready, WalletError};

use super::*;
use causeway::checkpoint::Decision;
use gateway::operator::Role;

/// Shows a proof in answer to a fresh challenge of a gate; gives the text too.
fn show(gate: &mut Checkpoint, ready: Ready, now: Timestamp) -> (Decision, String) {
    let challenge = gate.challenge(now, &mut OsRng).unwrap();
    let text = ready.show(&challenge.audience, challenge.nonce_bytes()).unwrap().to_text();
    (gate.verify(&text, now).unwrap(), text)
}

#[track_caller]
fn accepts(decision: &Decision) {
    assert_eq!(decision.overall, Overall::Accept, "{:?}", decision.verdict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_proved_from_a_credential_and_counts_once_at_a_gate_and_on_a_day() {
    let (mut town, _place) = town().await;
    let provers = town.with_proofs().await.unwrap();
    town.enrol(&["P1", "P2"]).await.unwrap();
    let holding = town.provable("P1", &provers).await.unwrap();
    let now = town.clock.now();
    let mut gate = town.gate("lane 1", &provers).await.unwrap();
    let prove = async |name: &str| town.prove(&holding, name, &provers).await.unwrap().unwrap();

    let (decision, text) = show(&mut gate, prove("lane 1").await, now);
    accepts(&decision);
    assert_eq!(decision.policy, town.rules.entry.id());
    assert!(text.len() <= 600, "{} characters", text.len());
    // The same code, and the same holder with a fresh one, also after a restart.
    let again = prove("lane 1").await;
    drop(gate);
    let mut gate = Checkpoint::open(&town.directory.join("lane 1")).unwrap();
    assert_eq!(gate.verify(&text, now).unwrap().codes(), [Reason::Replayed]);
    let (decision, _) = show(&mut gate, again, now);
    assert_eq!((decision.overall, decision.codes()), (Overall::Refuse, vec![Reason::Replayed]));
    // Another lane counts for itself, another holder too.
    let mut second = town.gate("lane 2", &provers).await.unwrap();
    accepts(&show(&mut second, prove("lane 2").await, now).0);
    let other = town.provable("P2", &provers).await.unwrap();
    accepts(&show(&mut gate, town.prove(&other, "lane 1", &provers).await.unwrap().unwrap(), now).0);
    // On paper, only where paper is taken.
    let paper = prove("lane 2").await.show("lane 2", None).unwrap().to_text();
    assert_eq!(second.verify(&paper, now).unwrap().codes(), [Reason::WrongKind]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_credential_proves_nothing_and_a_reinstated_one_does_again() {
    let (mut town, _place) = town().await;
    let provers = town.with_proofs().await.unwrap();
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (one, two) =
        (town.provable("P1", &provers).await.unwrap(), town.provable("P2", &provers).await.unwrap());
    assert_eq!(town.revocations().await.unwrap().epoch(), 0);
    let change = |status: &str| json!({"ids": [one.id(), two.id()], "status": status, "cause": "a mistake"});
    let set = async |body: serde_json::Value| {
        let answer = town.guangdong.post(Some(Role::Issue), "/v1/credentials/status", &body).await.unwrap();
        town.follow().await.unwrap();
        answer
    };
    assert_eq!(set(change("suspended")).await.status, 200);
    // Both in one delta.
    assert_eq!(town.revocations().await.unwrap().epoch(), 1);
    for holding in [&one, &two] {
        let refused = town.prove(holding, "lane 1", &provers).await.unwrap();
        assert!(matches!(refused, Err(WalletError::Revoked)), "{refused:?}");
    }
    assert_eq!(set(change("valid")).await.status, 200);
    assert_eq!(town.revocations().await.unwrap().epoch(), 2);
    town.prove(&one, "lane 1", &provers).await.unwrap().unwrap();
    assert_eq!(set(json!({"ids": [one.id()], "status": "revoked", "cause": "withdrawn"})).await.status, 200);
    assert!(matches!(town.prove(&one, "lane 1", &provers).await.unwrap(), Err(WalletError::Revoked)));
    town.prove(&two, "lane 1", &provers).await.unwrap().unwrap();
    // All or none: one of two is revoked for good, so nothing changes.
    problem(&set(change("valid")).await, 409, "STATUS");
    assert_eq!(town.revocations().await.unwrap().epoch(), 3);
    problem(&set(json!({"ids": [], "status": "valid", "cause": "none"})).await, 422, "BATCH_SIZE");

    // A restart goes on where it was.
    town.guangdong.stop().await.unwrap();
    town.guangdong.start().await.unwrap();
    town.acquaint().await.unwrap();
    assert_eq!(town.revocations().await.unwrap().epoch(), 3);
    let answer = town.set_status(&town.guangdong, two.id(), "revoked").await.unwrap();
    assert_eq!(answer.status, 200);
    town.follow().await.unwrap();
    assert_eq!(town.revocations().await.unwrap().epoch(), 4);
    assert!(matches!(town.prove(&two, "lane 1", &provers).await.unwrap(), Err(WalletError::Revoked)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_of_yesterdays_revocations_is_accepted_for_as_long_as_the_policy_says() {
    let (mut town, _place) = town().await;
    let provers = town.with_proofs().await.unwrap();
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (one, two) =
        (town.provable("P1", &provers).await.unwrap(), town.provable("P2", &provers).await.unwrap());
    let mut gate = town.gate("lane 1", &provers).await.unwrap();
    let ready = town.prove(&one, "lane 1", &provers).await.unwrap().unwrap();
    assert_eq!(town.set_status(&town.guangdong, two.id(), "revoked").await.unwrap().status, 200);
    town.follow().await.unwrap();
    let newer = town.prove(&one, "lane 1", &provers).await.unwrap().unwrap();
    let now = town.clock.now();
    // Newer than the gate's bundle: it cannot say, and says so.
    let (decision, _) = show(&mut gate, newer, now);
    assert_eq!((decision.overall, decision.codes()), (Overall::Undecided, vec![Reason::ListStale]));
    town.bring_bundle(&mut gate).await.unwrap();
    accepts(&show(&mut gate, ready, now).0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_without_circuit_keys_says_that_it_gives_nothing_to_prove_from() {
    let (mut town, _place) = town().await;
    let provers = town.with_proofs().await.unwrap();
    town.enrol(&["P1"]).await.unwrap();
    town.guangdong.stop().await.unwrap();
    town.guangdong.configure(|text| text.replace("circuit_keys_directory", "# none")).unwrap();
    town.guangdong.start().await.unwrap();
    town.acquaint().await.unwrap();
    let refused = town.provable("P1", &provers).await.unwrap_err().to_string();
    assert!(refused.contains("NO_CAUSEWAY"), "{refused}");
    town.claim(&town.offer("P1").await.unwrap()).await.expect("the other formats are there all the same");
    // With keys, but others than the committee adopted since.
    town.guangdong.stop().await.unwrap();
    town.guangdong.configure(|text| text.replace("# none", "circuit_keys_directory")).unwrap();
    town.guangdong.start().await.unwrap();
    town.acquaint().await.unwrap();
    town.provable("P1", &provers).await.expect("as before");
    town.decide(Motion::AdoptCircuitKeys(Digest::sha256(b"others"))).await.unwrap();
    town.acquaint().await.unwrap();
    let refused = town.provable("P1", &provers).await.unwrap_err().to_string();
    assert!(refused.contains("NO_CAUSEWAY"), "{refused}");
    // Keys for development, where that is not said.
    town.guangdong.stop().await.unwrap();
    town.guangdong.configure(|text| text.replace("= true", "= false")).unwrap();
    let refused = town.guangdong.start().await.unwrap_err().to_string();
    assert!(refused.contains("made for development"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_key_does_not_orphan_what_it_signed_and_a_stolen_one_does() {
    use causeway::actor::{ActorDirectory, Safe};
    use causeway::identity::{self, Rotated, RotationPlan};

    let (mut town, _place) = town().await;
    let provers = town.with_proofs().await.unwrap();
    town.enrol(&["P1", "P2"]).await.unwrap();
    let rotate = async |town: &mut Town, retirement: Retirement| {
        town.guangdong.stop().await.unwrap();
        let actor = ActorDirectory::open(&town.guangdong.directory).unwrap();
        let safe = Safe::of(&town.guangdong.directory, None);
        let slot = identity::document_key(&actor, "jubjub").unwrap();
        let plan = RotationPlan { replace: vec![slot], retirement, guardians: None };
        let rotated = identity::rotate(&mut town.ledger, &actor, &safe, &plan, &mut OsRng).await.unwrap();
        assert!(matches!(rotated, Rotated::Now { .. }), "{rotated:?}");
        town.guangdong.start().await.unwrap();
        town.acquaint().await.unwrap();
    };
    let first = town.provable("P1", &provers).await.unwrap();
    rotate(&mut town, Retirement::Superseded).await;
    town.prove(&first, "lane 1", &provers).await.unwrap().unwrap();
    let second = town.provable("P2", &provers).await.unwrap();
    town.prove(&second, "lane 1", &provers).await.unwrap().unwrap();
    rotate(&mut town, Retirement::Compromised).await;
    town.prove(&first, "lane 1", &provers).await.unwrap().unwrap();
    let refused = town.prove(&second, "lane 1", &provers).await.unwrap();
    let Err(WalletError::WouldRefuse(finding)) = refused else { panic!("{refused:?}") };
    assert_eq!(finding.code, Reason::IssuerNotRecognised);
}
