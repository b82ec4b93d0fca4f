//! A bundle is believed where it continues, proves and is signed; one fault and nothing of it is used.

use credential::Part;
use credential::facts::Facts;
use credential::status::StatusReference;
use did_registry::Retirement;
use ledger_chain::bundle::{BundleError, TrustBundle};
use ledger_chain::{Operation, StateKey};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::agency::{LIST, World, kind, policy, schema};
use crate::chain::{Chain, certify, time};

fn verify(world: &World, bundle: &TrustBundle) -> Result<Facts, BundleError> {
    bundle.verify(&world.trusted(0)).map(|(_, facts)| facts)
}

/// The newest bundle after `change`, on a ledger where entry 3 was revoked.
fn changed(change: impl FnOnce(&mut World, &mut TrustBundle)) -> Result<Facts, BundleError> {
    let mut world = World::new();
    world.revoke();
    let mut bundle = world.newest();
    change(&mut world, &mut bundle);
    verify(&world, &bundle)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, BundleError>, code: &str) {
    assert_eq!(outcome.unwrap_err().code(), code);
}

fn entry(index: u64) -> StatusReference {
    StatusReference { uri: LIST.into(), index }
}

#[test]
fn a_bundle_gives_exactly_what_is_proved_in_it() {
    let mut world = World::new();
    world.revoke();
    let bundle = world.newest();
    let (head, facts) = bundle.verify(&world.trusted(0)).unwrap();
    let newest = &world.chain.head(world.chain.height()).head;
    assert_eq!(head.head(), newest);
    assert_eq!((facts.as_of.height, facts.as_of.time), (newest.height, newest.time));
    assert_eq!(facts.dids.len(), 2);
    assert_eq!(facts.dids[&world.agency.did].did, world.agency.did);
    assert!(facts.recognised(&world.agency.did, &kind(), time(1_600_000_000), newest.time).is_ok());
    assert_eq!(facts.schemas[&schema().id()], schema());
    let policy = policy(&world.agency.did);
    assert_eq!(facts.policies[&policy.id()], policy);
    assert_eq!(facts.statuses[LIST].epoch, 2);
    assert_eq!(facts.status(&world.agency.did, &entry(2)), Part::Good);
    assert!(matches!(facts.status(&world.agency.did, &entry(3)), Part::Bad(_)));
    // The same bytes, wherever they have been.
    let read = TrustBundle::from_bytes(&bundle.to_bytes()).unwrap();
    assert_eq!((read.to_bytes(), read.digest()), (bundle.to_bytes(), bundle.digest()));
    verify(&world, &read).unwrap();
}

/// 8.9: whoever brings an older bundle brings nothing.
#[test]
fn a_rolled_back_bundle_is_refused() {
    let mut world = World::new();
    world.revoke();
    let newest = world.chain.height();
    let old = world.bundle(newest - 1, None);
    refused(old.verify(&world.trusted(newest)), "ROLLED_BACK");
    // A proof of continuity the wrong way round does not help.
    let mut excused = old.clone();
    excused.consistency = Some(world.chain.consistency(newest - 1, newest));
    refused(excused.verify(&world.trusted(newest)), "ROLLED_BACK");
    // Old records under the new head are not proved by it.
    let mut mixed = world.newest();
    mixed.records = old.records;
    refused(verify(&world, &mixed), "BAD_PROOF");
    // The same head again is no step back, and needs no proof.
    world.bundle(newest, None).verify(&world.trusted(newest)).unwrap();
}

#[test]
fn a_bundle_that_does_not_show_that_it_continues_is_refused() {
    refused(changed(|_, bundle| bundle.consistency = None), "INCONSISTENT_HISTORY");
    refused(
        changed(|world, bundle| bundle.consistency = Some(world.chain.consistency(1, 5))),
        "INCONSISTENT_HISTORY",
    );
    // Another history from the same genesis: a fork that the validators signed.
    let mut here = World::new();
    here.revoke();
    let mut chain = Chain::new(1);
    chain.block([]);
    let mut there = World::on(chain);
    there.revoke();
    let trusted = here.trusted(3);
    let fork = there.bundle(there.chain.height(), Some(3));
    refused(fork.verify(&trusted), "INCONSISTENT_HISTORY");
    refused(there.bundle(3, None).verify(&trusted), "SPLIT_VIEW");
}

#[test]
fn a_bundle_of_another_ledger_or_without_enough_validators_is_refused() {
    let mut other = World::on(Chain::new(2));
    other.revoke();
    refused(changed(|_, bundle| *bundle = other.newest()), "OTHER_LEDGER");
    let certified = |owners: std::ops::Range<u8>| {
        changed(|_, bundle| bundle.head = certify(bundle.head.head.clone(), owners))
    };
    certified(100..103).unwrap();
    refused(certified(100..102), "NO_QUORUM");
    refused(certified(100..105), "UNKNOWN_VALIDATOR");
    refused(changed(|_, bundle| bundle.head.head.time = time(1_700_000_000)), "BAD_SIGNATURE");
}

#[test]
fn a_record_that_is_not_proved_is_refused_with_the_whole_bundle() {
    // A proof of one record, passed off as another's.
    let renamed = |key: fn(&World) -> StateKey| changed(|world, bundle| bundle.records[0].key = key(world));
    refused(renamed(|world| StateKey::Issuer(kind(), world.stranger.did.clone())), "BAD_PROOF");
    refused(renamed(|_| StateKey::Committee), "BAD_PROOF");
    // Proved under another head of the same ledger.
    refused(
        changed(|world, bundle| {
            let key = bundle.records[3].key.clone();
            bundle.records[3] = world.chain.prove(&key, world.chain.height() - 1);
        }),
        "BAD_PROOF",
    );
    // A recognition on another ledger, where the committee is friendlier.
    refused(
        changed(|_, bundle| {
            let elsewhere = World::on(Chain::new(2));
            bundle.records[0] = elsewhere.newest().records[0].clone();
        }),
        "BAD_PROOF",
    );
}

#[test]
fn a_proof_of_absence_adds_nothing() {
    let facts = changed(|world, bundle| {
        let absent = StateKey::Issuer(kind(), world.stranger.did.clone());
        bundle.records.push(world.chain.prove(&absent, world.chain.height()));
    });
    assert_eq!(facts.unwrap().recognitions.len(), 1);
}

/// Leaving something out makes a verifier refuse more, never accept more.
#[test]
fn what_is_left_out_is_not_known() {
    let full = changed(|_, _| ()).unwrap();
    let agency =
        full.dids.keys().find(|did| full.recognitions.contains_key(&(kind(), (*did).clone()))).unwrap();
    let without = changed(|_, bundle| bundle.statuses.clear()).unwrap();
    assert!(matches!(without.status(agency, &entry(2)), Part::Open(_)));
    let without = changed(|_, bundle| drop(bundle.records.remove(0))).unwrap();
    assert!(without.recognised(agency, &kind(), time(1_600_000_000), time(1_600_000_001)).is_err());
    // A list whose head or whose issuer's keys are missing is nobody's.
    refused(changed(|_, bundle| drop(bundle.records.remove(3))), "STATUS_LIST");
    refused(changed(|_, bundle| drop(bundle.records.remove(4))), "STATUS_LIST");
}

/// A list before the revocation, or one that was never anchored, is not taken for the anchored one.
#[test]
fn an_older_or_swapped_status_list_is_refused() {
    let older = World::new().token;
    refused(changed(|_, bundle| bundle.statuses = vec![older.clone()]), "STATUS_LIST");
    refused(changed(|_, bundle| bundle.statuses.push(older)), "STATUS_LIST");
    // Signed by the agency itself, and never anchored: the word of a split-minded issuer.
    let unanchored = |world: &World| {
        let mut agency = World::new().agency;
        agency.list.set(9, credential::status::Status::Invalid).unwrap();
        assert_eq!(agency.did, world.agency.did);
        agency.token(LIST, 0)
    };
    refused(changed(|world, bundle| bundle.statuses = vec![unanchored(world)]), "STATUS_LIST");
    // Signed by somebody else, for another address, or not at all.
    refused(changed(|world, bundle| bundle.statuses = vec![world.stranger.token(LIST, 0)]), "STATUS_LIST");
    let elsewhere = |world: &World| world.agency.token("https://g.example/status/2", 0);
    refused(changed(|world, bundle| bundle.statuses = vec![elsewhere(world)]), "STATUS_LIST");
    for unreadable in ["", "x", "a.b.c"] {
        refused(changed(|_, bundle| bundle.statuses = vec![unreadable.into()]), "STATUS_LIST");
    }
    let mut cut = World::new().token;
    cut.truncate(cut.len() - 2);
    refused(changed(|_, bundle| bundle.statuses = vec![cut]), "STATUS_LIST");
}

/// W8, W10: whoever is registered may anchor a list under any address; it takes nobody else's place.
#[test]
fn a_stranger_who_anchors_the_same_address_displaces_no_list() {
    for copies in [false, true] {
        let mut world = World::new();
        world.revoke();
        let own = if copies { world.token.clone() } else { world.stranger.token(LIST, 0) };
        world.stranger.move_head(&mut world.chain, 1, LIST, 9, &own);
        world.include(StateKey::Status(world.stranger.did.clone(), 1));
        world.include(StateKey::Did(world.stranger.did.clone()));
        let facts = verify(&world, &world.newest()).unwrap();
        assert_eq!((&facts.statuses[LIST].issuer, facts.statuses[LIST].epoch), (&world.agency.did, 2));
        assert!(matches!(facts.status(&world.agency.did, &entry(3)), Part::Bad(_)));
        assert!(matches!(facts.status(&world.stranger.did, &entry(2)), Part::Open(_)));
    }
}

#[test]
fn a_list_signed_before_its_key_was_replaced_still_counts_unless_the_key_was_lost() {
    for (retirement, holds) in [(Retirement::Superseded, true), (Retirement::Compromised, false)] {
        let mut world = World::new();
        world.revoke();
        world.agency.rotate(&mut world.chain, retirement, 1);
        let outcome = verify(&world, &world.newest());
        assert_eq!(outcome.is_ok(), holds, "{retirement:?}");
        if !holds {
            refused(outcome, "STATUS_LIST");
        }
        // A fresh head under the old key does not.
        let token = world.agency.token(LIST, 0);
        world.agency.move_head(&mut world.chain, 1, LIST, 3, &token);
        refused(verify(&world, &world.newest()), "STATUS_LIST");
        let token = world.agency.token(LIST, 1);
        world.agency.move_head(&mut world.chain, 1, LIST, 4, &token);
        world.token = token;
        assert_eq!(verify(&world, &world.newest()).unwrap().statuses[LIST].epoch, 4);
    }
}

#[test]
fn one_changed_bit_anywhere_and_the_bundle_is_refused() {
    let mut world = World::new();
    world.revoke();
    let whole = world.newest().to_bytes();
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    for _ in 0..1_200 {
        let mut bytes = whole.clone();
        let at = rng.gen_range(0..bytes.len());
        bytes[at] ^= 1 << rng.gen_range(0..8);
        let outcome =
            TrustBundle::from_bytes(&bytes).map_err(BundleError::from).and_then(|it| verify(&world, &it));
        assert!(outcome.is_err(), "byte {at} of {}", bytes.len());
    }
}

#[test]
fn cut_extended_and_oversized_bytes_are_refused() {
    let whole = World::new().newest().to_bytes();
    for length in (0..whole.len()).step_by(37) {
        assert_eq!(TrustBundle::from_bytes(&whole[..length]).unwrap_err().code(), "MALFORMED", "{length}");
    }
    assert_eq!(TrustBundle::from_bytes(&[&whole[..], &[0]].concat()).unwrap_err().code(), "MALFORMED");
    let large = vec![0; ledger_chain::bundle::BUNDLE_BYTES + 1];
    assert_eq!(TrustBundle::from_bytes(&large).unwrap_err().code(), "TOO_LARGE");
}

#[test]
fn a_withdrawn_recognition_ends_with_the_bundle_that_says_so() {
    let mut world = World::new();
    let issued = time(1_600_000_000);
    let before = verify(&world, &world.newest()).unwrap();
    assert!(before.recognised(&world.agency.did, &kind(), issued, before.as_of.time).is_ok());
    let motion =
        did_registry::Motion::WithdrawIssuer { issuer: world.agency.did.clone(), credential_type: kind() };
    let vote = did_registry::Vote { motion, round: 0, expires: time(1_650_000_000) };
    world.chain.block([(1, Operation::Role(vote.clone())), (3, Operation::Role(vote))]);
    let after = verify(&world, &world.newest()).unwrap();
    assert!(after.recognised(&world.agency.did, &kind(), issued, after.as_of.time).is_err());
}
