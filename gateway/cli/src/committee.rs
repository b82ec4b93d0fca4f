//! Votes of committee members.

use did_registry::{Ballot, Committee, Did, Motion, Recognition, RegistryError, Vote};
use ledger_chain::{CircuitKeysRecord, Operation, Record, StateKey};

use crate::actor::{ActorDirectory, ActorError};
use crate::identity::{self, IdentityError};
use crate::ledger::{Ledger, LedgerError};

/// Rounds looked through for one that is not decided.
const ROUNDS: u32 = 1_000;
/// The code with which the ledger refuses a second approval of one member.
const VOTED_ALREADY: &str = "VOTED_ALREADY";

/// Why a vote was not cast.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitteeError {
    /// A member's directory.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// A member's identifier.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A motion that could not take effect on the committee as it is.
    #[error(transparent)]
    Rule(#[from] RegistryError),
    /// The ledger has no committee, which no genesis allows.
    #[error("the ledger's committee cannot be read")]
    NoCommittee,
    /// Too many decided rounds of one motion.
    #[error("this motion was decided {ROUNDS} times already; name a --round")]
    Rounds,
}

/// What came of the votes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voted {
    /// Who voted just now.
    pub cast: Vec<Did>,
    /// The round they voted in.
    pub round: u32,
    /// The ballot after that; `None` if there was nothing to decide.
    pub ballot: Option<Ballot>,
    /// Votes that decide.
    pub threshold: u16,
}

/// The committee.
///
/// # Errors
/// [`CommitteeError`].
pub async fn committee(ledger: &mut Ledger) -> Result<Committee, CommitteeError> {
    match ledger.record(&StateKey::Committee).await? {
        Some(Record::Committee(committee)) => Ok(committee),
        _ => Err(CommitteeError::NoCommittee),
    }
}

async fn recognition(ledger: &mut Ledger, motion: &Motion) -> Result<Option<Recognition>, LedgerError> {
    let (Motion::RecogniseIssuer { issuer, credential_type, .. }
    | Motion::WithdrawIssuer { issuer, credential_type }) = motion
    else {
        return Ok(None);
    };
    match ledger.record(&StateKey::Issuer(credential_type.clone(), issuer.clone())).await? {
        Some(Record::Issuer(recognition)) => Ok(Some(recognition)),
        _ => Ok(None),
    }
}

/// The circuits' keys that the committee adopted.
///
/// # Errors
/// [`LedgerError`].
pub async fn adopted(ledger: &mut Ledger) -> Result<Option<CircuitKeysRecord>, LedgerError> {
    match ledger.record(&StateKey::CircuitKeys).await? {
        Some(Record::CircuitKeys(record)) => Ok(Some(record)),
        _ => Ok(None),
    }
}

/// Whether the ledger is as the motion wants it already.
async fn is_done(ledger: &mut Ledger, committee: &Committee, motion: &Motion) -> Result<bool, LedgerError> {
    let now = recognition(ledger, motion).await?;
    Ok(match (motion, now) {
        (Motion::AddMember(did), _) => committee.members().contains(did),
        (Motion::RemoveMember(did), _) => !committee.members().contains(did),
        (Motion::SetThreshold(votes), _) => committee.threshold() == *votes,
        (Motion::RecogniseIssuer { from, until, .. }, Some(now)) => now.from == *from && now.until == *until,
        (Motion::WithdrawIssuer { .. }, Some(now)) => now.until <= ledger.head().head().time,
        (Motion::RecogniseIssuer { .. } | Motion::WithdrawIssuer { .. }, None) => false,
        (Motion::AdoptCircuitKeys(digest), _) => {
            adopted(ledger).await?.is_some_and(|it| it.digest == *digest)
        }
    })
}

async fn ballot(ledger: &mut Ledger, vote: &Vote) -> Result<Option<Ballot>, LedgerError> {
    match ledger.record(&StateKey::Ballot(vote.motion_id())).await? {
        Some(Record::Ballot(ballot)) => Ok(Some(ballot)),
        _ => Ok(None),
    }
}

/// Lets each member vote for a motion, until it is decided. Members who voted before are passed over, so
/// that calling it again is harmless; without `round` it is the first that is not decided.
///
/// # Errors
/// [`CommitteeError::Rule`] before anybody votes, if the motion would break the committee's rule; otherwise
/// [`CommitteeError`] with the ledger's refusal.
pub async fn vote(
    ledger: &mut Ledger,
    members: &[ActorDirectory],
    motion: &Motion,
    round: Option<u32>,
    expires: did_registry::Timestamp,
) -> Result<Voted, CommitteeError> {
    let committee = committee(ledger).await?;
    let threshold = committee.threshold();
    if round.is_none() && is_done(ledger, &committee, motion).await? {
        return Ok(Voted { cast: Vec::new(), round: 0, ballot: None, threshold });
    }
    // Asked before the first vote: the ledger would refuse only the last one.
    committee.decide(motion)?;
    let mut vote = Vote { motion: motion.clone(), round: round.unwrap_or(0), expires };
    let mut votes = ballot(ledger, &vote).await?;
    while round.is_none() && votes.as_ref().is_some_and(|ballot| ballot.decided.is_some()) {
        vote.round += 1;
        if vote.round >= ROUNDS {
            return Err(CommitteeError::Rounds);
        }
        votes = ballot(ledger, &vote).await?;
    }
    let mut cast = Vec::new();
    for member in members {
        let before = votes.unwrap_or_default();
        if before.decided.is_some() {
            votes = Some(before);
            continue;
        }
        let record = ledger.did(member.did()).await?;
        identity::settle(member, &record)?;
        // Whether an approval still counts, after its member lost the seat and got it back, is the ledger's to say.
        match ledger.commit(member.did(), &member.control()?, Operation::Role(vote.clone())).await {
            Ok(_) => cast.push(member.did().clone()),
            Err(LedgerError::Client(refused)) if refused.code() == VOTED_ALREADY => {}
            Err(error) => return Err(error.into()),
        }
        votes = ballot(ledger, &vote).await?;
    }
    Ok(Voted { cast, round: vote.round, ballot: votes, threshold })
}
