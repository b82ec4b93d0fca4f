//! An e-certificate: issued, printed, and verified from a picture of the page with everything else switched off.
//!
//! A professional licence of Macau goes from the vault onto paper as a signed W3C credential in a QR code.
//! Whoever holds a trust bundle reads it back from the picture. Paper has no key, so the verdict leaves the
//! holder open: the officer compares the page with the bearer's document.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway::agency::Agency;
use causeway::paper::{Certificate, Field, Fonts, Language, certificate_pdf, scan_picture};
use causeway::setup::{self, AgencyPlan, NewAgency};
use credential::exchange::Issued;
use credential::facts::{AgeLimits, Facts};
use credential::presentation::{Decision, print_credential, verify_printed};
use did_registry::{
    ClaimKind, ClaimSpec, CredentialType, Did, Digest, Motion, Schema, SigningKey, Suite, Timestamp, Vote,
};
use gateway::Gateway;
use gateway::clock::Clock;
use gateway::config::Config;
use ledger_chain::bundle::TrustBundle;
use ledger_chain::light::TrustedHead;
use ledger_chain::{Genesis, Operation};
use ledger_node::client::LedgerClient;
use ledger_node::{Node, RunningNode};
use rand::rngs::OsRng;
use serde_json::json;

use crate::health_code::consortium::{Voice, found, register};
use crate::health_code::desk::Desk;

/// What is issued.
pub const LICENCE: &str = "ProfessionalLicence";
/// The record that is printed.
const RECORD: &str = "L-2026-0417";
/// Somebody who does not exist.
const CSV: &str = "record_id,full_name,document_number,profession,licence_number,granted\n\
                   L-2026-0417,António 陳大文 Xavier,X9990417(7),Registered nurse,ENF-0417,2019-03-11\n";

/// A small country: one ledger, one agency, and what they need.
pub struct Office {
    node: RunningNode,
    gateway: Gateway,
    genesis: Genesis,
    desk: Desk,
    schema: Digest,
}

/// The schema of a licence.
pub fn schema() -> anyhow::Result<Schema> {
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

impl Office {
    /// Sets up ledger and agency in `directory`, and recognises the agency for licences.
    ///
    /// # Errors
    /// Whatever stands in the way.
    pub async fn open(directory: &Path) -> anyhow::Result<Self> {
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
            egress_log: None,
            refresh_seconds: 1,
            safe: None,
        };
        let NewAgency { did, config, token, .. } = setup::agency(&home, &plan, &mut OsRng)?;
        let agency = register(&home, &client, &network.ledger).await?;
        let schema = schema()?;
        agency.say(Operation::Schema(schema.clone())).await?;
        let members = network.members.iter().map(|(path, _)| Voice::of(path, &client, &network.ledger));
        recognise(&members.collect::<Result<Vec<_>, _>>()?, &did).await?;
        let gateway = Gateway::start(&Config::load(&config)?, Clock::system()).await?;
        let desk = Desk::new(&plan.public_url, token)?;
        let office = Self { node, gateway, genesis: network.genesis, desk, schema: schema.id() };
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

    /// Issues the licence. The key belongs to the paper, so it is made and forgotten here.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn issue(&self) -> anyhow::Result<Issued> {
        let holder = SigningKey::generate(Suite::Ed25519, &mut OsRng).public_key();
        let body = json!({"schema": self.schema, "items": [{"record_id": RECORD, "holder": holder}]});
        self.desk.issue_batch(body).await?.pop().context("one was asked for")
    }

    /// Revokes it, with a cause.
    ///
    /// # Errors
    /// The agency's refusal.
    pub async fn revoke(&self, credential: &Digest) -> anyhow::Result<()> {
        self.desk.revoke(credential, "The licence was withdrawn by the board.").await?;
        self.desk.refresh().await?;
        Ok(())
    }

    /// What a checkpoint takes along, verified from the genesis on.
    ///
    /// # Errors
    /// If it does not hold.
    pub async fn facts(&self) -> anyhow::Result<Facts> {
        self.desk.refresh().await?;
        let agency = Agency::new(&format!("http://{}", self.gateway.address()))?;
        let bundle = TrustBundle::from_bytes(&agency.bundle(None).await?)?;
        let trusted = TrustedHead::from_genesis(&self.genesis, &bundle.head)?;
        Ok(bundle.verify(&trusted)?.1)
    }

    /// Switches everything off.
    ///
    /// # Errors
    /// What the gateway ended with.
    pub async fn close(self) -> anyhow::Result<()> {
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

/// Prints a licence onto one page: PDF bytes.
///
/// # Errors
/// If a font is missing or the page is full.
pub fn print(issued: &Issued, today: Timestamp) -> anyhow::Result<Vec<u8>> {
    let subject = issued.data_integrity.get("credentialSubject").context("a credential has a subject")?;
    let field = |label: &str, claim: &str| Field {
        label: label.to_owned(),
        value: subject.get(claim).and_then(|value| value.as_str()).unwrap_or_default().to_owned(),
    };
    let certificate = Certificate {
        title: "Licença Profissional".into(),
        subtitle: "專業執照 · 专业执照 · Professional licence".into(),
        issuer: "Direcção dos Serviços de Saúde (demonstração)".into(),
        issued_on: today.date(),
        fields: vec![
            field("Nome · 姓名 · Name", "full_name"),
            field("Documento · 證件編號 · Document", "document_number"),
            field("Profissão · 職業 · Profession", "profession"),
            field("Licença · 執照編號 · Licence", "licence_number"),
            field("Concedida · 發出日期 · Granted", "granted"),
        ],
        qr_text: print_credential(&issued.data_integrity),
        footer: vec!["Demonstration with invented data. It licenses nobody to do anything.".into()],
        language: Language::Portuguese,
        instructions: Language::ALL.to_vec(),
    };
    Ok(certificate_pdf(&certificate, &Fonts::find(None)?)?)
}

/// Takes a picture of the page: PDF to PNG, as a scanner would.
///
/// # Errors
/// If `pdftoppm` (Debian package poppler-utils) is missing or fails.
pub fn photograph(pdf: &Path) -> anyhow::Result<PathBuf> {
    let target = pdf.with_extension("");
    let status = Command::new("pdftoppm")
        .args(["-r", "150", "-png", "-singlefile"])
        .args([pdf, target.as_path()])
        .status()
        .context("pdftoppm is not there; install poppler-utils")?;
    ensure!(status.success(), "pdftoppm could not draw {}", pdf.display());
    Ok(pdf.with_extension("png"))
}

/// Reads the code from a picture and decides on it: facts and picture are all it takes.
///
/// # Errors
/// If no code can be read.
pub fn verify(picture: &[u8], facts: &Facts, now: Timestamp) -> anyhow::Result<Decision> {
    let texts = scan_picture(picture)?;
    let text = texts.first().context("there is a code in the picture")?;
    Ok(verify_printed(text, facts, now, AgeLimits::default()))
}
