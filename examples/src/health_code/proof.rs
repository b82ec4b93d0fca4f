//! The end of the story: one decision is audited, one identifier rotates its key, and every promise is measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use causeway::actor::{ActorDirectory, Safe};
use causeway::agency::Agency;
use causeway::audit::{self, AuditedPass, Evidence, Lists, Report};
use causeway::files;
use causeway::identity::{self, Rotated, RotationPlan};
use causeway::ledger::{Ledger, LedgerError};
use causeway::paper::qr_png;
use did_registry::{Digest, Retirement, Secret};
use gateway::config::Config;
use gateway::vault::Vault;
use ledger_chain::{AnchorOperation, Operation};
use rand::rngs::OsRng;

use super::border::Border;
use super::jurisdiction::{Jurisdiction, Named as _};
use super::opening::Scene;
use super::promises::{self, Egress, Promise};
use super::search::{self, Needles};
use super::stage::Stage;
use super::traffic::{self, Traffic};
use super::traveller;
use crate::population::{Health, Story};

/// The code with which the ledger refuses a key that was replaced. It may be seen at the door, where the
/// signature is checked with the current key, or when the operation's turn comes.
const OLD_KEY: [&str; 2] = ["NOT_CONTROL_KEY", "BAD_SIGNATURE"];

/// Pixels of a module of the code that the auditor has.
const MODULE: u32 = 4;

/// What was measured.
pub struct Proof {
    /// The promises.
    pub promises: Vec<Promise>,
    /// What left whom.
    pub traffic: Vec<(&'static str, Traffic)>,
    /// How far the ledger came.
    pub ledger: LedgerFigures,
    /// The audited pass.
    pub pass: Digest,
    /// The text of its code.
    pub shown: String,
    /// The picture of that.
    pub picture: PathBuf,
    /// How its audit came out.
    pub audit: Report,
}

/// How far the ledger came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LedgerFigures {
    /// Its height.
    pub height: u64,
    /// Transactions by namespace.
    pub transactions: BTreeMap<&'static str, u64>,
    /// Commitments in anchored batches.
    pub commitments: u64,
    /// Bytes of its store on the disk.
    pub bytes: u64,
}

impl LedgerFigures {
    /// Reads the ledger block by block.
    ///
    /// # Errors
    /// If a block cannot be had.
    pub async fn read(ledger: &mut Ledger, node: &Path) -> anyhow::Result<Self> {
        ledger.follow().await?;
        let height = ledger.head().head().height;
        let mut figures = Self { height, bytes: search::size(&node.join("store"))?, ..Self::default() };
        for height in 0..=height {
            for signed in ledger.client().block(height).await?.transactions {
                let operation = &signed.transaction.operation;
                *figures.transactions.entry(operation.namespace()).or_default() += 1;
                figures.commitments += u64::from(match operation {
                    Operation::Anchor(AnchorOperation::Batch { count, .. }) => *count,
                    Operation::Receipt(batch) => batch.count,
                    _ => 0,
                });
            }
        }
        Ok(figures)
    }
}

/// Audits, rotates, and searches.
///
/// # Errors
/// If somebody does not answer.
pub async fn prove(
    scene: &mut Scene,
    borders: &[Arc<Border>; 2],
    casts: &[Vec<(Story, usize)>; 2],
    (shown, picture): (&str, &Path),
    stage: &Stage,
) -> anyhow::Result<Proof> {
    // The auditor has what the gate saw, and reads it from its picture.
    files::directory(picture.parent().context("a picture lies in a directory")?)?;
    files::create(picture, &qr_png(shown, MODULE)?, files::PRIVATE)?;
    let picture = std::fs::canonicalize(picture)?;
    let pass = AuditedPass::read(picture.to_str().context("the directory's name is UTF-8")?)?;
    let step = stage.wait("an auditor recomputes one decision");
    let [guangdong, macau] = &scene.sides;
    let asked = (&macau.agency, &macau.token()?);
    let audit = audited(&mut scene.ledger, asked, guangdong.host(), &pass).await?;
    let recomputed = Promise {
        text: "Every decision can be recomputed without a person: the audit of one pass".into(),
        measure: format!(
            "{} of {} comparisons hold",
            audit.checks.iter().filter(|check| check.outcome == audit::Outcome::Holds).count(),
            audit.checks.len(),
        ),
        kept: audit.is_complete(),
    };
    let pass = pass.digest();
    step.done(format!("an auditor recomputed pass {}…: {}", pass.short(), recomputed.measure))?;

    let step = stage.wait("Guangdong rotates its key");
    let rotated = rotation(scene, &borders[0], &casts[0]).await?;
    step.done("Guangdong rotated its control key, was restarted with the new one, and issued again")?;

    let step = stage.wait("looking for everybody in every byte that was sent or stored");
    let node = scene.network.node.clone();
    let ledger = LedgerFigures::read(&mut scene.ledger, &node).await?;
    let (needles, values) = promises::needles(&scene.sides)?;
    let mut parties = vec![Egress::read("ledger", None, &node.join("egress.log"))?];
    for side in &scene.sides {
        parties.push(Egress::read(side.side.name(), Some(side.side), &side.egress())?);
    }
    let published = &scene.rules[1].gate.purpose;
    let [common, other, home] = promises::places((&node, published), (&scene.sides, &scene.gates), &needles);
    let opened = in_opened_vaults(scene, &needles).await?;
    let planted = scene.directory.join("planted");
    let planted = promises::what_is_planted_is_found(&planted, &scene.sides, &needles)?;
    // Both cores look: one through what was sent, the other through what lies on the disk.
    let ([left, unasked], [nowhere, abroad, at_home]) = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                [promises::nothing_left(&parties, &needles), promises::nothing_unasked(borders, &needles)]
            });
            let stored = [
                promises::nothing_stored(
                    "Nothing personal is on the ledger, in a log, or at a gate",
                    &common,
                )?,
                promises::nothing_stored(
                    "Nothing personal is anywhere in the other side's directory, vault included",
                    &other,
                )?,
                promises::nothing_stored(
                    "At home the records lie encrypted: each agency's own vault",
                    &home,
                )?,
            ];
            let sent = sent.join().map_err(|_| anyhow::anyhow!("the search broke off"))?;
            anyhow::Ok((sent, stored))
        })
    })?;
    let promises = vec![planted, left, unasked, nowhere, abroad, opened, at_home, recomputed, rotated];
    let values = promises::grouped(values as u64);
    step.done(format!(
        "{values} personal values, and their hashes, looked for in every byte that was sent or stored"
    ))?;
    let traffic = parties.iter().map(|party| (party.name, traffic::of(party))).collect();
    Ok(Proof { promises, traffic, ledger, pass, shown: shown.to_owned(), picture, audit })
}

/// Ends each agency, opens its vault with its key, looks for everybody, and starts it again.
async fn in_opened_vaults(scene: &mut Scene, needles: &[Needles; 2]) -> anyhow::Result<Promise> {
    for side in &scene.sides {
        scene.parties.end(side.side.name()).await?;
    }
    let promise = tokio::task::block_in_place(|| {
        let vault = |side: &Jurisdiction| -> anyhow::Result<Vault> {
            let config = Config::load(&side.directory.join("gateway.toml"))?;
            Ok(Vault::open(&config.vault_directory(), config.kek()?)?)
        };
        promises::nobody_in_the_others_vault(&[vault(&scene.sides[0])?, vault(&scene.sides[1])?], needles)
    })?;
    for side in &scene.sides {
        side.start(&mut scene.parties).await?;
    }
    Ok(promise)
}

/// The evidence from the agency, everything else from the ledger.
///
/// # Errors
/// If one of them does not answer.
pub async fn audited(
    ledger: &mut Ledger,
    (agency, token): (&Agency, &Secret<String>),
    source: &str,
    pass: &AuditedPass,
) -> anyhow::Result<Report> {
    let path = format!("/v1/audit/transcodings/{}", pass.digest());
    let evidence: Evidence = agency.get(&path, &[], Some(token.expose())).await?;
    let lists = Lists { hosts: vec![source.to_owned()], ..Lists::default() };
    let material = audit::gather(ledger, pass, &evidence, &lists).await?;
    Ok(audit::transcoding(pass, &evidence, &material))
}

/// Guangdong takes its next key into use; the old one says something more; the agency goes on with the new.
async fn rotation(scene: &mut Scene, border: &Border, cast: &[(Story, usize)]) -> anyhow::Result<Promise> {
    let guangdong = &scene.sides[0];
    let actor = ActorDirectory::open(&guangdong.directory)?;
    let old = actor.control()?;
    let safe = Safe::beside(&guangdong.directory);
    let plan = RotationPlan { replace: Vec::new(), retirement: Retirement::Superseded, guardians: None };
    let rotated = identity::rotate(&mut scene.ledger, &actor, &safe, &plan, &mut OsRng).await?;
    let stolen =
        Operation::Anchor(AnchorOperation::Batch { root: Digest::sha256(b"by an old key"), count: 1 });
    let code = match scene.ledger.commit(&guangdong.did, &old, stolen).await {
        Ok(_) => "accepted".to_owned(),
        Err(LedgerError::Client(error)) => error.code().to_owned(),
        Err(error) => return Err(error.into()),
    };
    // Killed, not asked to stop: what it had acknowledged must survive that.
    scene.parties.end(guangdong.side.name()).await?;
    guangdong.start(&mut scene.parties).await?;
    let stays = guangdong.people.iter().enumerate().find(|(place, person)| {
        person.health == Health::Negative && cast.iter().all(|(_, cast)| cast != place)
    });
    let (_, person) = stays.context("somebody stays at home")?;
    let offers = guangdong.desk.offer(&scene.schema.id(), std::slice::from_ref(&person.record_id)).await?;
    let offer = offers.first().context("an offer was asked for")?;
    traveller::claim(border, &offer.code).await?;
    Ok(Promise {
        text: "An identifier outlives its keys: one rotated, the old key refused".into(),
        measure: format!(
            "the old key: {code}; killed, restarted, and the next credential anchored with the new"
        ),
        kept: matches!(rotated, Rotated::Now { .. }) && OLD_KEY.contains(&code.as_str()),
    })
}
