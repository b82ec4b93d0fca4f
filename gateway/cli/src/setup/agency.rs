//! A new agency's directory: keys, configuration, one operator; and its safe.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use did_registry::{
    Did, DidRecord, Genesis as DidGenesis, Guardians, Moment, Purposes, Secret, Service, SigningKey, Suite,
};
use gateway::config::{Ages, Config};
use gateway::operator::{Operators, Role, new_token};
use ledger_chain::Genesis;
use rand::{CryptoRng, RngCore};
use toml::Value;

use super::SetupError;
use crate::actor::{ActorDirectory, Safe, write_key, write_secret};
use crate::files;

/// What an agency starts with.
#[derive(Clone, Debug)]
pub struct AgencyPlan {
    /// Its name, for people.
    pub name: String,
    /// Where the gateway will listen.
    pub listen: SocketAddr,
    /// What wallets and verifiers call it; status lists are found there.
    pub public_url: String,
    /// The ledger node it follows.
    pub ledger_url: String,
    /// The ledger it trusts.
    pub genesis: Genesis,
    /// Other hosts that status lists are fetched from.
    pub status_hosts: Vec<String>,
    /// Who can recover its identifier.
    pub guardians: Option<Guardians>,
    /// Trust list for foreign certificates.
    pub trust_list: Option<PathBuf>,
    /// How old that list may be; none: its age is told and refuses nothing.
    pub trust_list_ages: Option<Ages>,
    /// Value sets for foreign certificates.
    pub value_sets: Option<PathBuf>,
    /// Where to record what leaves.
    pub egress_log: Option<PathBuf>,
    /// The circuits' keys; none: no Causeway credentials are issued.
    pub circuit_keys: Option<PathBuf>,
    /// Whether circuit keys made for development are accepted.
    pub insecure_development_keys: bool,
    /// Seconds between looks at the ledger.
    pub refresh_seconds: u64,
    /// Where its next key goes; by default beside its directory.
    pub safe: Option<PathBuf>,
}

/// An agency that was set up, not registered yet.
#[derive(Debug)]
pub struct NewAgency {
    /// Its identifier.
    pub did: Did,
    /// Its configuration.
    pub config: PathBuf,
    /// Where its next key is: to be taken away.
    pub safe: Safe,
    /// The token of operator `admin`, who has every role. Only its digest is kept.
    pub token: Secret<String>,
}

/// Makes an agency's directory and its safe. Registers nothing, never overwrites.
///
/// # Errors
/// [`SetupError`]; what the ledger or the gateway would refuse is refused here, and leaves no file.
pub fn agency<R: RngCore + CryptoRng>(
    directory: &Path,
    plan: &AgencyPlan,
    rng: &mut R,
) -> Result<NewAgency, SetupError> {
    let es256 = SigningKey::generate(Suite::P256, rng);
    let ed25519 = SigningKey::generate(Suite::Ed25519, rng);
    let jubjub = SigningKey::generate(Suite::Jubjub, rng);
    let complete = |mut genesis: DidGenesis| {
        genesis.guardians = plan.guardians.clone();
        genesis.services.push(Service {
            fragment: "gateway".into(),
            kind: "CausewayGateway".into(),
            endpoint: plan.public_url.clone(),
        });
        let both = Purposes::ASSERTION.and(Purposes::AUTHENTICATION);
        genesis
            .with_key("es256-1", Purposes::ASSERTION, es256.public_key())
            .with_key("ed25519-1", both, ed25519.public_key())
            .with_key("jubjub-1", Purposes::ASSERTION, jubjub.public_key())
    };
    // Tried on a stand-in first: what the ledger or the gateway would refuse leaves no file.
    let trial = ed25519.public_key();
    let trial = complete(DidGenesis::new(plan.genesis.network.clone(), trial.clone(), trial.commitment()));
    DidRecord::create(&trial.did(), &trial, Moment { height: 0, time: plan.genesis.time })?;
    Config::parse(&configuration(plan, &trial.did()), directory)?;
    let safe = Safe::of(directory, plan.safe.as_deref());
    let (actor, genesis) = ActorDirectory::create(directory, &safe, &plan.genesis.network, complete, rng)?;
    actor.pin(&plan.genesis)?;
    write_key(&directory.join("es256.key"), &es256)?;
    write_key(&directory.join("ed25519.key"), &ed25519)?;
    write_key(&directory.join("jubjub.key"), &jubjub)?;
    let mut kek = [0u8; 32];
    rng.fill_bytes(&mut kek);
    write_secret(&directory.join("kek"), &Secret::new(kek))?;
    let (token, digest) = new_token();
    let roles = [Role::Issue, Role::Verify, Role::Admin, Role::Audit];
    let operators = Operators::entry("admin", &digest, &roles);
    files::create(&directory.join("operators.toml"), operators.as_bytes(), files::PRIVATE)?;
    let config = directory.join("gateway.toml");
    files::create(&config, configuration(plan, &genesis.did()).as_bytes(), files::PRIVATE)?;
    Ok(NewAgency { did: genesis.did(), config, safe, token })
}

fn configuration(plan: &AgencyPlan, did: &Did) -> String {
    let mut table = toml::Table::new();
    let mut set = |name: &str, value: Value| table.insert(name.to_owned(), value);
    set("listen", plan.listen.to_string().into());
    set("name", plan.name.as_str().into());
    set("did", did.to_string().into());
    set("public_url", plan.public_url.as_str().into());
    set("directory", ".".into());
    for (name, file) in [
        ("kek_file", "kek"),
        ("control_key_file", "control.key"),
        ("assertion_ed25519_key_file", "ed25519.key"),
        ("assertion_p256_key_file", "es256.key"),
        ("assertion_jubjub_key_file", "jubjub.key"),
        ("operators_file", "operators.toml"),
        ("genesis_file", "genesis.bin"),
    ] {
        set(name, file.into());
    }
    set("ledger_url", plan.ledger_url.as_str().into());
    set("status_hosts", plan.status_hosts.clone().into());
    set("refresh_seconds", i64::try_from(plan.refresh_seconds).unwrap_or(i64::MAX).into());
    for (name, path) in [
        ("trust_list_file", &plan.trust_list),
        ("value_sets_directory", &plan.value_sets),
        ("egress_log", &plan.egress_log),
        ("circuit_keys_directory", &plan.circuit_keys),
    ] {
        if let Some(path) = path {
            set(name, path.display().to_string().into());
        }
    }
    if plan.insecure_development_keys {
        table.insert("insecure_development_keys".to_owned(), true.into());
    }
    if let Some(ages) = plan.trust_list_ages {
        let hours = |hours: u64| Value::from(i64::try_from(hours).unwrap_or(i64::MAX));
        let entries = [("amber_hours", ages.amber_hours), ("refuse_hours", ages.refuse_hours)];
        let entries = entries.map(|(name, limit)| (name.to_owned(), hours(limit)));
        table.insert("trust_list_ages".to_owned(), Value::Table(entries.into_iter().collect()));
    }
    toml::to_string(&table)
        .expect("serialises because every value is text, a number, a list or a table of numbers")
}
