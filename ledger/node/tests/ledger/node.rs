//! A node in this process, and plain HTTP to it.

use std::path::Path;
use std::time::Duration;

use did_registry::Digest;
use did_registry::canonical::encode;
use ledger_chain::SignedTransaction;
use ledger_node::network::write_key;
use ledger_node::{Config, Node, RunningNode};
use serde_json::Value;

use crate::testing::{Agency, genesis, validator};

/// Longer than anything here takes, so that only a fault meets it.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The files of a ledger in which `agencies` are registered.
pub(crate) fn files(directory: &Path, agencies: &[Agency]) -> Config {
    let config = Config::new(directory, ([127, 0, 0, 1], 0).into());
    write_key(&config.validator_key, &validator()).unwrap();
    std::fs::write(&config.genesis, encode(&genesis(agencies))).unwrap();
    config.write(&directory.join("ledger.toml")).unwrap();
    config
}

/// A running node over HTTP.
pub(crate) struct Served {
    pub(crate) node: RunningNode,
    pub(crate) agencies: Vec<Agency>,
    pub(crate) ledger: Digest,
    pub(crate) http: reqwest::Client,
    _directory: tempfile::TempDir,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let agencies = Agency::many(4);
        let mut config = files(directory.path(), &agencies);
        change(&mut config);
        let node = Node::start(config).await.unwrap();
        let ledger = *node.ledger().id();
        let http = reqwest::Client::builder().timeout(LONG).build().unwrap();
        Self { node, agencies, ledger, http, _directory: directory }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.node.url())
    }

    /// Status and JSON of an answer.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Vec<u8>) -> (u16, Value) {
        let request = self.http.post(self.url(path)).header("content-type", "application/octet-stream");
        read(request.body(body).send().await.unwrap()).await
    }

    pub(crate) async fn commit(&self, signed: &SignedTransaction) -> Value {
        let (status, answer) = self.post("/v1/transactions?wait=committed", signed.to_bytes()).await;
        assert_eq!((status, answer["status"].as_str()), (200, Some("committed")), "{answer}");
        answer
    }

    pub(crate) fn anchor(&self, agency: usize, sequence: u64) -> SignedTransaction {
        self.agencies[agency].anchor(&self.ledger, sequence)
    }
}

async fn read(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    if status >= 400 && status != 410 {
        assert_eq!(kind.as_deref(), Some("application/problem+json"), "status {status}");
    }
    let bytes = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A batch as it travels.
pub(crate) fn framed(transactions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for bytes in transactions {
        body.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        body.extend_from_slice(bytes);
    }
    body
}
