//! `causeway committee`: who issues what and who decides, by the committee's votes.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use did_registry::{CredentialType, Date, Did, Motion, Timestamp};
use ledger_chain::{Record, StateKey};

use super::wallet::KeysArgs;
use super::{Ending, NodeAddress, World};
use crate::actor::ActorDirectory;
use crate::committee::{adopted, committee, vote};
use crate::ledger::Ledger;
use crate::screen::{Screen, Tone, Waiting, toned};

/// Days for which a recognition holds unless said otherwise.
const YEAR: i32 = 365;
/// Days in which the members vote unless said otherwise.
const VOTING: i32 = 30;

#[derive(Subcommand, Debug)]
pub(super) enum CommitteeCommand {
    /// Recognise an issuer for a credential type, within a window.
    Recognise {
        #[command(flatten)]
        ballot: BallotArgs,
        #[command(flatten)]
        issuer: IssuerArgs,
        /// From when on: a time, or a day; by default today.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Until when, exclusive; by default a year from then.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// End an issuer's recognition for a credential type, from the decision on.
    Withdraw {
        #[command(flatten)]
        ballot: BallotArgs,
        #[command(flatten)]
        issuer: IssuerArgs,
    },
    /// Take in a member; the votes needed rise with the committee, so that more than half decide.
    Admit {
        #[command(flatten)]
        ballot: BallotArgs,
        /// The new member's identifier, which is registered.
        #[arg(long, value_name = "DID")]
        did: String,
    },
    /// Dismiss a member; its votes on open motions count no longer.
    Dismiss {
        #[command(flatten)]
        ballot: BallotArgs,
        /// The member's identifier.
        #[arg(long, value_name = "DID")]
        did: String,
    },
    /// Set how many votes decide: more than half of the members, and at most all.
    Threshold {
        #[command(flatten)]
        ballot: BallotArgs,
        /// The votes needed from then on.
        #[arg(long, value_name = "K")]
        votes: u16,
    },
    /// Adopt the circuits' keys that a ceremony ended in: from then on proofs are made and taken with these alone.
    AdoptKeys {
        #[command(flatten)]
        ballot: BallotArgs,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// Show the committee, what it adopted, and whom it recognises.
    Members {
        /// Any actor's directory: it pins the ledger.
        directory: PathBuf,
        #[command(flatten)]
        node: NodeAddress,
    },
}

#[derive(Args, Debug)]
pub(super) struct BallotArgs {
    /// A voting member's directory; repeat for those who vote from here.
    #[arg(long = "member", value_name = "DIR", required = true, num_args = 1..)]
    members: Vec<PathBuf>,
    /// The round, when a motion was decided before; by default the first that is not.
    #[arg(long)]
    round: Option<u32>,
    /// Until when the members may vote; all of them name the same, by default a month from today.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    node: NodeAddress,
}

#[derive(Args, Debug)]
pub(super) struct IssuerArgs {
    /// The issuer's identifier.
    #[arg(long, value_name = "DID")]
    issuer: String,
    /// The credential type, for example HealthCertificate.
    #[arg(long = "type", value_name = "TYPE")]
    credential_type: String,
}

impl IssuerArgs {
    fn read(&self) -> anyhow::Result<(Did, CredentialType)> {
        Ok((self.issuer.parse()?, CredentialType::new(&self.credential_type)?))
    }
}

pub(super) async fn run(command: CommitteeCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    // Whole days, so that members who vote one after the other mean the same motion.
    let today = world.clock.now().date();
    match command {
        CommitteeCommand::Recognise { ballot, issuer, from, until } => {
            let from = time(from.as_deref(), today)?;
            let until = time(until.as_deref(), from.date().plus_days(YEAR))?;
            let (issuer, credential_type) = issuer.read()?;
            cast(ballot, Motion::RecogniseIssuer { issuer, credential_type, from, until }, world).await
        }
        CommitteeCommand::Withdraw { ballot, issuer } => {
            let (issuer, credential_type) = issuer.read()?;
            cast(ballot, Motion::WithdrawIssuer { issuer, credential_type }, world).await
        }
        CommitteeCommand::Admit { ballot, did } => cast(ballot, Motion::AddMember(did.parse()?), world).await,
        CommitteeCommand::Dismiss { ballot, did } => {
            cast(ballot, Motion::RemoveMember(did.parse()?), world).await
        }
        CommitteeCommand::Threshold { ballot, votes } => {
            cast(ballot, Motion::SetThreshold(votes), world).await
        }
        CommitteeCommand::AdoptKeys { ballot, keys } => {
            let keys = keys.open()?;
            tokio::task::block_in_place(|| keys.check_whole())?;
            cast(ballot, Motion::AdoptCircuitKeys(keys.digest()), world).await
        }
        CommitteeCommand::Members { directory, node } => {
            let mut ledger = node.connect(&ActorDirectory::open(&directory)?).await?;
            members(&mut ledger, world.screen).await
        }
    }
}

/// A time, or the start of a day.
fn time(text: Option<&str>, default: Date) -> anyhow::Result<Timestamp> {
    let Some(text) = text else { return Ok(default.midnight()) };
    let day = text.parse::<Date>().map(Date::midnight);
    day.or_else(|_| text.parse())
        .with_context(|| format!("{text:?} is neither a day (2021-06-01) nor a time (2021-06-01T00:00:00Z)"))
}

async fn cast(args: BallotArgs, motion: Motion, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let members = args.members.iter().map(|path| ActorDirectory::open(path));
    let members = members.collect::<Result<Vec<_>, _>>()?;
    let first = members.first().context("at least one member votes")?;
    let mut ledger = args.node.connect(first).await?;
    let expires = time(args.expires.as_deref(), world.clock.now().date().plus_days(VOTING))?;
    let waiting = Waiting::on("the members vote");
    let voted = Box::pin(vote(&mut ledger, &members, &motion, args.round, expires)).await?;
    drop(waiting);
    let screen = world.screen;
    let Some(ballot) = voted.ballot else {
        screen.headline(Tone::Good, "nothing to decide", "the ledger is so already")?;
        return Ok(Ending::Good);
    };
    let rows = members.iter().map(|member| {
        let voice = match (voted.cast.contains(member.did()), ballot.approvals.contains_key(member.did())) {
            (true, _) => toned(Tone::Good, "voted now"),
            (false, true) => toned(Tone::Quiet, "had voted"),
            (false, false) => toned(Tone::Quiet, "not needed any more"),
        };
        vec![Cell::new(member.did()), voice]
    });
    screen.table(&["member", "vote"], rows.collect())?;
    let count = format!("{} of {} votes, round {}", ballot.approvals.len(), voted.threshold, voted.round);
    match ballot.decided {
        Some(at) => {
            screen.headline(
                Tone::Good,
                "decided",
                format!("{count}, at height {}, {}", at.height, at.time),
            )?;
            Ok(Ending::Good)
        }
        None => {
            screen.headline(Tone::Warning, "open", format!("{count}; members may vote until {expires}"))?;
            Ok(Ending::Open)
        }
    }
}

async fn members(ledger: &mut Ledger, screen: &mut Screen<'_>) -> anyhow::Result<Ending> {
    let committee = committee(ledger).await?;
    let (threshold, count) = (committee.threshold(), committee.members().len());
    screen.headline(Tone::Good, "committee", format!("{threshold} of {count} decide"))?;
    for member in committee.members() {
        screen.line(format!("  {member}"))?;
    }
    match adopted(ledger).await? {
        Some(keys) => screen.line(format!("circuits' keys {}, since {}", keys.digest, keys.decided.time))?,
        None => screen.line("no circuits' keys are adopted yet: nobody proves anything")?,
    }
    let now = ledger.head().head().time;
    let mut rows = Vec::new();
    for key in ledger.client().keys("issuer").await? {
        if !matches!(key, StateKey::Issuer(..)) {
            continue;
        }
        if let Some(Record::Issuer(it)) = ledger.record(&key).await? {
            let state = if it.holds_at(now) {
                toned(Tone::Good, "recognised")
            } else {
                toned(Tone::Quiet, "not now")
            };
            rows.push(vec![
                Cell::new(&it.credential_type),
                Cell::new(&it.issuer),
                state,
                Cell::new(format!("{} to {}", it.from.date(), it.until.date())),
            ]);
        }
    }
    if rows.is_empty() {
        screen.line("no issuer is recognised yet")?;
    } else {
        screen.table(&["type", "issuer", "state", "window"], rows)?;
    }
    Ok(Ending::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_first_second() {
        let today: Date = "2021-06-01".parse().unwrap();
        assert_eq!(time(None, today).unwrap().to_string(), "2021-06-01T00:00:00Z");
        assert_eq!(time(Some("2021-07-01"), today).unwrap().to_string(), "2021-07-01T00:00:00Z");
        assert_eq!(time(Some("2021-07-01T12:00:00Z"), today).unwrap().to_string(), "2021-07-01T12:00:00Z");
        assert!(time(Some("tomorrow"), today).unwrap_err().to_string().contains("neither a day"));
    }
}
