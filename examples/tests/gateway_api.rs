//! A gateway's HTTP interface end to end: every address, what it gives, what it refuses, and with which code.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "gateway_api/addresses.rs"]
mod addresses;
#[path = "gateway_api/causeway.rs"]
mod causeway_credentials;
#[path = "gateway_api/credentials.rs"]
mod credentials;
#[path = "gateway_api/egress.rs"]
mod egress;
#[path = "gateway_api/foreign.rs"]
mod foreign;
#[path = "gateway_api/ledger.rs"]
mod ledger;
#[path = "gateway_api/lists.rs"]
mod lists;
#[path = "gateway_api/passes.rs"]
mod passes;
#[path = "gateway_api/records.rs"]
mod records;
#[path = "gateway_api/restart.rs"]
mod restart;
#[path = "gateway_api/trust.rs"]
mod trust;

use causeway_examples::town::{Answer, Town};
use serde_json::Value;
use tempfile::TempDir;

/// A town in a directory of its own.
async fn town() -> (Town, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Town::open(directory.path()).await.unwrap(), directory)
}

#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.problem().unwrap(), (status, code.to_owned()), "{answer:?}");
}

#[track_caller]
fn accepted(answer: &Answer) {
    assert_eq!((answer.status, answer.json()["overall"].as_str()), (200, Some("accept")), "{answer:?}");
}

/// Exactly these faults, and no pass.
#[track_caller]
fn refused(answer: &Answer, faults: &[&str]) {
    assert_eq!(
        (answer.status, answer.faults()),
        (200, faults.iter().map(|&fault| fault.to_owned()).collect())
    );
    assert!(answer.json().get("pass").is_none_or(Value::is_null), "{answer:?}");
}
