//! A node that lies to its agency.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use ledger_node::{Status, Submitted};
use reqwest::Method;

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
    let digest = credential::anchor::credential_digest(waiting.sd_jwt().unwrap().signed_part().as_bytes());
    let trusted = town.ledger.client().trust(&town.network.genesis).await.unwrap();
    receipt.verify(&trusted, credential::anchor::LeafKind::Credential, &digest).unwrap();
    assert_eq!(town.set_status(&town.guangdong, other.id(), "suspended").await.unwrap().status, 200);
    town.follow().await.unwrap();
    refused(&town.apply_with(&revoked).await.unwrap(), &["status REVOKED"]);
    refused(&town.apply_with(&other).await.unwrap(), &["status SUSPENDED"]);
}
