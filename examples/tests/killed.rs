//! kill -9, in the middle of imports, claims, applications and blocks: real processes, ended as a power cut ends
//! them, and started again. Nothing that was acknowledged is lost, and nothing half-written is seen.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "killed/frontier.rs"]
mod frontier;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway::agency::AgencyError;
use credential::anchor::credential_digest;
use credential::exchange::{ClaimRequest, Issued, PassResponse};
use did_registry::{Digest, SigningKey, Suite};
use ledger_chain::light::TrustedHead;
use ledger_chain::{AnchorOperation, Operation, SignedTransaction, StateKey, Transaction};
use ledger_node::Status;
use ledger_node::client::{ClientError, LedgerClient};
use rand::rngs::OsRng;
use wallet::{Application, Claim, Holding};

use frontier::{Frontier, wait_for};

/// What one transaction came to: where it was committed, if that was acknowledged.
type Sent = (SignedTransaction, Option<(u64, u32)>);

/// Sends batches in the name of one member, one after the other, until the ledger is gone.
async fn keep_sending(
    client: LedgerClient,
    ledger: Digest,
    member: (did_registry::Did, SigningKey),
    acknowledged: Arc<AtomicU64>,
) -> Vec<Sent> {
    let (did, control) = member;
    let first = client.next_sequence(&did).await.unwrap();
    let mut sent = Vec::new();
    for sequence in first.. {
        let root = Digest::sha256(format!("{did} {sequence}").as_bytes());
        let operation = Operation::Anchor(AnchorOperation::Batch { root, count: 1 });
        let signed = Transaction { actor: did.clone(), sequence, operation }.sign(&ledger, &control);
        match client.commit(&signed).await {
            Ok(place) => {
                sent.push((signed, Some(place)));
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(ClientError::Transport(_)) => {
                sent.push((signed, None));
                return sent;
            }
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_ledger_keeps_every_transaction_that_it_acknowledged() {
    let mut frontier = Frontier::open_ledger().await;
    let client = frontier.ledger.client().clone();
    let id = frontier.ledger.id();
    let mut trusted = client.trust(frontier.ledger.genesis()).await.unwrap();
    for blow in [3, 40, 150] {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let members = frontier.members();
        let senders: Vec<_> = members
            .into_iter()
            .map(|member| tokio::spawn(keep_sending(client.clone(), id, member, Arc::clone(&acknowledged))))
            .collect();
        wait_for("transactions", || acknowledged.load(Ordering::SeqCst) >= blow).await;
        frontier.kill("ledger").await;
        let mut all = Vec::new();
        for sender in senders {
            all.extend(sender.await.unwrap());
        }
        frontier.start_ledger().await;
        // The history goes on from what was seen before, and everything acknowledged is at its place in it.
        trusted = client.follow(&trusted).await.unwrap();
        let (known, unknown): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, place)| place.is_some());
        assert!(known.len() as u64 >= blow && !unknown.is_empty());
        for (signed, place) in known {
            let (height, position) = place.unwrap();
            assert_eq!(client.status(&signed.id()).await.unwrap(), Status::Committed { height, position });
            let (proof, head) = client.transaction_proof(&signed.id()).await.unwrap();
            trusted = follow(&client, &trusted, &head.head.height).await;
            let proven = trusted.transaction(&signed.id(), &proof).unwrap();
            assert_eq!(proven.at().height, height);
        }
        // What was under way is on the ledger whole, or not at all; sent again, it is there once.
        for (signed, _) in unknown {
            let root = match &signed.transaction.operation {
                Operation::Anchor(AnchorOperation::Batch { root, .. }) => *root,
                other => panic!("{other:?}"),
            };
            let key = StateKey::Anchor(signed.transaction.actor.clone(), root);
            trusted = client.follow(&trusted).await.unwrap();
            let there = client.record(&trusted, &key).await.unwrap().into_value().is_some();
            let committed = matches!(client.status(&signed.id()).await.unwrap(), Status::Committed { .. });
            assert_eq!(there, committed, "record and transaction are there together");
            let place = client.commit(&signed).await.unwrap();
            assert_eq!(client.commit(&signed).await.unwrap(), place, "and again changes nothing");
            let next = client.next_sequence(&signed.transaction.actor).await.unwrap();
            assert_eq!(next, signed.transaction.sequence + 1);
        }
    }
    // Block after block follows, and none is half there.
    let height = trusted.head().height;
    let mut previous = None;
    for number in 0..=height {
        let block = client.block(number).await.unwrap();
        assert_eq!(block.header.height, number);
        if let Some(hash) = previous.replace(block.header.hash()) {
            assert_eq!(block.header.previous, hash);
        }
    }
}

/// The trusted head, moved on if that is behind `height`.
async fn follow(client: &LedgerClient, trusted: &TrustedHead, height: &u64) -> TrustedHead {
    if trusted.head().height >= *height { trusted.clone() } else { client.follow(trusted).await.unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_import_goes_on_without_doubles_and_its_records_are_whole() {
    const PEOPLE: usize = 12_000;
    let mut frontier = Frontier::open().await;
    let (schema, csv, people) = frontier.population(PEOPLE);
    let mut job = frontier.guangdong().desk.import(&schema, csv.clone()).await.unwrap();
    let (mut acknowledged, mut interrupted) = (0, 0);
    for share in [1, 3, 6] {
        // Kill it once so much is acknowledged, wherever it is by then.
        let enough = (PEOPLE / 10 * share) as u64;
        let seen = frontier.progress(&job, enough).await;
        frontier.kill("Guangdong").await;
        frontier.start("Guangdong").await;
        let after = frontier.guangdong().desk.import_progress(&job).await.unwrap();
        assert!(
            after.rows_done >= seen.rows_done && after.rows_done >= acknowledged,
            "an acknowledged row was lost"
        );
        assert_eq!((after.stored, after.refused), (after.rows_done, 0), "half a chunk is seen");
        interrupted += u32::from(after.state == "unfinished");
        acknowledged = after.rows_done;
        let again = frontier.guangdong().desk.import(&schema, csv.clone()).await.unwrap();
        assert_eq!(again, job, "the same file is the same job");
        job = again;
    }
    assert!(interrupted >= 2, "the blows fell in the middle");
    let done = frontier.progress(&job, u64::MAX).await;
    assert_eq!((done.state.as_str(), done.stored, done.refused), ("finished", PEOPLE as u64, 0));
    // Every record is there once, with what its row said.
    let sample: Vec<String> = people.iter().step_by(400).map(|person| person.record_id.clone()).collect();
    let offers = frontier.guangdong().desk.offer(&schema, &sample).await.unwrap();
    let facts = frontier.facts().await;
    for (offer, person) in offers.iter().zip(people.iter().step_by(400)) {
        let holding = frontier.claim(&offer.code, &facts).await.unwrap();
        let claims = holding.sd_jwt().unwrap().claims();
        assert_eq!(
            (&claims["full_name"], &claims["document_number"]),
            (&person.full_name.as_str().into(), &person.document_number.as_str().into(),)
        );
    }
}

/// What came of one code: the credential, if it was handed out before the blow.
type Claimed = (String, Claim, ClaimRequest, Option<Issued>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_while_it_issues_keeps_what_it_handed_out() {
    const CODES: usize = 400;
    let mut frontier = Frontier::open().await;
    let codes = frontier.codes(CODES).await;
    let issuer = frontier.guangdong().did.clone();
    let agency = frontier.guangdong().agency.clone();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let queue = Arc::new(std::sync::Mutex::new(codes));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (agency, issuer) = (agency.clone(), issuer.clone());
            let (queue, acknowledged) = (Arc::clone(&queue), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut done: Vec<Claimed> = Vec::new();
                loop {
                    let Some(code) = queue.lock().unwrap().pop() else { return done };
                    let (claim, request) = Claim::begin(&code, &issuer, Suite::P256, &mut OsRng);
                    let issued = agency.claim(&request).await.ok();
                    let gone = issued.is_none();
                    done.push((code, claim, request, issued));
                    if gone {
                        return done;
                    }
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    wait_for("claims", || acknowledged.load(Ordering::SeqCst) >= 60).await;
    frontier.kill("Guangdong").await;
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert!(queue.lock().unwrap().len() > 10, "the blow fell in the middle");
    frontier.start("Guangdong").await;

    let facts = frontier.facts().await;
    let trusted = frontier.trusted().await;
    let (mut kept, mut again) = (0, 0);
    for (code, claim, request, issued) in all {
        let Some(issued) = issued else {
            // Not acknowledged: whole, so that the code is used, or not at all, so that it works.
            match agency.claim(&request).await {
                Ok(issued) => drop(claim.accept(issued, &facts, frontier.now()).unwrap()),
                Err(AgencyError::Refused { code, .. }) => assert_eq!(code, "CODE_USED"),
                Err(error) => panic!("{error}"),
            }
            again += 1;
            continue;
        };
        let refusal = agency.claim(&request).await.unwrap_err();
        assert!(
            matches!(refusal, AgencyError::Refused { code, .. } if code == "CODE_USED"),
            "{code} works once"
        );
        let receipt = frontier.receipt("Guangdong", &issued.id).await;
        let digest = credential_digest(issued.sd_jwt.split('~').next().unwrap().as_bytes());
        receipt.verify_credential(&trusted, &digest).unwrap();
        claim.accept(issued, &facts, frontier.now()).unwrap();
        kept += 1;
    }
    assert!(kept >= 60 && again >= 1, "{kept} kept, {again} asked again");
    // The rest of the codes work, and status entries are still given once each.
    let mut entries = BTreeMap::new();
    let left: Vec<String> = queue.lock().unwrap().iter().take(20).cloned().collect();
    for code in left {
        let holding = frontier.claim(&code, &facts).await.unwrap();
        let entry = holding.issued().data_integrity["credentialStatus"]["statusListIndex"].to_string();
        assert_eq!(entries.insert(entry, code), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_while_it_decides_keeps_every_pass_that_it_gave() {
    const TRAVELLERS: usize = 60;
    let mut frontier = Frontier::open().await;
    let codes = frontier.codes(TRAVELLERS).await;
    let facts = Arc::new(frontier.facts().await);
    let holdings = frontier.credentials(&codes, &facts).await;
    frontier.macau().desk.refresh().await.unwrap();
    let destination = frontier.macau().agency.clone();
    let entry = frontier.rules.entry.id();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let queue = Arc::new(std::sync::Mutex::new(holdings));
    let now = frontier.now();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (destination, facts) = (destination.clone(), Arc::clone(&facts));
            let (queue, acknowledged) = (Arc::clone(&queue), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut done: Vec<(Holding, Option<(Application, PassResponse)>)> = Vec::new();
                loop {
                    let Some(holding) = queue.lock().unwrap().pop() else { return done };
                    let applied = async {
                        let challenge = destination.challenge(&entry).await.ok()?;
                        let begun = Application::begin(&holding, &challenge, &facts, true, now, &mut OsRng);
                        let (application, request) = begun.unwrap();
                        Some((application, destination.apply(&request).await.ok()?))
                    };
                    let applied = applied.await;
                    let gone = applied.is_none();
                    done.push((holding, applied));
                    if gone {
                        return done;
                    }
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    wait_for("passes", || acknowledged.load(Ordering::SeqCst) >= 12).await;
    frontier.kill("Macau").await;
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    frontier.start("Macau").await;
    frontier.acquaint().await;
    let (facts, trusted) = (frontier.facts().await, frontier.trusted().await);
    let (mut kept, mut again) = (0, 0);
    for (holding, applied) in all {
        let Some((application, response)) = applied else {
            frontier.pass(&holding, &facts).await;
            again += 1;
            continue;
        };
        let pass = application.accept(response, &facts, frontier.now()).unwrap();
        // The pass is good, its receipt arrives, and so does the decision behind it, whole.
        frontier.shown(&pass).await;
        let document = serde_json::Value::Object(pass.credential().clone());
        let receipt = frontier.receipt("Macau", pass.id()).await;
        let digest = credential::presentation::document_digest(&document);
        receipt.verify_credential(&trusted, &digest).unwrap();
        let evidence = frontier.evidence(&pass).await;
        for whole in ["presentation", "receipt", "consent_receipt"] {
            assert!(evidence[whole].is_string(), "{whole}");
        }
        assert!(evidence["consent"].is_object());
        kept += 1;
    }
    assert!(kept >= 12 && again >= 1, "{kept} kept, {again} applied again");
}

/// No red without a cause that its holder can read, and no act without its entry, whenever the blow falls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_while_it_revokes_leaves_status_cause_and_entry_together() {
    let mut frontier = Frontier::open().await;
    let (codes, facts) = (frontier.codes(200).await, frontier.facts().await);
    let mut holdings = Vec::new();
    for code in codes {
        holdings.push(frontier.claim(&code, &facts).await.unwrap());
    }
    let acknowledged = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = holdings
        .chunks(50)
        .map(|part| {
            let ids: Vec<Digest> = part.iter().map(|holding| *holding.id()).collect();
            let (desk, acknowledged) = (frontier.desk(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut done = Vec::new();
                for id in ids {
                    if desk.revoke(&id, "the laboratory withdrew it").await.is_err() {
                        return done;
                    }
                    done.push(id);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                done
            })
        })
        .collect();
    wait_for("revocations", || acknowledged.load(Ordering::SeqCst) >= 20).await;
    frontier.kill("Guangdong").await;
    let mut revoked = BTreeSet::new();
    for worker in workers {
        revoked.extend(worker.await.unwrap());
    }
    assert!(revoked.len() < holdings.len(), "the blow fell in the middle");
    frontier.start("Guangdong").await;
    let mut explained = BTreeSet::new();
    for holding in &holdings {
        if frontier.explained(holding.id()).await {
            explained.insert(*holding.id());
        }
    }
    assert_eq!(frontier.noted("credential.revoke").await, explained);
    assert!(explained.is_superset(&revoked), "what was acknowledged is there");
    // What the ledger had not heard of, it hears of now: the list comes to say what the causes say.
    frontier.wait_for_red(&holdings, &explained).await;
}

/// Both ways round: the ledger goes under the feet of agencies at work, and what they promised is kept later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_killed_under_working_agencies_delays_receipts_and_loses_none() {
    let mut frontier = Frontier::open().await;
    let codes = frontier.codes(60).await;
    let facts = frontier.facts().await;
    let mut claimed = Vec::new();
    for (number, code) in codes.iter().enumerate() {
        if number == 20 {
            frontier.kill("ledger").await;
        }
        // Issuing needs the agency alone.
        claimed.push(frontier.claim(code, &facts).await.unwrap());
    }
    let revoked = claimed[5].id();
    let refused = frontier.guangdong().desk.revoke(revoked, "while the ledger was away").await;
    assert!(refused.unwrap_err().to_string().contains("LEDGER"));
    // The agency goes too, with everything still under way.
    frontier.kill("Guangdong").await;
    frontier.start_ledger().await;
    frontier.start("Guangdong").await;
    let trusted = frontier.trusted().await;
    for holding in &claimed {
        let receipt = frontier.receipt("Guangdong", holding.id()).await;
        let digest = credential_digest(holding.sd_jwt().unwrap().signed_part().as_bytes());
        receipt.verify_credential(&trusted, &digest).unwrap();
    }
    // What was not acknowledged may still come: a revocation is not forgotten, only late.
    frontier.acquaint().await;
    let facts = frontier.facts().await;
    assert!(frontier.is_red(&facts, &claimed[5]) && !frontier.is_red(&facts, &claimed[6]));
}
