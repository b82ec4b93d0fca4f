//! Every address as documented, and what is at no address.

use std::time::Duration;

use causeway_examples::town::{APPLICANT, PATIENCE};
use gateway::operator::Role;
use reqwest::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::*;

/// The addresses of the agency's own document.
async fn documented(town: &Town) -> Vec<(Method, String, Value)> {
    let document = town.guangdong.get(None, "/openapi.json").await.unwrap();
    assert_eq!((document.status, document.kind.as_str()), (200, "application/json"));
    let document = document.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            calls.push((method.to_uppercase().parse().unwrap(), path.clone(), call.clone()));
        }
    }
    assert!(calls.len() >= 22, "{}", calls.len());
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_address_is_there_and_takes_no_other_method() {
    let (town, _place) = town().await;
    let calls = documented(&town).await;
    let methods_of = |path: &str| {
        calls.iter().filter(|call| call.1 == path).map(|call| call.0.clone()).collect::<Vec<_>>()
    };
    for (method, path, call) in &calls {
        assert!(!call["summary"].as_str().unwrap().is_empty(), "{path}");
        let concrete = path
            .replace("{id}", &"0".repeat(64))
            .replace("{pass}", &"0".repeat(64))
            .replace("{job}", &"0".repeat(64))
            .replace("{list}", "1");
        let answer = town.guangdong.send(method.clone(), &concrete, None, None).await.unwrap();
        assert_ne!(answer.status, 405, "{method} {path}");
        // There may be no credential of that name; there is something at the address.
        assert!(
            !String::from_utf8_lossy(&answer.bytes).contains("nothing at this address"),
            "{method} {path}"
        );
        if call.get("security").is_some() {
            problem(&answer, 401, "UNAUTHENTICATED");
        } else if answer.status >= 400 {
            answer.problem().unwrap();
        }
        for other in [Method::PUT, Method::DELETE, Method::PATCH, Method::POST, Method::GET] {
            if !methods_of(path).contains(&other) {
                problem(&town.guangdong.send(other, &concrete, None, None).await.unwrap(), 405, "METHOD");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_at_no_address_is_a_problem_too() {
    let (town, _place) = town().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/agency/",
        "/v2/agency",
        "/v1/credentials",
        "/../etc/passwd",
        "/%00",
        "/v1//agency",
    ] {
        problem(&town.guangdong.get(Some(Role::Admin), path).await.unwrap(), 404, "NOT_FOUND");
    }
}

/// Slowloris: whoever opens connections and ends no request does not keep the others out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_keep_the_others_out() {
    let (mut town, _place) = town().await;
    town.macau.stop().await.unwrap();
    let few = "[limits]\nconnections = 2\nrequest_seconds = 1\nidle_seconds = 2\n";
    town.macau.configure(|text| text + few).unwrap();
    town.macau.start().await.unwrap();
    let address = town.macau.url().strip_prefix("http://").unwrap().to_owned();
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(&address).await.unwrap();
        client.write_all(b"GET /health HTTP/1.1\r\nx: ").await.unwrap();
        slow.push(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            while client.write_all(b"x").await.is_ok() {
                ticks.tick().await;
            }
        }));
    }
    let health = tokio::time::timeout(PATIENCE, town.macau.get(None, "/health")).await.unwrap().unwrap();
    assert_eq!(health.status, 200, "once a slow one was closed");
    for client in slow {
        tokio::time::timeout(PATIENCE, client).await.expect("both are closed").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_tell_how_it_goes_and_of_nobody() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.credential("P1").await.unwrap();
    town.pass(&holding).await.unwrap();
    town.set_status(&town.guangdong, holding.id(), "revoked").await.unwrap();
    town.follow().await.unwrap();
    assert_eq!(town.apply_with(&holding).await.unwrap().faults(), ["status REVOKED"]);
    for office in [&town.guangdong, &town.macau] {
        let health = office.get(None, "/health").await.unwrap();
        assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("ok")));
    }
    problem(&town.macau.get(None, "/metrics").await.unwrap(), 401, "UNAUTHENTICATED");
    let answer = town.macau.get(Some(Role::Audit), "/metrics").await.unwrap();
    assert!(answer.status == 200 && answer.kind.starts_with("text/plain"), "{answer:?}");
    let text = String::from_utf8(answer.bytes).unwrap();
    for line in [
        "causeway_transcoded_total{verdict=\"accept\"} 1",
        "causeway_transcoded_total{verdict=\"refuse\"} 1",
        "causeway_refusals_total{code=\"REVOKED\"} 1",
        "causeway_refusals_total{code=\"REPLAYED\"} 0",
        "causeway_requests_total{method=\"POST\",route=\"/v1/passes\",status=\"200\"} 2",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let guangdong = town.guangdong.get(Some(Role::Audit), "/metrics").await.unwrap();
    let text = text + &String::from_utf8(guangdong.bytes).unwrap();
    assert!(text.contains("causeway_import_rows_total{outcome=\"stored\"} 1"));
    for value in [APPLICANT, "P1", "1990-02-28", &holding.id().to_string(), &town.guangdong.did.to_string()] {
        assert!(!text.contains(value), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_says_who_it_is() {
    let (town, _place) = town().await;
    let agency = town.macau.get(None, "/v1/agency").await.unwrap().json();
    assert_eq!(agency["did"], town.macau.did.to_string());
    assert_eq!(agency["ledger"], town.network.ledger.to_string());
    let policies: Vec<&str> =
        agency["policies"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let mut own =
        [&town.rules.entry, &town.rules.gate, &town.rules.foreign].map(|policy| policy.id().to_string());
    own.sort();
    assert_eq!(policies, own);
    // What the command line's client asks for is there.
    let client = causeway::agency::Agency::new(&town.macau.url()).unwrap();
    assert_eq!(client.info().await.unwrap().did, town.macau.did);
}
