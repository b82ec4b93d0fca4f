//! The same attacks on what is proved instead of shown.

use causeway::checkpoint::{Challenge, Checkpoint};
use causeway_examples::town::Provers;
use credential::zk::Shown;
use credential::{Overall, Policy, Reason};
use rand::rngs::OsRng;
use std::collections::BTreeSet;
use wallet::{Holding, Ready, WalletError};

use super::*;

/// A town in which P1's person can prove.
async fn traveller() -> (Town, Provers, Holding, TempDir) {
    let (mut town, place) = town().await;
    let provers = town.with_proofs().await.unwrap();
    town.enrol(&["P1"]).await.unwrap();
    let holding = town.provable("P1", &provers).await.unwrap();
    (town, provers, holding, place)
}

fn challenge(gate: &mut Checkpoint, town: &Town) -> Challenge {
    gate.challenge(town.clock.now(), &mut OsRng).unwrap()
}

fn answer(ready: Ready, challenge: &Challenge) -> Shown {
    ready.show(&challenge.audience, challenge.nonce_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_a_proof_is_no_good_for_another_challenge_or_gate() {
    let (town, provers, holding, _place) = traveller().await;
    let now = town.clock.now();
    let mut gate = town.gate("lane 1", &provers).await.unwrap();
    let mut other = town.gate("lane 2", &provers).await.unwrap();
    let (first, second) = (challenge(&mut gate, &town), challenge(&mut gate, &town));
    let shown = answer(town.prove(&holding, "lane 1", &provers).await.unwrap().unwrap(), &first);
    // The nonce swapped for a fresh one: the one-time key did not sign that.
    let swapped = Shown { nonce: second.nonce_bytes(), ..shown.clone() };
    assert_eq!(gate.verify(&swapped.to_text(), now).unwrap().codes(), [Reason::WrongAudience]);
    // As it is, before the other gate.
    let codes = other.verify(&shown.to_text(), now).unwrap().codes();
    assert_eq!(codes, [Reason::ProofInvalid, Reason::WrongAudience], "its scope is the first lane's");
    // None of this spent the challenge.
    assert_eq!(gate.verify(&shown.to_text(), now).unwrap().overall, Overall::Accept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w6_w10_neither_policy_nor_issuers_come_from_who_proves() {
    let (mut town, provers, holding, _place) = traveller().await;
    let now = town.clock.now();
    let mut gate = town.gate("lane 1", &provers).await.unwrap();
    // An easier rule of somebody else's, under the same name: another identifier.
    let easier = Policy { verifier: town.guangdong.did.clone(), version: 9, ..town.rules.entry.clone() };
    let (first, second) = (challenge(&mut gate, &town), challenge(&mut gate, &town));
    let ready = town.prove(&holding, "lane 1", &provers).await.unwrap().unwrap();
    let shown = Shown { policy: easier.id(), ..answer(ready, &first) };
    let codes = gate.verify(&shown.to_text(), now).unwrap().codes();
    assert!(codes.contains(&Reason::RuleFailed), "{codes:?}");
    // An issuer set of one's own, under an epoch that the ledger never had.
    let ready = town.prove(&holding, "lane 1", &provers).await.unwrap().unwrap();
    let shown = Shown { epoch: 99, ..answer(ready, &second) };
    assert_ne!(gate.verify(&shown.to_text(), now).unwrap().overall, Overall::Accept);
    // The wallet in its turn proves nothing under a policy that is not on the ledger.
    town.rules.entry.version = 77;
    let refused = town.prove(&holding, "lane 1", &provers).await.unwrap();
    assert!(matches!(refused, Err(WalletError::PolicyNotAnchored(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w14_two_shows_of_one_credential_share_no_identifier_and_no_signature() {
    let (town, provers, holding, _place) = traveller().await;
    let mut shows = Vec::new();
    for lane in ["lane 1", "lane 2"] {
        let mut gate = town.gate(lane, &provers).await.unwrap();
        let challenge = challenge(&mut gate, &town);
        let shown = answer(town.prove(&holding, lane, &provers).await.unwrap().unwrap(), &challenge);
        assert_eq!(gate.verify(&shown.to_text(), town.clock.now()).unwrap().overall, Overall::Accept);
        shows.push(shown.to_bytes());
    }
    // What is declared stands in one piece at the beginning.
    let declared = shows[0].iter().zip(&shows[1]).take_while(|(one, other)| one == other).count();
    let windows = |show: &[u8]| show[declared..].windows(8).map(<[u8]>::to_vec).collect::<BTreeSet<_>>();
    assert!(windows(&shows[0]).is_disjoint(&windows(&shows[1])));
    // Nor is anything of the credential in them.
    let issued = serde_json::to_vec(holding.issued()).unwrap();
    let signature = hex::decode(&holding.issued().causeway.as_ref().unwrap().signature).unwrap();
    for known in [issued, signature] {
        let known: BTreeSet<_> = known.windows(8).map(<[u8]>::to_vec).collect();
        assert!(shows.iter().all(|show| windows(show).is_disjoint(&known)));
    }
}
