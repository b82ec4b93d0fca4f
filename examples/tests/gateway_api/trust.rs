//! The agency's view of the ledger: given out, brought in, and kept when others are silent.

use did_registry::Digest;
use gateway::audit::{Entry, Head};
use gateway::operator::Role;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_chain::{AnchorOperation, Operation, StatusHead};
use reqwest::Method;

use super::*;

async fn bundle(town: &Town, query: &str) -> TrustBundle {
    let answer = town.guangdong.get(None, &format!("/v1/bundle{query}")).await.unwrap();
    assert_eq!((answer.status, answer.kind.as_str()), (200, "application/octet-stream"));
    TrustBundle::from_bytes(&answer.bytes).unwrap()
}

/// Something happens on the ledger.
async fn happen(town: &Town, what: &str) {
    let root = Digest::sha256(what.as_bytes());
    town.members[0].say(Operation::Anchor(AnchorOperation::Batch { root, count: 1 })).await.unwrap();
}

async fn bring(town: &Town, bundle: &TrustBundle) -> Answer {
    let token = town.macau.token(Role::Admin).unwrap();
    let body = Some(("application/octet-stream", bundle.to_bytes()));
    town.macau.send(Method::POST, "/v1/bundle", Some(token), body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_client_follows_bundles_from_the_genesis_on() {
    let (town, _place) = town().await;
    let first = bundle(&town, "").await;
    let genesis = &town.network.genesis;
    let (mut trusted, facts) =
        first.verify(&TrustedHead::from_genesis(genesis, &first.head).unwrap()).unwrap();
    assert_eq!((facts.statuses.len(), facts.policies.len(), facts.recognitions.len()), (2, 3, 4));
    for step in 0..3 {
        happen(&town, &format!("step {step}")).await;
        town.follow().await.unwrap();
        let height = trusted.head().height;
        let next = bundle(&town, &format!("?from={height}")).await;
        assert!(next.consistency.is_some());
        let (after, facts) = next.verify(&trusted).unwrap();
        assert!(after.head().height > height && facts.statuses.len() == 2);
        // Without the proof, and with that of another height, it does not follow.
        assert!(bundle(&town, "").await.verify(&trusted).is_err());
        trusted = after;
    }
    assert_eq!(first.verify(&trusted).unwrap_err().code(), "ROLLED_BACK");
    problem(&town.guangdong.get(None, "/v1/bundle?from=x").await.unwrap(), 400, "BAD_REQUEST");
}

/// An agency whose cable is out takes a bundle that somebody brings; never an older or a damaged one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_is_brought_is_verified_like_any_other() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    let old = bundle(&town, "").await;
    town.follow().await.unwrap();
    // Macau looks the anchor up while it can.
    accepted(&town.apply_with(&holding).await.unwrap());
    let macau = town.facts(&town.macau).await.unwrap().as_of.height;
    assert_eq!(town.set_status(&town.guangdong, holding.id(), "revoked").await.unwrap().status, 200);
    let token = town.guangdong.token(Role::Admin).unwrap();
    let refreshed = town.guangdong.send(Method::POST, "/v1/trust/refresh", Some(token), None).await.unwrap();
    assert_eq!(refreshed.status, 200);
    let fresh = bundle(&town, &format!("?from={macau}")).await;
    let late = bundle(&town, "").await;
    town.stop_ledger().await;
    accepted(&town.apply_with(&holding).await.unwrap());
    problem(&bring(&town, &old).await, 409, "ROLLED_BACK");
    problem(&bring(&town, &late).await, 409, "INCONSISTENT_HISTORY");
    let mut forged = fresh.clone();
    forged.records[0].key = forged.records[1].key.clone();
    problem(&bring(&town, &forged).await, 409, "BAD_PROOF");
    let mut swapped = fresh.clone();
    swapped.statuses.clone_from(&old.statuses);
    problem(&bring(&town, &swapped).await, 409, "STATUS_LIST");
    for (bytes, code) in
        [(vec![], "MALFORMED"), (vec![0; 100], "MALFORMED"), (fresh.to_bytes()[1..].to_vec(), "MALFORMED")]
    {
        let token = town.macau.token(Role::Admin).unwrap();
        let body = Some(("application/octet-stream", bytes));
        let answer = town.macau.send(Method::POST, "/v1/bundle", Some(token), body).await.unwrap();
        assert_eq!(answer.problem().unwrap().1, code);
    }
    // None of these changed what Macau believes; the good one does.
    accepted(&town.apply_with(&holding).await.unwrap());
    let answer = bring(&town, &fresh).await;
    assert_eq!((answer.status, answer.json()["height"].as_u64()), (200, Some(fresh.head.head.height)));
    refused(&town.apply_with(&holding).await.unwrap(), &["status REVOKED"]);
    assert_eq!(bring(&town, &fresh).await.status, 200, "the same again is no step back");
}

/// One agency's silence, lost key or odd address is its own trouble.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobodys_silence_keeps_the_others_from_following() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    // Recognised, with a status list at an address that Macau fetches nothing from.
    let far = town.stranger("far", None).await.unwrap();
    town.recognise(&far.did, "CanteenVisit").await.unwrap();
    let uri = "https://far.example/status/1".to_owned();
    far.voice
        .say(Operation::Status(StatusHead { list: 1, uri, epoch: 1, digest: Digest::sha256(b"x") }))
        .await
        .unwrap();
    town.follow().await.unwrap();
    accepted(&town.apply_with(&holding).await.unwrap());
    // Guangdong is away, and its list is as it was.
    town.guangdong.stop().await.unwrap();
    happen(&town, "meanwhile").await;
    let token = town.macau.token(Role::Admin).unwrap();
    let refreshed = town.macau.send(Method::POST, "/v1/trust/refresh", Some(token), None).await.unwrap();
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    accepted(&town.apply_with(&holding).await.unwrap());
    // Its list has moved on, and nobody can tell Macau how: then its credentials are open, and nobody else's.
    let uri = format!("{}/status/1", town.guangdong.url());
    let moved = StatusHead { list: 1, uri, epoch: 1_000, digest: Digest::sha256(b"moved") };
    town.voice(&town.guangdong).unwrap().say(Operation::Status(moved)).await.unwrap();
    let refreshed = town.macau.send(Method::POST, "/v1/trust/refresh", Some(token), None).await.unwrap();
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let answer = town.apply_with(&holding).await.unwrap();
    refused(&answer, &["status LIST_STALE?"]);
    assert_eq!(answer.json()["overall"], "undecided");
}

/// Who did what, chained: nothing can be left out or put in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_is_one_chain_of_what_operators_did() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    town.set_status(&town.guangdong, holding.id(), "suspended").await.unwrap();
    town.set_status(&town.guangdong, holding.id(), "revoked").await.unwrap();
    let page = |from: u64, limit: usize| {
        let guangdong = &town.guangdong;
        async move {
            let answer =
                guangdong.get(Some(Role::Audit), &format!("/v1/audit/log?from={from}&limit={limit}")).await;
            answer.unwrap().read::<Vec<Entry>>().unwrap()
        }
    };
    let all = page(1, 1_000).await;
    let mut head = Head { count: 0, hash: Digest::sha256(b"") };
    for entry in &all {
        assert_eq!((entry.number, entry.previous), (head.count + 1, head.hash));
        head = Head { count: entry.number, hash: entry.hash() };
    }
    let done: Vec<_> = all
        .iter()
        .map(|entry| (entry.operation.as_str(), entry.outcome.as_str()))
        .filter(|(operation, _)| *operation != "trust.refresh")
        .collect();
    let expected = [
        ("records.import", "begun"),
        ("records.import", "done"),
        ("offer.make", "done"),
        ("credential.suspend", "done"),
        ("credential.revoke", "done"),
    ];
    assert_eq!(done, expected);
    let mut paged = Vec::new();
    while let Some(last) =
        page(paged.len() as u64 + 1, 2).await.into_iter().map(|entry| paged.push(entry)).last()
    {
        last
    }
    assert_eq!(paged, all);
    assert!(page(10_000, 10).await.is_empty());
    let text = serde_json::to_string(&all).unwrap();
    for value in [causeway_examples::town::APPLICANT, "P1", "1990-02-28"] {
        assert!(!text.contains(&format!("\"{value}")), "the log names no person");
    }
    assert!(text.contains("\"issue\"") && text.contains("\"admin\""), "and names the operator");
}
