//! What a guardian can be made to sign, and what counts as an approval. No network, as in `approve`.

use std::collections::BTreeSet;

use did_registry::canonical::encode;
use did_registry::{NetworkId, Purposes};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::fixture::{Town, start};

fn key(number: u64) -> SigningKey {
    SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(number))
}

const GUARDIANS: [u64; 3] = [50, 51, 52];

/// A ledger that holds an identifier with two of three guardians, or with none.
fn ledger(guarded: bool) -> (Town, DidRecord) {
    let mut town = Town::new(1);
    let network = NetworkId::new("demo").unwrap();
    let mut genesis = DidGenesis::new(network, key(1).public_key(), key(2).public_key().commitment())
        .with_key("es256-1", Purposes::ASSERTION, key(3).public_key());
    let keys = GUARDIANS.map(|number| key(number).public_key());
    genesis.guardians =
        guarded.then(|| Guardians { threshold: 2, keys: BTreeSet::from(keys), delay: 86_400 });
    let at = Moment { height: 1, time: start() };
    let record = DidRecord::create(&genesis.did(), &genesis, at).unwrap();
    town.write(StateKey::Did(record.did.clone()), encode(&record));
    (town, record)
}

fn request(town: &Town, record: &DidRecord, control: u64) -> RecoveryFile {
    let (did, height) = (record.did.clone(), town.height());
    RecoveryFile {
        head: town.head(height),
        proof: town.proof(&StateKey::Did(did.clone()), height),
        recovery: Recovery {
            subject: did,
            previous: record.head,
            control: key(control).public_key(),
            next: key(control + 1).public_key().commitment(),
            keys: Vec::new(),
        },
        approvals: Vec::new(),
    }
}

/// The file after these guardians.
fn approved(town: &Town, file: &RecoveryFile, guardians: &[u64]) -> RecoveryFile {
    let mut request = file.clone().verify(&town.genesis).unwrap();
    for number in guardians {
        request.approve(&key(*number)).unwrap();
    }
    request.into_file()
}

#[test]
fn guardians_approve_one_after_the_other_and_the_core_takes_it() {
    let (town, record) = ledger(true);
    let mut bytes = request(&town, &record, 70).to_bytes();
    for number in [52, 50] {
        let file = RecoveryFile::from_bytes(&bytes).unwrap();
        let mut carried = file.verify(&town.genesis).unwrap();
        assert_eq!((carried.record(), carried.guardians().threshold), (&record, 2));
        carried.approve(&key(number)).unwrap();
        bytes = carried.into_file().to_bytes();
    }
    let done = RecoveryFile::from_bytes(&bytes).unwrap().verify(&town.genesis).unwrap();
    assert!(done.approved().eq([key(52), key(50)].map(|key| key.public_key()).iter()));
    let RecoveryFile { recovery, approvals, .. } = done.into_file();
    let operation = DidOperation::RequestRecovery(recovery, approvals);
    assert!(record.apply(&town.stranger.did, &operation, record.updated).unwrap().pending.is_some());
}

#[test]
fn an_approval_is_one_guardians_over_exactly_this_recovery() {
    let (town, record) = ledger(true);
    let file = request(&town, &record, 70);
    let mut open = file.clone().verify(&town.genesis).unwrap();
    for stranger in [1, 53, 70] {
        assert!(matches!(open.approve(&key(stranger)), Err(RecoveryError::NotGuardian { .. })), "{stranger}");
    }
    open.approve(&key(50)).unwrap();
    assert!(matches!(open.approve(&key(50)), Err(RecoveryError::ApprovedAlready(_))));
    assert_eq!(open.approved().count(), 1);

    // The same from a file that somebody wrote by hand.
    let good = approved(&town, &file, &[50]).approvals;
    let other = approved(&town, &request(&town, &record, 80), &[51]).approvals;
    let message = file.recovery.approval_message();
    let foreign = Approval { guardian: key(60).public_key(), signature: key(60).sign(&message) };
    for (approvals, rule) in [
        ([good.clone(), good.clone()].concat(), "each guardian counts once"),
        ([good.clone(), other].concat(), "over exactly this recovery"),
        ([good, vec![foreign]].concat(), "none of the guardians"),
    ] {
        let forged = RecoveryFile { approvals, ..file.clone() };
        let refused = forged.verify(&town.genesis).unwrap_err().to_string();
        assert!(refused.contains(rule), "{rule}: {refused}");
    }
}

#[test]
fn what_the_ledger_does_not_prove_is_not_shown_for_signing() {
    let (mut town, record) = ledger(true);
    let file = request(&town, &record, 70);
    let foreign = file.clone().verify(&Town::new(2).genesis);
    assert!(matches!(foreign, Err(RecoveryError::Proof(LightError::OtherLedger))), "another ledger");
    let renamed = Recovery { subject: town.agency.did.clone(), ..file.recovery.clone() };
    let renamed = RecoveryFile { recovery: renamed, ..file.clone() }.verify(&town.genesis);
    assert!(matches!(renamed, Err(RecoveryError::Proof(LightError::OtherKey))), "another identifier");
    let nobody = request(&town, &ledger(false).1, 70);
    let nobody = nobody.verify(&town.genesis);
    assert!(matches!(nobody, Err(RecoveryError::Registry(RegistryError::UnknownDid(_)))), "provably absent");

    // The record moves on: what was prepared before follows it no longer.
    let RecoveryFile { recovery, approvals, .. } = approved(&town, &file, &GUARDIANS);
    let operation = DidOperation::RequestRecovery(recovery, approvals);
    let pending = record.apply(&town.stranger.did, &operation, record.updated).unwrap();
    let vetoed = pending.apply(&record.did, &DidOperation::VetoRecovery, record.updated).unwrap();
    for after in [&vetoed, &pending] {
        town.write(StateKey::Did(record.did.clone()), encode(after));
        let late = RecoveryFile { recovery: file.recovery.clone(), ..request(&town, after, 70) };
        assert!(late.verify(&town.genesis).unwrap_err().to_string().contains("has moved on"));
    }
    let second = request(&town, &pending, 80).verify(&town.genesis).unwrap_err().to_string();
    assert!(second.contains("must be absent"), "one at a time: {second}");
}

#[test]
fn without_guardians_there_is_no_recovery() {
    let (town, record) = ledger(false);
    let refused = request(&town, &record, 70).verify(&town.genesis);
    assert!(matches!(refused, Err(RecoveryError::Registry(RegistryError::GuardianRule))));
}

#[test]
fn approvals_from_copies_are_put_together_if_they_are_for_the_same() {
    let (town, record) = ledger(true);
    let file = request(&town, &record, 70);
    let one = approved(&town, &file, &[50]);
    let both = file::merge(vec![one.clone(), one.clone(), approved(&town, &file, &[51, 50])]).unwrap();
    let guardians: Vec<_> = both.approvals.iter().map(|approval| approval.guardian.clone()).collect();
    assert_eq!(guardians, [key(50).public_key(), key(51).public_key()], "each once");
    let other = approved(&town, &request(&town, &record, 80), &[51]);
    assert!(matches!(file::merge(vec![one, other]), Err(RecoveryError::OtherRecovery)));
}

#[test]
fn cut_extended_and_oversized_files_are_refused() {
    let (town, record) = ledger(true);
    let whole = approved(&town, &request(&town, &record, 70), &[50]).to_bytes();
    for length in 0..whole.len() {
        assert!(RecoveryFile::from_bytes(&whole[..length]).is_err(), "{length}");
    }
    assert!(RecoveryFile::from_bytes(&[whole.as_slice(), &[0]].concat()).is_err());
    let refused = RecoveryFile::from_bytes(&vec![0; FILE_BYTES + 1]);
    assert!(matches!(refused, Err(RegistryError::TooLarge { limit: FILE_BYTES, .. })));
    for bit in (0..whole.len() * 8).step_by(7) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Heads and proofs are signed, and so is what is approved: a flipped bit is never taken.
        let taken = RecoveryFile::from_bytes(&flipped).ok().and_then(|file| file.verify(&town.genesis).ok());
        assert!(taken.is_none(), "bit {bit}");
    }
}

#[test]
fn a_guardians_file_is_read_in_the_suite_that_the_rule_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guardian.key");
    let p256 = SigningKey::generate(Suite::P256, &mut ChaCha20Rng::seed_from_u64(9));
    crate::actor::write_key(&path, &p256).unwrap();
    let rule = |key: PublicKey| Guardians { threshold: 1, keys: BTreeSet::from([key]), delay: 0 };
    assert_eq!(guardian_key(&path, &rule(p256.public_key())).unwrap().public_key(), p256.public_key());
    assert_eq!(guardian_key(&path, &rule(key(1).public_key())).unwrap().public_key().suite(), Suite::Ed25519);
    assert!(guardian_key(&directory.path().join("none"), &rule(p256.public_key())).is_err());
}
