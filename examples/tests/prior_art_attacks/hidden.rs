//! Guessing what is hidden, moving its borders, and recognising people by what repeats.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::exchange::Issued;
use credential::jws;
use credential::sd_jwt::{self, SdJwt};
use did_registry::{Suite, digest};
use rand::rngs::OsRng;
use serde_json::{Value, json};
use wallet::{Claim, WalletError};

use super::*;

/// The disclosures of a compact SD-JWT, decoded.
fn disclosures(compact: &str) -> Vec<Value> {
    let decode = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    compact.split('~').skip(1).filter(|text| !text.is_empty() && !text.contains('.')).map(decode).collect()
}

fn payload(compact: &str) -> Map<String, Value> {
    let part = compact.split('.').nth(1).unwrap();
    object(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}

/// W2: guess a hidden field from its digest, because salts are short or come from a weak generator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w2_a_hidden_field_is_not_guessed() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holder = key(Suite::P256, 1);
    let (first, _) = claimed(&town, "P1", &holder).await;
    let (second, _) = claimed(&town, "P1", &holder).await;
    let mut salts = BTreeSet::new();
    for disclosure in [&first, &second].into_iter().flat_map(|issued| disclosures(&issued.sd_jwt)) {
        let salt = disclosure[0].as_str().unwrap().to_owned();
        assert!(URL_SAFE_NO_PAD.decode(&salt).unwrap().len() >= 16, "128 bits");
        assert!(salts.insert(salt), "each salt is used once, over equal claims too");
    }
    assert_eq!(salts.len(), 8);
    // The same person, the same claims, the same key: no digest in common.
    let hidden = |issued: &Issued| -> BTreeSet<String> {
        payload(&issued.sd_jwt)["_sd"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect()
    };
    let (one, two) = (hidden(&first), hidden(&second));
    assert!(one.is_disjoint(&two) && one.len() == 6, "four claims and two of nothing");
    // What the earlier systems used: no salt, a counter, the time.
    let now = town.clock.now().seconds();
    for value in ["negative", "positive"] {
        for guess in (0..20_000).chain(now - 20_000..=now + 1) {
            for salt in [String::new(), guess.to_string(), URL_SAFE_NO_PAD.encode(u64::to_be_bytes(guess))] {
                let text = URL_SAFE_NO_PAD.encode(json!([salt, "test_result", value]).to_string());
                assert!(!one.contains(&sha256(&text)), "guessed with salt {salt:?}");
            }
        }
    }
}

/// W2, from the other end: a wallet does not keep what an issuer salted badly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w2_a_wallet_refuses_short_salts_from_an_issuer() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let code = town.offer("P1").await.unwrap();
    let (claim, request) = Claim::begin(&code, &town.guangdong.did, Suite::P256, &mut OsRng);
    let body = serde_json::to_value(&request).unwrap();
    let issued: Issued = town.guangdong.post(None, "/v1/claims", &body).await.unwrap().read().unwrap();
    let mut stated = payload(&issued.sd_jwt);
    let short = URL_SAFE_NO_PAD.encode(json!(["MTIzNDU2Nzg", "test_result", "negative"]).to_string());
    stated.insert("_sd".into(), json!([sha256(&short)]));
    let keys = town.guangdong.config().unwrap().keys().unwrap();
    let header = object(
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(issued.sd_jwt.split('.').next().unwrap()).unwrap())
            .unwrap(),
    );
    let header = header.into_iter().filter(|(name, _)| name != "alg").collect();
    let signed = jws::sign(header, Value::Object(stated).to_string().as_bytes(), &keys.assertion_p256);
    let weak = Issued { sd_jwt: format!("{signed}~{short}~"), ..issued };
    match claim.accept(weak, &town.facts(&town.guangdong).await.unwrap(), town.clock.now()) {
        Err(WalletError::Sent(finding)) => assert_eq!(finding.detail, "a salt has at least 128 bits"),
        other => panic!("{other:?}"),
    }
}

/// W3: a field commitment without name or separator, so that ("ab", "c") stands for ("a", "bc") as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w3_the_border_between_name_and_value_does_not_move() {
    assert_ne!(digest("test", &[b"ab", b"c"]), digest("test", &[b"a", b"bc"]));
    assert_ne!(digest("test", &[b"ab"]), digest("test", &[b"a", b"b"]));
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let holder = key(Suite::P256, 1);
    let (issued, _) = claimed(&town, "P1", &holder).await;
    let credential = SdJwt::restore(&issued.sd_jwt).unwrap();
    let all = disclosures(&issued.sd_jwt);
    let result = all.iter().find(|it| it[1] == "test_result").unwrap();
    let (salt, value) = (result[0].as_str().unwrap(), result[2].as_str().unwrap());
    for moved in [
        json!([salt, "test_resultnega", "tive"]),
        json!([salt, "test_resul", format!("t{value}")]),
        json!([format!("{salt}t"), "est_result", value]),
        json!([salt, "test_result", [value]]),
        json!([salt, "test_result", "positive"]),
        json!([salt, "colour", value]),
    ] {
        let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
        let audience = challenge.audience.to_string();
        let genuine = credential.disclosure("test_result").unwrap();
        let (names, now) = (challenge.policy.claims(), town.clock.now());
        let text = sd_jwt::present(&credential, &names, &holder, &audience, &challenge.nonce, now).unwrap();
        // The holder is the liar here, and signs what it shows.
        let front = &text[..=text.rfind('~').unwrap()];
        let front = front.replace(genuine, &URL_SAFE_NO_PAD.encode(moved.to_string()));
        let payload = json!({"aud": audience, "nonce": challenge.nonce, "iat": now.seconds(), "sd_hash": sha256(&front)});
        let token = jws::sign(object(json!({"typ": "kb+jwt"})), payload.to_string().as_bytes(), &holder);
        let answer = town.verify(&format!("{front}{token}"), &challenge.nonce).await.unwrap();
        refused(&answer, &["integrity BAD_SIGNATURE"]);
    }
    accepted(&shown(&town, &credential, &holder).await);
}

/// All texts of a presentation that could be recognised elsewhere: everything of 8 bytes or more.
fn texts(presentation: &str) -> BTreeSet<String> {
    fn leaves(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
            Value::Object(members) => members.values().for_each(|member| leaves(member, found)),
            Value::String(text) => drop(found.insert(text.clone())),
            other => drop(found.insert(other.to_string())),
        }
    }
    let mut found = BTreeSet::new();
    for part in presentation.split(['~', '.']).filter(|part| !part.is_empty()) {
        match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()) {
            Ok(value) => leaves(&value, &mut found),
            Err(_) => drop(found.insert(part.to_owned())), // a signature
        }
    }
    found.into_iter().filter(|text| text.len() >= 8).collect()
}

/// W14: one identifier or signature repeats at every verifier. A credential for each use does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w14_two_credentials_of_one_person_share_nothing_but_what_everybody_shares() {
    let (town, _place) = town().await;
    town.enrol(&["P1"]).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, request) = town.application(&town.credential("P1").await.unwrap()).await.unwrap();
        seen.push((texts(&request.presentation), request));
    }
    let shared: BTreeSet<&str> = seen[0].0.intersection(&seen[1].0).map(String::as_str).collect();
    let facts = town.facts(&town.macau).await.unwrap();
    let (issuer, now) = (&town.guangdong.did, town.clock.now());
    let public = [
        issuer.to_string(),
        issuer.url("es256-1"),
        kind(&town, "HealthTest"),
        town.macau.did.to_string(),
        format!("{}/status/1", town.guangdong.url()),
        "dc+sd-jwt".into(),
        "negative".into(), // shown on purpose, as the next one
        now.date().to_string(),
        "test_result".into(), // their names
        "sample_date".into(),
        now.seconds().to_string(),
        now.plus(14 * 86_400).seconds().to_string(),
    ];
    let everybody: BTreeSet<&str> = public.iter().map(String::as_str).collect();
    assert_eq!(shared.difference(&everybody).collect::<Vec<_>>(), Vec::<&&str>::new());
    let [(_, one), (_, two)] = seen.try_into().unwrap();
    assert_ne!(one.consent.consent.holder, two.consent.consent.holder);
    assert_ne!(one.holder.key, two.holder.key);
    // Citizens have no identifier on the ledger.
    assert!(facts.dids.keys().all(|did| [&town.guangdong.did, &town.macau.did].contains(&did)));
}
