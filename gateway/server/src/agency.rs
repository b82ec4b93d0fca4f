//! The agency: what its vault, its keys, its view of the ledger and the pure crates do together.
//!
//! Every public method is one thing an agency does, in the order gather, decide, record; the addresses in
//! [`crate::routes`] call them and nothing else does.

mod anchors;
mod causes;
mod challenges;
mod evidence;
mod follower;
mod foreign;
mod issue;
mod ledger;
mod lists;
mod passes;
mod revocations;
mod rows;
mod source;
mod statuses;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use credential::data_integrity::ProofError;
use credential::facts::AgeLimits;
use credential::sd_jwt::SdJwtError;
use credential::status::StatusError;
use credential::{Finding, dcc};
use did_registry::{Did, Digest, Moment, Schema, SchemaError, SigningKey, Timestamp};
use ledger_chain::Genesis;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_node::client::{ClientError, LedgerClient};
use ledger_node::egress::EgressLog;
use zk_policy::{HolderCircuit, VerifyingKey};

pub use evidence::Evidence;
pub use foreign::ForeignVerdict;
pub use issue::Offer;
pub use trust::TrustError;

use crate::audit::{self, Actor, Subject};
use crate::circuit_keys::CircuitKeysError;
use crate::clock::Clock;
use crate::config::{Ages, Config, ConfigError};
use crate::fetch::{FetchError, Fetcher};
use crate::import::Imports;
use crate::metrics::Metrics;
use crate::operator::Operators;
use crate::vault::{Batch, Column, RowId, Table, Vault, VaultError};
use anchors::Anchors;
use challenges::Challenges;
use foreign::Foreign;
use ledger::LedgerWriter;
use lists::StatusLists;
use revocations::RevocationTree;
use source::Sources;
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
    sources: Sources,
    challenges: Challenges,
    foreign: Option<Foreign>,
    causeway: Option<CausewayKeys>,
    revocations: RevocationTree,
    imports: Arc<Imports>,
    operators: Arc<Operators>,
    metrics: Arc<Metrics>,
}

/// The keys that sign credentials, each with its URL in the agency's document.
struct SigningKeys {
    es256: (String, SigningKey),
    ed25519: (String, SigningKey),
}

/// What Causeway credentials are issued with.
struct CausewayKeys {
    /// The key that signs them, by its URL.
    key: (String, SigningKey),
    /// Verifies that who asks for one knows the secret it is bound to.
    holder: VerifyingKey<HolderCircuit>,
    /// Digest of the keys that it is one of.
    digest: Digest,
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
    /// No keys for Causeway credentials.
    #[error(
        "this agency issues no Causeway credentials: it has no Jubjub key, or not the circuits' keys that the committee adopted"
    )]
    NoCauseway,
    /// The keys of the circuits.
    #[error(transparent)]
    CircuitKeys(#[from] CircuitKeysError),
    /// No lists for foreign certificates.
    #[error("this agency is not configured for foreign certificates")]
    NoForeign,
    /// Another time than now.
    #[error("a pass is decided on as of now; this agency is not configured for another time")]
    AsOf,
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
        let client = LedgerClient::new(&config.ledger_url)?.recording(egress.clone());
        let did = config.did.clone();
        let fetcher = Fetcher::new(config.status_hosts(), egress)?;
        let own = Own { did: [did.clone()], vault: vault.clone() };
        let trust = Trust::open(client, fetcher, own, &genesis, remembered(&vault)?).await?;
        let es256 = (own_key(&trust, &did, &keys.assertion_p256)?, keys.assertion_p256);
        let ed25519 = (own_key(&trust, &did, &keys.assertion_ed25519)?, keys.assertion_ed25519);
        let causeway = match (keys.assertion_jubjub, config.circuit_keys()?) {
            (Some(key), Some(circuit)) => {
                let holder = circuit.holder_verifying()?;
                Some(CausewayKeys {
                    key: (own_key(&trust, &did, &key)?, key),
                    holder,
                    digest: circuit.digest(),
                })
            }
            _ => None,
        };
        let follower = trust.follower().clone();
        let writer = Arc::new(LedgerWriter::new(follower, genesis.id(), did.clone(), keys.control));
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
        let revocations = RevocationTree::open(vault.clone(), writer.clone(), did.clone())?;
        let anchors = Anchors::new(vault.clone(), writer, did.clone(), config.anchor);
        let agency = Arc::new(Self {
            audience: did.to_string(),
            did,
            keys: SigningKeys { es256, ed25519 },
            clock: clock.clone(),
            limits: config.ages.limits(),
            trust,
            statuses,
            anchors,
            sources: Sources::default(),
            challenges: Challenges::new(),
            foreign: foreign_lists(config)?,
            causeway,
            revocations,
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
                if let Err(error) = self.revocations.publish().await {
                    tracing::warn!(%error, "revocations wait for the ledger");
                }
                if let Err(error) = self.refresh(None).await {
                    tracing::warn!(%error, "the view of the ledger grows older");
                }
            }
        };
        tokio::join!(recover, self.anchors.work(), follow);
    }

    /// Moves on to the ledger's newest head, and remembers it so that no older one is believed after a restart;
    /// as operator `by`, or by itself.
    ///
    /// # Errors
    /// [`TrustError`], or the vault's.
    pub async fn refresh(&self, by: Option<&str>) -> Result<Moment, AgencyError> {
        let as_of = self.trust.refresh().await?;
        self.remember(by.map(|by| (by, "trust.refresh")))?;
        Ok(as_of)
    }

    /// Takes a trust bundle that operator `by` brought, verified like any other.
    ///
    /// # Errors
    /// [`TrustError`], or the vault's.
    pub async fn import_bundle(&self, by: &str, bundle: TrustBundle) -> Result<Moment, AgencyError> {
        let as_of = self.trust.import(bundle).await?;
        self.remember(Some((by, "trust.import")))?;
        Ok(as_of)
    }

    /// Keeps the head of the view, and who moved it on, if an operator did.
    fn remember(&self, act: Option<(&str, &'static str)>) -> Result<(), AgencyError> {
        let now = self.clock.now();
        tokio::task::block_in_place(|| {
            self.vault.write(|change| {
                // Looked at in here: of two that come at once, the later one keeps no earlier head.
                let head = hex::encode(self.trust.view().head.to_bytes());
                change.put(HEADS, &head_row(change.vault()), &head)?;
                act.map_or(Ok(()), |(by, operation)| note(change, now, by, operation, Vec::new()))
            })
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

    /// Writes to the audit log what an operator did that changed nothing here; a change is noted where it is
    /// written.
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

/// Notes what operator `by` does, in the change that does it.
fn note(
    change: &mut Batch<'_>,
    now: Timestamp,
    by: &str,
    operation: &'static str,
    subjects: Vec<Subject>,
) -> Result<(), VaultError> {
    audit::append(change, now, Actor::Operator(by.to_owned()), operation, subjects, "done")?;
    Ok(())
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
    for entry in trust.unusable() {
        let dcc::Unusable { index, kid, country, rule } = entry;
        let (kid, country) = (hex::encode(kid), country.as_deref().unwrap_or("unknown"));
        tracing::warn!(index, %kid, %country, rule, "a key of trust_list_file cannot be used, and what it signed is refused");
    }
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
        as_of: Timestamp::default().plus(seconds),
        limits: config.trust_list_ages.map(Ages::limits),
        any_time: config.transcode_as_of_any_time,
    }))
}
