//! Taking over somebody's identifier; and getting one's own back.

use std::collections::BTreeSet;

use causeway::actor::{ActorDirectory, Safe};
use causeway::identity::{self, Rotated, RotationPlan};
use credential::sd_jwt::SdJwt;
use did_registry::{
    Approval, Did, DidOperation, Genesis, Guardians, Recovery, Retirement, Rotation, SigningKey, Suite,
};
use ledger_chain::{AnchorOperation, Operation, Record, StateKey, Transaction};
use ledger_node::client::ClientError;
use rand::rngs::OsRng;

use super::*;

/// A transaction as an attacker puts it together.
async fn submit(
    town: &Town,
    actor: &Did,
    sequence: u64,
    operation: Operation,
    signer: &SigningKey,
) -> Result<(u64, u32), String> {
    let transaction = Transaction { actor: actor.clone(), sequence, operation };
    let sent = town.ledger.client().commit(&transaction.sign(&town.ledger.id(), signer)).await;
    sent.map_err(|error: ClientError| error.code().to_owned())
}

/// A genesis by a key, not registered.
fn genesis(town: &Town, control: &SigningKey) -> Genesis {
    let next = key(Suite::Ed25519, 99).public_key().commitment();
    Genesis::new(town.network.genesis.network.clone(), control.public_key(), next)
}

fn rotation(previous: did_registry::Digest, control: &SigningKey) -> Rotation {
    Rotation {
        previous,
        control: control.public_key(),
        next: control.public_key().commitment(),
        keys: Vec::new(),
        retirement: Retirement::Compromised,
        guardians: None,
        services: Vec::new(),
    }
}

async fn record(town: &mut Town, did: &Did) -> did_registry::DidRecord {
    match town.ledger.record(&StateKey::Did(did.clone())).await.unwrap() {
        Some(Record::Did(record)) => *record,
        other => panic!("{other:?}"),
    }
}

/// W9: the first caller sets a DID's keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w9_whoever_comes_first_does_not_get_somebody_elses_identifier() {
    let (mut town, _place) = town().await;
    let (owner, squatter) = (key(Suite::Ed25519, 1), key(Suite::Ed25519, 2));
    let (own, fake) = (genesis(&town, &owner), genesis(&town, &squatter));
    let create = |genesis: &Genesis| Operation::Did(DidOperation::Create(genesis.clone()));
    // The identifier is known, from a letterhead, before it is registered.
    let taken = submit(&town, &own.did(), 0, create(&fake), &squatter).await;
    assert_eq!(taken, Err("DID_NOT_SELF_CERTIFIED".into()));
    let forged = submit(&town, &own.did(), 0, create(&own), &squatter).await;
    assert_eq!(forged, Err("BAD_SIGNATURE".into()));
    let place = submit(&town, &own.did(), 0, create(&own), &owner).await;
    assert!(place.is_ok(), "{place:?}");
    // Nor once it is there, by anybody, its owner included. The very same transaction again changes nothing.
    assert_eq!(submit(&town, &own.did(), 0, create(&own), &owner).await, place);
    let before = record(&mut town, &own.did()).await;
    for (genesis, signer, sequence, code) in [
        (&fake, &squatter, 0, "SEQUENCE_USED"),
        (&fake, &squatter, 1, "DID_NOT_SELF_CERTIFIED"),
        (&own, &owner, 1, "SEQUENCE_AHEAD"),
        (&own, &squatter, 1, "BAD_SIGNATURE"),
    ] {
        let again = submit(&town, &own.did(), sequence, create(genesis), signer).await;
        assert_eq!(again, Err(code.to_owned()));
    }
    assert_eq!(record(&mut town, &own.did()).await, before);
    let other = submit(&town, &fake.did(), 0, create(&fake), &squatter).await;
    assert!(other.is_ok(), "everybody has an identifier of their own: {other:?}");
}

/// W9: an administrator rewrites any DID.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w9_no_committee_rewrites_an_identifier() {
    let (mut town, _place) = town().await;
    let victim = town.guangdong.did.clone();
    let before = record(&mut town, &victim).await;
    let (path, admin) = town.network.members[0].clone();
    let actor = ActorDirectory::open(&path).unwrap();
    let control = actor.control().unwrap();
    let sequence = town.ledger.client().next_sequence(&victim).await.unwrap();
    let fresh = key(Suite::Ed25519, 3);
    let rotate = || {
        let rotation = rotation(before.head, &fresh);
        let proof = fresh.sign(&rotation.proof_message(&victim));
        Operation::Did(DidOperation::Rotate(rotation, proof))
    };
    // In the victim's name, signed by the member and by the key that would take over.
    for signer in [&control, &fresh] {
        assert_eq!(submit(&town, &victim, sequence, rotate(), signer).await, Err("BAD_SIGNATURE".into()));
    }
    // In the member's own name: it does not follow the member's own record.
    let say = |operation| {
        let town = &town;
        let (admin, control) = (&admin, &control);
        async move {
            let sequence = town.ledger.client().next_sequence(admin).await.unwrap();
            submit(town, admin, sequence, operation, control).await
        }
    };
    assert_eq!(say(rotate()).await, Err("DID_NOT_NEXT".into()));
    assert_eq!(say(Operation::Did(DidOperation::Deactivate(before.head))).await, Err("DID_NOT_NEXT".into()));
    let recovery = Recovery {
        subject: victim.clone(),
        previous: before.head,
        control: fresh.public_key(),
        next: fresh.public_key().commitment(),
        keys: Vec::new(),
    };
    let approval =
        Approval { guardian: control.public_key(), signature: control.sign(&recovery.approval_message()) };
    let request = DidOperation::RequestRecovery(recovery, vec![approval]);
    assert_eq!(say(Operation::Did(request)).await, Err("GUARDIAN_RULE".into()));
    let complete = Operation::Did(DidOperation::CompleteRecovery(victim.clone()));
    assert_eq!(say(complete).await, Err("RECOVERY_STATE".into()));
    assert_eq!(record(&mut town, &victim).await, before);
}

/// W11: no real rotation, because the identifier is the first key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w11_keys_rotate_and_the_identifier_stays() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2"]).await.unwrap();
    let did = town.guangdong.did.clone();
    let before = town.credential("P1").await.unwrap();
    let holder = key(Suite::P256, 1);
    let (shown_later, _) = claimed(&town, "P1", &holder).await;
    let old = town.voice(&town.guangdong).unwrap();
    town.clock.advance(10);
    rotate(&mut town, Retirement::Superseded).await;

    let after = town.credential("P2").await.unwrap();
    for holding in [&before, &after] {
        assert_eq!(holding.issuer(), &did);
        accepted(&town.apply_with(holding).await.unwrap());
    }
    // Without the proof that it is older than the rotation, the replaced key counts for nothing.
    let credential = SdJwt::restore(&shown_later.sd_jwt).unwrap();
    refused(&shown(&town, &credential, &holder).await, &["issuer KEY_REMOVED"]);
    let root = did_registry::Digest::sha256(b"root");
    let spoken = old.say(Operation::Anchor(AnchorOperation::Batch { root, count: 1 })).await;
    assert_eq!(ledger_code(spoken), "BAD_SIGNATURE");

    // A stolen key takes with it whatever it signed.
    town.clock.advance(10);
    rotate(&mut town, Retirement::Compromised).await;
    for holding in [&before, &after] {
        let expected = if holding.id() == before.id() { "" } else { "issuer KEY_REMOVED" };
        let faults = town.apply_with(holding).await.unwrap().faults().join(", ");
        assert_eq!(faults, expected, "what was replaced in good order before stays good");
    }
    accepted(&town.apply_with(&town.credential("P2").await.unwrap()).await.unwrap());
}

/// Guangdong replaces all its keys; everybody learns of it.
async fn rotate(town: &mut Town, retirement: Retirement) {
    let actor = ActorDirectory::open(&town.guangdong.directory).unwrap();
    let keys = ["es256", "ed25519"].map(|name| identity::document_key(&actor, name).unwrap());
    let plan = RotationPlan { replace: keys.into(), retirement, guardians: None };
    town.guangdong.stop().await.unwrap();
    let (ledger, safe) = (&mut town.ledger, Safe::beside(&town.guangdong.directory));
    let rotated = identity::rotate(ledger, &actor, &safe, &plan, &mut OsRng).await.unwrap();
    assert!(matches!(rotated, Rotated::Now { replaced, .. } if replaced.len() == 2));
    town.guangdong.start().await.unwrap();
    town.acquaint().await.unwrap();
}

/// W11: no recovery.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w11_an_identifier_whose_keys_were_lost_comes_back() {
    const DELAY: u64 = 86_400;
    let (mut town, _place) = town().await;
    let wardens: Vec<SigningKey> = (20..23).map(|number| key(Suite::Ed25519, number)).collect();
    let guardians = Guardians {
        threshold: 2,
        keys: wardens.iter().map(SigningKey::public_key).collect::<BTreeSet<_>>(),
        delay: DELAY,
    };
    let forgetful = town.stranger("forgetful", Some(guardians)).await.unwrap();
    let did = forgetful.did.clone();
    let fresh = key(Suite::Ed25519, 30);
    let recovery = Recovery {
        subject: did.clone(),
        previous: record(&mut town, &did).await.head,
        control: fresh.public_key(),
        next: key(Suite::Ed25519, 31).public_key().commitment(),
        keys: Vec::new(),
    };
    let message = recovery.approval_message();
    let approved = |by: &[usize]| {
        let approve = |&number: &usize| {
            let warden: &SigningKey = &wardens[number];
            Approval { guardian: warden.public_key(), signature: warden.sign(&message) }
        };
        Operation::Did(DidOperation::RequestRecovery(recovery.clone(), by.iter().map(approve).collect()))
    };
    // Anybody registered carries it to the ledger; what counts is who approved.
    let carrier = &town.members[0];
    assert_eq!(ledger_code(carrier.say(approved(&[0])).await), "TOO_FEW_GUARDIANS");
    assert_eq!(ledger_code(carrier.say(approved(&[0, 0, 0])).await), "TOO_FEW_GUARDIANS");
    carrier.say(approved(&[0, 2])).await.unwrap();
    let complete = || Operation::Did(DidOperation::CompleteRecovery(did.clone()));
    town.clock.advance(DELAY - 1);
    assert_eq!(ledger_code(carrier.say(complete()).await), "RECOVERY_TOO_EARLY");
    town.clock.advance(1);
    carrier.say(complete()).await.unwrap();
    let root = did_registry::Digest::sha256(b"root");
    let batch = || Operation::Anchor(AnchorOperation::Batch { root, count: 1 });
    assert_eq!(
        ledger_code(forgetful.voice.say(batch()).await),
        "BAD_SIGNATURE",
        "the lost keys speak no more"
    );
    let sequence = town.ledger.client().next_sequence(&did).await.unwrap();
    submit(&town, &did, sequence, batch(), &fresh).await.unwrap();
    assert_eq!(record(&mut town, &did).await.control, fresh.public_key());
}
