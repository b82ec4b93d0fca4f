//! What left whom, counted from what each party wrote down of everything it sent.

use std::collections::BTreeMap;
use std::io;

use comfy_table::Cell;

use super::promises::{Egress, grouped, megabytes};
use super::report::right;
use super::stage::Stage;

/// Kinds of traffic told apart; the others are told together.
const KINDS: usize = 12;
const OTHERS: &str = "everything else";

/// What is sent, in words; other addresses are called by their name.
fn kind(kind: &str) -> &str {
    match kind {
        "POST /v1/claims" => "credentials to their own holders",
        "GET /v1/receipts/{id}" => "anchor receipts to holders",
        "POST /v1/passes" => "verdicts and passes to travellers",
        "POST /v1/challenges" => "challenges to wallets",
        "POST /v1/offers" => "claim codes to its own desk",
        "GET /v1/bundle" => "trust bundles",
        "GET /status/{list}" => "status lists",
        "POST /v1/foreign-certificates/verify" => "verdicts on foreign certificates",
        "POST /v1/foreign-certificates/transcode" => "passes for foreign certificates",
        "GET /v1/audit/transcodings/{pass}" => "evidence to the auditor",
        "GET /v1/records" => "records with proofs",
        "GET /v1/blocks/{height}" => "blocks",
        "GET /v1/head" => "signed heads",
        "POST /v1/transactions" => "answers to transactions",
        "to the ledger" => "transactions and questions to the ledger",
        "to another agency" => "questions to another agency",
        other => other,
    }
}

/// What one party sent, by kind: messages and bytes.
pub type Traffic = BTreeMap<String, (u64, u64)>;

/// Counts what a party sent; a message's head counts with its body.
pub fn of(party: &Egress) -> Traffic {
    let mut kinds = Traffic::new();
    for sent in &party.sent {
        let (messages, bytes) = kinds.entry(sent.message().to_owned()).or_default();
        *messages += u64::from(!sent.is_head());
        *bytes += sent.body.len() as u64;
    }
    kinds
}

/// Everybody's traffic, a column each.
///
/// # Errors
/// The writer's.
pub fn show(parties: &[(&'static str, Traffic)], stage: &Stage) -> io::Result<()> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, traffic) in parties {
        for (name, (_, bytes)) in traffic {
            *kinds.entry(kind(name)).or_default() += bytes;
        }
    }
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let rest: Vec<&str> = kinds.drain(kinds.len().min(KINDS)..).map(|(name, _)| name).collect();
    let row = |title: &str, counts: &dyn Fn(&str) -> bool| {
        let cell = |traffic: &Traffic| {
            let of = traffic.iter().filter(|(name, _)| counts(kind(name)));
            let (messages, bytes) = of.fold((0, 0), |sum, (_, one)| (sum.0 + one.0, sum.1 + one.1));
            right(if messages == 0 {
                "–".to_owned()
            } else {
                format!("{} in {}", megabytes(bytes), grouped(messages))
            })
        };
        std::iter::once(Cell::new(title))
            .chain(parties.iter().map(|(_, traffic)| cell(traffic)))
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<Cell>> = kinds.iter().map(|(name, _)| row(name, &|other| other == *name)).collect();
    if !rest.is_empty() {
        rows.push(row(OTHERS, &|other| rest.contains(&other)));
    }
    rows.push(row("together", &|_| true));
    let header: Vec<&str> =
        std::iter::once("bytes in messages").chain(parties.iter().map(|(name, _)| *name)).collect();
    stage.table(&header, rows)
}
