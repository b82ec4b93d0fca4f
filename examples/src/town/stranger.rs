//! Somebody with keys and an identifier whom nobody invited: what attacks come from.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway::actor::{ActorDirectory, Safe};
use causeway::identity;
use credential::anchor::{Batch, LeafKind, credential_digest};
use credential::sd_jwt::SdJwt;
use did_registry::{Did, Digest, Guardians, Purposes, SigningKey, Suite};
use ledger_chain::receipt::AnchorReceipt;
use ledger_chain::{AnchorOperation, Operation, StateKey};
use rand::rngs::OsRng;

use super::Town;
use crate::health_code::consortium::Voice;

/// A registered stranger.
pub struct Stranger {
    /// Its identifier.
    pub did: Did,
    /// Listed as `#es256-1` to sign credentials, and as `#calls` only to prove who is calling.
    pub es256: SigningKey,
    /// Its voice on the ledger.
    pub voice: Voice,
    /// Its directory.
    pub actor: ActorDirectory,
}

impl Town {
    /// Somebody registers, as anybody may.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn stranger(&mut self, name: &str, guardians: Option<Guardians>) -> anyhow::Result<Stranger> {
        let directory = self.directory.join(name);
        let es256 = SigningKey::generate(Suite::P256, &mut OsRng);
        let complete = |genesis: did_registry::Genesis| {
            let genesis = did_registry::Genesis { guardians, ..genesis };
            genesis.with_key("es256-1", Purposes::ASSERTION, es256.public_key()).with_key(
                "calls",
                Purposes::AUTHENTICATION,
                es256.public_key(),
            )
        };
        let (safe, network) = (Safe::beside(&directory), &self.network.genesis.network);
        let (actor, _) = ActorDirectory::create(&directory, &safe, network, complete, &mut OsRng)?;
        identity::register(&mut self.ledger, &actor).await?;
        let voice = self.voice_of(&directory)?;
        Ok(Stranger { did: actor.did().clone(), es256, voice, actor })
    }

    /// The voice of an actor whose keys lie in a directory.
    ///
    /// # Errors
    /// If they do not.
    pub fn voice_of(&self, directory: &Path) -> anyhow::Result<Voice> {
        Voice::of(directory, self.ledger.client(), &self.network.ledger)
    }

    /// Anchors one credential in somebody's own name; gives the receipt, base64url.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn anchor(&mut self, issuer: &Stranger, credential: &SdJwt) -> anyhow::Result<String> {
        let digest = credential_digest(credential.signed_part().as_bytes());
        let (receipt, _) = self.anchor_digest(issuer, digest).await?;
        Ok(receipt)
    }

    /// The same for any digest; gives the batch's root too.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn anchor_digest(
        &mut self,
        issuer: &Stranger,
        digest: Digest,
    ) -> anyhow::Result<(String, Digest)> {
        let batch = Batch::new(LeafKind::Credential, &[digest], &mut OsRng);
        let root = batch.root();
        issuer.voice.say(Operation::Anchor(AnchorOperation::Batch { root, count: 1 })).await?;
        let key = StateKey::Anchor(issuer.did.clone(), root);
        let (record, head) = self.ledger.client().record_and_head(&key).await?;
        let opening = batch.opening(0).expect("there because the batch has one leaf");
        let receipt = AnchorReceipt { issuer: issuer.did.clone(), opening, record, head };
        Ok((URL_SAFE_NO_PAD.encode(receipt.to_bytes()), root))
    }
}
