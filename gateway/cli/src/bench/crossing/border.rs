//! Two jurisdictions and the ledger between them, set up as the commands set them up.

use std::fmt::Write as _;
use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use credential::exchange::Issued;
use credential::facts::Facts;
use credential::transcoding::pass_schema;
use credential::{Policy, ProofTerms, Scope};
use did_registry::{Did, Digest, Motion, PublicKey, Timestamp, Vote};
use gateway::Gateway;
use gateway::circuit_keys::CircuitKeys;
use gateway::clock::Clock;
use gateway::config::Config;
use gateway::import::Imports;
use gateway::vault::Vault;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_chain::{Genesis, GroupId, Operation};
use ledger_node::{Node, RunningNode};
use rand::rngs::OsRng;
use tokio::task::{block_in_place, spawn_blocking};

use crate::actor::ActorDirectory;
use crate::agency::Agency;
use crate::bench::{network, subject};
use crate::identity;
use crate::ledger::Ledger;
use crate::setup::{self, AgencyPlan, NetworkPlan};

/// Records in the source's vault; as many can be issued over in one call.
pub(super) const RECORDS: usize = 400;
/// How often a view of the ledger is looked at again.
const TRIES: usize = 500;

/// The parties, and what a traveller knows of them.
pub(super) struct Border {
    node: RunningNode,
    home: Gateway,
    abroad: Gateway,
    schema: Digest,
    /// The ledger that everybody trusts.
    pub(super) genesis: Genesis,
    /// Who issues credentials.
    pub(super) issuer: Did,
    /// Over HTTP: who issues credentials, and who gives passes.
    pub(super) source: Agency,
    pub(super) destination: Agency,
    /// The rules for a pass, and at the gate.
    pub(super) entry: Digest,
    pub(super) gate: Digest,
    /// What wallets and gates know from the ledger.
    pub(super) bundle: Vec<u8>,
    pub(super) facts: Facts,
    /// What proofs are made and verified with.
    pub(super) keys: CircuitKeys,
    clock: Clock,
}

impl Border {
    /// Sets everybody up below `directory` and waits until each knows the others.
    pub(super) async fn open(directory: &Path) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let now = clock.now();
        let plan = NetworkPlan {
            network: network::name()?,
            group: GroupId(0),
            committee: 1,
            threshold: 1,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            time: now,
            safe: None,
        };
        let made = setup::network(&directory.join("network"), &plan, &mut OsRng)?;
        let node = Node::start(ledger_node::Config::read(&made.node.join("ledger.toml"))?).await?;
        let keys = block_in_place(|| CircuitKeys::write_development(&directory.join("keys")))?;
        let (here, there) = (free_address()?, free_address()?);
        let plan = |name: &str, own: SocketAddr, other: SocketAddr| AgencyPlan {
            name: name.to_owned(),
            listen: own,
            public_url: format!("http://{own}"),
            ledger_url: node.url(),
            genesis: made.genesis.clone(),
            status_hosts: vec![other.to_string()],
            guardians: None,
            trust_list: None,
            trust_list_ages: None,
            value_sets: None,
            circuit_keys: Some(directory.join("keys")),
            insecure_development_keys: true,
            egress_log: None,
            refresh_seconds: 1,
            safe: None,
        };
        let (home, abroad) = (directory.join("home"), directory.join("abroad"));
        let source = setup::agency(&home, &plan("Home", here, there), &mut OsRng)?;
        let destination = setup::agency(&abroad, &plan("Abroad", there, here), &mut OsRng)?;

        let mut ledger = Ledger::connect(&node.url(), made.genesis.clone()).await?;
        let (member, _) = made.members.first().context("a committee has a member")?;
        let member = ActorDirectory::open(member)?;
        let (home, abroad) = (ActorDirectory::open(&home)?, ActorDirectory::open(&abroad)?);
        identity::register(&mut ledger, &home).await?;
        identity::register(&mut ledger, &abroad).await?;
        for (issuer, credential_type) in [(&home, subject::test_type()?), (&abroad, subject::pass_type()?)] {
            let motion = Motion::RecogniseIssuer {
                issuer: issuer.did().clone(),
                credential_type,
                // What is proved was issued on a day that is recognised whole.
                from: now.minus(2 * 86_400),
                until: now.plus(365 * 86_400),
            };
            let vote = Vote { motion, round: 1, expires: now.plus(86_400) };
            ledger.commit(member.did(), &member.control()?, Operation::Role(vote)).await?;
        }
        let vote =
            Vote { motion: Motion::AdoptCircuitKeys(keys.digest()), round: 1, expires: now.plus(86_400) };
        ledger.commit(member.did(), &member.control()?, Operation::Role(vote)).await?;
        let (schema, entry) = (subject::schema()?, subject::entry_policy(abroad.did().clone(), now)?);
        let proof = Some(ProofTerms { epoch_hours: 24, scope: Scope::GateAndDay });
        let entry = Policy { proof, ..entry };
        let gate = subject::gate_policy(abroad.did().clone(), now)?;
        ledger.commit(home.did(), &home.control()?, Operation::Schema(schema.clone())).await?;
        for operation in [
            Operation::Schema(pass_schema(&subject::pass_type()?)),
            Operation::Policy(entry.clone()),
            Operation::Policy(gate.clone()),
        ] {
            ledger.commit(abroad.did(), &abroad.control()?, operation).await?;
        }

        let config = Config::load(&source.config)?;
        block_in_place(|| import(&config, &clock, &schema))?;
        let home = Gateway::start(&config, clock.clone()).await?;
        let abroad = Gateway::start(&Config::load(&destination.config)?, clock.clone()).await?;
        let (bundle, facts) = view(&abroad, &made.genesis).await?;
        Ok(Self {
            source: Agency::new(&format!("http://{}", home.address()))?,
            destination: Agency::new(&format!("http://{}", abroad.address()))?,
            node,
            home,
            abroad,
            schema: schema.id(),
            genesis: made.genesis,
            issuer: source.did,
            entry: entry.id(),
            gate: gate.id(),
            bundle,
            facts,
            keys,
            clock,
        })
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Claim codes for so many of the source's records, at most [`RECORDS`].
    pub(super) async fn offer(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let (agency, schema) = (self.home.agency().clone(), self.schema);
        let records: Vec<String> = (0..count).map(record_id).collect();
        let offers = spawn_blocking(move || agency.offer("bench", &schema, &records)).await??;
        Ok(offers.into_iter().map(|offer| offer.code).collect())
    }

    /// Credentials over the source's first records, bound to these keys; at most [`RECORDS`].
    pub(super) async fn issue(&self, keys: Vec<PublicKey>) -> anyhow::Result<Vec<Issued>> {
        let (agency, schema) = (self.home.agency().clone(), self.schema);
        let items: Vec<_> =
            keys.into_iter().enumerate().map(|(number, key)| (record_id(number), key)).collect();
        Ok(spawn_blocking(move || agency.issue_batch("bench", &schema, &items)).await??)
    }

    /// The receipt that a credential was anchored, as the source hands it out.
    pub(super) async fn receipt(&self, credential: &Digest, patience: Duration) -> anyhow::Result<String> {
        let receipt = self.home.agency().receipt(credential, patience).await?;
        let receipt = receipt.context("the source did not anchor a credential in time")?;
        Ok(gateway::routes::base64url(&receipt.to_bytes()))
    }

    /// Ends everybody.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        // Kept connections would hold the servers' ends open.
        drop((self.source, self.destination));
        self.home.stop().await?;
        self.abroad.stop().await?;
        self.node.shutdown().await;
        Ok(())
    }
}

/// A port that is free now.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn record_id(number: usize) -> String {
    format!("R-{number:06}")
}

/// Fills the source's vault before its gateway opens it.
fn import(config: &Config, clock: &Clock, schema: &did_registry::Schema) -> anyhow::Result<()> {
    let names: Vec<&String> = schema.claims.keys().collect();
    let mut csv =
        format!("record_id,{}\n", names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(","));
    for number in 0..RECORDS {
        let claims = subject::claims(number, clock.now().date());
        write!(csv, "{}", record_id(number))?;
        for name in &names {
            let value =
                claims.get(*name).and_then(serde_json::Value::as_str).context("every claim has a text")?;
            write!(csv, ",{value}")?;
        }
        csv.push('\n');
    }
    let vault = Arc::new(Vault::open(&config.vault_directory(), config.kek()?)?);
    let imports = Imports::new(vault, clock.clone(), config.limits.import());
    let job = imports.prepare("bench", schema, Cursor::new(csv))?.run(|_| true)?;
    ensure!(job.stored == RECORDS as u64, "{} of {RECORDS} records were stored", job.stored);
    Ok(())
}

/// A view of the ledger that has both agencies' status lists.
async fn view(abroad: &Gateway, genesis: &Genesis) -> anyhow::Result<(Vec<u8>, Facts)> {
    for _ in 0..TRIES {
        abroad.agency().refresh(None).await?;
        let bundle: TrustBundle = abroad.agency().bundle(None).await?;
        let bytes = bundle.to_bytes();
        let (_, facts) = bundle.verify(&TrustedHead::from_genesis(genesis, &bundle.head)?)?;
        if facts.statuses.len() == 2 {
            return Ok((bytes, facts));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("the agencies' first status lists are not published")
}
