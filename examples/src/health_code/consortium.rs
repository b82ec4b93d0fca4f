//! What is agreed before anybody travels: the ledger, who sits on its committee, whom it recognises, and the
//! schemas and rules that everybody can read.

use std::collections::BTreeSet;
use std::path::Path;

use causeway::actor::ActorDirectory;
use causeway::setup::{self, Network, NetworkPlan};
use credential::transcoding::pass_schema;
use credential::{Operand, PassTerms, Policy, Predicate, ProofTerms, Scope, Test, foreign};
use did_registry::{
    CredentialType, Did, DidOperation, Digest, Motion, NetworkId, Schema, SigningKey, Timestamp, Vote,
};
use gateway::clock::Clock;
use ledger_chain::{GroupId, Operation, Transaction};
use ledger_node::client::LedgerClient;
use rand::rngs::OsRng;

/// What a health authority issues over a test.
pub const HEALTH_TEST: &str = "HealthTest";
/// What a health authority gives to those it lets in.
pub const HEALTH_PASS: &str = "HealthPass";
/// Days a test counts, the day it was taken included.
pub const TEST_DAYS: i32 = 3;
/// COVID-19 in SNOMED CT, as foreign certificates name it.
const COVID_19: &str = "840539006";
/// The committee: Guangdong, Macau, and an auditor of neither.
const COMMITTEE: (u16, u16) = (3, 2);
const DAY: u64 = 86_400;

/// Somebody who speaks on the ledger.
pub struct Voice {
    client: LedgerClient,
    ledger: Digest,
    did: Did,
    control: SigningKey,
}

impl Voice {
    /// The actor whose keys lie in `directory`.
    ///
    /// # Errors
    /// If they do not.
    pub fn of(directory: &Path, client: &LedgerClient, ledger: &Digest) -> anyhow::Result<Self> {
        let actor = ActorDirectory::open(directory)?;
        Ok(Self {
            client: client.clone(),
            ledger: *ledger,
            did: actor.did().clone(),
            control: actor.control()?,
        })
    }

    /// Says one thing, and waits until it is on the ledger.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn say(&self, operation: Operation) -> anyhow::Result<()> {
        let sequence = self.client.next_sequence(&self.did).await?;
        let transaction = Transaction { actor: self.did.clone(), sequence, operation };
        self.client.commit(&transaction.sign(&self.ledger, &self.control)).await?;
        Ok(())
    }
}

/// Makes the network's files.
///
/// # Errors
/// The system's.
pub fn found(directory: &Path) -> anyhow::Result<Network> {
    let plan = NetworkPlan {
        network: NetworkId::new("demo")?,
        group: GroupId(0),
        committee: COMMITTEE.0,
        threshold: COMMITTEE.1,
        listen: ([127, 0, 0, 1], 0).into(),
        time: Clock::system().now(),
        safe: None,
    };
    Ok(setup::network(directory, &plan, &mut OsRng)?)
}

/// Registers the identifier whose keys lie in `directory`.
///
/// # Errors
/// The ledger's refusal.
pub async fn register(directory: &Path, client: &LedgerClient, ledger: &Digest) -> anyhow::Result<Voice> {
    let genesis = ActorDirectory::open(directory)?.genesis()?;
    let voice = Voice::of(directory, client, ledger)?;
    voice.say(Operation::Did(DidOperation::Create(genesis))).await?;
    Ok(voice)
}

/// The committee recognises `issuer` for tests and passes.
///
/// # Errors
/// The ledger's refusal.
pub async fn recognise(committee: &[Voice], issuer: &Did) -> anyhow::Result<()> {
    for name in [HEALTH_TEST, HEALTH_PASS] {
        recognise_for(name, committee, issuer).await?;
    }
    Ok(())
}

/// The committee recognises `issuer` for one type: as many members vote as it takes.
///
/// # Errors
/// The ledger's refusal.
pub async fn recognise_for(name: &str, committee: &[Voice], issuer: &Did) -> anyhow::Result<()> {
    let now = Clock::system().now();
    let motion = Motion::RecogniseIssuer {
        issuer: issuer.clone(),
        credential_type: CredentialType::new(name)?,
        from: now.minus(DAY),
        until: now.plus(365 * DAY),
    };
    decide(committee, motion).await
}

/// As many members vote for a motion as it takes.
///
/// # Errors
/// The ledger's refusal.
pub async fn decide(committee: &[Voice], motion: Motion) -> anyhow::Result<()> {
    let now = Clock::system().now();
    for member in committee.iter().take(usize::from(COMMITTEE.1)) {
        let vote = Vote { motion: motion.clone(), round: 0, expires: now.plus(DAY) };
        member.say(Operation::Role(vote)).await?;
    }
    Ok(())
}

/// The rules of one health authority.
pub struct Rules {
    /// Who may have its pass.
    pub entry: Policy,
    /// Who may walk through its gate.
    pub gate: Policy,
    /// Whose foreign certificate it accepts.
    pub foreign: Policy,
}

impl Rules {
    /// The rules of `verifier`, from now on, over tests of schema `test`.
    ///
    /// # Errors
    /// Never, unless a name of ours is misspelt.
    pub fn of(verifier: &Did, test: &Schema, now: Timestamp) -> anyhow::Result<Self> {
        let pass_type = CredentialType::new(HEALTH_PASS)?;
        let pass = pass_schema(&pass_type);
        let text = |text: &str| Operand::Text(text.to_owned());
        let predicate = |claim: &str, test| Predicate { claim: claim.to_owned(), test };
        let policy = |name: &str, purpose: &str, schema: &Schema, predicates, pass| Policy {
            verifier: verifier.clone(),
            name: name.to_owned(),
            version: 1,
            purpose: purpose.to_owned(),
            credential_type: schema.credential_type.clone(),
            schema: schema.id(),
            predicates,
            retained: BTreeSet::new(),
            from: now.minus(DAY),
            until: now.plus(365 * DAY),
            pass,
            proof: None,
        };
        let terms = Some(PassTerms { credential_type: pass_type, hours: 24 });
        let mut entry = policy(
            "entry",
            "To let you in today with a negative test of the last three days.",
            test,
            vec![
                predicate("test_result", Test::Equals(text("negative"))),
                predicate("sample_date", Test::AtLeast(Operand::DaysFromToday(-TEST_DAYS))),
            ],
            terms.clone(),
        );
        // What was asked is kept, so that an auditor can decide again; nothing else ever arrives.
        // Or it is proved, and then nothing arrives at all. A holder counts once at a lane and on a day.
        entry.proof = Some(ProofTerms { epoch_hours: 24, scope: Scope::GateAndDay });
        entry.retained = entry.claims().into_iter().map(str::to_owned).collect();
        Ok(Self {
            entry,
            gate: policy(
                "gate",
                "To open the gate for holders of a green pass.",
                &pass,
                vec![predicate("colour", Test::Equals(text("green")))],
                None,
            ),
            foreign: policy(
                "foreign-entry",
                "To let you in with a certificate of another state about COVID-19.",
                &foreign::schema(),
                vec![predicate("target_disease", Test::Equals(text(COVID_19)))],
                terms,
            ),
        })
    }

    /// Publishes all three.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn publish(&self, verifier: &Voice) -> anyhow::Result<()> {
        for policy in [&self.entry, &self.gate, &self.foreign] {
            verifier.say(Operation::Policy(policy.clone())).await?;
        }
        Ok(())
    }
}
