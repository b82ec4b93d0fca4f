//! A node that lies to its agency, validators who sign two histories, and an anchor that is withdrawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway::actor::ActorDirectory;
use causeway::identity;
use causeway::ledger::Ledger;
use causeway_examples::health_code::consortium::Voice;
use credential::anchor::{Batch, LeafKind, credential_digest};
use did_registry::Digest;
use gateway::operator::Role;
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::{AnchorOperation, Operation, StateKey};
use ledger_node::{Config, Node, RunningNode, Status, Submitted};
use rand::rngs::OsRng;
use reqwest::Method;
use wallet::Holding;

use super::*;

/// Stands between an agency and its node. While it lies, it swallows transactions and says that they are
/// committed; everything else it passes on.
struct Liar {
    url: String,
    lies: Arc<AtomicBool>,
}

impl Liar {
    async fn before(node: String) -> Self {
        let lies = Arc::new(AtomicBool::new(false));
        let (http, lying) = (reqwest::Client::new(), lies.clone());
        let answer = move |request: Request| {
            let (http, node, lying) = (http.clone(), node.clone(), lying.load(Ordering::SeqCst));
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                if lying && parts.method == Method::POST {
                    let status = Status::Committed { height: 1, position: 0 };
                    let said = serde_json::to_vec(&Submitted { id: None, status }).unwrap();
                    return Response::new(Body::from(said));
                }
                let request = http.request(parts.method, format!("{node}{}", parts.uri)).body(body);
                let answer = request.header("content-type", "application/octet-stream").send().await.unwrap();
                let status = answer.status();
                let body = Body::from(answer.bytes().await.unwrap());
                Response::builder().status(status).body(body).unwrap()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { url, lies }
    }
}

/// An agency that believed it would tell an operator of a revocation that nobody hears of, and would never
/// send a batch again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_says_is_committed_is_believed_by_proof_only() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2", "P3"]).await.unwrap();
    let (revoked, other) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    let node = town.ledger_url();
    let liar = Liar::before(node.clone()).await;
    town.guangdong.stop().await.unwrap();
    town.guangdong.configure(|text| text.replace(&node, &liar.url)).unwrap();
    town.guangdong.start().await.unwrap();
    liar.lies.store(true, Ordering::SeqCst);
    let answer = town.set_status(&town.guangdong, revoked.id(), "revoked").await.unwrap();
    problem(&answer, 502, "LEDGER_UNPROVEN");
    let waiting = town.claim(&town.offer("P3").await.unwrap()).await.unwrap();
    let receipt = format!("/v1/receipts/{}?wait=1", waiting.id());
    let receipt = town.guangdong.get(None, &receipt).await.unwrap();
    assert_eq!(receipt.status, 202, "{receipt:?}");
    // From an honest node, nothing of it is lost.
    liar.lies.store(false, Ordering::SeqCst);
    let receipt = town.receipt(&town.guangdong, waiting.id()).await.unwrap();
    let trusted = town.ledger.client().trust(&town.network.genesis).await.unwrap();
    receipt.verify_credential(&trusted, &signed(&waiting)).unwrap();
    assert_eq!(town.set_status(&town.guangdong, other.id(), "suspended").await.unwrap().status, 200);
    town.follow().await.unwrap();
    refused(&town.apply_with(&revoked).await.unwrap(), &["status REVOKED"]);
    refused(&town.apply_with(&other).await.unwrap(), &["status SUSPENDED"]);
}

fn signed(holding: &Holding) -> Digest {
    credential_digest(holding.sd_jwt().unwrap().signed_part().as_bytes())
}

fn receipt(holding: &Holding) -> AnchorReceipt {
    AnchorReceipt::from_bytes(&URL_SAFE_NO_PAD.decode(holding.anchor().unwrap()).unwrap()).unwrap()
}

/// A receipt shows what stood when it was made; its issuer may have thought otherwise since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_whose_anchor_was_withdrawn_is_refused() {
    let (town, _place) = town().await;
    town.enrol(&["P1", "P2", "P3"]).await.unwrap();
    let [seen, unseen, other] =
        [town.credential("P1").await, town.credential("P2").await, town.credential("P3").await]
            .map(Result::unwrap);
    accepted(&town.apply_with(&seen).await.unwrap());
    let issuer = town.voice(&town.guangdong).unwrap();
    for root in [&seen, &unseen].map(|holding| receipt(holding).opening.root) {
        issuer.say(Operation::Anchor(AnchorOperation::Withdraw { root })).await.unwrap();
    }
    town.follow().await.unwrap();
    for holding in [&seen, &unseen] {
        let answer = town.apply_with(holding).await.unwrap();
        refused(&answer, &["issuer NOT_ANCHORED"]);
        assert!(String::from_utf8_lossy(&answer.bytes).contains("the batch was withdrawn"), "{answer:?}");
    }
    accepted(&town.apply_with(&other).await.unwrap());
}

/// The validators' second history: same genesis, same key, another directory.
async fn fork(town: &Town) -> RunningNode {
    let mut config = Config::read(&town.network.node.join("ledger.toml")).unwrap();
    config.directory = town.directory.join("fork");
    config.listen = ([127, 0, 0, 1], 0).into();
    config.heartbeat_seconds = 3_600;
    Node::start_at(config, town.clock.ledger()).await.unwrap()
}

/// Somebody with an agency's keys and the validators' has a batch anchored where nobody else sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_of_another_history_is_refused_though_the_validators_signed_it() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let mut holding = town.claim(&town.offer("P1").await.unwrap()).await.unwrap();
    town.receipt(&town.guangdong, holding.id()).await.unwrap();
    let node = fork(&town).await;
    let mut forked = Ledger::connect(&node.url(), town.network.genesis.clone()).await.unwrap();
    identity::register(&mut forked, &ActorDirectory::open(&town.guangdong.directory).unwrap()).await.unwrap();
    let batch = Batch::new(LeafKind::Credential, &[signed(&holding)], &mut OsRng);
    let root = batch.root();
    let issuer = Voice::of(&town.guangdong.directory, forked.client(), &town.network.ledger).unwrap();
    issuer.say(Operation::Anchor(AnchorOperation::Batch { root, count: 1 })).await.unwrap();
    let key = StateKey::Anchor(town.guangdong.did.clone(), root);
    let trusted = town.ledger.client().trust(&town.network.genesis).await.unwrap();
    let mut forge = async || {
        let (record, head) = forked.client().record_and_head(&key).await.unwrap();
        let opening = batch.opening(0).unwrap();
        let receipt = AnchorReceipt { issuer: town.guangdong.did.clone(), opening, record, head };
        // Whoever has no node at hand sees that it is certified, and no more.
        receipt.verify_credential(&trusted, &signed(&holding)).unwrap();
        holding.set_anchor(URL_SAFE_NO_PAD.encode(receipt.to_bytes()));
        town.apply_with(&holding).await.unwrap()
    };
    refused(&forge().await, &["issuer NOT_ANCHORED"]);
    // Nor does it help to be ahead of the history that is true.
    let height = town.node().unwrap().ledger().latest().unwrap().head.height;
    while node.ledger().latest().unwrap().head.height <= height {
        let root = Digest::sha256(&node.ledger().latest().unwrap().to_bytes());
        issuer.say(Operation::Anchor(AnchorOperation::Batch { root, count: 1 })).await.unwrap();
    }
    refused(&forge().await, &["issuer LIST_STALE?"]);
    node.shutdown().await;
}

/// What was looked up counts for a while; what was not is open, not accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_that_cannot_be_looked_up_leaves_the_verdict_open() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let (seen, unseen) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    town.follow().await.unwrap();
    accepted(&town.apply_with(&seen).await.unwrap());
    town.stop_ledger().await;
    accepted(&town.apply_with(&seen).await.unwrap());
    let answer = town.apply_with(&unseen).await.unwrap();
    refused(&answer, &["issuer LIST_STALE?"]);
    assert_eq!(answer.json()["overall"], "undecided");
    town.start_ledger().await.unwrap();
    let refresh = town.macau.call(Some(Role::Admin), "/v1/trust/refresh").await.unwrap();
    assert_eq!(refresh.status, 200, "{refresh:?}");
    accepted(&town.apply_with(&unseen).await.unwrap());
}
