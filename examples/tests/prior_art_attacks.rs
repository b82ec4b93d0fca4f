//! Attacks that worked on earlier systems (W1 to W14), performed on this one: real agencies and a real ledger,
//! over HTTP wherever the attack goes over HTTP. Each is refused, and for the right reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "prior_art_attacks/hidden.rs"]
mod hidden;
#[path = "prior_art_attacks/identifiers.rs"]
mod identifiers;
#[path = "prior_art_attacks/issuers.rs"]
mod issuers;
#[path = "prior_art_attacks/presentations.rs"]
mod presentations;
#[path = "prior_art_attacks/proofs.rs"]
mod proofs;
#[path = "prior_art_attacks/publications.rs"]
mod publications;
#[path = "prior_art_attacks/service.rs"]
mod service;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_examples::town::{Answer, Stranger, Town};
use credential::consent::Consent;
use credential::exchange::{ChallengeResponse, ClaimRequest, Issued, PassRequest, Possession};
use credential::presentation::type_name;
use credential::sd_jwt::{self, IssueRequest, SdJwt};
use credential::status::StatusReference;
use did_registry::{CredentialType, Did, Digest, SigningKey, Suite};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A town in a directory of its own.
async fn town() -> (Town, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Town::open(directory.path()).await.unwrap(), directory)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// A key that nobody else has; tests name it by a number.
fn key(suite: Suite, number: u64) -> SigningKey {
    SigningKey::generate(suite, &mut ChaCha20Rng::seed_from_u64(number))
}

/// Exactly these faults, and that is no pass.
#[track_caller]
fn refused(answer: &Answer, faults: &[&str]) {
    assert_eq!(
        (answer.status, answer.faults()),
        (200, faults.iter().map(|&fault| fault.to_owned()).collect())
    );
    assert_ne!(answer.json()["overall"], "accept");
    assert!(answer.json().get("pass").is_none_or(Value::is_null), "{answer:?}");
}

#[track_caller]
fn accepted(answer: &Answer) {
    assert_eq!((answer.status, answer.json()["overall"].as_str()), (200, Some("accept")), "{answer:?}");
}

/// The code of the ledger's refusal.
#[track_caller]
fn ledger_code<T>(outcome: anyhow::Result<T>) -> String {
    let error = outcome.err().expect("a refusal");
    match error.downcast_ref::<ledger_node::client::ClientError>() {
        Some(refusal) => refusal.code().to_owned(),
        None => panic!("{error:#}"),
    }
}

/// Guangdong's credential over a record, bound to a key that the test itself holds.
async fn claimed(town: &Town, record: &str, holder: &SigningKey) -> (Issued, String) {
    let code = town.offer(record).await.unwrap();
    let request =
        ClaimRequest { holder: Possession::prove(holder, &town.guangdong.did, &code), code, causeway: None };
    let body = serde_json::to_value(&request).unwrap();
    let issued: Issued = town.guangdong.post(None, "/v1/claims", &body).await.unwrap().read().unwrap();
    let receipt = town.receipt(&town.guangdong, &issued.id).await.unwrap();
    (issued, URL_SAFE_NO_PAD.encode(receipt.to_bytes()))
}

/// An application to Macau, bound to a pass key that the test itself holds.
fn application(
    town: &Town,
    credential: &SdJwt,
    holder: &SigningKey,
    anchor: &str,
    challenge: &ChallengeResponse,
    pass: &SigningKey,
) -> PassRequest {
    let (policy, nonce, now) = (&challenge.policy, challenge.nonce.as_str(), town.clock.now());
    let audience = challenge.audience.to_string();
    PassRequest {
        presentation: sd_jwt::present(credential, &policy.claims(), holder, &audience, nonce, now).unwrap(),
        consent: Consent::to(policy, holder.public_key(), nonce, now)
            .for_pass(pass.public_key())
            .sign(holder),
        anchor: anchor.to_owned(),
        holder: Possession::prove(pass, &challenge.audience, nonce),
    }
}

/// What somebody signs who issues by themselves.
struct Forgery<'a> {
    issuer: &'a Did,
    key_id: String,
    key: &'a SigningKey,
    kind: String,
    status: Option<StatusReference>,
}

impl<'a> Forgery<'a> {
    /// A test result in a stranger's own name, with everything that one must have.
    fn by(town: &Town, stranger: &'a Stranger) -> Self {
        Self {
            issuer: &stranger.did,
            key_id: stranger.did.url("es256-1"),
            key: &stranger.es256,
            kind: kind(town, "HealthTest"),
            status: Some(StatusReference { uri: "http://127.0.0.1:1/status/1".into(), index: 1 }),
        }
    }

    fn sign(&self, town: &Town, holder: &SigningKey) -> SdJwt {
        let now = town.clock.now();
        let claims = object(json!({
            "full_name": "Nobody", "birth_date": "2000-01-01", "test_result": "negative", "sample_date": now.date(),
        }));
        let request = IssueRequest {
            issuer: &self.issuer.to_string(),
            key_id: &self.key_id,
            vct: &self.kind,
            claims: &claims,
            clear: &Map::new(),
            holder: &holder.public_key(),
            issued: now,
            expires: now.plus(86_400),
            status: self.status.as_ref(),
            decoys: 2,
        };
        sd_jwt::issue(&request, self.key, &mut ChaCha20Rng::seed_from_u64(77)).unwrap()
    }
}

/// A type's name under the schema of test results.
fn kind(town: &Town, name: &str) -> String {
    type_name(&CredentialType::new(name).unwrap(), &town.schema.id())
}

/// Shows a credential to Macau under a fresh challenge of its entry rule, without applying for anything.
async fn shown(town: &Town, credential: &SdJwt, holder: &SigningKey) -> Answer {
    let challenge = town.challenge(&town.rules.entry.id()).await.unwrap();
    let (names, audience) = (challenge.policy.claims(), challenge.audience.to_string());
    let text =
        sd_jwt::present(credential, &names, holder, &audience, &challenge.nonce, town.clock.now()).unwrap();
    town.verify(&text, &challenge.nonce).await.unwrap()
}

fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::sha256(text.as_bytes()).as_bytes())
}
