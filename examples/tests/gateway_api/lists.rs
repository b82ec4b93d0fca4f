//! Status lists: when one is full, the next has been published already.

use std::time::{Duration, Instant};

use causeway_examples::town::PATIENCE;
use gateway::vault::{Column, Table, Vault};
use wallet::Holding;

use super::*;

/// Entries of one list.
const ENTRIES: u64 = 1 << 20;

/// Pretends that so many credentials were issued before.
fn issued_before(town: &Town, credentials: u64) {
    const COUNTERS: Table<u64> = Table::new(Column::Settings);
    let config = town.guangdong.config().unwrap();
    let vault = Vault::open(&config.vault_directory(), config.kek().unwrap()).unwrap();
    let next = vault.index(Column::Settings, &[b"status", b"next"]);
    vault.write(|change| change.put(COUNTERS, &next, &credentials)).unwrap();
}

/// Where a credential's status is.
fn list(holding: &Holding) -> &str {
    holding.issued().data_integrity["credentialStatus"]["statusListCredential"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_status_list_is_followed_by_the_next() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    problem(&town.guangdong.get(None, "/status/2").await.unwrap(), 404, "NOT_FOUND");
    town.guangdong.stop().await.unwrap();
    issued_before(&town, ENTRIES - 1);
    town.guangdong.start().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while town.facts(&town.macau).await.unwrap().statuses.len() < 3 {
        assert!(Instant::now() < deadline, "the second list is never published");
        look.tick().await;
        town.follow().await.unwrap();
    }
    let (last, first) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    let uri = |number: u32| format!("{}/status/{number}", town.guangdong.url());
    assert_eq!((list(&last), list(&first)), (uri(1).as_str(), uri(2).as_str()));
    for holding in [&last, &first] {
        accepted(&town.apply_with(holding).await.unwrap());
    }
    // Each list changes alone, and keeps its own epochs.
    let epoch = |answer: Answer| answer.json()["epoch"].as_u64().unwrap();
    let revoked = epoch(town.set_status(&town.guangdong, first.id(), "revoked").await.unwrap());
    town.follow().await.unwrap();
    refused(&town.apply_with(&first).await.unwrap(), &["status REVOKED"]);
    accepted(&town.apply_with(&last).await.unwrap());
    let then = town.guangdong.get(None, &format!("/status/2?epoch={revoked}")).await.unwrap();
    assert_eq!(then.bytes, town.guangdong.get(None, "/status/2").await.unwrap().bytes);
    problem(
        &town.guangdong.get(None, &format!("/status/1?epoch={revoked}")).await.unwrap(),
        404,
        "NOT_FOUND",
    );
    for nothing in ["/status/0", "/status/3", "/status/4294967295"] {
        problem(&town.guangdong.get(None, nothing).await.unwrap(), 404, "NOT_FOUND");
    }
    problem(&town.guangdong.get(None, "/status/x").await.unwrap(), 400, "BAD_REQUEST");
    // And after a restart both are served as they were.
    let served = town.guangdong.get(None, "/status/2").await.unwrap().bytes;
    town.guangdong.stop().await.unwrap();
    town.guangdong.start().await.unwrap();
    assert_eq!(town.guangdong.get(None, "/status/2").await.unwrap().bytes, served);
}
