//! Identifiers: nobody squats, nobody signs for another, keys rotate and come back.

use did_registry::{Approval, Guardians, PublicKey, Recovery, Retirement, Rotation, Signature};

use super::*;

fn create(birth: DidGenesis) -> Operation {
    Operation::Did(DidOperation::Create(birth))
}

impl World {
    /// What `actor` must send to go on to its key number `reveal`.
    fn rotation(&self, actor: usize, reveal: u8) -> Operation {
        let record = self.record(actor);
        let (own, next) = (secret(actor as u8, reveal), commitment(actor as u8, reveal + 1));
        let rotation = Rotation {
            previous: record.head,
            control: own.public_key(),
            next,
            keys: Vec::new(),
            retirement: Retirement::Superseded,
            guardians: record.guardians,
            services: Vec::new(),
        };
        let proof = own.sign(&rotation.proof_message(&record.did));
        Operation::Did(DidOperation::Rotate(rotation, proof))
    }

    /// A request to recover `subject` with a fresh key, approved by the guardians with these numbers.
    fn recovery(&self, subject: usize, guardians: &[u8]) -> Operation {
        let record = self.record(subject);
        let recovery = Recovery {
            subject: record.did,
            previous: record.head,
            control: secret(subject as u8, 5).public_key(),
            next: commitment(subject as u8, 6),
            keys: Vec::new(),
        };
        let message = recovery.approval_message();
        let approve = |guardian: &u8| {
            let key = secret(100, *guardian);
            Approval { guardian: key.public_key(), signature: key.sign(&message) }
        };
        let approvals = guardians.iter().map(approve).collect();
        Operation::Did(DidOperation::RequestRecovery(recovery, approvals))
    }

    fn complete(&self, subject: usize) -> Operation {
        Operation::Did(DidOperation::CompleteRecovery(self.did(subject)))
    }

    /// An actor with guardians 1, 2 and 3, of whom two decide, with a delay of a day.
    fn guarded(&mut self) -> usize {
        let number = self.actors.len();
        let keys = (1..=3).map(|guardian| secret(100, guardian).public_key()).collect();
        let birth = DidGenesis {
            guardians: Some(Guardians { threshold: 2, keys, delay: 86_400 }),
            ..birth(number as u8)
        };
        self.actors.push(Actor { did: birth.did(), key: 0, sequence: 0 });
        self.send(number, create(birth)).unwrap();
        number
    }

    fn sign_as(
        &self,
        actor: usize,
        operation: Operation,
        key: &SigningKey,
    ) -> (SignedTransaction, PublicKey) {
        (self.transaction(actor, operation).sign(&self.ledger, key), key.public_key())
    }
}

#[test]
fn an_identifier_is_registered_once() {
    let mut world = World::new();
    let newcomer = world.join();
    assert_eq!(world.record(newcomer).created, world.at);
    assert_eq!(world.sequence(newcomer), Some(1));
    world.actors[newcomer].sequence = 0;
    refused(world.send(newcomer, create(birth(newcomer as u8))), "DID_EXISTS");
    refused(world.send(ISSUER, create(birth(ISSUER as u8))), "DID_EXISTS");
}

#[test]
fn a_registration_is_an_actors_first_transaction() {
    let mut world = World::new();
    world.actors.push(Actor { did: birth(9).did(), key: 0, sequence: 1 });
    let key = secret(9, 0);
    let (signed, signer) = world.sign_as(5, create(birth(9)), &key);
    refused(world.submit(signed, signer), "SEQUENCE_AHEAD");
}

/// (r, n − s): the other ECDSA signature that answers the same equation.
fn other_form(signature: &Signature) -> Signature {
    let order = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51u8,
    ];
    let (mut bytes, mut borrow) = (*signature.as_bytes(), false);
    for (s, n) in bytes[32..].iter_mut().zip(order).rev() {
        let (difference, low) = n.overflowing_sub(*s);
        let (difference, lower) = difference.overflowing_sub(u8::from(borrow));
        (*s, borrow) = (difference, low || lower);
    }
    Signature::from_bytes(bytes)
}

/// Whoever sees a transaction could commit it under an identifier that its sender does not wait for.
#[test]
fn a_transaction_has_one_form_and_one_identifier() {
    let mut world = World::new();
    let key = SigningKey::from_bytes(Suite::P256, &[9; 32]).unwrap();
    let birth = DidGenesis { control: key.public_key(), ..birth(9) };
    world.actors.push(Actor { did: birth.did(), key: 0, sequence: 0 });
    let (signed, signer) = world.sign_as(5, create(birth), &key);
    let other = SignedTransaction { signature: other_form(&signed.signature), ..signed.clone() };
    assert_ne!(other.id(), signed.id());
    let message = signed.transaction.message(&world.ledger);
    assert_eq!(signer.verify_jose(&message, &other.signature), Ok(()), "it answers the equation");
    refused(world.submit(other, signer.clone()), "BAD_SIGNATURE");
    world.submit(signed, signer).unwrap();
}

#[test]
fn w9_nobody_squats_an_identifier() {
    let mut world = World::new();
    let victim = birth(9);
    let squatter = secret(ANYBODY as u8, 0);
    world.actors.push(Actor { did: victim.did(), key: 0, sequence: 0 });
    // The victim's genesis under the squatter's signature.
    let (signed, signer) = world.sign_as(5, create(victim.clone()), &squatter);
    let demanded = signed.signer(|_| None).unwrap();
    refused(world.submit(signed.clone(), demanded), "BAD_SIGNATURE");
    refused(world.submit(signed, signer), "NOT_CONTROL_KEY");
    // The squatter's keys under the victim's identifier.
    let (signed, signer) =
        world.sign_as(5, create(DidGenesis { control: squatter.public_key(), ..victim.clone() }), &squatter);
    refused(world.submit(signed, signer), "DID_NOT_SELF_CERTIFIED");
    // The victim's genesis, sent as somebody else.
    world.actors[5].did = birth(10).did();
    let (signed, signer) = world.sign_as(5, create(victim), &secret(9, 0));
    refused(world.submit(signed, signer), "DID_NOT_SELF_CERTIFIED");
    assert_eq!(world.get::<DidRecord>(&StateKey::Did(birth(9).did())), None);
}

#[test]
fn identifiers_of_another_network_are_refused() {
    let mut world = World::new();
    let foreign = DidGenesis { network: NetworkId::new("other").unwrap(), ..birth(9) };
    world.actors.push(Actor { did: foreign.did(), key: 0, sequence: 0 });
    let (signed, signer) = world.sign_as(5, create(foreign), &secret(9, 0));
    refused(world.submit(signed, signer), "OTHER_NETWORK");
}

#[test]
fn w8_nobody_signs_in_anothers_name() {
    let mut world = World::new();
    for attacker in [0, 1, 2, ANYBODY] {
        let key = world.control(attacker);
        let (signed, signer) = world.sign_as(ISSUER, batch(1), &key);
        // With the attacker's key it verifies, and is refused for being the wrong key.
        refused(world.submit(signed.clone(), signer), "NOT_CONTROL_KEY");
        // With the issuer's key it does not verify.
        refused(world.submit(signed, world.control(ISSUER).public_key()), "BAD_SIGNATURE");
    }
}

#[test]
fn a_signature_is_for_one_ledger() {
    let mut world = World::new();
    let key = world.control(ISSUER);
    let signed = world.transaction(ISSUER, batch(1)).sign(&digest("test/another-ledger", &[]), &key);
    refused(world.submit(signed, key.public_key()), "BAD_SIGNATURE");
}

#[test]
fn strangers_send_nothing() {
    let mut world = World::new();
    world.actors.push(Actor { did: birth(9).did(), key: 0, sequence: 0 });
    let (signed, signer) = world.sign_as(5, batch(1), &secret(9, 0));
    refused(world.submit(signed, signer), "DID_UNKNOWN");
    refused(world.send(ANYBODY, world.complete(5)), "DID_UNKNOWN");
}

#[test]
fn w11_keys_rotate_and_the_identifier_stays() {
    let mut world = World::new();
    let (did, old) = (world.did(ISSUER), world.control(ISSUER));
    world.send(ISSUER, world.rotation(ISSUER, 1)).unwrap();
    let (signed, signer) = world.sign_as(ISSUER, batch(1), &old);
    refused(world.submit(signed, signer), "NOT_CONTROL_KEY");
    world.actors[ISSUER].key = 1;
    world.send(ISSUER, batch(1)).unwrap();
    world.send(ISSUER, world.rotation(ISSUER, 2)).unwrap();
    let record = world.record(ISSUER);
    assert_eq!((record.did, record.version), (did, 3));
}

#[test]
fn a_rotation_follows_the_last_operation_and_reveals_the_committed_key() {
    let mut world = World::new();
    let first = world.rotation(ISSUER, 1);
    refused(world.send(ISSUER, world.rotation(ISSUER, 2)), "KEY_NOT_PRECOMMITTED");
    let Operation::Did(DidOperation::Rotate(rotation, _)) = first.clone() else { unreachable!() };
    let wrong = secret(ISSUER as u8, 2).sign(&rotation.proof_message(&world.did(ISSUER)));
    refused(world.send(ISSUER, Operation::Did(DidOperation::Rotate(rotation, wrong))), "BAD_SIGNATURE");
    world.send(ISSUER, first.clone()).unwrap();
    world.actors[ISSUER].key = 1;
    refused(world.send(ISSUER, first), "DID_NOT_NEXT");
}

#[test]
fn w9_nobody_rotates_or_recovers_another() {
    let mut world = World::new();
    let before = world.record(ISSUER);
    for attacker in [0, 1, 2, ANYBODY] {
        // A rotation always concerns its sender, so one made for another follows nothing of the sender's.
        refused(world.send(attacker, world.rotation(ISSUER, 1)), "DID_NOT_NEXT");
        refused(world.send(attacker, world.recovery(ISSUER, &[1, 2, 3])), "GUARDIAN_RULE");
        refused(world.send(attacker, world.complete(ISSUER)), "RECOVERY_STATE");
        refused(world.send(attacker, Operation::Did(DidOperation::Deactivate(before.head))), "DID_NOT_NEXT");
    }
    assert_eq!(world.record(ISSUER), before);
}

#[test]
fn w11_guardians_bring_an_identifier_back_after_the_delay() {
    let mut world = World::new();
    let lost = world.guarded();
    let old = world.control(lost);
    world.commit(10);
    refused(world.send(ANYBODY, world.recovery(lost, &[1])), "TOO_FEW_GUARDIANS");
    refused(world.send(ANYBODY, world.recovery(lost, &[1, 1])), "TOO_FEW_GUARDIANS");
    refused(world.send(ANYBODY, world.recovery(lost, &[1, 9])), "TOO_FEW_GUARDIANS");
    world.send(ANYBODY, world.recovery(lost, &[1, 3])).unwrap();
    refused(world.send(ANYBODY, world.recovery(lost, &[1, 3])), "RECOVERY_STATE");
    refused(world.send(0, world.complete(lost)), "RECOVERY_TOO_EARLY");
    world.commit(86_399);
    refused(world.send(0, world.complete(lost)), "RECOVERY_TOO_EARLY");
    world.commit(1);
    world.send(0, world.complete(lost)).unwrap();
    let (signed, signer) = world.sign_as(lost, batch(1), &old);
    refused(world.submit(signed, signer), "NOT_CONTROL_KEY");
    world.actors[lost].key = 5;
    world.send(lost, batch(1)).unwrap();
}

#[test]
fn w11_the_owner_vetoes_a_recovery() {
    let mut world = World::new();
    let owner = world.guarded();
    refused(world.send(owner, Operation::Did(DidOperation::VetoRecovery)), "RECOVERY_STATE");
    let request = world.recovery(owner, &[1, 2]);
    world.send(ANYBODY, request.clone()).unwrap();
    refused(world.send(ANYBODY, Operation::Did(DidOperation::VetoRecovery)), "RECOVERY_STATE");
    world.commit(1_800);
    world.send(owner, Operation::Did(DidOperation::VetoRecovery)).unwrap();
    world.commit(86_400);
    refused(world.send(ANYBODY, world.complete(owner)), "RECOVERY_STATE");
    refused(world.send(ANYBODY, request), "DID_NOT_NEXT"); // the approvals are used up
    world.send(owner, batch(1)).unwrap();
}

#[test]
fn deactivation_is_final() {
    let mut world = World::new();
    let deactivate = |world: &World| Operation::Did(DidOperation::Deactivate(world.record(ISSUER).head));
    refused(world.send(ISSUER, Operation::Did(DidOperation::Deactivate(root(1)))), "DID_NOT_NEXT");
    world.send(ISSUER, deactivate(&world)).unwrap();
    for operation in [batch(1), deactivate(&world), world.rotation(ISSUER, 1)] {
        refused(world.send(ISSUER, operation), "DID_DEACTIVATED");
    }
    refused(world.send(ANYBODY, world.recovery(ISSUER, &[1, 2])), "DID_DEACTIVATED");
    world.actors[ISSUER].sequence = 0;
    refused(world.send(ISSUER, create(birth(ISSUER as u8))), "DID_EXISTS");
}

#[test]
fn a_document_keeps_its_bounds() {
    use did_registry::{DocumentKey, Purposes, Service};
    let outcome = |change: &dyn Fn(&mut DidGenesis)| {
        let mut world = World::new();
        let mut birth = birth(9);
        change(&mut birth);
        world.actors.push(Actor { did: birth.did(), key: 0, sequence: 0 });
        let (signed, signer) = world.sign_as(5, create(birth), &secret(9, 0));
        world.submit(signed, signer)
    };
    let key = |n: u8| DocumentKey {
        fragment: format!("key-{n}"),
        purposes: Purposes::ASSERTION,
        key: secret(n, 7).public_key(),
    };
    let service = |endpoint: &str| Service {
        fragment: "gateway".into(),
        kind: "CausewayGateway".into(),
        endpoint: endpoint.into(),
    };
    assert_eq!(outcome(&|birth| birth.keys = (0..16).map(key).collect()), Ok(()));
    refused(outcome(&|birth| birth.keys = (0..17).map(key).collect()), "TOO_MANY");
    refused(outcome(&|birth| birth.keys = vec![key(1), key(1)]), "FRAGMENT_REUSED");
    refused(outcome(&|birth| birth.services = vec![service("ftp://elsewhere")]), "MALFORMED");
    let none = Guardians { threshold: 1, keys: Default::default(), delay: 86_400 };
    refused(outcome(&|birth| birth.guardians = Some(none.clone())), "GUARDIAN_RULE");
}

#[test]
fn a_compromised_key_never_comes_back() {
    use did_registry::{DocumentKey, Purposes};
    let mut world = World::new();
    let lost =
        DocumentKey { fragment: "a".into(), purposes: Purposes::ASSERTION, key: secret(7, 7).public_key() };
    let mut rotate = |reveal: u8, keys: Vec<DocumentKey>, retirement| {
        let Operation::Did(DidOperation::Rotate(rotation, _)) = world.rotation(ISSUER, reveal) else {
            unreachable!()
        };
        let rotation = Rotation { keys, retirement, ..rotation };
        let proof = secret(ISSUER as u8, reveal).sign(&rotation.proof_message(&world.did(ISSUER)));
        world.actors[ISSUER].key = reveal - 1;
        world.send(ISSUER, Operation::Did(DidOperation::Rotate(rotation, proof)))
    };
    rotate(1, vec![lost.clone()], Retirement::Superseded).unwrap();
    rotate(2, vec![], Retirement::Compromised).unwrap();
    let renamed = DocumentKey { fragment: "b".into(), ..lost };
    refused(rotate(3, vec![renamed], Retirement::Superseded), "KEY_COMPROMISED");
}
