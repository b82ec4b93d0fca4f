//! An e-certificate: issued, printed, and verified from a picture of the page with everything else switched off.
//!
//! A professional licence of Macau goes from the vault onto paper as a signed W3C credential in a QR code, and a
//! checkpoint that has a trust bundle and nothing else reads it back from the picture. The story is told in the
//! product's own commands. Paper has no key, so the checkpoint says what is signed, and the officer compares
//! that with the page and with the bearer's document.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway::command::{self, Cli, Ending, World};
use causeway::files;
use causeway::screen::Screen;
use causeway::setup::{self, AgencyPlan, NewAgency};
use clap::Parser as _;
use credential::exchange::Issued;
use credential::{Operand, Policy, Predicate, Test};
use did_registry::{ClaimKind, ClaimSpec, CredentialType, Did, Digest, Motion, Schema, Timestamp, Vote};
use gateway::Gateway;
use gateway::clock::Clock;
use gateway::config::Config;
use ledger_chain::Operation;
use ledger_chain::bundle::TrustBundle;
use ledger_node::client::LedgerClient;
use ledger_node::{Node, RunningNode};
use rand::rngs::OsRng;

use crate::health_code::consortium::{Voice, found, register};
use crate::health_code::desk::Desk;

/// What is issued.
pub const LICENCE: &str = "ProfessionalLicence";
/// The record that is printed.
const RECORD: &str = "L-2026-0417";
/// Somebody who does not exist.
const CSV: &str = "record_id,full_name,document_number,profession,licence_number,granted\n\
                   L-2026-0417,António 陳大文 Xavier,X9990417(7),Registered nurse,ENF-0417,2019-03-11\n";
/// How it looks on paper.
const FORM: &str = include_str!("e_certificate/licence.toml");

/// A small country: one ledger, one agency, and what they need.
struct Office {
    node: RunningNode,
    gateway: Gateway,
    desk: Desk,
    url: String,
    schema: Digest,
    policy: Digest,
}

/// What a licence says.
fn schema() -> anyhow::Result<Schema> {
    let text = |max| ClaimSpec { kind: ClaimKind::Text { max }, required: true };
    let claims = BTreeMap::from([
        ("full_name".to_owned(), text(120)),
        ("document_number".to_owned(), text(24)),
        ("profession".to_owned(), text(80)),
        ("licence_number".to_owned(), text(24)),
        ("granted".to_owned(), ClaimSpec { kind: ClaimKind::Date, required: true }),
    ]);
    Ok(Schema { credential_type: CredentialType::new(LICENCE)?, version: 1, claims })
}

/// What an officer asks of a licence: that there is one, granted by now, and that it stands.
fn rule(verifier: &Did, schema: &Schema, now: Timestamp) -> Policy {
    let granted = Predicate { claim: "granted".into(), test: Test::AtMost(Operand::DaysFromToday(0)) };
    Policy {
        verifier: verifier.clone(),
        name: "licence".into(),
        version: 1,
        purpose: "To see whether a professional licence stands.".into(),
        credential_type: schema.credential_type.clone(),
        schema: schema.id(),
        predicates: vec![granted],
        retained: BTreeSet::new(),
        from: now.minus(86_400),
        until: now.plus(365 * 86_400),
        pass: None,
        proof: None,
    }
}

/// Tells the story in `directory`; gives the checkpoint's answers before and after the licence is revoked.
///
/// # Errors
/// Whatever stands in the way.
pub async fn tell(directory: &Path, screen: &mut Screen<'_>) -> anyhow::Result<[Ending; 2]> {
    let office = Office::open(directory).await?;
    let place = |name: &str| directory.join(name).display().to_string();
    let (licence, page, picture) = (place("licence.json"), place("licence.pdf"), place("licence.png"));
    let (gate, before, after) = (place("desk"), place("before.bundle"), place("after.bundle"));
    let (form, token, genesis) = (place("licence.toml"), place("admin.token"), place("genesis.bin"));
    std::fs::write(&form, FORM)?;
    let (schema, policy) = (office.schema.to_string(), office.policy.to_string());
    let url = office.url.as_str();

    screen
        .line("At the agency: a licence for paper, its page, and what a courier takes to the checkpoint")?;
    let issue = ["--gateway", url, "--schema", &schema, "--record", RECORD, "--token-file", &token];
    good(screen, &[&["certificate", "issue", licence.as_str()], issue.as_slice()].concat()).await?;
    good(screen, &["certificate", "print", &licence, &page, "--form", &form]).await?;
    photograph(Path::new(&page))?;
    office.desk.refresh().await?;
    good(screen, &["bundle", "export", url, &before]).await?;
    let init = ["--genesis", &genesis, "--policy", &policy, "--audience", "Desk 1", "--paper"];
    good(screen, &[&["checkpoint", "init", gate.as_str()], init.as_slice()].concat()).await?;
    good(screen, &["checkpoint", "import", &gate, &before]).await?;

    screen.line(
        "\nThe board withdraws the licence; the courier brings what continues the checkpoint's height",
    )?;
    let issued: Issued = serde_json::from_slice(&std::fs::read(&licence)?)?;
    office.desk.revoke(&issued.id, "The licence was withdrawn by the board.").await?;
    office.desk.refresh().await?;
    let height = TrustBundle::from_bytes(&std::fs::read(&before)?)?.head.head.height.to_string();
    good(screen, &["bundle", "export", url, &after, "--from", &height]).await?;
    office.close().await?;

    screen.line(
        "\nThe ledger and the agency are switched off. A picture of the page, before that delivery and after",
    )?;
    let verify = ["checkpoint", "verify", &gate, "--image", &picture];
    let first = say(screen, &verify).await?;
    good(screen, &["checkpoint", "import", &gate, &after]).await?;
    Ok([first, say(screen, &verify).await?])
}

/// Types a command of the product, and shows it with what it answers.
async fn say(screen: &mut Screen<'_>, words: &[&str]) -> anyhow::Result<Ending> {
    let quoted =
        words.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() });
    screen.line(format!("\n$ causeway {}", quoted.collect::<Vec<_>>().join(" ")))?;
    let cli = Cli::try_parse_from(std::iter::once("causeway").chain(words.iter().copied()))?;
    let world = World { screen, input: &mut std::io::empty(), clock: Clock::system() };
    Box::pin(command::run(cli, world)).await
}

/// The same for a command that has to go well.
async fn good(screen: &mut Screen<'_>, words: &[&str]) -> anyhow::Result<()> {
    let ending = say(screen, words).await?;
    ensure!(ending == Ending::Good, "causeway {} ended with {ending:?}", words.join(" "));
    Ok(())
}

impl Office {
    /// Sets up ledger and agency in `directory`, and recognises the agency for licences.
    async fn open(directory: &Path) -> anyhow::Result<Self> {
        let network = found(directory)?;
        let node = Node::start(ledger_node::Config::read(&network.node.join("ledger.toml"))?).await?;
        let client = LedgerClient::new(&node.url())?;
        let listen = free_address()?;
        let home = directory.join("education-bureau");
        let plan = AgencyPlan {
            name: "Direcção dos Serviços de Saúde (demonstration)".into(),
            listen,
            public_url: format!("http://{listen}"),
            ledger_url: node.url(),
            genesis: network.genesis.clone(),
            status_hosts: Vec::new(),
            guardians: None,
            trust_list: None,
            trust_list_ages: None,
            value_sets: None,
            circuit_keys: None,
            insecure_development_keys: false,
            egress_log: None,
            refresh_seconds: 1,
            safe: None,
        };
        let NewAgency { did, config, token, .. } = setup::agency(&home, &plan, &mut OsRng)?;
        let agency = register(&home, &client, &network.ledger).await?;
        let schema = schema()?;
        let policy = rule(&did, &schema, Clock::system().now());
        agency.say(Operation::Schema(schema.clone())).await?;
        agency.say(Operation::Policy(policy.clone())).await?;
        let members = network.members.iter().map(|(path, _)| Voice::of(path, &client, &network.ledger));
        recognise(&members.collect::<Result<Vec<_>, _>>()?, &did).await?;
        let gateway = Gateway::start(&Config::load(&config)?, Clock::system()).await?;
        files::create(&directory.join("admin.token"), token.expose().as_bytes(), files::PRIVATE)?;
        let desk = Desk::new(&plan.public_url, token)?;
        let (schema, policy, url) = (schema.id(), policy.id(), plan.public_url);
        let office = Self { node, gateway, desk, url, schema, policy };
        office.import().await?;
        Ok(office)
    }

    async fn import(&self) -> anyhow::Result<()> {
        self.desk.refresh().await?;
        let job = self.desk.import(&self.schema, CSV.to_owned()).await?;
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..500 {
            pause.tick().await;
            let progress = self.desk.import_progress(&job).await?;
            if progress.state == "finished" {
                ensure!(progress.stored == 1, "the record is not stored: {:?}", progress.errors);
                return Ok(());
            }
        }
        anyhow::bail!("the import does not end")
    }

    /// Switches everything off.
    async fn close(self) -> anyhow::Result<()> {
        self.gateway.stop().await?;
        self.node.shutdown().await;
        Ok(())
    }
}

async fn recognise(committee: &[Voice], issuer: &Did) -> anyhow::Result<()> {
    let now = Clock::system().now();
    let motion = Motion::RecogniseIssuer {
        issuer: issuer.clone(),
        credential_type: CredentialType::new(LICENCE)?,
        from: now.minus(86_400),
        until: now.plus(365 * 86_400),
    };
    for member in committee.iter().take(2) {
        let vote = Vote { motion: motion.clone(), round: 0, expires: now.plus(86_400) };
        member.say(Operation::Role(vote)).await?;
    }
    Ok(())
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Takes a picture of the page: PDF to PNG, as a scanner would.
fn photograph(pdf: &Path) -> anyhow::Result<()> {
    let status = Command::new("pdftoppm")
        .args(["-r", "150", "-png", "-singlefile"])
        .args([pdf, &pdf.with_extension("")])
        .status()
        .context("pdftoppm is not there; install poppler-utils")?;
    ensure!(status.success(), "pdftoppm could not draw {}", pdf.display());
    Ok(())
}
