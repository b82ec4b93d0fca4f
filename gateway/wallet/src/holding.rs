//! Credentials: claimed with a fresh key, checked before they are kept.

use credential::exchange::{ClaimRequest, Issued, Possession};
use credential::facts::Facts;
use credential::presentation::{authenticate_document, read_type_name};
use credential::sd_jwt::{SdJwt, SdJwtText, TYPE};
use credential::zk::HolderKeyProof;
use credential::{Finding, Part, Policy, Reason};
use did_registry::{
    CredentialType, Date, Did, DidUrl, Digest, Purposes, Schema, SigningKey, Suite, Timestamp,
};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zk_policy::{Credential, HolderCircuit, HolderSecret, ProvingKey};

use crate::WalletError;
use crate::store::{key, secret};

/// A claim under way: the fresh key waits for its credential, and the secret for what proofs are made of.
pub struct Claim {
    key: SigningKey,
    issuer: Did,
    secret: Option<HolderSecret>,
}

/// A credential and the key that presents it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    #[serde(with = "key")]
    key: SigningKey,
    issuer: Did,
    issued: Issued,
    /// The ledger's receipt, base64url, once its batch is anchored.
    anchor: Option<String>,
    /// What the Causeway credential is bound to.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    secret: Option<HolderSecret>,
}

impl Claim {
    /// Starts to redeem a code at `issuer`, with a fresh key of `suite`.
    pub fn begin<R: RngCore + CryptoRng>(
        code: &str,
        issuer: &Did,
        suite: Suite,
        rng: &mut R,
    ) -> (Self, ClaimRequest) {
        let key = SigningKey::generate(suite, rng);
        let holder = Possession::prove(&key, issuer, code);
        let request = ClaimRequest { code: code.to_owned(), holder, causeway: None };
        (Self { key, issuer: issuer.clone(), secret: None }, request)
    }

    /// Asks for a Causeway credential too, bound to `secret`.
    pub fn with_proofs<R: RngCore + CryptoRng>(
        (claim, request): (Self, ClaimRequest),
        secret: HolderSecret,
        key: &ProvingKey<HolderCircuit>,
        rng: &mut R,
    ) -> (Self, ClaimRequest) {
        let proof = HolderKeyProof::prove(key, &secret, &claim.issuer, &request.code, rng);
        (Self { secret: Some(secret), ..claim }, ClaimRequest { causeway: Some(proof), ..request })
    }

    /// Checks what came back, every format, with the issuer's keys from the ledger, and keeps it.
    ///
    /// # Errors
    /// [`WalletError::Sent`] if a signature, the issuer, or the binding to this wallet's key is wrong.
    pub fn accept(self, issued: Issued, facts: &Facts, now: Timestamp) -> Result<Holding, WalletError> {
        let text = SdJwtText::parse(&issued.sd_jwt).map_err(Finding::from)?;
        let wrong = |what: &str| Finding::new(Reason::KeyUnknown, what);
        if text.unverified_issuer() != Some(self.issuer.to_string().as_str()) {
            return Err(wrong("the credential is of another issuer").into());
        }
        let key_id = text.unverified_key_id().ok_or_else(|| wrong("kid names the issuer's key"))?;
        let issuer_key = facts.key(&self.issuer, key_id, Purposes::ASSERTION, None)?;
        let authentic = text.verify_issuer(issuer_key, TYPE).map_err(Finding::from)?;
        authentic.keep(&self.key.public_key()).map_err(Finding::from)?;
        authentic.check_validity(now, credential::presentation::LEEWAY).map_err(Finding::from)?;
        let document = Value::Object(issued.data_integrity.clone());
        let (credential, issuer) = authenticate_document(&document, facts, now, None)?;
        if issuer != self.issuer || credential.holder() != Some(self.key.public_key()) {
            return Err(wrong("both formats are the same issuer's, for the same key").into());
        }
        let mut holding = Holding { key: self.key, issuer: self.issuer, issued, anchor: None, secret: None };
        // An issuer may give no Causeway credential; one that it gives holds.
        if let Some(secret) = self.secret.filter(|_| holding.issued.causeway.is_some()) {
            let schema = holding.schema().and_then(|id| facts.schemas.get(&id));
            let schema = schema.ok_or_else(|| wrong("the schema is on the ledger"))?;
            holding.secret = Some(secret);
            holding.causeway(schema, facts)?;
        }
        Ok(holding)
    }
}

impl Holding {
    /// The issuer's name for it.
    pub fn id(&self) -> &Digest {
        &self.issued.id
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Did {
        &self.issuer
    }

    /// Both formats, as issued.
    pub fn issued(&self) -> &Issued {
        &self.issued
    }

    /// The SD-JWT.
    ///
    /// # Errors
    /// [`WalletError::Stored`] if the stored text was damaged.
    pub fn sd_jwt(&self) -> Result<SdJwt, WalletError> {
        SdJwt::restore(&self.issued.sd_jwt).map_err(|error| WalletError::Stored(error.to_string()))
    }

    /// The key that presents it.
    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// What it is.
    pub fn credential_type(&self) -> Option<CredentialType> {
        let text = SdJwtText::parse(&self.issued.sd_jwt).ok()?;
        Some(read_type_name(text.unverified_type()?)?.0)
    }

    /// Its schema.
    pub(crate) fn schema(&self) -> Option<Digest> {
        let text = SdJwtText::parse(&self.issued.sd_jwt).ok()?;
        Some(read_type_name(text.unverified_type()?)?.1)
    }

    /// Whether facts can be proved from it.
    pub fn is_provable(&self) -> bool {
        self.secret.is_some() && self.issued.causeway.is_some()
    }

    /// What the Causeway credential is bound to.
    pub(crate) fn secret(&self) -> Option<&HolderSecret> {
        self.secret.as_ref()
    }

    /// The Causeway credential, with its secret, verified with the issuer's key from the ledger.
    ///
    /// # Errors
    /// [`WalletError::NoProofs`], or [`WalletError::Sent`] if it does not hold.
    pub(crate) fn causeway(
        &self,
        schema: &Schema,
        facts: &Facts,
    ) -> Result<(Credential, HolderSecret), WalletError> {
        let (Some(secret), Some(sent)) = (&self.secret, &self.issued.causeway) else {
            return Err(WalletError::NoProofs);
        };
        let secret = HolderSecret::from_bytes(&secret.to_bytes()).map_err(|_| WalletError::NoProofs)?;
        // A replaced key goes on counting for what it signed: the days in the issuer set decide, not this.
        let unknown = || Finding::new(Reason::KeyUnknown, "the Causeway credential names its issuer's key");
        let url: DidUrl = sent.key_id.parse().map_err(|_| unknown())?;
        let record = facts.dids.get(&self.issuer).filter(|_| url.did == self.issuer).ok_or_else(unknown)?;
        let entry =
            record.keys.iter().find(|entry| entry.key.fragment == url.fragment).ok_or_else(unknown)?;
        let claims = self.sd_jwt()?.claims();
        let claims =
            schema.check_partial(&claims).map_err(|error| Finding::new(Reason::Schema, error.to_string()))?;
        let credential = sent.open(&entry.key.key, (schema, &claims), &secret)?;
        Ok((credential, secret))
    }

    /// The receipt that it was anchored, once there is one.
    pub fn anchor(&self) -> Option<&str> {
        self.anchor.as_deref()
    }

    /// Keeps the receipt that it was anchored.
    pub fn set_anchor(&mut self, receipt: String) {
        self.anchor = Some(receipt);
    }

    /// Would `policy` let its holder pass on the day `today`? Nothing leaves the wallet.
    ///
    /// # Errors
    /// [`WalletError::Sent`] if the schema does not fit the credential.
    pub fn will_pass(&self, policy: &Policy, schema: &Schema, today: Date) -> Result<Part, WalletError> {
        let claims = self.sd_jwt()?.claims();
        let claims =
            schema.check_partial(&claims).map_err(|error| Finding::new(Reason::Schema, error.to_string()))?;
        Ok(policy.evaluate(&claims, today))
    }
}
