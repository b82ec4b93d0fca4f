//! One of everything that travels.

use std::collections::BTreeSet;

use credential::zk::{RevocationDelta, RootBytes, nothing_revoked};
use credential::{Operand, PassTerms, Policy, Predicate, ProofTerms, Scope, Test};
use did_registry::{
    Approval, ClaimKind, ClaimSpec, CredentialType, DidOperation, Digest, DocumentKey, Guardians, Motion,
    Purposes, Recovery, Retirement, Rotation, Schema, Service, Vote, digest,
};
use ledger_chain::{
    AnchorOperation, Operation, ReceiptBatch, ReceiptKind, SignedTransaction, StatusHead, Transaction,
};

use crate::chain::{Chain, birth, did, founding, key, time};

pub(crate) fn root(n: u8) -> Digest {
    digest("test/root", &[&[n]])
}

fn kind() -> CredentialType {
    CredentialType::new("HealthCertificate").unwrap()
}

fn document_key(owner: u8) -> DocumentKey {
    let purposes = Purposes::ASSERTION.and(Purposes::AUTHENTICATION);
    DocumentKey { fragment: format!("key-{owner}"), purposes, key: key(owner, 7).public_key() }
}

fn guardians() -> Guardians {
    Guardians {
        threshold: 2,
        keys: (20..23).map(|owner| key(owner, 0).public_key()).collect(),
        delay: 86_400,
    }
}

fn service() -> Service {
    Service {
        fragment: "gateway".into(),
        kind: "CausewayGateway".into(),
        endpoint: "https://agency.example".into(),
    }
}

pub(crate) fn schema() -> Schema {
    let claims = [
        ("name", ClaimKind::Text { max: 80 }, true),
        ("dose", ClaimKind::Integer { min: 1, max: 9 }, false),
        ("tested_on", ClaimKind::Date, true),
        ("negative", ClaimKind::Boolean, true),
        ("colour", ClaimKind::Code { of: ["green", "amber", "red"].map(str::to_owned).into() }, false),
    ];
    let claims = claims.map(|(name, kind, required)| (name.to_owned(), ClaimSpec { kind, required }));
    Schema { credential_type: kind(), version: 1, claims: claims.into() }
}

pub(crate) fn policy() -> Policy {
    let predicates = [
        ("negative", Test::Equals(Operand::Boolean(true))),
        ("tested_on", Test::AtLeast(Operand::DaysFromToday(-7))),
        ("tested_on", Test::AtMost(Operand::Date("2021-12-31".parse().unwrap()))),
        ("dose", Test::AtLeast(Operand::Integer(2))),
        ("colour", Test::OneOf(["green", "amber"].map(str::to_owned).into())),
        ("name", Test::Equals(Operand::Text("nobody".into()))),
    ];
    let predicates = predicates.map(|(claim, test)| Predicate { claim: claim.into(), test });
    Policy {
        verifier: did(2),
        name: "entry".into(),
        version: 3,
        purpose: "To let you in without quarantine".into(),
        credential_type: kind(),
        schema: schema().id(),
        predicates: predicates.into(),
        retained: BTreeSet::from(["colour".to_owned()]),
        from: time(1_600_000_000),
        until: time(1_700_000_000),
        pass: Some(PassTerms { credential_type: CredentialType::new("Pass").unwrap(), hours: 24 }),
        proof: Some(ProofTerms { epoch_hours: 24, scope: Scope::GateAndDay }),
    }
}

fn rotate() -> DidOperation {
    let rotation = Rotation {
        previous: root(1),
        control: key(1, 1).public_key(),
        next: key(1, 2).public_key().commitment(),
        keys: vec![document_key(3)],
        retirement: Retirement::Compromised,
        guardians: Some(guardians()),
        services: vec![service()],
    };
    let proof = key(1, 1).sign(&rotation.proof_message(&did(1)));
    DidOperation::Rotate(rotation, proof)
}

fn recover() -> DidOperation {
    let recovery = Recovery {
        subject: did(2),
        previous: root(1),
        control: key(2, 5).public_key(),
        next: key(2, 6).public_key().commitment(),
        keys: vec![document_key(4)],
    };
    let approve = |owner| Approval {
        guardian: key(owner, 0).public_key(),
        signature: key(owner, 0).sign(&recovery.approval_message()),
    };
    let approvals = [20, 22].map(approve).into();
    DidOperation::RequestRecovery(recovery, approvals)
}

fn motions() -> [Motion; 6] {
    let (issuer, credential_type) = (did(4), kind());
    let (from, until) = (time(1_600_000_000), time(1_700_000_000));
    [
        Motion::AddMember(did(4)),
        Motion::RemoveMember(did(1)),
        Motion::SetThreshold(3),
        Motion::RecogniseIssuer {
            issuer: issuer.clone(),
            credential_type: credential_type.clone(),
            from,
            until,
        },
        Motion::WithdrawIssuer { issuer, credential_type },
        Motion::AdoptCircuitKeys(root(6)),
    ]
}

/// One of each operation, with motions, receipts and the like all shown.
pub(crate) fn operations() -> Vec<Operation> {
    let mut birth = birth(9).with_key("login", Purposes::AUTHENTICATION, key(9, 7).public_key());
    birth.guardians = Some(guardians());
    birth.services.push(service());
    let dids = [
        DidOperation::Create(birth),
        rotate(),
        recover(),
        DidOperation::VetoRecovery,
        DidOperation::CompleteRecovery(did(2)),
        DidOperation::Deactivate(root(1)),
    ];
    let votes =
        motions().map(|motion| Operation::Role(Vote { motion, round: 1, expires: time(1_650_000_000) }));
    let anchors = [
        AnchorOperation::Batch { root: root(1), count: 1_000 },
        AnchorOperation::Sign { issuer: did(2), root: root(1) },
        AnchorOperation::Withdraw { root: root(1) },
    ];
    let receipts = [ReceiptKind::Consent, ReceiptKind::Transcoding, ReceiptKind::Use]
        .map(|kind| Operation::Receipt(ReceiptBatch { kind, root: root(2), count: 7 }));
    let status =
        StatusHead { list: 1, uri: "https://agency.example/status/1".into(), epoch: 5, digest: root(3) };
    let mut all: Vec<Operation> = dids.map(Operation::Did).into();
    all.extend(votes);
    all.extend([Operation::Schema(schema()), Operation::Policy(policy()), Operation::Status(status)]);
    all.extend(anchors.map(Operation::Anchor));
    all.extend(receipts);
    all.push(Operation::Revocation(RevocationDelta {
        epoch: 3,
        root: RootBytes::of(&nothing_revoked()),
        revoked: [4, 4_000_000].into(),
        reinstated: [(9, root(4))].into(),
    }));
    all
}

/// A name for each kind of operation; a new variant does not compile until it has one, and so golden bytes.
pub(crate) fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Did(DidOperation::Create(_)) => "did-create",
        Operation::Did(DidOperation::Rotate(..)) => "did-rotate",
        Operation::Did(DidOperation::RequestRecovery(..)) => "did-request-recovery",
        Operation::Did(DidOperation::VetoRecovery) => "did-veto-recovery",
        Operation::Did(DidOperation::CompleteRecovery(_)) => "did-complete-recovery",
        Operation::Did(DidOperation::Deactivate(_)) => "did-deactivate",
        Operation::Role(Vote { motion: Motion::AddMember(_), .. }) => "role-add-member",
        Operation::Role(Vote { motion: Motion::RemoveMember(_), .. }) => "role-remove-member",
        Operation::Role(Vote { motion: Motion::SetThreshold(_), .. }) => "role-set-threshold",
        Operation::Role(Vote { motion: Motion::RecogniseIssuer { .. }, .. }) => "role-recognise-issuer",
        Operation::Role(Vote { motion: Motion::WithdrawIssuer { .. }, .. }) => "role-withdraw-issuer",
        Operation::Role(Vote { motion: Motion::AdoptCircuitKeys(_), .. }) => "role-adopt-circuit-keys",
        Operation::Schema(_) => "schema",
        Operation::Policy(_) => "policy",
        Operation::Status(_) => "status",
        Operation::Anchor(AnchorOperation::Batch { .. }) => "anchor-batch",
        Operation::Anchor(AnchorOperation::Sign { .. }) => "anchor-sign",
        Operation::Anchor(AnchorOperation::Withdraw { .. }) => "anchor-withdraw",
        Operation::Receipt(ReceiptBatch { kind: ReceiptKind::Consent, .. }) => "receipt-consent",
        Operation::Receipt(ReceiptBatch { kind: ReceiptKind::Transcoding, .. }) => "receipt-transcoding",
        Operation::Receipt(ReceiptBatch { kind: ReceiptKind::Use, .. }) => "receipt-use",
        Operation::Revocation(_) => "revocation",
    }
}

/// Each operation as actor 1 sends it.
pub(crate) fn transactions() -> Vec<SignedTransaction> {
    let ledger = founding(1).id();
    let sign =
        |(sequence, operation)| Transaction { actor: did(1), sequence, operation }.sign(&ledger, &key(1, 0));
    (0..).zip(operations()).map(sign).collect()
}

pub(crate) fn anchor(n: u8) -> Operation {
    Operation::Anchor(AnchorOperation::Batch { root: root(n), count: u32::from(n) + 1 })
}

/// A ledger of six blocks: registrations, anchors, a schema.
pub(crate) fn chain() -> Chain {
    let mut chain = Chain::new(1);
    chain.register(10..40);
    chain.block((1..=4).map(|owner| (owner, anchor(owner))));
    chain.block([(4, Operation::Schema(schema()))]);
    chain.block([]);
    chain.block((10..40).map(|owner| (owner, anchor(owner))));
    chain
}
