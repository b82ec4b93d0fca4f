//! `causeway wallet`: the citizen's side.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use credential::{Part, Policy};
use did_registry::Did;
use ledger_chain::Genesis;
use ledger_chain::receipt::Anchored;
pub(super) use proofs::KeysArgs;
use proofs::{PrepareArgs, ProveArgs};
use rand::rngs::OsRng;
use serde_json::Value;
use wallet::{Answer, ConsentReceipt, WalletError};

use super::{Ending, World, certificate, publish};
use crate::agency::Agency;
use crate::checkpoint::Challenge;
use crate::holder::{self, Asked};
use crate::screen::{Screen, Tone, Waiting, toned};
use crate::wallet_file::{WalletFile, WalletFileError};
use crate::{files, paper};

mod proofs;

/// Pixels of a module in a picture of a pass.
const MODULE: u32 = 6;

#[derive(Args, Debug)]
pub(super) struct WalletArgs {
    /// The wallet's file, made if missing; holds keys, so it is readable by its owner alone.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_WALLET")]
    file: PathBuf,
    /// The genesis file of the ledger to trust; pinned when it is given first.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Subcommand, Debug)]
enum WalletCommand {
    /// Redeem a claim code that an agency gave you.
    Claim {
        /// The agency's address, http(s)://host:port.
        url: String,
        /// The code; it works once.
        code: String,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// List credentials and passes.
    List,
    /// Show what a credential or pass says of you.
    Show {
        /// Its identifier, or the beginning of it.
        id: String,
    },
    /// Would a rule let you pass? Nothing leaves the wallet.
    WillPass {
        /// The policy's identifier, the beginning of it, or its name.
        policy: String,
        /// Whose policy it is, where several agencies have one of that name.
        #[arg(long, value_name = "DID")]
        verifier: Option<Did>,
        /// The credential to use; by default the newest of the type that is asked for.
        #[arg(long, value_name = "ID")]
        credential: Option<String>,
    },
    /// See what is asked, by whom and why; consent; apply for a pass.
    Apply {
        /// The agency's address, http(s)://host:port.
        url: String,
        /// The identifier of a policy of that agency, the beginning of it, or its name.
        policy: String,
        /// The credential to use; by default the newest of the type that is asked for.
        #[arg(long, value_name = "ID")]
        credential: Option<String>,
        /// Consent without being asked.
        #[arg(long)]
        yes: bool,
        /// Apply even if the rule would refuse, for the verifier's own word.
        #[arg(long)]
        unchecked: bool,
    },
    /// Show a pass to a gate, as a code that answers its challenge.
    Present {
        /// The gate's challenge: the text of the code it shows.
        challenge: String,
        /// The pass; by default the newest.
        #[arg(long, value_name = "ID")]
        pass: Option<String>,
        /// Write the code as a picture instead of showing it here.
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
        /// Print the text alone, for other programs.
        #[arg(long, conflicts_with = "png")]
        text: bool,
    },
    /// Prove a rule ahead of time, for a gate and days to come; nothing leaves the wallet.
    Prepare(PrepareArgs),
    /// Show a gate that its rule holds, and nothing else: with a proof in stock, or one made now.
    Prove(ProveArgs),
    /// What was consented to: to whom, why, under which rule, and the proof that it was anchored.
    Receipts {
        /// Ask the receivers for the proofs that are not here yet.
        #[arg(long)]
        fetch: bool,
    },
    /// Print a credential onto one page with its code, for those who take paper.
    Print {
        /// Its identifier, or the beginning of it.
        id: String,
        /// The page, a PDF.
        page: PathBuf,
        /// How it looks: titles, labels, order; without one the credential names itself.
        #[arg(long, value_name = "FILE")]
        form: Option<PathBuf>,
    },
    /// What this wallet did.
    Log,
}

pub(super) async fn run(args: WalletArgs, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let genesis = args.genesis.as_deref();
    let command = match args.command {
        WalletCommand::Prepare(prepare) => {
            return Box::pin(proofs::prepare(&args.file, genesis, prepare, world)).await;
        }
        WalletCommand::Prove(prove) => {
            return Box::pin(proofs::prove(&args.file, genesis, prove, world)).await;
        }
        other => other,
    };
    let mut file = WalletFile::open(&args.file)?;
    let World { screen, input, clock } = world;
    match command {
        WalletCommand::Prepare(_) | WalletCommand::Prove(_) => unreachable!("handled above"),
        WalletCommand::Claim { url, code, keys } => {
            let keys = keys.given()?;
            let agency = Agency::new(&url)?;
            let pinned = file.genesis(genesis)?;
            let waiting = Waiting::on("the agency issues, and the ledger anchors");
            let claimed = Box::pin(holder::claim(
                &mut file,
                &agency,
                pinned,
                (&code, keys.as_ref()),
                &clock,
                &mut OsRng,
            ))
            .await?;
            drop(waiting);
            let kind = claimed.credential_type.as_ref().map_or("credential", |kind| kind.as_str());
            screen.headline(Tone::Good, "received", format!("{kind} {}", claimed.id.short()))?;
            screen
                .facts(&[("issuer", claimed.issuer.to_string()), ("identifier", claimed.id.to_string())])?;
            if !claimed.recognised {
                screen.headline(
                    Tone::Warning,
                    "note",
                    "the committee does not recognise this issuer for it: others will refuse it",
                )?;
            }
            if claimed.provable {
                screen.line("  facts can be proved from it: causeway wallet prepare")?;
            } else if keys.is_some() {
                screen.headline(
                    Tone::Warning,
                    "note",
                    "the agency gave nothing that facts can be proved from",
                )?;
            }
            if !claimed.anchored {
                screen.headline(
                    Tone::Warning,
                    "note",
                    "its anchor receipt is not ready; it is fetched when you apply",
                )?;
            }
            Ok(Ending::Good)
        }
        WalletCommand::List => list(&file, screen),
        WalletCommand::Show { id } => show(&file, &id, screen),
        WalletCommand::WillPass { policy, verifier, credential } => {
            let trusted = file.all_trust(&file.genesis(genesis)?)?;
            let facts = trusted.iter().filter_map(|trust| Some(trust.current()?.facts()));
            let (facts, policy) = holder::find_policy(facts, verifier.as_ref(), &policy)?;
            let holding = holder::find_holding(&file, credential.as_deref(), &policy.credential_type)?;
            will_pass(screen, &holder::will_pass(holding, policy, facts, clock.now())?, policy)
        }
        WalletCommand::Apply { url, policy, credential, yes, unchecked } => {
            let agency = Agency::new(&url)?;
            let pinned = file.genesis(genesis)?;
            let asked = Box::pin(holder::ask(&file, &agency, pinned, &policy, &clock)).await?;
            put(screen, &asked)?;
            if !yes && !screen.ask("Do you consent, this once?", input)? {
                file.wallet.note(
                    clock.now(),
                    format!("declined {} asked by {}", asked.policy().name, asked.receiver()),
                );
                file.save()?;
                screen.line("nothing was shown")?;
                return Ok(Ending::Open);
            }
            let (credential, mut rng) = (credential.as_deref(), OsRng);
            let applied = holder::apply(&mut file, &agency, asked, credential, !unchecked, &clock, &mut rng);
            let waiting = Waiting::on("the verifier decides");
            let applied = Box::pin(applied).await;
            drop(waiting);
            match applied {
                Ok(id) => {
                    screen.headline(Tone::Good, "pass received", id)?;
                    screen.line("  at a gate: causeway wallet --file … present CHALLENGE")?;
                    Ok(Ending::Good)
                }
                Err(WalletFileError::Wallet(WalletError::Refused(findings))) => {
                    screen.headline(Tone::Bad, "REFUSED", "for these reasons:")?;
                    let rows = findings.iter().map(|finding| {
                        vec![toned(Tone::Bad, finding.code.code()), Cell::new(&finding.detail)]
                    });
                    screen.table(&["code", "detail"], rows.collect())?;
                    Ok(Ending::Bad)
                }
                Err(WalletFileError::Wallet(WalletError::WouldRefuse(finding))) => {
                    screen.headline(Tone::Bad, "NOT SENT", format!("the rule would refuse: {finding}"))?;
                    screen.line("  nothing was shown; --unchecked applies all the same")?;
                    Ok(Ending::Bad)
                }
                Err(error) => Err(error.into()),
            }
        }
        WalletCommand::Present { challenge, pass, png, text } => {
            let challenge: Challenge = challenge.trim().parse()?;
            let held = holder::find_pass(&file, pass.as_deref())?;
            let (id, shown) = (*held.id(), held.show(&challenge.audience, &challenge.nonce, clock.now())?);
            file.wallet.note(clock.now(), format!("showed pass {} to {}", id.short(), challenge.audience));
            file.save()?;
            match png {
                Some(path) => {
                    files::replace(&path, &paper::qr_png(&shown, MODULE)?, files::PRIVATE)?;
                    screen.headline(Tone::Good, "shown", path.display())?;
                }
                None if text => screen.line(shown)?,
                None => {
                    screen.line(format!("for {}:", challenge.audience))?;
                    screen.code(&shown)?;
                }
            }
            Ok(Ending::Good)
        }
        WalletCommand::Receipts { fetch } => {
            let genesis = file.genesis(genesis)?;
            let owed = file.wallet.receipts.iter().filter(|receipt| fetch && receipt.is_owed());
            for consent in owed.map(ConsentReceipt::digest).collect::<Vec<_>>() {
                if let Err(error) = Box::pin(holder::fetch_consent(&mut file, &genesis, &consent)).await {
                    screen.headline(Tone::Warning, "not fetched", format!("{}: {error}", consent.short()))?;
                }
            }
            receipts(&file, &genesis, screen)
        }
        WalletCommand::Print { id, page, form } => {
            let holding = holder::holding(&file, &id)?;
            let ending = certificate::print(holding.issued(), &page, form.as_deref(), screen)?;
            let what = format!("printed {}", holding.id().short());
            file.wallet.note(clock.now(), what);
            file.save()?;
            Ok(ending)
        }
        WalletCommand::Log => {
            for entry in &file.wallet.log {
                screen.line(format!("{}  {}", entry.at, entry.what))?;
            }
            Ok(Ending::Good)
        }
    }
}

fn list(file: &WalletFile, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let holdings = file.wallet.holdings.iter().map(|holding| {
        let kind = holding.credential_type().map_or("credential".to_owned(), String::from);
        let anchor = if holding.anchor().is_some() {
            toned(Tone::Good, "anchored")
        } else {
            toned(Tone::Warning, "no receipt yet")
        };
        vec![Cell::new(holding.id().short()), Cell::new(kind), Cell::new(holding.issuer().short()), anchor]
    });
    let passes = file.wallet.passes.iter().map(|pass| {
        let until = pass.credential().get("validUntil").and_then(Value::as_str).unwrap_or("its end");
        vec![
            Cell::new(pass.id().short()),
            Cell::new("pass"),
            Cell::new(pass.issuer().short()),
            Cell::new(format!("until {until}")),
        ]
    });
    let stock = proofs::stock(&file.wallet).into_iter().map(|(policy, day, gate, count)| {
        vec![
            Cell::new(policy.short()),
            Cell::new("proofs"),
            Cell::new(gate),
            Cell::new(format!("{count} for {day}")),
        ]
    });
    let rows: Vec<_> = holdings.chain(passes).chain(stock).collect();
    if rows.is_empty() {
        screen.line("the wallet is empty")?;
    } else {
        screen.table(&["id", "what", "issuer", "state"], rows)?;
    }
    Ok(Ending::Good)
}

/// What was consented to, each with what its proof shows now, with no node.
fn receipts(file: &WalletFile, genesis: &Genesis, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    if file.wallet.receipts.is_empty() {
        screen.line("no consent was given")?;
    }
    let trusted = file.all_trust(genesis)?;
    let mut ending = Ending::Good;
    for receipt in &file.wallet.receipts {
        let (consent, policy) = (&receipt.given().consent, receipt.policy());
        let listed = |claims: &BTreeSet<String>| {
            let names: Vec<String> = claims.iter().map(|claim| claim.replace('_', " ")).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        let answer = match receipt.answer() {
            Answer::None => "none came".to_owned(),
            Answer::Pass(pass) => format!("pass {}", pass.short()),
            Answer::Refused => "no pass".to_owned(),
        };
        screen.headline(Tone::Quiet, "consent", receipt.digest())?;
        screen.facts(&[
            ("purpose", policy.purpose.clone()),
            ("receiver", consent.receiver.to_string()),
            ("policy", format!("{} v{}, {}", policy.name, policy.version, consent.policy)),
            ("shown", listed(&consent.claims)),
            ("may be kept", listed(&policy.retained)),
            ("given", consent.given.to_string()),
            ("answer", answer),
        ])?;
        let head = holder::newest_head(&trusted).context("the wallet has no trust bundle yet")?;
        match receipt.verify(head) {
            Ok(Some(Anchored { at, .. })) => {
                screen.headline(Tone::Good, "  ANCHORED", format!("at height {}, {}", at.height, at.time))?;
            }
            Ok(None) if receipt.is_owed() => {
                screen.headline(
                    Tone::Warning,
                    "  OPEN",
                    "no proof that it was anchored yet: --fetch asks for it",
                )?;
            }
            Ok(None) => screen.line("  nothing is anchored for an application that was refused")?,
            Err(finding) => {
                screen.headline(Tone::Bad, "  DOES NOT HOLD", finding)?;
                ending = Ending::Bad;
            }
        }
    }
    Ok(ending)
}

/// The holder's own data, to the holder.
fn show(file: &WalletFile, id: &str, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let begins = |own: &did_registry::Digest| own.to_string().starts_with(id);
    let claims = match file.wallet.holdings.iter().find(|holding| begins(holding.id())) {
        Some(holding) => {
            let kind = holding.credential_type().map_or("credential".to_owned(), String::from);
            screen.headline(Tone::Good, kind, holding.id())?;
            screen.line(format!("  from {}", holding.issuer()))?;
            holding.sd_jwt()?.claims()
        }
        None => {
            let pass = file
                .wallet
                .passes
                .iter()
                .find(|pass| begins(pass.id()))
                .context("the wallet holds nothing of that identifier")?;
            screen.headline(Tone::Good, "pass", pass.id())?;
            screen.line(format!("  from {}", pass.issuer()))?;
            pass.credential().get("credentialSubject").and_then(Value::as_object).cloned().unwrap_or_default()
        }
    };
    let row = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![Cell::new(name.replace('_', " ")), Cell::new(value)]
    };
    screen.table(&["claim", "value"], claims.iter().filter(|(name, _)| *name != "id").map(row).collect())?;
    Ok(Ending::Good)
}

fn will_pass(
    screen: &mut Screen<'_>,
    conditions: &[holder::Condition],
    policy: &Policy,
) -> anyhow::Result<Ending> {
    let row = |condition: &holder::Condition| {
        let answer = match &condition.part {
            Part::Good => toned(Tone::Good, "yes"),
            Part::Bad(_) => toned(Tone::Bad, "no"),
            Part::Open(_) | Part::NotChecked => toned(Tone::Warning, "not in the credential"),
        };
        vec![Cell::new(&condition.sentence), answer]
    };
    screen.table(&["condition", "you"], conditions.iter().map(row).collect())?;
    let all = conditions.iter().all(|condition| condition.part == Part::Good);
    if all {
        screen.headline(
            Tone::Good,
            "YES",
            format!("{} v{} would let you pass today", policy.name, policy.version),
        )?;
        Ok(Ending::Good)
    } else {
        screen.headline(
            Tone::Bad,
            "NO",
            format!("{} v{} would not let you pass today", policy.name, policy.version),
        )?;
        Ok(Ending::Bad)
    }
}

/// What is asked, before anything is shown.
fn put(screen: &mut Screen<'_>, asked: &Asked) -> anyhow::Result<()> {
    screen.headline(Tone::Warning, "asked by", asked.receiver())?;
    publish::explain(screen, asked.policy())
}
