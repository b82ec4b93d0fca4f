//! Those who try: a clinic that nobody recognised for tests, and a thief who copied somebody's wallet but for its
//! key.
//!
//! Both do everything else right. The clinic is registered and recognised for its visits, so its keys are in
//! everybody's trust bundle; its batch is anchored. The thief answers the challenge, consents, and has the victim's own anchor receipt.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway::actor::{ActorDirectory, Safe, read_key, write_key};
use causeway::identity;
use causeway::ledger::Ledger;
use credential::anchor::{Batch, LeafKind, credential_digest};
use credential::consent::Consent;
use credential::data_integrity::{self, CredentialRequest, ProofOptions, Purpose};
use credential::exchange::{ChallengeResponse, ClaimRequest, Issued, PassRequest, Possession};
use credential::presentation::type_name;
use credential::sd_jwt::{self, IssueRequest, KEY_BINDING_TYPE, SdJwt};
use credential::status::StatusReference;
use credential::{jws, sd_jwt::SdJwtText};
use did_registry::{
    ClaimKind, ClaimSpec, CredentialType, Did, Digest, Purposes, Schema, SigningKey, Suite, Timestamp,
};
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::{AnchorOperation, Operation, StateKey};
use rand::rngs::OsRng;
use serde_json::{Map, Value, json};
use wallet::Holding;

const DAY: u64 = 86_400;
/// What the clinic may issue.
pub const CLINIC_VISIT: &str = "ClinicVisit";

/// A clinic with keys and an identifier.
pub struct Clinic {
    actor: ActorDirectory,
    es256: SigningKey,
    ed25519: SigningKey,
}

impl Clinic {
    /// Registers a clinic, which publishes a schema of its own.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn open(directory: &Path, ledger: &mut Ledger) -> anyhow::Result<Self> {
        let es256 = SigningKey::generate(Suite::P256, &mut OsRng);
        let ed25519 = SigningKey::generate(Suite::Ed25519, &mut OsRng);
        let network = ledger.genesis().network.clone();
        let complete = |genesis: did_registry::Genesis| {
            genesis.with_key("es256-1", Purposes::ASSERTION, es256.public_key()).with_key(
                "ed25519-1",
                Purposes::ASSERTION,
                ed25519.public_key(),
            )
        };
        let safe = Safe::beside(directory);
        let (actor, _) = ActorDirectory::create(directory, &safe, &network, complete, &mut OsRng)?;
        write_key(&directory.join("es256.key"), &es256)?;
        identity::register(ledger, &actor).await?;
        let own = Schema {
            credential_type: CredentialType::new(CLINIC_VISIT)?,
            version: 1,
            claims: [("day".to_owned(), ClaimSpec { kind: ClaimKind::Date, required: true })].into(),
        };
        ledger.commit(actor.did(), &actor.control()?, Operation::Schema(own)).await?;
        // What was written is what is used, as in a real clinic.
        let es256 = read_key(&directory.join("es256.key"), Suite::P256)?;
        Ok(Self { actor, es256, ed25519 })
    }

    /// Its identifier.
    pub fn did(&self) -> &Did {
        self.actor.did()
    }

    /// Issues credentials over claims, as a health authority would, and anchors them in one batch; gives each
    /// with its receipt, base64url.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn issue(
        &self,
        schema: &Schema,
        requests: &[(ClaimRequest, Map<String, Value>)],
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> anyhow::Result<Vec<(Issued, String)>> {
        let mut issued = Vec::with_capacity(requests.len());
        let mut digests = Vec::with_capacity(requests.len());
        for (index, (request, claims)) in (0..).zip(requests) {
            let one = self.sign(schema, request, claims, index, now)?;
            let text = SdJwtText::parse(&one.sd_jwt)?;
            digests.push(credential_digest(text.signed_part().as_bytes()));
            issued.push(one);
        }
        let batch = Batch::new(LeafKind::Credential, &digests, &mut OsRng);
        let (root, count) = (batch.root(), u32::try_from(digests.len())?);
        let operation = Operation::Anchor(AnchorOperation::Batch { root, count });
        ledger.commit(self.did(), &self.actor.control()?, operation).await?;
        ledger.follow().await?;
        let client = ledger.client();
        let (head, _) = client.signed_head(None).await?;
        let key = StateKey::Anchor(self.did().clone(), root);
        let record = client.record_proof(&key, Some(head.head.height)).await?;
        let receipts = (0..u64::from(count)).map(|index| {
            let opening = batch.opening(index).expect("inside because it counts the batch");
            let (record, head) = (record.clone(), head.clone());
            let receipt = AnchorReceipt { issuer: self.did().clone(), opening, record, head };
            URL_SAFE_NO_PAD.encode(receipt.to_bytes())
        });
        Ok(issued.into_iter().zip(receipts).collect())
    }

    fn sign(
        &self,
        schema: &Schema,
        request: &ClaimRequest,
        claims: &Map<String, Value>,
        index: u64,
        now: Timestamp,
    ) -> anyhow::Result<Issued> {
        let issuer = self.did().to_string();
        let kind = type_name(&schema.credential_type, &schema.id());
        let (holder, expires) = (&request.holder.key, now.plus(14 * DAY));
        let status = StatusReference { uri: "https://clinic.example/status/1".into(), index };
        let sd_jwt = sd_jwt::issue(
            &IssueRequest {
                issuer: &issuer,
                key_id: &self.did().url("es256-1"),
                vct: &kind,
                claims,
                clear: &Map::new(),
                holder,
                issued: now,
                expires,
                status: Some(&status),
                decoys: 2,
            },
            &self.es256,
            &mut OsRng,
        )?;
        let document = data_integrity::credential(&CredentialRequest {
            issuer: &issuer,
            id: None,
            types: &[&kind],
            claims,
            holder,
            valid_from: now,
            valid_until: Some(expires),
            status: Some(&status),
        })?;
        let options = ProofOptions {
            verification_method: &self.did().url("ed25519-1"),
            purpose: Purpose::AssertionMethod,
            created: now,
            expires: None,
            challenge: None,
            domain: None,
        };
        let data_integrity = data_integrity::secure(document, &options, &self.ed25519)?;
        let id = Digest::sha256(sd_jwt.signed_part().as_bytes());
        Ok(Issued { id, sd_jwt: sd_jwt.compact(), data_integrity, causeway: None })
    }
}

/// An application with a stolen credential: all of it is genuine but the key that signs for the holder.
///
/// # Errors
/// If the victim's credential is damaged or has no receipt.
pub fn stolen(
    victim: &Holding,
    challenge: &ChallengeResponse,
    now: Timestamp,
) -> anyhow::Result<PassRequest> {
    let thief = SigningKey::generate(Suite::P256, &mut OsRng);
    let (policy, nonce) = (&challenge.policy, challenge.nonce.as_str());
    let presentation = bind(&victim.sd_jwt()?, policy.claims(), &thief, &challenge.audience, nonce, now)?;
    let fresh = SigningKey::generate(Suite::Ed25519, &mut OsRng);
    Ok(PassRequest {
        presentation,
        consent: Consent::to(policy, thief.public_key(), nonce, now).sign(&thief),
        anchor: victim.anchor().context("the victim has a receipt")?.to_owned(),
        holder: Possession::prove(&fresh, &challenge.audience, nonce),
    })
}

/// A presentation signed with any key: the wallet's own function refuses any but the holder's.
fn bind<'a>(
    credential: &SdJwt,
    claims: impl IntoIterator<Item = &'a str>,
    key: &SigningKey,
    audience: &Did,
    nonce: &str,
    now: Timestamp,
) -> anyhow::Result<String> {
    let mut text = format!("{}~", credential.signed_part());
    for claim in claims {
        text.push_str(credential.disclosure(claim).context("the credential has the claim")?);
        text.push('~');
    }
    let hash = URL_SAFE_NO_PAD.encode(Digest::sha256(text.as_bytes()).as_bytes());
    let payload = json!({"aud": audience, "iat": now.seconds(), "nonce": nonce, "sd_hash": hash});
    let header = Map::from_iter([("typ".to_owned(), Value::from(KEY_BINDING_TYPE))]);
    text.push_str(&jws::sign(header, payload.to_string().as_bytes(), key));
    Ok(text)
}
