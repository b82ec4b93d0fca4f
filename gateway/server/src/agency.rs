//! The agency: what its vault, its keys, its view of the ledger and the pure crates do together.
//!
//! Every public method is one thing an agency does, in the order gather, decide, record; the addresses in
//! [`crate::routes`] call them and nothing else does.

mod anchors;
mod challenges;
mod foreign;
mod issue;
mod ledger;
mod lists;
mod passes;
mod rows;
mod statuses;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use credential::data_integrity::ProofError;
use credential::facts::AgeLimits;
use credential::sd_jwt::SdJwtError;
use credential::status::{Status, StatusError};
use credential::transcoding::Transcoding;
use credential::{Finding, dcc, jws};
use did_registry::{Did, Digest, Moment, Schema, SchemaError, SigningKey};
use ledger_chain::Genesis;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_chain::receipt::AnchorReceipt;
use ledger_node::client::{ClientError, LedgerClient};
use ledger_node::egress::EgressLog;
use serde::{Deserialize, Serialize};

pub use foreign::ForeignVerdict;
pub use issue::Offer;
pub use trust::TrustError;

use crate::audit::{self, Actor, Subject};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::fetch::{FetchError, Fetcher};
use crate::import::Imports;
use crate::metrics::Metrics;
use crate::operator::Operators;
use crate::vault::{Column, RowId, Table, Vault, VaultError};
use anchors::Anchors;
use challenges::Challenges;
use foreign::Foreign;
use ledger::LedgerWriter;
use lists::StatusLists;
use rows::{ISSUED, TEXTS, TRANSCODINGS};
use statuses::Publisher;
use trust::{Own, Trust};

/// Heads remembered over restarts, canonical bytes in hexadecimal.
const HEADS: Table<String> = Table::new(Column::Settings);

/// An agency at work.
pub struct Agency {
    did: Did,
    audience: String,
    keys: SigningKeys,
    vault: Arc<Vault>,
    clock: Clock,
    limits: AgeLimits,
    trust: Trust,
    statuses: StatusLists,
    anchors: Anchors,
    challenges: Challenges,
    foreign: Option<Foreign>,
    imports: Arc<Imports>,
    operators: Arc<Operators>,
    metrics: Arc<Metrics>,
}

/// The keys that sign credentials, each with its URL in the agency's document.
struct SigningKeys {
    es256: (String, SigningKey),
    ed25519: (String, SigningKey),
}

/// What a regulator gets to recompute a decision by.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The decision, as the pass names it.
    pub transcoding: Transcoding,
    /// The presentation it was made on, with the policy's claims and no others, if they may be retained.
    pub presentation: Option<String>,
    /// The challenge that was answered.
    pub nonce: String,
    /// The verifier's name that was signed.
    pub audience: String,
    /// The receipt for the source, base64url.
    pub anchor: Option<String>,
    /// The receipt for the decision, base64url, once it is anchored.
    pub receipt: Option<String>,
}

/// Why the agency does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgencyError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rule of the verdict's vocabulary.
    #[error(transparent)]
    Finding(#[from] Finding),
    /// The ledger refused, or is away.
    #[error("the ledger: {0}")]
    Ledger(#[from] ClientError),
    /// The view of the ledger could not be made.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The client that fetches could not be set up.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Claims that their schema refuses.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// An SD-JWT that cannot be made.
    #[error(transparent)]
    SdJwt(#[from] SdJwtError),
    /// A document that cannot be made.
    #[error(transparent)]
    Document(#[from] ProofError),
    /// A status that cannot be set.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// Nothing of that name.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// No such claim code.
    #[error("this claim code is not known")]
    CodeUnknown,
    /// Redeemed before.
    #[error("a claim code works once, and this one was used")]
    CodeUsed,
    /// Too late.
    #[error("this claim code has expired")]
    CodeExpired,
    /// Too few or too many at once.
    #[error("one call takes 1 to {0} items")]
    BatchSize(usize),
    /// The policy gives no pass.
    #[error("this policy gives no pass")]
    NoPass,
    /// No lists for foreign certificates.
    #[error("this agency is not configured for foreign certificates")]
    NoForeign,
    /// A file the configuration names.
    #[error("{what}: {error}")]
    File {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        error: String,
    },
}

impl Agency {
    /// Opens the vault, checks that the ledger knows this agency by the keys it holds, and takes a first view.
    ///
    /// # Errors
    /// [`AgencyError`].
    pub async fn open(
        config: &Config,
        clock: Clock,
        egress: Option<EgressLog>,
    ) -> Result<Arc<Self>, AgencyError> {
        let vault = Arc::new(Vault::open(&config.vault_directory(), config.kek()?)?);
        let keys = config.keys()?;
        let file = |what, error: &dyn std::fmt::Display| AgencyError::File { what, error: error.to_string() };
        let genesis = std::fs::read(&config.genesis_file).map_err(|error| file("genesis_file", &error))?;
        let genesis = Genesis::from_bytes(&genesis).map_err(|error| file("genesis_file", &error))?;
        let client = LedgerClient::new(&config.ledger_url)?.recording(egress);
        let did = config.did.clone();
        let fetcher = Fetcher::new(config.status_hosts())?;
        let own = Own { did: [did.clone()], vault: vault.clone() };
        let trust = Trust::open(client.clone(), fetcher, own, &genesis, remembered(&vault)?).await?;
        let es256 = (own_key(&trust, &did, &keys.assertion_p256)?, keys.assertion_p256);
        let ed25519 = (own_key(&trust, &did, &keys.assertion_ed25519)?, keys.assertion_ed25519);
        let writer = Arc::new(LedgerWriter::new(client, genesis.id(), did.clone(), keys.control));
        let status_key = SigningKey::from_bytes(es256.1.suite(), es256.1.to_secret().expose())
            .expect("a key that was loaded loads again");
        let statuses = StatusLists::open(Publisher {
            vault: vault.clone(),
            writer: writer.clone(),
            issuer: did.clone(),
            key: (es256.0.clone(), status_key),
            public_url: config.public_url.clone(),
            clock: clock.clone(),
        })?;
        let anchors = Anchors::new(vault.clone(), writer, did.clone(), config.anchor);
        let agency = Arc::new(Self {
            audience: did.to_string(),
            did,
            keys: SigningKeys { es256, ed25519 },
            clock: clock.clone(),
            limits: AgeLimits {
                amber: config.ages.amber_hours * 3600,
                refuse: config.ages.refuse_hours * 3600,
            },
            trust,
            statuses,
            anchors,
            challenges: Challenges::default(),
            foreign: foreign_lists(config)?,
            imports: Imports::new(vault.clone(), clock, config.limits.import()),
            operators: config.operators()?,
            metrics: Metrics::new(),
            vault,
        });
        Ok(agency)
    }

    /// Everything that goes on beside the requests: anchoring, publishing, and following the ledger. Ends with
    /// its task.
    pub async fn work(self: Arc<Self>, refresh: Duration) {
        let recover = async {
            if let Err(error) = self.anchors.recover().await {
                tracing::warn!(%error, "commitments of an earlier run wait for the next start");
            }
        };
        let follow = async {
            let mut ticks = tokio::time::interval(refresh);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = self.statuses.publish_rest().await {
                    tracing::warn!(%error, "a status list waits for the ledger");
                }
                if let Err(error) = self.refresh().await {
                    tracing::warn!(%error, "the view of the ledger grows older");
                }
            }
        };
        tokio::join!(recover, self.anchors.work(), follow);
    }

    /// Moves on to the ledger's newest head, and remembers it so that no older one is believed after a restart.
    ///
    /// # Errors
    /// [`TrustError`], or the vault's.
    pub async fn refresh(&self) -> Result<Moment, AgencyError> {
        let as_of = self.trust.refresh().await?;
        self.remember()?;
        Ok(as_of)
    }

    /// Takes a trust bundle that somebody brought, verified like any other.
    ///
    /// # Errors
    /// [`TrustError`], or the vault's.
    pub async fn import_bundle(&self, bundle: TrustBundle) -> Result<Moment, AgencyError> {
        let as_of = self.trust.import(bundle).await?;
        self.remember()?;
        Ok(as_of)
    }

    fn remember(&self) -> Result<(), AgencyError> {
        let head = hex::encode(self.trust.view().head.to_bytes());
        tokio::task::block_in_place(|| {
            let id = head_row(&self.vault);
            self.vault.write(|change| change.put(HEADS, &id, &head))
        })?;
        Ok(())
    }

    /// Who this is.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The head that everything is decided on.
    pub fn head(&self) -> TrustedHead {
        self.trust.view().head.clone()
    }

    /// Identifiers of this agency's policies on the ledger.
    pub fn policies(&self) -> Vec<Digest> {
        let view = self.trust.view();
        let own = view.facts.policies.iter().filter(|(_, policy)| policy.verifier == self.did);
        own.map(|(id, _)| *id).collect()
    }

    /// The trust bundle, with the proof that it continues the head at height `from`.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn bundle(&self, from: Option<u64>) -> Result<TrustBundle, AgencyError> {
        let view = self.trust.view();
        match from {
            // Whoever has no head yet starts from the genesis.
            None => Ok(TrustBundle { consistency: None, ..view.bundle.clone() }),
            Some(_) => {
                let height = Some(view.facts.as_of.height);
                let bundle =
                    self.anchors.client().bundle(height, from, std::slice::from_ref(&self.did)).await?;
                Ok(TrustBundle { statuses: view.bundle.statuses.clone(), ..bundle })
            }
        }
    }

    /// The token of a status list to serve; none before the first is published.
    pub fn status_token(&self, list: u32) -> Option<Arc<str>> {
        self.statuses.token(list)
    }

    /// The token of a status list as it was at an epoch.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] for an epoch that was never published, or the vault's.
    pub fn status_token_at(&self, list: u32, epoch: u64) -> Result<String, AgencyError> {
        statuses::token_at(&self.vault, list, epoch)?.ok_or(AgencyError::Missing("epoch of the status list"))
    }

    /// Revokes, suspends or reinstates a credential; answers once the ledger has the new head.
    ///
    /// # Errors
    /// [`AgencyError::Missing`], [`AgencyError::Status`], or the ledger's.
    pub async fn set_status(&self, id: &Digest, status: Status, cause: &str) -> Result<u64, AgencyError> {
        let row = tokio::task::block_in_place(|| self.vault.get(ISSUED, &RowId::from(*id)))?;
        let row = row.ok_or(AgencyError::Missing("credential"))?;
        let epoch = self.statuses.set(row.status_index, status).await?;
        let signed = self.sign_cause(id, status, cause, epoch);
        tokio::task::block_in_place(|| {
            let cause = cause_row(&self.vault, id);
            self.vault.write(|change| change.put(TEXTS, &cause, &signed))
        })?;
        Ok(epoch)
    }

    /// Why the status of a credential is what it is: a token (`status-cause+jwt`) that the agency signed. Only
    /// who knows the credential's identifier, 256 random bits, can ask.
    ///
    /// # Errors
    /// [`AgencyError::Missing`] if its status was never changed.
    pub fn cause(&self, id: &Digest) -> Result<String, AgencyError> {
        self.vault.get(TEXTS, &cause_row(&self.vault, id))?.ok_or(AgencyError::Missing("change of status"))
    }

    fn sign_cause(&self, id: &Digest, status: Status, cause: &str, epoch: u64) -> String {
        let mut header = serde_json::Map::new();
        header.insert("typ".into(), "status-cause+jwt".into());
        header.insert("kid".into(), self.keys.ed25519.0.as_str().into());
        let payload = serde_json::json!({
            "iss": self.did, "sub": format!("urn:causeway:credential:{id}"), "iat": self.clock.now().seconds(),
            "status": u8::from(status), "epoch": epoch, "cause": cause,
        });
        jws::sign(header, payload.to_string().as_bytes(), &self.keys.ed25519.1)
    }

    /// The anchor receipt of a credential or pass; none while it waits, which is asked for up to `patience`.
    ///
    /// # Errors
    /// [`AgencyError::Missing`].
    pub async fn receipt(
        &self,
        id: &Digest,
        patience: Duration,
    ) -> Result<Option<AnchorReceipt>, AgencyError> {
        let row = tokio::task::block_in_place(|| self.vault.get(ISSUED, &RowId::from(*id)))?;
        let row = row.ok_or(AgencyError::Missing("credential"))?;
        self.anchors.receipt(&row.digest, patience).await
    }

    /// What a regulator needs to recompute the decision behind a pass.
    ///
    /// # Errors
    /// [`AgencyError::Missing`].
    pub async fn evidence(&self, pass: &Digest) -> Result<Evidence, AgencyError> {
        let row = tokio::task::block_in_place(|| self.vault.get(TRANSCODINGS, &RowId::from(*pass)))?;
        let row = row.ok_or(AgencyError::Missing("pass"))?;
        let receipt = self.anchors.receipt(&row.transcoding.digest(), Duration::from_secs(5)).await?;
        Ok(Evidence {
            transcoding: row.transcoding,
            presentation: row.presentation,
            nonce: row.nonce,
            audience: self.audience.clone(),
            anchor: row.anchor,
            receipt: receipt.map(|receipt| crate::routes::base64url(&receipt.to_bytes())),
        })
    }

    /// Writes what an operator did to the audit log.
    ///
    /// # Errors
    /// The vault's.
    pub fn note(
        &self,
        operator: &str,
        operation: &'static str,
        subjects: Vec<Subject>,
        outcome: &'static str,
    ) -> Result<(), AgencyError> {
        let (now, actor) = (self.clock.now(), Actor::Operator(operator.to_owned()));
        self.vault.write(|change| audit::append(change, now, actor, operation, subjects, outcome))?;
        Ok(())
    }

    /// A schema that the ledger has.
    ///
    /// # Errors
    /// [`AgencyError::Missing`].
    pub fn published_schema(&self, id: &Digest) -> Result<Schema, AgencyError> {
        self.schema(id)
    }

    pub(crate) fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    pub(crate) fn imports(&self) -> &Arc<Imports> {
        &self.imports
    }

    pub(crate) fn operators(&self) -> &Arc<Operators> {
        &self.operators
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}

fn cause_row(vault: &Vault, credential: &Digest) -> RowId {
    vault.index(Column::Settings, &[b"status cause", credential.as_bytes()])
}

fn head_row(vault: &Vault) -> RowId {
    vault.index(Column::Settings, &[b"trusted head"])
}

fn remembered(vault: &Vault) -> Result<Option<TrustedHead>, AgencyError> {
    let damaged = || AgencyError::File { what: "the remembered head", error: "cannot be read".into() };
    let Some(head) = vault.get(HEADS, &head_row(vault))? else { return Ok(None) };
    let bytes = hex::decode(head).map_err(|_| damaged())?;
    TrustedHead::from_bytes(&bytes).map(Some).map_err(|_| damaged())
}

/// The URL of a key this agency holds, as its document on the ledger names it.
fn own_key(trust: &Trust, did: &Did, key: &SigningKey) -> Result<String, AgencyError> {
    let view = trust.view();
    let record =
        view.facts.dids.get(did).ok_or(AgencyError::Missing("registered identifier of this agency"))?;
    let public = key.public_key();
    let entry = record.current_keys().find(|entry| entry.key == public);
    let entry = entry.ok_or(AgencyError::Missing("key of this agency in its document"))?;
    Ok(did.url(&entry.fragment))
}

fn foreign_lists(config: &Config) -> Result<Option<Foreign>, AgencyError> {
    let (Some(list), Some(sets)) = (&config.trust_list_file, &config.value_sets_directory) else {
        return Ok(None);
    };
    let file = |what, error: &dyn std::fmt::Display| AgencyError::File { what, error: error.to_string() };
    let bytes = std::fs::read(list).map_err(|error| file("trust_list_file", &error))?;
    let written = std::fs::metadata(list)
        .and_then(|data| data.modified())
        .map_err(|error| file("trust_list_file", &error))?;
    let seconds = written.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let trust = dcc::TrustList::from_json(&bytes).map_err(|error| file("trust_list_file", &error))?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(sets).map_err(|error| file("value_sets_directory", &error))? {
        let path = entry.map_err(|error| file("value_sets_directory", &error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read(&path).map_err(|error| file("value_sets_directory", &error))?));
        }
    }
    let sets =
        dcc::ValueSets::from_files(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
            .map_err(|error| file("value_sets_directory", &error))?;
    Ok(Some(Foreign {
        verifier: dcc::Verifier::new(trust, sets),
        trust_list: Digest::sha256(&bytes),
        as_of: did_registry::Timestamp::default().plus(seconds),
    }))
}
