use std::collections::BTreeSet;

use did_registry::{PublicKey, SigningKey, Suite, Timestamp};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::{Map, Value, json};

use super::disclosure::digest;
use super::*;
use crate::json::{JsonError, parse};
use crate::jws::{JwsError, base64url, sign};
use crate::status::StatusReference;
use crate::{Finding, Reason};

mod hostile;
mod json_forms;
mod rules;

const ISSUED: u64 = 1_700_000_000;
const AUDIENCE: &str = "https://m.example/gate/7";
const NONCE: &str = "n-0S6_WzA2Mj";

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(42)
}

fn at(offset: u64) -> Timestamp {
    Timestamp::from_seconds(ISSUED + offset).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// An issuer and a holder.
struct Parties {
    issuer: SigningKey,
    holder: SigningKey,
}

impl Parties {
    fn new(suite: Suite) -> Self {
        let mut rng = rng();
        Self { issuer: SigningKey::generate(suite, &mut rng), holder: SigningKey::generate(suite, &mut rng) }
    }

    fn claims() -> Map<String, Value> {
        object(json!({
            "family_name": "陳", "given_name": "Maria de Jesus", "birth_date": "1990-02-28", "result": "negative",
            "address": {"locality": "Macau", "lines": ["Rua 1", "2º"]},
        }))
    }

    fn try_issue(&self, change: impl FnOnce(&mut IssueRequest<'_>)) -> Result<SdJwt, SdJwtError> {
        let (claims, clear) = (Self::claims(), object(json!({"schema": "s1"})));
        let (holder, status) =
            (self.holder.public_key(), StatusReference { uri: "https://g/s".into(), index: 9 });
        let mut request = IssueRequest {
            issuer: "did:example:g",
            key_id: "did:example:g#k1",
            vct: "HealthTest",
            claims: &claims,
            clear: &clear,
            holder: &holder,
            issued: at(0),
            expires: at(1000),
            status: Some(&status),
            decoys: 3,
        };
        change(&mut request);
        issue(&request, &self.issuer, &mut rng())
    }

    fn issue(&self) -> SdJwt {
        self.try_issue(|_| ()).unwrap()
    }

    fn present(&self, names: &[&str]) -> String {
        present(&self.issue(), &names.iter().copied().collect(), &self.holder, AUDIENCE, NONCE, at(100))
            .unwrap()
    }

    fn verify(&self, text: &str) -> Result<VerifiedSdJwt, SdJwtError> {
        SdJwtText::parse(text)?.verify(&self.issuer.public_key(), &expected())
    }

    /// Any payload at all, signed by the issuer, with any disclosures, and no key binding.
    fn forge(&self, payload: &Value, disclosures: &[&Value]) -> String {
        let header = object(json!({"typ": TYPE}));
        let mut text = sign(header, payload.to_string().as_bytes(), &self.issuer) + "~";
        for disclosure in disclosures {
            text += &(encoded(disclosure) + "~");
        }
        text
    }

    /// What the payload of such a forgery expands to.
    fn expand(&self, payload: Value, disclosures: &[&Value]) -> Result<Map<String, Value>, SdJwtError> {
        let mut payload = object(payload);
        payload.insert("iss".into(), "i".into());
        payload.insert("vct".into(), "v".into());
        let text = SdJwtText::parse(&self.forge(&Value::Object(payload), disclosures))?;
        let mut shown = text.verify_issuer(&self.issuer.public_key(), TYPE)?.payload().clone();
        shown.retain(|name, _| name != "iss" && name != "vct");
        Ok(shown)
    }

    /// A presentation with any key-binding header and claims, signed by `key`.
    fn bind(&self, header: Value, change: impl FnOnce(&mut Map<String, Value>), key: &SigningKey) -> String {
        let front = self.issue().compact();
        let hash = digest(front.as_bytes());
        let mut claims =
            object(json!({"aud": AUDIENCE, "nonce": NONCE, "iat": at(100).seconds(), "sd_hash": hash}));
        change(&mut claims);
        let header = object(header);
        front + &sign(header, Value::Object(claims).to_string().as_bytes(), key)
    }
}

fn expected() -> Expected<'static> {
    let binding = Binding { audience: AUDIENCE, nonce: NONCE, max_age: 300 };
    Expected { typ: TYPE, now: at(110), leeway: 5, binding: Some(binding) }
}

fn encoded(disclosure: &Value) -> String {
    base64url(disclosure.to_string().as_bytes())
}

fn digest_of(disclosure: &Value) -> String {
    digest(encoded(disclosure).as_bytes())
}

#[test]
fn what_is_chosen_is_shown_and_nothing_else() {
    for suite in [Suite::Ed25519, Suite::P256] {
        let parties = Parties::new(suite);
        let text = parties.present(&["result", "address"]);
        let verified = parties.verify(&text).unwrap();
        let claims = json!({"result": "negative", "address": Parties::claims()["address"], "schema": "s1"});
        assert_eq!(Value::Object(verified.claims()), claims);
        assert_eq!((verified.issuer(), verified.vct()), (Some("did:example:g"), Some("HealthTest")));
        assert_eq!(verified.key_id(), Some("did:example:g#k1"));
        assert_eq!(verified.holder().unwrap(), parties.holder.public_key());
        assert_eq!(verified.status().unwrap(), Some(StatusReference { uri: "https://g/s".into(), index: 9 }));
        assert_eq!((verified.issued().unwrap(), verified.expires().unwrap()), (Some(at(0)), Some(at(1000))));
        assert_eq!(verified.signed_part(), parties.issue().signed_part());
        assert!(!verified.payload().contains_key("_sd") && !verified.payload().contains_key("_sd_alg"));
        assert!(!format!("{verified:?}").contains("negative"));
        let peeked = SdJwtText::parse(&text).unwrap();
        assert_eq!(peeked.unverified_issuer(), Some("did:example:g"));
        assert_eq!(peeked.unverified_key_id(), Some("did:example:g#k1"));
        assert_eq!(peeked.unverified_type(), Some("HealthTest"));
        assert_eq!(peeked.signed_part(), verified.signed_part());
    }
}

#[test]
fn all_nothing_and_clear_claims_can_be_chosen() {
    let parties = Parties::new(Suite::P256);
    let every: Vec<String> = Parties::claims().keys().cloned().collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    let mut all = Parties::claims();
    all.insert("schema".into(), "s1".into());
    assert_eq!(parties.verify(&parties.present(&every)).unwrap().claims(), all);
    let none = parties.verify(&parties.present(&[])).unwrap();
    assert_eq!(Value::Object(none.claims()), json!({"schema": "s1"}));
    assert!(parties.verify(&parties.present(&["schema"])).is_ok());
}

#[test]
fn a_credential_is_kept_and_restored_whole() {
    let parties = Parties::new(Suite::Ed25519);
    let issued = parties.issue();
    let text = SdJwtText::parse(&issued.compact()).unwrap();
    let authentic = text.verify_issuer(&parties.issuer.public_key(), TYPE).unwrap();
    let kept = authentic.keep(&parties.holder.public_key()).unwrap();
    assert_eq!(kept.compact(), issued.compact());
    assert_eq!(SdJwt::restore(&kept.compact()).unwrap().compact(), issued.compact());
    assert_eq!(kept.names().collect::<BTreeSet<_>>().len(), 5);
    let disclosure = kept.disclosure("result").unwrap();
    assert!(issued.compact().contains(&format!("~{disclosure}~")));
    assert_eq!(kept.disclosure("iss"), None);
    let mut all = Parties::claims();
    all.insert("schema".into(), "s1".into());
    assert_eq!(kept.claims(), all);
    assert_eq!(authentic.keep(&parties.issuer.public_key()).unwrap_err(), SdJwtError::NotHolder);
    assert!(!format!("{kept:?}").contains("negative"));
    let bound = parties.present(&[]);
    assert_eq!(SdJwt::restore(&bound).unwrap_err(), SdJwtError::UnexpectedKeyBinding);
}

/// W2: every salt has 128 bits, and no two are alike.
#[test]
fn salts_are_long_fresh_and_checked_by_the_holder() {
    let parties = Parties::new(Suite::Ed25519);
    let mut salts = BTreeSet::new();
    let mut rng = rng();
    for _ in 0..50 {
        let one = disclosure::Disclosure::new("a", &json!(1), &mut rng);
        let Value::Array(parts) = parse(&crate::jws::from_base64url(&one.text).unwrap(), JSON).unwrap()
        else {
            panic!()
        };
        let salt = parts[0].as_str().unwrap().to_owned();
        assert_eq!(crate::jws::from_base64url(&salt).unwrap().len(), 16);
        assert!(salts.insert(salt));
    }
    let guessable = json!(["short", "result", "negative"]);
    let cnf = json!({"jwk": parties.holder.public_key().to_jwk()});
    let payload = json!({"iss": "i", "vct": "v", "cnf": cnf, "_sd": [digest_of(&guessable)]});
    let text = SdJwtText::parse(&parties.forge(&payload, &[&guessable])).unwrap();
    let authentic = text.verify_issuer(&parties.issuer.public_key(), TYPE).unwrap();
    assert_eq!(authentic.keep(&parties.holder.public_key()).unwrap_err(), SdJwtError::ShortSalt);
}

#[test]
fn digests_are_sorted_and_decoys_hide_the_number_of_claims() {
    let issued = Parties::new(Suite::Ed25519).issue();
    let payload = issued.signed_part().split('.').nth(1).unwrap();
    let payload = parse(&crate::jws::from_base64url(payload).unwrap(), JSON).unwrap();
    let digests: Vec<&str> =
        payload["_sd"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(digests.len(), 5 + 3);
    assert!(digests.is_sorted());
    assert!(digests.iter().all(|one| one.len() == 43));
}

#[test]
fn names_that_the_format_needs_are_neither_concealed_nor_written_by_hand() {
    let parties = Parties::new(Suite::Ed25519);
    for name in NEVER_CONCEALED {
        let claims = object(json!({name: "x"}));
        let refused = parties.try_issue(|request| request.claims = leak(&claims));
        assert_eq!(refused.unwrap_err(), SdJwtError::Concealed(name.into()));
    }
    for name in ["iss", "vct", "iat", "exp", "cnf", "status"] {
        let clear = object(json!({name: "x"}));
        let refused = parties.try_issue(|request| request.clear = leak(&clear));
        assert_eq!(refused.unwrap_err(), SdJwtError::SetByRequest(name.into()));
    }
    for claims in
        [json!({"_sd": 1}), json!({"...": 1}), json!({"a": {"_sd": []}}), json!({"a": [{"...": "x"}]})]
    {
        let claims = object(claims);
        let refused = parties.try_issue(|request| request.claims = leak(&claims));
        assert_eq!(refused.unwrap_err(), SdJwtError::ReservedName);
    }
    let clear = object(json!({"result": 1}));
    let refused = parties.try_issue(|request| request.clear = leak(&clear));
    assert_eq!(refused.unwrap_err(), SdJwtError::NameClash("result".into()));
    let refused = parties.try_issue(|request| request.decoys = 60);
    assert_eq!(refused.unwrap_err(), SdJwtError::TooManyDisclosures { limit: 64 });
    let claims = object(json!({"a": "x".repeat(LIMIT)}));
    let refused = parties.try_issue(|request| request.claims = leak(&claims));
    assert!(matches!(
        refused.unwrap_err(),
        SdJwtError::Json(JsonError::TooLarge { .. }) | SdJwtError::TooLarge { .. }
    ));
}

#[test]
fn a_holder_shows_only_what_it_has_with_its_own_key() {
    let parties = Parties::new(Suite::P256);
    let show = |names: &[&str], key: &SigningKey| {
        present(&parties.issue(), &names.iter().copied().collect(), key, AUDIENCE, NONCE, at(0)).map(drop)
    };
    assert_eq!(show(&["salary"], &parties.holder), Err(SdJwtError::UnknownClaim("salary".into())));
    assert_eq!(show(&["result"], &parties.issuer), Err(SdJwtError::NotHolder));
}

/// A name stands for everything below it, whether the name itself is concealed or not.
#[test]
fn choosing_a_claim_shows_all_inside_it_and_its_ancestors() {
    let parties = Parties::new(Suite::Ed25519);
    let street = json!(["0123456789abcdefghijkl", "street", "Rua 1"]);
    let address =
        json!(["0123456789abcdefghijkm", "address", {"_sd": [digest_of(&street)], "city": "Macau"}]);
    let first = json!(["0123456789abcdefghijkn", "PT"]);
    let second = json!(["0123456789abcdefghijko", "CN"]);
    let payload = json!({
        "iss": "i", "vct": "v", "cnf": {"jwk": parties.holder.public_key().to_jwk()}, "_sd": [digest_of(&address)],
        "nationalities": [{"...": digest_of(&first)}, {"...": digest_of(&second)}],
    });
    let compact = parties.forge(&payload, &[&street, &second, &address, &first]);
    let credential = SdJwt::restore(&compact).unwrap();
    assert_eq!(credential.names().collect::<Vec<_>>(), ["address"]);
    let shown = |names: &[&str]| {
        let names = names.iter().copied().collect();
        let text = present(&credential, &names, &parties.holder, AUDIENCE, NONCE, at(100)).unwrap();
        Value::Object(parties.verify(&text).unwrap().claims())
    };
    assert_eq!(shown(&[]), json!({"nationalities": []}));
    assert_eq!(
        shown(&["address"]),
        json!({"address": {"street": "Rua 1", "city": "Macau"}, "nationalities": []})
    );
    assert_eq!(shown(&["nationalities"]), json!({"nationalities": ["PT", "CN"]}));
}

/// For maps that a request borrows inside a closure.
fn leak(map: &Map<String, Value>) -> &'static Map<String, Value> {
    Box::leak(Box::new(map.clone()))
}
