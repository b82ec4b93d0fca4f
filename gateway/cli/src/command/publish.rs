//! `causeway schema` and `causeway policy`: what credentials say, and what verifiers ask.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use credential::{Policy, Scope};
use did_registry::{Date, Digest, Schema};
use ledger_chain::{Operation, Record, StateKey};
use serde_json::Value;

use super::{Ending, NodeAddress, World, policy_test};
use crate::actor::ActorDirectory;
use crate::checkpoint::Checkpoint;
use crate::files;
use crate::identity;
use crate::screen::{Screen, Tone};

/// Bytes of the largest schema or policy file.
const FILE_BYTES: usize = 64 * 1024;

#[derive(Subcommand, Debug)]
pub(super) enum SchemaCommand {
    /// Publish a schema; its identifier is the hash of its content.
    Publish {
        /// The schema as JSON.
        file: PathBuf,
        /// The publisher's directory.
        directory: PathBuf,
        #[command(flatten)]
        node: NodeAddress,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum PolicyCommand {
    /// Publish a rule of the agency's own.
    Publish {
        /// The policy as JSON; a missing verifier is the publisher.
        file: PathBuf,
        /// The publisher's directory.
        directory: PathBuf,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// Say who would pass, on claims made up for it: in the clear, and in the circuit.
    Test(TestArgs),
    /// Say in sentences what a rule asks.
    Explain {
        /// A policy as JSON, or the identifier of a published one.
        what: String,
        /// For an identifier: a checkpoint's directory (its bundle is read), or an actor's (its ledger is asked).
        #[arg(long = "in", value_name = "DIR")]
        directory: Option<PathBuf>,
        /// Print the rule in CertLogic instead, for engines of that language.
        #[arg(long)]
        certlogic: bool,
        #[command(flatten)]
        node: NodeAddress,
    },
}

#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// The policy as JSON.
    policy: PathBuf,
    /// The schema as JSON.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// Claims to try, a JSON array of objects.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// The day to decide as of; by default today.
    #[arg(long, value_name = "DATE")]
    day: Option<Date>,
}

pub(super) async fn schema(command: SchemaCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    let SchemaCommand::Publish { file, directory, node } = command;
    let schema: Schema = read(&file, |_| ())?;
    schema.check()?;
    let id = schema.id();
    let names = schema.claims.keys().cloned().collect::<Vec<_>>().join(", ");
    let title = format!("{} v{}: {names}", schema.credential_type, schema.version);
    publish(&directory, &node, Operation::Schema(schema), ("schema", id, title), world).await
}

pub(super) async fn policy(command: PolicyCommand, world: World<'_, '_>) -> anyhow::Result<Ending> {
    match command {
        PolicyCommand::Publish { file, directory, node } => {
            let did = ActorDirectory::open(&directory)?.did().to_string();
            let policy = read_policy(&file, Some(&did))?;
            let (id, title) = (policy.id(), format!("{} v{}", policy.name, policy.version));
            publish(&directory, &node, Operation::Policy(policy), ("policy", id, title), world).await
        }
        PolicyCommand::Test(args) => {
            let (policy, schema) = (read_policy(&args.policy, None)?, read::<Schema>(&args.schema, |_| ())?);
            let day = args.day.unwrap_or_else(|| world.clock.now().date());
            policy_test::run(&policy, &schema, &args.claims, day, world.screen)
        }
        PolicyCommand::Explain { what, directory, certlogic, node } => {
            let policy = match Path::new(&what) {
                file if file.exists() => read_policy(file, None)?,
                _ => published(&what, directory.as_deref(), &node).await?,
            };
            if certlogic {
                world.screen.line(serde_json::to_string_pretty(&policy.certlogic())?)?;
            } else {
                explain(world.screen, &policy)?;
            }
            Ok(Ending::Good)
        }
    }
}

/// Reads JSON of a type; `complete` may fill in what the file leaves out.
fn read<T: serde::de::DeserializeOwned>(file: &Path, complete: impl FnOnce(&mut Value)) -> anyhow::Result<T> {
    let text = files::read_text(file, FILE_BYTES)?;
    let mut value: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is JSON", file.display()))?;
    complete(&mut value);
    serde_json::from_value(value).with_context(|| file.display().to_string())
}

fn read_policy(file: &Path, verifier: Option<&str>) -> anyhow::Result<Policy> {
    let policy: Policy = read(file, |value| {
        if let (Some(members), Some(verifier)) = (value.as_object_mut(), verifier) {
            members.entry("verifier").or_insert_with(|| verifier.into());
        }
    })?;
    policy.check()?;
    Ok(policy)
}

async fn publish(
    directory: &Path,
    node: &NodeAddress,
    operation: Operation,
    (what, id, title): (&str, Digest, String),
    world: World<'_, '_>,
) -> anyhow::Result<Ending> {
    let actor = ActorDirectory::open(directory)?;
    let mut ledger = node.connect(&actor).await?;
    let record = ledger.did(actor.did()).await?;
    identity::settle(&actor, &record)?;
    let key = if what == "schema" { StateKey::Schema(id) } else { StateKey::Policy(id) };
    // Under this identifier there can only be this content.
    let outcome = match ledger.record(&key).await? {
        Some(_) => "was published before".to_owned(),
        None => format!("at height {}", ledger.commit(actor.did(), &actor.control()?, operation).await?),
    };
    world.screen.headline(Tone::Good, what, format!("{title}, {outcome}"))?;
    world.screen.line(format!("  {id}"))?;
    Ok(Ending::Good)
}

/// A policy by its identifier, from a checkpoint's bundle or from the ledger.
async fn published(what: &str, directory: Option<&Path>, node: &NodeAddress) -> anyhow::Result<Policy> {
    let id: Digest =
        what.parse().with_context(|| format!("{what} is neither a file nor a policy's identifier"))?;
    let directory =
        directory.context("for an identifier, name a checkpoint's or an actor's directory with --in")?;
    let missing = || format!("there is no policy {id}");
    if directory.join("checkpoint.toml").exists() {
        let checkpoint = Checkpoint::open(directory)?;
        let facts = checkpoint.trusted().context("the checkpoint has no trust bundle yet")?.facts();
        return facts.policies.get(&id).cloned().with_context(missing);
    }
    let mut ledger = node.connect(&ActorDirectory::open(directory)?).await?;
    match ledger.record(&StateKey::Policy(id)).await? {
        Some(Record::Policy(record)) => Ok(record.policy),
        _ => Err(anyhow::anyhow!(missing())),
    }
}

/// What a rule asks, for people.
pub(super) fn explain(screen: &mut Screen<'_>, policy: &Policy) -> anyhow::Result<()> {
    screen.headline(Tone::Good, format!("{} v{}", policy.name, policy.version), &policy.purpose)?;
    let kept: Vec<&str> = policy.retained.iter().map(String::as_str).collect();
    let kept = if kept.is_empty() { "nothing".to_owned() } else { kept.join(", ") };
    let pass = policy.pass.as_ref();
    screen.facts(&[
        ("asked by", policy.verifier.to_string()),
        ("identifier", policy.id().to_string()),
        (
            "needs",
            format!(
                "a {}, of which it sees {}",
                policy.credential_type,
                policy.claims().into_iter().collect::<Vec<_>>().join(", ")
            ),
        ),
        ("keeps", kept),
        ("applies", format!("{} to {}", policy.from, policy.until)),
        (
            "gives",
            pass.map_or("no pass".to_owned(), |terms| {
                format!("{} for {} h", terms.credential_type, terms.hours)
            }),
        ),
        (
            "proved",
            policy.proof.map_or("not: it is asked in the clear".to_owned(), |proof| {
                let scope = match proof.scope {
                    Scope::GateAndDay => "at one gate and on one day",
                    Scope::Day => "at all its gates, on one day",
                };
                format!(
                    "with nothing shown; a holder counts once {scope}; issuer sets of {} h",
                    proof.epoch_hours
                )
            }),
        ),
    ])?;
    screen.line("  all of these must hold:")?;
    for sentence in policy.explain() {
        screen.line(format!("    - {sentence}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gateway::clock::Clock;

    use super::*;
    use crate::fixture::Town;

    #[tokio::test]
    async fn a_rule_is_explained_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let (town, file) = (Town::new(1), directory.path().join("entry.json"));
        let mut value = serde_json::to_value(&town.entry).unwrap();
        std::fs::write(&file, value.to_string()).unwrap();
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, false);
        let what = file.display().to_string();
        let command = PolicyCommand::Explain {
            what,
            directory: None,
            certlogic: false,
            node: NodeAddress { url: None },
        };
        let world = World { screen: &mut screen, input: &mut std::io::empty(), clock: Clock::system() };
        policy(command, world).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            "entry v1",
            "result is negative",
            "sampled is on or after the day 7 days ago",
            "HealthPass for 24 h",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // The publisher stands in for a verifier that the file leaves out, and for no other one.
        value.as_object_mut().unwrap().remove("verifier");
        std::fs::write(&file, value.to_string()).unwrap();
        assert!(
            read_policy(&file, None).unwrap_err().chain().any(|cause| cause.to_string().contains("verifier"))
        );
        let stranger = town.stranger.did.to_string();
        assert_eq!(read_policy(&file, Some(&stranger)).unwrap().verifier, town.stranger.did);
    }

    #[test]
    fn a_senseless_file_names_its_rule() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("schema.json");
        for (text, rule) in
            [("{", "is JSON"), ("{}", "schema.json"), (&"x".repeat(FILE_BYTES + 1), "at most 65536 bytes")]
        {
            std::fs::write(&file, text).unwrap();
            let refused = format!("{:#}", read::<Schema>(&file, |_| ()).unwrap_err());
            assert!(refused.contains(rule), "{refused}");
        }
    }
}
