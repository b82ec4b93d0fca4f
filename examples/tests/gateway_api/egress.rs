//! What an agency writes down of everything that it sends.

use std::os::unix::fs::PermissionsExt as _;

use gateway::operator::Role;
use ledger_node::egress::{self, Sent};
use reqwest::Method;

use super::*;

/// Whether a request is in the log: where to, and how its record begins.
fn asked(log: &[Sent], kind: &str, start: &str) -> bool {
    log.iter().any(|sent| sent.kind == kind && String::from_utf8_lossy(&sent.body).starts_with(start))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_that_an_agency_sends_is_in_its_egress_log() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    town.set_status(&town.guangdong, holding.id(), "suspended").await.unwrap();
    town.follow().await.unwrap();
    // Also what no handler answers.
    let mut answers = Vec::new();
    for (method, path, kind, status) in [
        (Method::GET, "/v1/agency", "GET /v1/agency", "200 OK"),
        (Method::GET, "/nowhere", "GET unrouted", "404 Not Found"),
        (Method::PUT, "/v1/agency", "PUT /v1/agency", "405 Method Not Allowed"),
        (Method::GET, "/v1/receipts/x", "GET /v1/receipts/{id}", "400 Bad Request"),
        (Method::POST, "/v1/claims", "POST /v1/claims", "415 Unsupported Media Type"),
    ] {
        answers.push((kind, status, town.guangdong.send(method, path, None, None).await.unwrap()));
    }
    let refused = town.guangdong.get(Some(Role::Issue), "/v1/audit/log").await.unwrap();
    problem(&refused, 403, "ROLE_MISSING");
    town.guangdong.stop().await.unwrap();
    town.macau.stop().await.unwrap();
    let file = town.guangdong.directory.join("egress.log");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600,
        "credentials are in it"
    );
    let log = egress::read(&file).unwrap();
    for (kind, status, answer) in answers {
        let head = |sent: &&Sent| {
            sent.is_head() && sent.message() == kind && sent.body.starts_with(status.as_bytes())
        };
        let head = log.iter().find(head).unwrap_or_else(|| panic!("{kind} {status}"));
        assert!(String::from_utf8_lossy(&head.body).contains("\ncontent-type: "), "{head:?}");
        assert!(log.iter().any(|sent| sent.kind == kind && sent.body == answer.bytes), "{kind}");
    }
    // All that was answered, in order; Macau alone asked for the status list, and the tests for the contract.
    let answered = log.iter().filter(|sent| !sent.is_head() && !sent.kind.starts_with("to "));
    let answered: Vec<u8> = answered
        .filter(|sent| !["GET /status/", "GET /openapi.json"].iter().any(|kind| sent.kind.starts_with(kind)))
        .flat_map(|sent| sent.body.clone())
        .collect();
    assert!(answered == town.guangdong.said(), "what was written down is what was said");
    // And all that was asked.
    let node = town.ledger_url();
    assert!(asked(&log, "to the ledger", &format!("POST {node}/v1/transactions?")));
    assert!(asked(&log, "to the ledger", &format!("GET {node}/v1/bundle?")));
    assert!(asked(&log, "to the ledger", &format!("GET {node}/v1/head?from=")));
    assert!(asked(&log, "to the ledger", &format!("GET {node}/v1/records?key=")));
    let macau = egress::read(&town.macau.directory.join("egress.log")).unwrap();
    let list = format!("GET {}/status/1\n", town.guangdong.url());
    assert!(asked(&macau, "to another agency", &list));
}
