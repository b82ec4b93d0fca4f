use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::json;

use super::*;
use crate::json::JsonError;
use crate::status::StatusReference;
use crate::{Finding, Reason};

const ISSUER: &str = "did:example:g";
const METHOD: &str = "did:example:g#k1";

fn key(suite: Suite) -> SigningKey {
    SigningKey::generate(suite, &mut ChaCha20Rng::seed_from_u64(21))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds).unwrap()
}

fn options() -> ProofOptions<'static> {
    ProofOptions {
        verification_method: METHOD,
        purpose: Purpose::AssertionMethod,
        created: at(0),
        expires: None,
        challenge: None,
        domain: None,
    }
}

fn expected() -> Expected<'static> {
    Expected { purpose: Purpose::AssertionMethod, challenge: None, domain: None, now: at(10), leeway: 5 }
}

fn claims() -> Map<String, Value> {
    object(json!({"result": "negative", "name": "陳 Maria"}))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn unsigned() -> Map<String, Value> {
    let (claims, holder) = (claims(), key(Suite::P256).public_key());
    let status = StatusReference { uri: "https://g/s".into(), index: 7 };
    let request = CredentialRequest {
        issuer: ISSUER,
        id: Some("urn:uuid:1"),
        types: &["HealthTest"],
        claims: &claims,
        holder: &holder,
        valid_from: at(0),
        valid_until: Some(at(1000)),
        status: Some(&status),
    };
    credential(&request).unwrap()
}

fn signed() -> Map<String, Value> {
    secure(unsigned(), &options(), &key(Suite::Ed25519)).unwrap()
}

fn verify(document: &Value) -> Result<VerifiedDocument, ProofError> {
    SecuredDocument::from_value(document)?.verify(&key(Suite::Ed25519).public_key(), &expected())
}

/// Signs whatever proof and document are given, as a careless or hostile issuer might.
fn forge(mut proof: Value, mut document: Map<String, Value>) -> Value {
    let signature = key(Suite::Ed25519).sign(&signed_bytes(proof.as_object().unwrap(), &document));
    proof["proofValue"] = format!("z{}", bs58::encode(signature.as_bytes()).into_string()).into();
    document.insert("proof".into(), proof);
    Value::Object(document)
}

fn proof() -> Value {
    json!({"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "created": "2023-11-14T22:13:20Z",
           "verificationMethod": METHOD, "proofPurpose": "assertionMethod"})
}

#[test]
fn a_credential_signed_by_its_issuer_reads_back() {
    let text = Value::Object(signed()).to_string();
    let secured = SecuredDocument::parse(text.as_bytes()).unwrap();
    assert_eq!((secured.unverified_method(), secured.unverified_issuer()), (METHOD, Some(ISSUER)));
    let verified = secured.verify(&key(Suite::Ed25519).public_key(), &expected()).unwrap();
    assert_eq!((verified.method(), verified.controller(), verified.created()), (METHOD, ISSUER, Some(at(0))));
    assert_eq!(verified.document(), &unsigned());
    let credential = verified.into_credential().unwrap();
    assert_eq!((credential.issuer(), credential.claims()), (ISSUER, claims()));
    assert_eq!(credential.types(), ["VerifiableCredential", "HealthTest"]);
    assert_eq!(credential.holder(), Some(key(Suite::P256).public_key()));
    assert_eq!(credential.status(), Some(&StatusReference { uri: "https://g/s".into(), index: 7 }));
    assert_eq!((credential.valid_from(), credential.valid_until()), (Some(at(0)), Some(at(1000))));
    assert_eq!(credential.document().controller(), ISSUER);
    assert!(!format!("{credential:?}").contains("negative"));
}

#[test]
fn the_signature_covers_document_and_proof() {
    let document = Value::Object(signed());
    assert!(verify(&document).is_ok());
    let other = SigningKey::from_bytes(Suite::Ed25519, &[1; 32]).unwrap().public_key();
    let secured = SecuredDocument::from_value(&document).unwrap();
    assert_eq!(secured.verify(&other, &expected()).unwrap_err(), ProofError::BadSignature);
    for (pointer, value) in [
        ("/credentialSubject/result", json!("positive")),
        ("/issuer", json!("did:example:m")),
        ("/proof/created", json!("2023-11-14T22:13:19Z")),
        ("/proof/verificationMethod", json!("did:example:g#k2")),
        ("/proof/proofPurpose", json!("authentication")),
    ] {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_eq!(verify(&changed).unwrap_err(), ProofError::BadSignature, "{pointer}");
    }
    let mut added = document;
    added["extra"] = json!(1);
    assert_eq!(verify(&added).unwrap_err(), ProofError::BadSignature);
    assert_eq!(Finding::from(ProofError::BadSignature).code, Reason::BadSignature);
}

/// Zero proofs, sets and chains are refused: nothing is left unread (W7).
#[test]
fn exactly_one_proof_is_read() {
    let document = signed();
    for (proof, error) in [
        (None, ProofError::NoProof),
        (Some(json!([])), ProofError::NoProof),
        (Some(json!(null)), ProofError::NoProof),
        (Some(json!([null])), ProofError::NoProof),
        (Some(json!([[document["proof"]]])), ProofError::NoProof),
        (Some(json!([document["proof"], document["proof"]])), ProofError::ProofSet),
        (Some(json!([document["proof"], null])), ProofError::ProofSet),
    ] {
        let mut changed = document.clone();
        changed.remove("proof");
        changed.extend(proof.map(|proof| ("proof".to_owned(), proof)));
        assert_eq!(verify(&Value::Object(changed)).unwrap_err(), error);
    }
    let mut listed = document.clone();
    listed.insert("proof".into(), json!([document["proof"]]));
    assert_eq!(verify(&Value::Object(listed.clone())).unwrap().document(), &unsigned());
    listed["proof"][0]["created"] = json!("2023-11-14T22:13:19Z");
    assert_eq!(verify(&Value::Object(listed)).unwrap_err(), ProofError::BadSignature);
    let mut chained = proof();
    chained["previousProof"] = json!("urn:uuid:0");
    let mut chained = forge(chained, unsigned());
    assert_eq!(verify(&chained).unwrap_err(), ProofError::ProofSet);
    chained["proof"] = json!([chained["proof"]]);
    assert_eq!(verify(&chained).unwrap_err(), ProofError::ProofSet);
    assert_eq!(verify(&json!([1])).unwrap_err(), ProofError::NoProof);
    assert_eq!(secure(document, &options(), &key(Suite::Ed25519)).unwrap_err(), ProofError::HasProof);
    assert_eq!(Finding::from(ProofError::ProofSet).code, Reason::MultipleEntries);
}

#[test]
fn only_this_suite_and_ed25519_keys_are_used() {
    for (name, value) in [("type", "Ed25519Signature2020"), ("cryptosuite", "eddsa-rdfc-2022")] {
        let mut other = proof();
        other[name] = value.into();
        assert_eq!(verify(&forge(other, unsigned())).unwrap_err(), ProofError::WrongSuite);
    }
    assert_eq!(secure(unsigned(), &options(), &key(Suite::P256)).unwrap_err(), ProofError::WrongSuite);
    let secured = SecuredDocument::from_value(&Value::Object(signed())).unwrap();
    assert_eq!(
        secured.verify(&key(Suite::P256).public_key(), &expected()).unwrap_err(),
        ProofError::WrongSuite
    );
}

#[test]
fn members_of_the_proof_have_one_form() {
    for name in ["type", "cryptosuite", "verificationMethod", "proofPurpose"] {
        let mut broken = proof();
        broken.as_object_mut().unwrap().remove(name);
        assert_eq!(verify(&forge(broken, unsigned())).unwrap_err(), ProofError::Member(name));
    }
    for name in ["created", "expires"] {
        for value in [json!("yesterday"), json!(5)] {
            let mut broken = proof();
            broken[name] = value;
            assert_eq!(verify(&forge(broken, unsigned())).unwrap_err(), ProofError::Member(name));
        }
    }
    let value = signed()["proof"]["proofValue"].as_str().unwrap().to_owned();
    for bad in [
        value.replacen('z', "", 1),
        value.replacen('z', "u", 1),
        format!("{value}1"),
        format!("z1{}", &value[1..]),
        value[..value.len() - 4].to_owned(),
        format!("{}0", &value[..value.len() - 1]),
        format!("z{}", "2".repeat(5000)),
        "z".into(),
    ] {
        let mut changed = Value::Object(signed());
        changed["proof"]["proofValue"] = bad.clone().into();
        assert!(matches!(verify(&changed), Err(ProofError::ProofValue)), "{bad}");
    }
    let mut missing = Value::Object(signed());
    missing["proof"].as_object_mut().unwrap().remove("proofValue");
    assert_eq!(verify(&missing).unwrap_err(), ProofError::Member("proofValue"));
}

#[test]
fn purpose_time_challenge_and_domain_are_as_expected() {
    let presented = ProofOptions {
        purpose: Purpose::Authentication,
        expires: Some(at(60)),
        challenge: Some("n1"),
        domain: Some("https://m"),
        ..options()
    };
    let key = key(Suite::Ed25519);
    let document = Value::Object(secure(unsigned(), &presented, &key).unwrap());
    let wanted = Expected {
        purpose: Purpose::Authentication,
        challenge: Some("n1"),
        domain: Some("https://m"),
        ..expected()
    };
    let check = |wanted: Expected<'_>| {
        SecuredDocument::from_value(&document).unwrap().verify(&key.public_key(), &wanted).map(drop)
    };
    assert_eq!(check(wanted), Ok(()));
    let audience = |name| Err(ProofError::Audience(name));
    assert_eq!(check(Expected { challenge: Some("n2"), ..wanted }), audience("challenge"));
    assert_eq!(check(Expected { challenge: None, ..wanted }), audience("challenge"));
    assert_eq!(check(Expected { domain: Some("https://g"), ..wanted }), audience("domain"));
    assert_eq!(check(Expected { domain: None, ..wanted }), audience("domain"));
    assert_eq!(
        check(Expected { purpose: Purpose::AssertionMethod, ..wanted }),
        Err(ProofError::Purpose("assertionMethod"))
    );
    assert_eq!(check(Expected { now: at(64), ..wanted }), Ok(()));
    assert_eq!(check(Expected { now: at(65), ..wanted }), Err(ProofError::Expired));
    let early = Timestamp::from_seconds(at(0).seconds() - 5).unwrap();
    assert_eq!(check(Expected { now: early, ..wanted }), Ok(()));
    assert_eq!(check(Expected { now: early.minus(1), ..wanted }), Err(ProofError::FromTheFuture));
    // A challenge that is asked for and absent.
    let plain = SecuredDocument::from_value(&Value::Object(signed())).unwrap();
    let wanted = Expected { challenge: Some("n1"), ..expected() };
    assert_eq!(plain.verify(&key.public_key(), &wanted).unwrap_err(), ProofError::Audience("challenge"));
    assert_eq!(Finding::from(ProofError::Audience("domain")).code, Reason::WrongAudience);
    assert_eq!(Finding::from(ProofError::Purpose("authentication")).code, Reason::WrongKeyUse);
}

/// VC Data Integrity §2.1: a domain is a text or a set of texts; a challenge is a text.
#[test]
fn a_proof_may_name_several_verifiers() {
    let check = |name: &str, value: Value, wanted: Option<&str>| {
        let mut proof = proof();
        proof[name] = value;
        let expected = match name {
            "domain" => Expected { domain: wanted, ..expected() },
            _ => Expected { challenge: wanted, ..expected() },
        };
        let secured = SecuredDocument::from_value(&forge(proof, unsigned())).unwrap();
        secured.verify(&key(Suite::Ed25519).public_key(), &expected).map(drop)
    };
    let (refused, us) = (Err(ProofError::Audience("domain")), Some("https://m"));
    assert_eq!(check("domain", json!(["https://m"]), us), Ok(()));
    assert_eq!(check("domain", json!(["https://g", "https://m"]), us), Ok(()));
    assert_eq!(check("domain", json!(["https://g", "https://m"]), None), refused);
    for none_of_ours in [
        json!([]),
        json!(["https://g"]),
        json!(["https://m", 1]),
        json!([["https://m"]]),
        json!({"https://m": 1}),
    ] {
        assert_eq!(check("domain", none_of_ours.clone(), us), refused, "{none_of_ours}");
    }
    let refused = Err(ProofError::Audience("challenge"));
    assert_eq!(check("challenge", json!(["n1"]), Some("n1")), refused);
}

/// The document's context may go on after the proof's; only what was signed is kept.
#[test]
fn the_proofs_context_begins_the_documents() {
    let with = |document: Value, signed: Option<Value>| {
        let mut proof = proof();
        let mut whole = unsigned();
        whole.insert("@context".into(), document);
        let mut covered = whole.clone();
        if let Some(signed) = signed {
            proof["@context"] = signed.clone();
            covered.insert("@context".into(), signed);
        }
        let mut secured = forge(proof, covered);
        secured["@context"] = whole["@context"].clone();
        verify(&secured).map(|verified| verified.document()["@context"].clone())
    };
    let (a, b) = (CREDENTIALS_V2, "https://b");
    assert_eq!(with(json!([a, b]), Some(json!([a, b]))), Ok(json!([a, b])));
    assert_eq!(with(json!([a, b]), Some(json!([a]))), Ok(json!([a])));
    assert_eq!(with(json!([a, b]), Some(json!(a))), Ok(json!(a)));
    assert_eq!(with(json!(a), Some(json!([a]))), Ok(json!([a])));
    assert_eq!(with(json!([a, b]), None), Ok(json!([a, b])));
    for (document, signed) in [
        (json!([a]), json!([a, b])),
        (json!([b, a]), json!([a])),
        (json!(b), json!(a)),
        (json!(a), json!([a, b])),
    ] {
        assert_eq!(with(document, Some(signed)), Err(ProofError::Context));
    }
    let mut missing = Value::Object(signed());
    missing.as_object_mut().unwrap().remove("@context");
    assert_eq!(verify(&missing).unwrap_err(), ProofError::Context);
}

/// W5: a signature that holds under a key of somebody else's does not make a credential.
#[test]
fn a_credential_is_signed_by_its_issuer() {
    let options = ProofOptions { verification_method: "did:example:evil#k1", ..options() };
    let document = Value::Object(secure(unsigned(), &options, &key(Suite::Ed25519)).unwrap());
    let verified = verify(&document).unwrap();
    assert_eq!(verified.controller(), "did:example:evil");
    let refused = verified.into_credential().unwrap_err();
    assert_eq!(refused, ProofError::NotIssuer);
    assert_eq!(Finding::from(refused).code, Reason::WrongKeyUse);
}

#[test]
fn each_member_of_a_credential_has_the_shape_of_the_data_model() {
    let shape = |change: &dyn Fn(&mut Value)| {
        let mut document = Value::Object(unsigned());
        change(&mut document);
        let secured = secure(object(document), &options(), &key(Suite::Ed25519)).unwrap();
        verify(&Value::Object(secured)).unwrap().into_credential().map(drop)
    };
    assert_eq!(shape(&|_| ()), Ok(()));
    assert_eq!(shape(&|d| d["issuer"] = json!({"id": ISSUER, "name": "G"})), Ok(()));
    assert_eq!(shape(&|d| d["@context"] = json!(CREDENTIALS_V2)), Ok(()));
    assert_eq!(shape(&|d| d["type"] = json!("VerifiableCredential")), Ok(()));
    for name in ["id", "validFrom", "validUntil", "credentialStatus"] {
        assert_eq!(shape(&|d| drop(d.as_object_mut().unwrap().remove(name))), Ok(()), "{name} is optional");
    }
    let broken: [&dyn Fn(&mut Value); 19] = [
        &|d| d["@context"] = json!("https://www.w3.org/2018/credentials/v1"),
        &|d| d["@context"] = json!(["https://b", CREDENTIALS_V2]),
        &|d| d["@context"] = json!([]),
        &|d| drop(d.as_object_mut().unwrap().remove("@context")),
        &|d| d["type"] = json!(["HealthTest"]),
        &|d| d["type"] = json!([]),
        &|d| d["type"] = json!(["VerifiableCredential", 1]),
        &|d| d["id"] = json!("one"),
        &|d| d["id"] = json!(1),
        &|d| d["issuer"] = json!("g"),
        &|d| d["issuer"] = json!({"name": "G"}),
        &|d| d["credentialSubject"] = json!([{"a": 1}, {"a": 2}]),
        &|d| d["credentialSubject"] = json!({}),
        &|d| d["validFrom"] = json!("2023-01-01"),
        &|d| d["validUntil"] = json!(1),
        &|d| d["validUntil"] = json!("2020-01-01T00:00:00Z"),
        &|d| d["credentialStatus"] = json!([d["credentialStatus"].clone()]),
        &|d| d["credentialStatus"]["type"] = json!("BitstringStatusListEntry"),
        &|d| d["credentialStatus"]["statusListIndex"] = json!("07"),
    ];
    for (number, change) in broken.iter().enumerate() {
        assert!(matches!(shape(change), Err(ProofError::Credential(_))), "case {number}");
    }
}

#[test]
fn validity_is_checked_with_leeway() {
    let credential = verify(&Value::Object(signed())).unwrap().into_credential().unwrap();
    let before = |seconds| at(0).minus(seconds);
    assert_eq!(credential.check_validity(before(5), 5), Ok(()));
    assert_eq!(credential.check_validity(before(6), 5), Err(ProofError::NotYetValid));
    assert_eq!(credential.check_validity(at(1004), 5), Ok(()));
    assert_eq!(credential.check_validity(at(1005), 5), Err(ProofError::Expired));
}

#[test]
fn a_claim_named_id_is_refused() {
    let (claims, holder) = (object(json!({"id": "x"})), key(Suite::P256).public_key());
    let request = CredentialRequest {
        issuer: ISSUER,
        id: None,
        types: &[],
        claims: &claims,
        holder: &holder,
        valid_from: at(0),
        valid_until: None,
        status: None,
    };
    assert_eq!(credential(&request).unwrap_err(), ProofError::ReservedName);
}

/// JCS writes every number as a double: integers it would round must not pass for one another.
#[test]
fn what_canonical_form_would_blur_is_refused() {
    let mut document = Value::Object(signed());
    document["n"] = json!(9_007_199_254_740_993_u64);
    assert_eq!(verify(&document).unwrap_err(), ProofError::Json(JsonError::InexactInteger));
    let mut blurred = unsigned();
    blurred.insert("n".into(), json!(1_u64 << 53));
    let refused = secure(blurred, &options(), &key(Suite::Ed25519)).unwrap_err();
    assert_eq!(refused, ProofError::Json(JsonError::InexactInteger));
    let mut deep = json!(1);
    for _ in 0..20 {
        deep = json!([deep]);
    }
    document["n"] = deep;
    assert_eq!(verify(&document).unwrap_err(), ProofError::Json(JsonError::TooDeep { limit: 16 }));
    // A signature over 2^64 would hold over its neighbours too.
    let mut vast = unsigned();
    vast.insert("n".into(), json!(18_446_744_073_709_551_616.0));
    let vast = Value::Object(secure(vast, &options(), &key(Suite::Ed25519)).unwrap()).to_string();
    assert!(vast.contains(r#""n":1.8446744073709552e19"#));
    let read = |number: &str| {
        let text = vast.replace("1.8446744073709552e19", number);
        SecuredDocument::parse(text.as_bytes())?
            .verify(&key(Suite::Ed25519).public_key(), &expected())
            .map(drop)
    };
    assert_eq!(read("18446744073709551616.0"), Ok(()));
    for whole in ["18446744073709551616", "18446744073709551617"] {
        assert_eq!(read(whole), Err(ProofError::Json(JsonError::InexactInteger)));
    }
    let twice = Value::Object(signed()).to_string().replacen('{', r#"{"type":[],"#, 1);
    assert_eq!(
        SecuredDocument::parse(twice.as_bytes()).unwrap_err(),
        ProofError::Json(JsonError::DuplicateMember)
    );
    let large = vec![b' '; LIMIT + 1];
    assert!(matches!(SecuredDocument::parse(&large), Err(ProofError::Json(JsonError::TooLarge { .. }))));
}

/// Within the limits itself, and over them with its proof: deeper by a level, larger as text.
#[test]
fn what_no_verifier_would_read_is_not_secured() {
    let nested = |depth| (0..depth).fold(json!("c"), |inner, _| json!([inner]));
    let secure = |document| secure(object(document), &options(), &key(Suite::Ed25519)).map(Value::Object);
    let honest = secure(json!({"@context": nested(14)})).unwrap();
    assert!(SecuredDocument::parse(honest.to_string().as_bytes()).is_ok());
    let refused = secure(json!({"@context": nested(15)})).unwrap_err();
    assert_eq!(refused, ProofError::Json(JsonError::TooDeep { limit: 16 }));
    let escaped = secure(json!({"n": "\u{1}".repeat(LIMIT / 4)})).unwrap_err();
    assert!(matches!(escaped, ProofError::Json(JsonError::TooLarge { .. })), "six bytes a letter: {escaped}");
}

/// Every bit of the text counts, but for JSON's own freedom of spelling.
#[test]
fn any_single_bit_flip_is_refused_or_changes_nothing() {
    let text = Value::Object(signed()).to_string();
    let key = key(Suite::Ed25519).public_key();
    let read = |bytes: &[u8]| SecuredDocument::parse(bytes)?.verify(&key, &expected());
    let honest = read(text.as_bytes()).unwrap();
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(verified) = read(&bytes) {
            assert_eq!(verified.document(), honest.document(), "bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(7), cases: 128, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_document_is_secured_and_read_back(value in crate::json::tests::any_value()) {
        let document = Map::from_iter([("value".to_owned(), value)]);
        let key = key(Suite::Ed25519);
        let secured = Value::Object(secure(document.clone(), &options(), &key).unwrap());
        let text = secured.to_string();
        let read = SecuredDocument::parse(text.as_bytes()).unwrap().verify(&key.public_key(), &expected()).unwrap();
        prop_assert_eq!(read.document(), &document);
    }
}
