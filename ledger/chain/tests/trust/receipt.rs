//! A receipt shows that exactly this was anchored, by whom and when, to whoever trusts some head.

use credential::anchor::{LeafKind, credential_digest};
use credential::{Finding, Reason};
use did_registry::Digest;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::{AnchorReceipt, Anchored};
use ledger_chain::tree::RecordProof;
use ledger_chain::{AnchorOperation, Operation, ReceiptKind, StateKey};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::agency::{World, digests};
use crate::chain::{Chain, certify};

/// A world, and receipts of five credentials and five consents.
struct Anchors {
    world: World,
    credentials: Vec<AnchorReceipt>,
    consents: Vec<AnchorReceipt>,
}

fn anchors(chain: Chain) -> Anchors {
    let mut world = World::on(chain);
    let credentials = world.agency.anchor(&mut world.chain, LeafKind::Credential, &digests(5));
    let consents = world.agency.anchor(&mut world.chain, LeafKind::Receipt, &digests(5));
    Anchors { world, credentials, consents }
}

impl Anchors {
    fn newest(&self) -> TrustedHead {
        self.world.trusted(self.world.chain.height())
    }

    /// The first credential's receipt after `change`.
    fn changed(&self, change: impl FnOnce(&mut AnchorReceipt)) -> Result<Anchored, Finding> {
        let mut receipt = self.credentials[0].clone();
        change(&mut receipt);
        receipt.verify_credential(&self.newest(), &credential_digest(&[0]))
    }
}

#[track_caller]
fn refused(outcome: Result<Anchored, Finding>, rule: &str) {
    let finding = outcome.unwrap_err();
    assert_eq!(finding.code, Reason::NotAnchored);
    assert!(finding.detail.contains(rule), "{finding}");
}

#[test]
fn a_receipt_shows_what_was_anchored_by_whom_and_when() {
    let anchors = anchors(Chain::new(1));
    for (consents, receipts) in [(false, &anchors.credentials), (true, &anchors.consents)] {
        for (receipt, digest) in receipts.iter().zip(digests(5)) {
            let read = AnchorReceipt::from_bytes(&receipt.to_bytes()).unwrap();
            // By a head of any age: what was anchored stays anchored.
            for trusted in [anchors.newest(), anchors.world.trusted(0)] {
                let anchored = if consents {
                    read.verify_receipt(&trusted, ReceiptKind::Consent, &digest).unwrap()
                } else {
                    read.verify_credential(&trusted, &digest).unwrap()
                };
                assert_eq!(anchored.issuer, anchors.world.agency.did);
                assert_eq!(anchored.at.height, receipt.head.head.height);
                assert_ne!(anchored.commitment, digest, "blinded");
            }
        }
    }
}

#[test]
fn a_receipt_is_of_one_digest_and_one_kind() {
    let anchors = anchors(Chain::new(1));
    let (receipt, trusted) = (&anchors.credentials[0], anchors.newest());
    let verify = |digest: &Digest| receipt.verify_credential(&trusted, digest);
    refused(verify(&credential_digest(&[1])), "not in the anchored batch");
    refused(verify(&Digest::sha256(b"")), "not in the anchored batch");
    let consent = &anchors.consents[0];
    for kind in [ReceiptKind::Transcoding, ReceiptKind::Use, ReceiptKind::Consent] {
        refused(receipt.verify_receipt(&trusted, kind, &credential_digest(&[0])), "another batch");
        let outcome = consent.verify_receipt(&trusted, kind, &credential_digest(&[0]));
        if kind == ReceiptKind::Consent {
            outcome.unwrap();
        } else {
            refused(outcome, "another kind of receipts");
        }
    }
    refused(consent.verify_credential(&trusted, &credential_digest(&[0])), "another batch");
}

#[test]
fn a_batch_of_another_root_issuer_or_size_is_refused() {
    let anchors = anchors(Chain::new(1));
    let other = &anchors.credentials[1];
    // Another's opening in the same batch opens another's credential.
    refused(anchors.changed(|receipt| receipt.opening = other.opening.clone()), "not in the anchored batch");
    refused(anchors.changed(|receipt| receipt.opening.index = 1), "not in the anchored batch");
    refused(
        anchors.changed(|receipt| receipt.opening.salt = other.opening.salt),
        "not in the anchored batch",
    );
    // A batch that nobody anchored.
    let made_up =
        credential::anchor::Batch::new(LeafKind::Credential, &digests(1), &mut ChaCha20Rng::seed_from_u64(1));
    refused(anchors.changed(|receipt| receipt.opening = made_up.opening(0).unwrap()), "another batch");
    // Somebody else's name on it.
    let stranger = anchors.world.stranger.did.clone();
    refused(anchors.changed(|receipt| receipt.issuer = stranger.clone()), "another batch");
    let consent = anchors.consents[0].record.clone();
    refused(anchors.changed(|receipt| receipt.record = consent), "another batch");
    // A tree of another size than was anchored could be read with another shape.
    refused(anchors.changed(|receipt| receipt.opening.size = 4), "another size");
    refused(anchors.changed(|receipt| receipt.opening.size = 6), "another size");
}

#[test]
fn a_batch_that_is_not_on_the_ledger_is_proved_absent() {
    let anchors = anchors(Chain::new(1));
    let (chain, receipt) = (&anchors.world.chain, &anchors.credentials[0]);
    // Under the head of the block before, the proof holds, and shows that there was nothing yet.
    let before = receipt.head.head.height - 1;
    let early = anchors.changed(|receipt| {
        receipt.record = chain.prove(&receipt.record.key, before);
        receipt.head = chain.head(before).clone();
    });
    refused(early, "not on the ledger");
    // A proof under another head than the one that is shown.
    refused(anchors.changed(|receipt| receipt.head = chain.head(before).clone()), "another state root");
}

/// W8: its own agency withdraws a batch, and receipts made after that say so.
#[test]
fn a_withdrawn_batch_is_refused_from_its_withdrawal_on() {
    let mut anchors = anchors(Chain::new(1));
    let root = anchors.credentials[0].opening.root;
    let world = &mut anchors.world;
    world.agency.send(&mut world.chain, Operation::Anchor(AnchorOperation::Withdraw { root }));
    let height = world.chain.height();
    let key = StateKey::Anchor(world.agency.did.clone(), root);
    let after = (world.chain.prove(&key, height), world.chain.head(height).clone());
    refused(anchors.changed(|receipt| (receipt.record, receipt.head) = after), "withdrawn");
    anchors.changed(|_| ()).expect("an older receipt holds for what was then; newer facts say more");
    // Whoever looks the batch up sees it, and can still say what stood before.
    let (receipt, trusted) = (&anchors.credentials[0], anchors.newest());
    let now = anchors.world.chain.prove(&key, height);
    let verify = |at| receipt.verify_standing(&trusted, &now, at, &credential_digest(&[0]));
    refused(verify(height), "withdrawn");
    let anchored = verify(height - 1).unwrap();
    assert_eq!(anchored.at.height, receipt.head.head.height);
}

/// Validators who sign two histories certify both heads; only one of them has the record that is looked up.
#[test]
fn a_receipt_is_held_against_the_record_of_the_trusted_history() {
    let mut anchors = anchors(Chain::new(1));
    let digest = credential_digest(&[0]);
    let stands = |receipt: &AnchorReceipt, trusted: &TrustedHead, record: &RecordProof| {
        let height = trusted.head().height;
        receipt.verify_standing(trusted, record, height, &digest)
    };
    // The same genesis and validators, and another history: what is anchored there is nowhere here.
    let mut fork = World::on(Chain::new(1));
    fork.agency.send(&mut fork.chain, Operation::Anchor(AnchorOperation::Batch { root: digest, count: 1 }));
    let forged = fork.agency.anchor(&mut fork.chain, LeafKind::Credential, &digests(5)).remove(0);
    let (trusted, chain) = (anchors.newest(), &anchors.world.chain);
    forged.verify_credential(&trusted, &digest).expect("certified, and that is all it shows");
    let height = chain.height();
    let key = forged.key(LeafKind::Credential);
    refused(stands(&forged, &trusted, &chain.prove(&key, height)), "not on the ledger");
    refused(stands(&forged, &trusted, &forged.record), "another state root");
    // Nor does a consent of that history stand here.
    let consent = fork.agency.anchor(&mut fork.chain, LeafKind::Receipt, &digests(5)).remove(0);
    let absent = chain.prove(&consent.key(LeafKind::Receipt), height);
    let stood = consent.verify_receipt_standing(&trusted, &absent, ReceiptKind::Consent, &digest);
    refused(stood, "not on the ledger");
    let own = anchors.consents[0].clone();
    let record = chain.prove(&own.key(LeafKind::Receipt), height);
    let stands_as = |kind| own.verify_receipt_standing(&trusted, &record, kind, &digest);
    stands_as(ReceiptKind::Consent).unwrap();
    refused(stands_as(ReceiptKind::Transcoding), "another kind");
    // A true receipt stands by the record of its own batch, under whatever head.
    let receipt = anchors.credentials[0].clone();
    let own = chain.prove(&receipt.key(LeafKind::Credential), height);
    assert_eq!(stands(&receipt, &trusted, &own).unwrap().at.height, receipt.head.head.height);
    refused(stands(&receipt, &trusted, &chain.prove(&key, height)), "record that was asked for");
    let world = &mut anchors.world;
    world.agency.anchor(&mut world.chain, LeafKind::Credential, &digests(2));
    let later = anchors.newest();
    refused(stands(&receipt, &later, &own), "another state root");
}

#[test]
fn a_receipt_of_another_ledger_or_without_its_validators_is_refused() {
    let (here, there) = (anchors(Chain::new(1)), anchors(Chain::new(2)));
    let foreign = there.credentials[0].verify_credential(&here.newest(), &credential_digest(&[0]));
    refused(foreign, "another ledger");
    let certified = |owners: std::ops::Range<u8>| {
        here.changed(|receipt| receipt.head = certify(receipt.head.head.clone(), owners))
    };
    certified(101..104).unwrap();
    refused(certified(100..102), "more than two thirds");
    refused(certified(100..100), "more than two thirds");
    refused(here.changed(|receipt| receipt.head.head.height += 1), "signature");
}

#[test]
fn one_changed_bit_anywhere_and_the_receipt_is_refused() {
    let anchors = anchors(Chain::new(1));
    let trusted = anchors.newest();
    let whole = anchors.credentials[3].to_bytes();
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        let at = rng.gen_range(0..bytes.len());
        bytes[at] ^= 1 << rng.gen_range(0..8);
        let read = AnchorReceipt::from_bytes(&bytes);
        let outcome = read.map(|it| it.verify_credential(&trusted, &credential_digest(&[3])));
        assert!(!matches!(outcome, Ok(Ok(_))), "byte {at} of {}", bytes.len());
    }
    for length in (0..whole.len()).step_by(7) {
        assert_eq!(AnchorReceipt::from_bytes(&whole[..length]).unwrap_err().code(), "MALFORMED");
    }
    let large = vec![0; ledger_chain::receipt::RECEIPT_BYTES + 1];
    assert_eq!(AnchorReceipt::from_bytes(&large).unwrap_err().code(), "TOO_LARGE");
}
