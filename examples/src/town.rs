//! A town for tests: one ledger and two agencies in this process, over real HTTP, under a clock of its own.
//!
//! Guangdong keeps test results and issues credentials over them; Macau gives passes. Both follow the ledger
//! when they are told to ([`Town::follow`]) and at no other time, and time stands still until a test moves it, so
//! what a test sees depends on what it did and on nothing else. Whatever an agency answers is held against the
//! OpenAPI document that it serves.
//!
//! ```text
//!   citizen ──► guangdong: Office ──┐            ┌── macau: Office ◄── citizen
//!   operator ─►  own port, own vault ├─► ledger ◄┤    own port, own vault
//!   stranger ───────────────────────┘  (RunningNode)
//! ```

mod answer;
mod citizen;
mod clock;
mod contract;
mod office;
mod prover;
mod seat;
mod stranger;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use causeway::ledger::Ledger;
use causeway::setup::Network;
use credential::facts::Facts;
use credential::transcoding::pass_schema;
use did_registry::{ClaimKind, ClaimSpec, CredentialType, Did, Motion, Schema, Vote};
use gateway::operator::Role;
use ledger_chain::Operation;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_node::{Config, Node, RunningNode};

pub use answer::Answer;
pub use citizen::{APPLICANT, csv, row};
pub use clock::TownClock;
pub use office::Office;
pub use prover::Provers;
pub use seat::Seat;
pub use stranger::Stranger;

use crate::health_code::consortium::{HEALTH_PASS, HEALTH_TEST, Rules, Voice, found, recognise};

/// How long something that must happen may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The town.
pub struct Town {
    /// Below it, everybody's directory.
    pub directory: PathBuf,
    /// The time, for everybody.
    pub clock: TownClock,
    /// The network's files.
    pub network: Network,
    /// The ledger as its own client sees it.
    pub ledger: Ledger,
    /// The committee: three members, of whom two decide.
    pub members: Vec<Voice>,
    /// Issues credentials of type `HealthTest`.
    pub guangdong: Office,
    /// Gives passes under [`Town::rules`].
    pub macau: Office,
    /// What a test result says.
    pub schema: Schema,
    /// Macau's rules.
    pub rules: Rules,
    node: Option<RunningNode>,
    seat: Seat,
}

/// The schema of test results in town.
///
/// # Errors
/// Never, unless a name of ours is misspelt.
pub fn test_schema() -> anyhow::Result<Schema> {
    let results = ["negative", "positive"].map(str::to_owned);
    let claims = [
        ("full_name", ClaimKind::Text { max: 60 }),
        ("birth_date", ClaimKind::Date),
        ("test_result", ClaimKind::Code { of: results.into() }),
        ("sample_date", ClaimKind::Date),
    ];
    let claims = claims.map(|(name, kind)| (name.to_owned(), ClaimSpec { kind, required: true }));
    Ok(Schema { credential_type: CredentialType::new(HEALTH_TEST)?, version: 1, claims: claims.into() })
}

impl Town {
    /// Founds the town in an empty directory: everybody registered, recognised, running, and acquainted.
    ///
    /// # Errors
    /// Whatever stands in the way.
    pub async fn open(directory: &Path) -> anyhow::Result<Self> {
        let directory = std::fs::canonicalize(directory)?;
        let network = found(&directory.join("ledger"))?;
        let clock = TownClock::starting(network.genesis.time);
        let seat = Seat::take()?;
        let node = Some(run_node(&network, &seat, &clock).await?);
        let mut ledger = Ledger::connect(&seat.url(), network.genesis.clone()).await?;
        let voice = |path: &Path| Voice::of(path, ledger.client(), &network.ledger);
        let members = network.members.iter().map(|(path, _)| voice(path)).collect::<Result<Vec<_>, _>>()?;
        let seats = [Seat::take()?, Seat::take()?];
        let addresses = [seats[0].address(), seats[1].address()];
        let [one, two] = seats;
        let place = |name: &str| directory.join(name);
        let guangdong =
            Office::set_up(&place("guangdong"), one, addresses[1], (&mut ledger, &seat.url()), &clock)
                .await?;
        let macau =
            Office::set_up(&place("macau"), two, addresses[0], (&mut ledger, &seat.url()), &clock).await?;
        let schema = test_schema()?;
        let rules = Rules::of(&macau.did, &schema, clock.now())?;
        let mut town =
            Self { directory, clock, network, ledger, members, guangdong, macau, schema, rules, node, seat };
        town.agree().await?;
        town.guangdong.start().await?;
        town.macau.start().await?;
        town.acquaint().await?;
        Ok(town)
    }

    /// Schemas, recognitions and rules go onto the ledger.
    async fn agree(&self) -> anyhow::Result<()> {
        let (guangdong, macau) = (self.voice(&self.guangdong)?, self.voice(&self.macau)?);
        let pass = pass_schema(&CredentialType::new(HEALTH_PASS)?);
        for schema in [self.schema.clone(), pass, credential::foreign::schema()] {
            guangdong.say(Operation::Schema(schema)).await?;
        }
        recognise(&self.members, &self.guangdong.did).await?;
        recognise(&self.members, &self.macau.did).await?;
        self.rules.publish(&macau).await
    }

    /// An agency's own voice on the ledger. While its gateway speaks too, the two may take each other's turn.
    ///
    /// # Errors
    /// If its keys are not there.
    pub fn voice(&self, office: &Office) -> anyhow::Result<Voice> {
        Voice::of(&office.directory, self.ledger.client(), &self.network.ledger)
    }

    /// As many members as it takes vote for a motion.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn decide(&self, motion: Motion) -> anyhow::Result<()> {
        let vote = Vote { motion, round: 0, expires: self.clock.now().plus(86_400) };
        for member in self.members.iter().take(2) {
            member.say(Operation::Role(vote.clone())).await?;
        }
        Ok(())
    }

    /// The committee recognises somebody for a type, from yesterday for a year.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn recognise(&self, issuer: &Did, credential_type: &str) -> anyhow::Result<()> {
        let (now, credential_type) = (self.clock.now(), CredentialType::new(credential_type)?);
        let (from, until) = (now.minus(86_400), now.plus(365 * 86_400));
        self.decide(Motion::RecogniseIssuer { issuer: issuer.clone(), credential_type, from, until }).await
    }

    /// Both agencies look at the ledger as it is now.
    ///
    /// # Errors
    /// An agency's refusal.
    pub async fn follow(&self) -> anyhow::Result<()> {
        for office in [&self.guangdong, &self.macau] {
            let answer = office.call(Some(Role::Admin), "/v1/trust/refresh").await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
        Ok(())
    }

    /// What a citizen knows: an agency's trust bundle, verified from the genesis on.
    ///
    /// # Errors
    /// If it cannot be had or does not hold.
    pub async fn facts(&self, office: &Office) -> anyhow::Result<Facts> {
        let answer = office.get(None, "/v1/bundle").await?;
        let bundle = TrustBundle::from_bytes(&answer.bytes)?;
        let trusted = TrustedHead::from_genesis(&self.network.genesis, &bundle.head)?;
        Ok(bundle.verify(&trusted)?.1)
    }

    /// Waits until both agencies have published their status list and know the other's.
    ///
    /// # Errors
    /// If that does not come to pass.
    pub async fn acquaint(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.follow().await?;
            let facts = [self.facts(&self.guangdong).await?, self.facts(&self.macau).await?];
            if facts.iter().all(|facts| facts.statuses.len() == 2) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the agencies did not publish their status lists");
            pause().await;
        }
    }

    /// Where the ledger's node answers.
    pub fn ledger_url(&self) -> String {
        self.seat.url()
    }

    /// The node, while it runs.
    ///
    /// # Errors
    /// If it does not.
    pub fn node(&self) -> anyhow::Result<&RunningNode> {
        self.node.as_ref().context("the ledger does not run")
    }

    /// Stops the ledger's node in good order.
    pub async fn stop_ledger(&mut self) {
        if let Some(node) = self.node.take() {
            node.shutdown().await;
        }
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// The node's.
    pub async fn start_ledger(&mut self) -> anyhow::Result<()> {
        self.node = Some(run_node(&self.network, &self.seat, &self.clock).await?);
        Ok(())
    }
}

async fn run_node(network: &Network, seat: &Seat, clock: &TownClock) -> anyhow::Result<RunningNode> {
    let mut config = Config::read(&network.node.join("ledger.toml"))?;
    config.listen = seat.address();
    config.heartbeat_seconds = 3_600;
    Ok(Node::start_at(config, clock.ledger()).await?)
}

/// Between two looks at something that somebody else is doing.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}
