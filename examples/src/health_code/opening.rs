//! The opening: who is there, what they agreed on, and the processes that speak for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use causeway::agency::Agency;
use causeway::ledger::Ledger;
use causeway::setup::Network;
use credential::transcoding::pass_schema;
use did_registry::{CredentialType, Motion, Schema};
use gateway::circuit_keys::CircuitKeys;
use gateway::clock::Clock;
use ledger_chain::Operation;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;

use super::Options;
use super::border::Border;
use super::consortium::{HEALTH_PASS, Rules, Voice, decide, found, recognise, recognise_for};
use super::impostor::{CLINIC_VISIT, Clinic};
use super::jurisdiction::{Jurisdiction, Named as _, free_addresses};
use super::process::Parties;
use super::stage::Stage;
use super::zero_knowledge::Provers;
use crate::population::{self, Person, Side};

/// How long the agencies may take to learn of each other.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everybody, in place.
pub struct Scene {
    /// The story's directory.
    pub directory: PathBuf,
    /// The processes.
    pub parties: Parties,
    /// The network's files.
    pub network: Network,
    /// Where its node answers.
    pub url: String,
    /// The ledger, as whoever checks it sees it.
    pub ledger: Ledger,
    /// Guangdong and Macau.
    pub sides: [Jurisdiction; 2],
    /// Their rules.
    pub rules: [Rules; 2],
    /// What a health test says.
    pub schema: Schema,
    /// A clinic that nobody recognised for tests.
    pub clinic: Clinic,
    /// What proves, for the wallets.
    pub provers: Provers,
    /// Where the circuits' keys are.
    pub keys: PathBuf,
    /// The gates' directories: that into Macau, that into Guangdong.
    pub gates: [PathBuf; 2],
}

impl Scene {
    /// Starts everybody in the story's empty directory.
    ///
    /// # Errors
    /// Whatever stands in the way.
    pub async fn open(options: &Options, people: [Vec<Person>; 2], stage: &Stage) -> anyhow::Result<Self> {
        // Configurations name files by whole paths, because the parties stand elsewhere.
        let directory = std::fs::canonicalize(&options.directory)?;
        let data = certificates(&options.data)?;
        let mut parties = Parties::of(&options.causeway)?;

        let step = stage.wait("a ledger, and a committee of three");
        let network = found(&directory.join("ledger"))?;
        record_egress(&network.node)?;
        let node = network.node.to_str().context("the directory's name is UTF-8")?;
        let url = parties.start("ledger", &network.node, &["node", "run", node]).await?;
        keep_address(&network.node, &url)?;
        let mut ledger = Ledger::connect(&url, network.genesis.clone()).await?;
        step.done("a ledger started; Guangdong, Macau and a neutral auditor sit on its committee")?;

        let step = stage.wait("keys of the circuits, made for development");
        let keys = directory.join("circuit-keys");
        let made = tokio::task::block_in_place(|| CircuitKeys::write_development(&keys))?;
        let provers = tokio::task::block_in_place(|| Provers::read(&made))?;
        let committee = network.members.iter();
        let committee = committee.map(|(member, _)| Voice::of(member, ledger.client(), &network.ledger));
        let committee = committee.collect::<Result<Vec<_>, _>>()?;
        decide(&committee, Motion::AdoptCircuitKeys(made.digest())).await?;
        step.done(
            "keys of the circuits, made for development, were adopted: a network's come from a ceremony",
        )?;

        let step = stage.wait("two agencies register, are recognised, and publish their rules");
        let [one, two] = free_addresses()?;
        let [guangdong, macau] = people;
        let home = |side: Side| directory.join(side.folder());
        let (g, m) = (Side::Guangdong, Side::Macau);
        let files = (data.as_path(), Some(keys.as_path()));
        let guangdong =
            Jurisdiction::set_up(g, &home(g), (one, two), &url, &mut ledger, files, guangdong).await?;
        let macau = Jurisdiction::set_up(m, &home(m), (two, one), &url, &mut ledger, files, macau).await?;
        let sides = [guangdong, macau];
        let schema = population::schema();
        let rules = agree(&ledger, &network, &committee, &sides, &schema).await?;
        let clinic = Clinic::open(&directory.join("clinic"), &mut ledger).await?;
        recognise_for(CLINIC_VISIT, &committee, clinic.did()).await?;
        for side in &sides {
            side.start(&mut parties).await?;
        }
        acquainted(&sides, &network).await?;
        step.done("two agencies registered, recognised by two votes of three, schemas and rules published")?;
        let gates = [m, g].map(|side| directory.join("gates").join(side.folder()));
        Ok(Self {
            directory,
            parties,
            network,
            url,
            ledger,
            sides,
            rules,
            schema,
            clinic,
            provers,
            keys,
            gates,
        })
    }

    /// Opens both gates; from here on they have no cable.
    ///
    /// # Errors
    /// If an agency's bundle does not hold.
    pub async fn borders(&self, stage: &Stage) -> anyhow::Result<[Arc<Border>; 2]> {
        let step = stage.wait("the gates take a trust bundle each");
        let [guangdong, macau] = &self.sides;
        let [into_macau, into_guangdong] = &self.gates;
        let there = self.border(guangdong, (macau, &self.rules[1]), into_macau).await?;
        let back = self.border(macau, (guangdong, &self.rules[0]), into_guangdong).await?;
        step.done("each gate took one trust bundle, verified from the genesis on; now its cable is out")?;
        Ok([Arc::new(there), Arc::new(back)])
    }

    async fn border(
        &self,
        from: &Jurisdiction,
        (to, rules): (&Jurisdiction, &Rules),
        gate: &Path,
    ) -> anyhow::Result<Border> {
        let source = (from.agency.clone(), from.did.clone());
        let policies = (rules.entry.id(), rules.gate.id());
        let place = (gate, to.side.gate());
        let known = (&self.network.genesis, self.keys.as_path());
        Border::open(source, to.agency.clone(), policies, place, known).await
    }
}

/// The foreign certificates' directory, as a whole path.
///
/// # Errors
/// If it is not there; the story is not told without them.
fn certificates(data: &Path) -> anyhow::Result<PathBuf> {
    std::fs::canonicalize(data).with_context(|| {
        let expected = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
        format!(
            "the foreign certificates are missing: they are expected in {}; the public test data belongs beside \
             the clone, in ../shared/data, and --data names another place",
            expected.display()
        )
    })
}

/// Has the node write down what it sends.
fn record_egress(node: &Path) -> anyhow::Result<()> {
    let file = node.join("ledger.toml");
    let mut config = ledger_node::Config::read(&file)?;
    config.egress_log = Some(node.join("egress.log"));
    Ok(config.write(&file)?)
}

/// Has a node that is started again listen where the agencies look for it.
fn keep_address(node: &Path, url: &str) -> anyhow::Result<()> {
    let file = node.join("ledger.toml");
    let mut config = ledger_node::Config::read(&file)?;
    config.listen = url.trim_start_matches("http://").parse()?;
    Ok(config.write(&file)?)
}

/// Schemas, recognitions and rules go onto the ledger.
async fn agree(
    ledger: &Ledger,
    network: &Network,
    committee: &[Voice],
    sides: &[Jurisdiction; 2],
    schema: &Schema,
) -> anyhow::Result<[Rules; 2]> {
    let voice = |directory: &Path| Voice::of(directory, ledger.client(), &network.ledger);
    let voices = [voice(&sides[0].directory)?, voice(&sides[1].directory)?];
    let pass = pass_schema(&CredentialType::new(HEALTH_PASS)?);
    for published in [schema.clone(), pass, credential::foreign::schema()] {
        voices[0].say(Operation::Schema(published)).await?;
    }
    let now = Clock::system().now();
    for (side, voice) in sides.iter().zip(&voices) {
        recognise(committee, &side.did).await?;
        Rules::of(&side.did, schema, now)?.publish(voice).await?;
    }
    Ok([Rules::of(&sides[0].did, schema, now)?, Rules::of(&sides[1].did, schema, now)?])
}

/// Waits until each agency has the other's status list: until then it decides nothing on its credentials.
async fn acquainted(sides: &[Jurisdiction; 2], network: &Network) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for side in sides {
        loop {
            // A refusal here says that the other's list is not there yet.
            let lists = match side.desk.refresh().await {
                Ok(_) => lists(&side.agency, network).await?,
                Err(error) => {
                    ensure!(Instant::now() < deadline, "{} sees no status list: {error:#}", side.side.name());
                    0
                }
            };
            if lists == sides.len() {
                break;
            }
            ensure!(Instant::now() < deadline, "{} knows {lists} status lists of two", side.side.name());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Status lists in an agency's bundle.
async fn lists(agency: &Agency, network: &Network) -> anyhow::Result<usize> {
    let bundle = TrustBundle::from_bytes(&agency.bundle(None).await?)?;
    let trusted = TrustedHead::from_genesis(&network.genesis, &bundle.head)?;
    Ok(bundle.verify(&trusted)?.1.statuses.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_certificates_are_called_missing_with_the_place_where_they_belong() {
        let missing = certificates(Path::new("../nowhere/dcc")).expect_err("is not there").to_string();
        let place = std::env::current_dir().expect("there is one").join("../nowhere/dcc");
        assert!(
            missing.contains(&*place.to_string_lossy()) && missing.contains("../shared/data"),
            "{missing}"
        );
    }
}
