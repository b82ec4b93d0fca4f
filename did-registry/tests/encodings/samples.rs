//! One fixed value of every type that goes over the wire or under a hash.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::{decode, encode};
use did_registry::merkle::Tree;
use did_registry::{
    Approval, Ballot, ClaimKind, ClaimSpec, Committee, CredentialType, Date, Did, DidOperation, DidRecord,
    Digest, Genesis, Guardians, Moment, Motion, NetworkId, Purposes, Recognition, Recovery, RegistryError,
    Retirement, Rotation, Schema, Service, SigningKey, Suite, Timestamp, Vote, digest,
};

/// More than any sample has.
pub(crate) const LIMIT: usize = 4_096;

type Read = fn(&[u8], usize) -> Result<Vec<u8>, RegistryError>;

/// A named byte string; if it encodes a value, the way to read it back and encode it again.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reads_back: Option<Read>,
}

impl Sample {
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Vec<u8>, RegistryError> {
        self.read_within(bytes, LIMIT)
    }

    pub(crate) fn read_within(&self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, RegistryError> {
        (self.reads_back.unwrap())(bytes, limit)
    }
}

fn value<T>(name: &'static str, value: &T) -> Sample
where
    T: BorshSerialize + BorshDeserialize + PartialEq + std::fmt::Debug,
{
    let bytes = encode(value);
    assert_eq!(&decode::<T>(&bytes, LIMIT).unwrap(), value, "{name}");
    Sample {
        name,
        bytes,
        reads_back: Some(|bytes, limit| decode::<T>(bytes, limit).map(|value| encode(&value))),
    }
}

fn hash(name: &'static str, digest: &Digest) -> Sample {
    Sample { name, bytes: digest.as_bytes().to_vec(), reads_back: None }
}

/// The golden files and what is in them.
pub(crate) fn files() -> Vec<(&'static str, Vec<Sample>)> {
    vec![
        ("keys", keys()),
        ("operations", operations()),
        ("roles", roles()),
        ("schemas", schemas()),
        ("hashes", hashes()),
    ]
}

pub(crate) fn signer(suite: Suite, seed: u8) -> SigningKey {
    SigningKey::from_bytes(suite, &[seed; 32]).unwrap()
}

fn at(height: u64) -> Moment {
    Moment { height, time: time(1_600_000_000 + height) }
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn keys() -> Vec<Sample> {
    let [ed25519, p256] = [Suite::Ed25519, Suite::P256].map(|suite| signer(suite, 1));
    vec![
        value("key-ed25519", &ed25519.public_key()),
        value("key-p256", &p256.public_key()),
        value("signature-ed25519", &ed25519.sign(b"message")),
        value("signature-p256", &p256.sign(b"message")),
        value("time", &time(1_622_498_400)),
        value("date", &"1969-12-31".parse::<Date>().unwrap()),
        value(
            "merkle-path",
            &Tree::new(&[Digest::sha256(b"a"), Digest::sha256(b"b"), Digest::sha256(b"c")])
                .inclusion(0)
                .unwrap(),
        ),
    ]
}

pub(crate) fn guardians() -> Guardians {
    let keys = [21, 22, 23].map(|seed| signer(Suite::Ed25519, seed).public_key());
    Guardians { threshold: 2, keys: keys.into(), delay: 86_400 }
}

fn genesis() -> Genesis {
    let [control, next] = [1, 2].map(|seed| signer(Suite::Ed25519, seed).public_key());
    let mut genesis = Genesis::new(NetworkId::new("demo").unwrap(), control, next.commitment())
        .with_key("jcs", Purposes::ASSERTION, signer(Suite::Ed25519, 3).public_key())
        .with_key(
            "both",
            Purposes::ASSERTION.and(Purposes::AUTHENTICATION),
            signer(Suite::P256, 4).public_key(),
        );
    genesis.guardians = Some(guardians());
    genesis.services = vec![Service {
        fragment: "gate".into(),
        kind: "CausewayGateway".into(),
        endpoint: "https://gd.example".into(),
    }];
    genesis
}

fn rotation() -> Rotation {
    Rotation {
        previous: Digest::sha256(b"previous"),
        control: signer(Suite::Ed25519, 2).public_key(),
        next: signer(Suite::Ed25519, 5).public_key().commitment(),
        keys: genesis().keys,
        retirement: Retirement::Compromised,
        guardians: None,
        services: vec![],
    }
}

fn recovery() -> Recovery {
    Recovery {
        subject: genesis().did(),
        previous: Digest::sha256(b"previous"),
        control: signer(Suite::P256, 6).public_key(),
        next: signer(Suite::P256, 7).public_key().commitment(),
        keys: vec![],
    }
}

fn operations() -> Vec<Sample> {
    let (genesis, rotation, recovery) = (genesis(), rotation(), recovery());
    let did = genesis.did();
    let proof = signer(Suite::Ed25519, 2).sign(&rotation.proof_message(&did));
    let guardian = signer(Suite::Ed25519, 21);
    let approval =
        Approval { guardian: guardian.public_key(), signature: guardian.sign(&recovery.approval_message()) };
    let record = DidRecord::create(&did, &genesis, at(1)).unwrap();
    let ended = record.apply(&did, &DidOperation::Deactivate(record.head), at(2)).unwrap();
    vec![
        value("did", &did),
        value("create", &DidOperation::Create(genesis)),
        value("rotate", &DidOperation::Rotate(rotation, proof)),
        value("request-recovery", &DidOperation::RequestRecovery(recovery, vec![approval])),
        value("veto-recovery", &DidOperation::VetoRecovery),
        value("complete-recovery", &DidOperation::CompleteRecovery(did)),
        value("deactivate", &DidOperation::Deactivate(record.head)),
        value("record", &record),
        value("record-deactivated", &ended),
    ]
}

fn roles() -> Vec<Sample> {
    let did = genesis().did();
    let credential_type = CredentialType::new("TestResult").unwrap();
    let (from, until) = (time(100), time(200));
    let recognise = Motion::RecogniseIssuer {
        issuer: did.clone(),
        credential_type: credential_type.clone(),
        from,
        until,
    };
    let withdraw = Motion::WithdrawIssuer { issuer: did.clone(), credential_type: credential_type.clone() };
    let members: BTreeSet<Did> = [did.clone()].into();
    let approvals = [(did.clone(), at(6))].into();
    vec![
        value("add-member", &Motion::AddMember(did.clone())),
        value("remove-member", &Motion::RemoveMember(did.clone())),
        value("set-threshold", &Motion::SetThreshold(3)),
        value("recognise-issuer", &recognise),
        value("withdraw-issuer", &withdraw),
        value("adopt-circuit-keys", &Motion::AdoptCircuitKeys(Digest::sha256(b"keys"))),
        value("vote", &vote()),
        value("ballot", &Ballot { approvals, decided: Some(at(7)) }),
        value("committee", &Committee::new(1, members).unwrap()),
        value("recognition", &Recognition { issuer: did, credential_type, from, until, decided: at(7) }),
    ]
}

fn vote() -> Vote {
    Vote { motion: Motion::SetThreshold(3), round: 2, expires: time(300) }
}

pub(crate) fn schema() -> Schema {
    let claim = |name: &str, kind, required| (name.to_owned(), ClaimSpec { kind, required });
    let codes = ["negative", "positive"].map(str::to_owned);
    Schema {
        credential_type: CredentialType::new("TestResult").unwrap(),
        version: 1,
        claims: BTreeMap::from([
            claim("document", ClaimKind::Text { max: 20 }, true),
            claim("doses", ClaimKind::Integer { min: -1, max: 9 }, false),
            claim("resident", ClaimKind::Boolean, false),
            claim("result", ClaimKind::Code { of: codes.into() }, true),
            claim("tested_on", ClaimKind::Date, true),
        ]),
    }
}

fn schemas() -> Vec<Sample> {
    vec![value("schema", &schema())]
}

fn hashes() -> Vec<Sample> {
    let genesis = genesis();
    let did = genesis.did();
    let create = DidOperation::Create(genesis);
    let previous = Digest::sha256(b"previous");
    let proof = Digest::from_bytes(rotation().proof_message(&did).try_into().unwrap());
    let approval = Digest::from_bytes(recovery().approval_message().try_into().unwrap());
    let leaves = [b"a", b"b", b"c"].map(|leaf| Digest::sha256(leaf));
    vec![
        hash("labelled", &digest("label", &[b"ab", b"c"])),
        hash("did-id", did.id()),
        hash("operation-create", &create.hash(&did)),
        hash("operation-veto", &DidOperation::VetoRecovery.hash_after(&did, &previous)),
        hash("rotation-proof", &proof),
        hash("recovery-approval", &approval),
        hash("key-commitment", &signer(Suite::P256, 1).public_key().commitment()),
        hash("motion", &vote().motion_id()),
        hash("schema", &schema().id()),
        hash("merkle-root", &Tree::new(&leaves).root()),
    ]
}
