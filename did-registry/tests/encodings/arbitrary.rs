//! Values of any shape read back; bytes of any shape are one value's only spelling or refused.

use std::fmt::Debug;

use borsh::{BorshDeserialize, BorshSerialize};
use did_registry::canonical::{decode, encode};
use did_registry::{
    Ballot, ClaimKind, ClaimSpec, Committee, CredentialType, Date, Did, DidOperation, DidRecord, Digest,
    DocumentKey, Genesis, Guardians, Moment, Motion, NetworkId, PublicKey, Purposes, Recognition, Schema,
    Service, Suite, Timestamp, Vote,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::samples::signer;

const LIMIT: usize = 1 << 16;

fn key() -> impl Strategy<Value = PublicKey> {
    (any::<bool>(), 1..=255u8).prop_map(|(ed25519, seed)| {
        signer(if ed25519 { Suite::Ed25519 } else { Suite::P256 }, seed.min(254)).public_key()
    })
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn network() -> impl Strategy<Value = NetworkId> {
    "[a-z][a-z0-9-]{0,15}".prop_map(|name| NetworkId::new(&name).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..=253_402_300_799u64).prop_map(|seconds| Timestamp::from_seconds(seconds).unwrap())
}

fn document_key() -> impl Strategy<Value = DocumentKey> {
    let purposes = prop::sample::select(vec![
        Purposes::ASSERTION,
        Purposes::AUTHENTICATION,
        Purposes::ASSERTION.and(Purposes::AUTHENTICATION),
    ]);
    ("[A-Za-z0-9_-]{1,32}", purposes, key()).prop_map(|(fragment, purposes, key)| DocumentKey {
        fragment,
        purposes,
        key,
    })
}

fn genesis() -> impl Strategy<Value = Genesis> {
    let guardians = (any::<u8>(), btree_set(key(), 0..4), any::<u64>())
        .prop_map(|(threshold, keys, delay)| Guardians { threshold, keys, delay });
    let service = ("[a-z]{1,9}", "\\PC{0,9}", "\\PC{0,20}").prop_map(|(fragment, kind, endpoint)| Service {
        fragment,
        kind,
        endpoint,
    });
    (network(), key(), digest(), vec(document_key(), 0..4), option::of(guardians), vec(service, 0..3))
        .prop_map(|(network, control, next, keys, guardians, services)| Genesis {
            network,
            control,
            next,
            keys,
            guardians,
            services,
        })
}

fn did() -> impl Strategy<Value = Did> {
    genesis().prop_map(|genesis| genesis.did())
}

fn credential_type() -> impl Strategy<Value = CredentialType> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|name| CredentialType::new(&name).unwrap())
}

fn vote() -> impl Strategy<Value = Vote> {
    let motion = prop_oneof![
        did().prop_map(Motion::AddMember),
        did().prop_map(Motion::RemoveMember),
        any::<u16>().prop_map(Motion::SetThreshold),
        (did(), credential_type(), time(), time()).prop_map(|(issuer, credential_type, from, until)| {
            Motion::RecogniseIssuer { issuer, credential_type, from, until }
        }),
        (did(), credential_type())
            .prop_map(|(issuer, credential_type)| Motion::WithdrawIssuer { issuer, credential_type }),
        any::<[u8; 32]>().prop_map(|bytes| Motion::AdoptCircuitKeys(Digest::from_bytes(bytes))),
    ];
    (motion, any::<u32>(), time()).prop_map(|(motion, round, expires)| Vote { motion, round, expires })
}

fn schema() -> impl Strategy<Value = Schema> {
    let kind = prop_oneof![
        any::<u16>().prop_map(|max| ClaimKind::Text { max }),
        any::<(i64, i64)>().prop_map(|(min, max)| ClaimKind::Integer { min, max }),
        Just(ClaimKind::Date),
        Just(ClaimKind::Boolean),
        btree_set("\\PC{0,9}", 0..5).prop_map(|of| ClaimKind::Code { of }),
    ];
    let spec = (kind, any::<bool>()).prop_map(|(kind, required)| ClaimSpec { kind, required });
    (credential_type(), any::<u32>(), btree_map("\\PC{0,9}", spec, 0..6))
        .prop_map(|(credential_type, version, claims)| Schema { credential_type, version, claims })
}

fn reads_back<T>(value: &T) -> Result<(), TestCaseError>
where
    T: BorshSerialize + BorshDeserialize + PartialEq + Debug,
{
    prop_assert_eq!(&decode::<T>(&encode(value), LIMIT).unwrap(), value);
    Ok(())
}

fn one_spelling<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(value) = decode::<T>(bytes, LIMIT) {
        prop_assert_eq!(encode(&value), bytes);
    }
    Ok(())
}

proptest! {
    #[test]
    fn values_read_back(genesis in genesis(), vote in vote(), schema in schema(), days in -719_528..=2_932_896i32) {
        reads_back(&genesis)?;
        reads_back(&genesis.did())?;
        reads_back(&DidOperation::Create(genesis))?;
        reads_back(&vote)?;
        reads_back(&schema)?;
        reads_back(&Date::from_days(days).unwrap())?;
        prop_assert_eq!(&serde_json::from_str::<Schema>(&serde_json::to_string(&schema).unwrap()).unwrap(), &schema);
    }

    #[test]
    fn any_bytes_have_one_spelling_or_none(bytes in vec(any::<u8>(), 0..300), small in vec(0..4u8, 0..300)) {
        for bytes in [bytes, small] {
            one_spelling::<DidOperation>(&bytes)?;
            one_spelling::<DidRecord>(&bytes)?;
            one_spelling::<Vote>(&bytes)?;
            one_spelling::<Ballot>(&bytes)?;
            one_spelling::<Committee>(&bytes)?;
            one_spelling::<Recognition>(&bytes)?;
            one_spelling::<Schema>(&bytes)?;
            one_spelling::<Moment>(&bytes)?;
            one_spelling::<did_registry::merkle::Path>(&bytes)?;
        }
    }
}
