//! Anchors and receipts.

use super::*;
use crate::ReceiptKind;

fn withdraw(n: u8) -> Operation {
    Operation::Anchor(AnchorOperation::Withdraw { root: root(n) })
}

fn sign(issuer: Did, n: u8) -> Operation {
    Operation::Anchor(AnchorOperation::Sign { issuer, root: root(n) })
}

fn receipts(n: u8, count: u32) -> Operation {
    Operation::Receipt(ReceiptBatch { kind: ReceiptKind::Consent, root: root(n), count })
}

#[test]
fn a_batch_is_anchored_once() {
    let mut world = World::new();
    world.send(ISSUER, batch(1)).unwrap();
    refused(world.send(ISSUER, batch(1)), "EXISTS");
    let record: AnchorRecord = world.get(&StateKey::Anchor(world.did(ISSUER), root(1))).unwrap();
    assert_eq!((record.count, record.anchored, record.withdrawn), (10, world.at, None));
}

#[test]
fn an_empty_batch_is_refused() {
    let mut world = World::new();
    refused(
        world.send(ISSUER, Operation::Anchor(AnchorOperation::Batch { root: root(1), count: 0 })),
        "BOUNDS",
    );
}

#[test]
fn w8_nobody_withdraws_anothers_batch() {
    let mut world = World::new();
    world.send(ISSUER, batch(1)).unwrap();
    for stranger in [0, 1, 2, ANYBODY] {
        refused(world.send(stranger, withdraw(1)), "MISSING");
    }
    // Anchoring the same root oneself gives no hold on the other's.
    world.send(ANYBODY, batch(1)).unwrap();
    world.send(ANYBODY, withdraw(1)).unwrap();
    let record: AnchorRecord = world.get(&StateKey::Anchor(world.did(ISSUER), root(1))).unwrap();
    assert_eq!(record.withdrawn, None);
    world.send(ISSUER, withdraw(1)).unwrap();
    let record: AnchorRecord = world.get(&StateKey::Anchor(world.did(ISSUER), root(1))).unwrap();
    assert_eq!(record.withdrawn, Some(world.at));
}

#[test]
fn nobody_brings_a_withdrawn_batch_back() {
    let mut world = World::new();
    world.send(ISSUER, batch(1)).unwrap();
    world.send(ISSUER, withdraw(1)).unwrap();
    refused(world.send(ISSUER, withdraw(1)), "WITHDRAWN");
    refused(world.send(ANYBODY, sign(world.did(ISSUER), 1)), "WITHDRAWN");
    refused(world.send(ISSUER, batch(1)), "EXISTS");
}

#[test]
fn one_signs_once_and_only_what_is_there() {
    let mut world = World::new();
    refused(world.send(ANYBODY, sign(world.did(ISSUER), 1)), "MISSING");
    world.send(ISSUER, batch(1)).unwrap();
    world.send(ANYBODY, sign(world.did(ISSUER), 1)).unwrap();
    refused(world.send(ANYBODY, sign(world.did(ISSUER), 1)), "EXISTS");
    let signature = |world: &World, signer| {
        world.get::<Moment>(&StateKey::Signature(world.did(ISSUER), root(1), world.did(signer)))
    };
    assert_eq!((signature(&world, ANYBODY), signature(&world, 0)), (Some(world.at), None));
}

/// Signatures lie beside the batch, not in it: a crowd of strangers takes nobody's place.
#[test]
fn however_many_sign_a_batch_there_is_room_for_one_more() {
    let mut world = World::new();
    world.send(0, batch(1)).unwrap();
    let before: Option<AnchorRecord> = world.get(&StateKey::Anchor(world.did(0), root(1)));
    for _ in 0..40 {
        let stranger = world.join();
        world.send(stranger, sign(world.did(0), 1)).unwrap();
    }
    world.send(ISSUER, sign(world.did(0), 1)).unwrap();
    assert_eq!(
        world.get(&StateKey::Anchor(world.did(0), root(1))),
        before,
        "and its receipts grow no longer"
    );
}

#[test]
fn a_batch_of_receipts_is_anchored_once_and_not_empty() {
    let mut world = World::new();
    refused(world.send(ISSUER, receipts(1, 0)), "BOUNDS");
    world.send(ISSUER, receipts(1, 5)).unwrap();
    refused(world.send(ISSUER, receipts(1, 5)), "EXISTS");
    world.send(ANYBODY, receipts(1, 7)).unwrap(); // its own, beside the other
    let record: ReceiptRecord = world.get(&StateKey::Receipt(world.did(ISSUER), root(1))).unwrap();
    assert_eq!((record.count, record.kind, record.anchored), (5, ReceiptKind::Consent, world.at));
}
