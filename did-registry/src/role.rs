//! The committee: who decides, by what majority, and whom it recognises as issuer of what, from when to when.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::canonical::{encode, invalid};
use crate::{Did, Digest, Moment, RegistryError, Timestamp, digest, label};

/// A kind of credential: 1 to 64 of `A-Z a-z 0-9 - _`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialType(String);

impl CredentialType {
    /// Checks a name.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`].
    pub fn new(name: &str) -> Result<Self, RegistryError> {
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !letters || name.is_empty() || name.len() > 64 {
            return Err(RegistryError::Malformed(
                "a credential type is named by 1 to 64 letters, digits, - and _".into(),
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CredentialType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CredentialType {
    type Error = RegistryError;
    fn try_from(name: String) -> Result<Self, RegistryError> {
        Self::new(&name)
    }
}

impl From<CredentialType> for String {
    fn from(name: CredentialType) -> Self {
        name.0
    }
}

impl BorshDeserialize for CredentialType {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        Self::new(&String::deserialize_reader(reader)?).map_err(invalid)
    }
}

/// What the committee can decide.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// Takes in a member.
    AddMember(Did),
    /// Dismisses a member.
    RemoveMember(Did),
    /// Sets the votes needed.
    SetThreshold(u16),
    /// Recognises an issuer for one credential type within a window.
    RecogniseIssuer {
        /// Whom.
        issuer: Did,
        /// For what.
        credential_type: CredentialType,
        /// From when on.
        from: Timestamp,
        /// Until when, exclusive.
        until: Timestamp,
    },
    /// Ends a recognition at a time, at the earliest when decided.
    WithdrawIssuer {
        /// Whose.
        issuer: Did,
        /// For what.
        credential_type: CredentialType,
    },
    /// Adopts keys of the circuits by their digest, which holds the ceremony's transcript: from then on proofs are made
    /// and taken with these alone.
    AdoptCircuitKeys(Digest),
}

/// A member's vote for a motion; votes for the same motion and round add up.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Vote {
    /// What to decide.
    pub motion: Motion,
    /// Tells repeated motions of the same content apart.
    pub round: u32,
    /// The motion fails if undecided by then.
    pub expires: Timestamp,
}

impl Vote {
    /// The motion's identifier.
    pub fn motion_id(&self) -> Digest {
        digest(label::ROLE_MOTION, &[&encode(self)])
    }
}

/// The votes on one motion.
#[derive(Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Ballot {
    /// Who is for it, and since when.
    pub approvals: BTreeMap<Did, Moment>,
    /// When it was decided, if it was.
    pub decided: Option<Moment>,
}

/// An issuer recognised for one credential type.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Recognition {
    /// Who.
    pub issuer: Did,
    /// For what.
    pub credential_type: CredentialType,
    /// From when on.
    pub from: Timestamp,
    /// Until when, exclusive; a withdrawal brings it forward.
    pub until: Timestamp,
    /// When the committee decided.
    pub decided: Moment,
}

impl Recognition {
    /// Whether the issuer is recognised at `time`.
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.until
    }

    /// This recognition, ended at `at` unless it ended before.
    #[must_use]
    pub fn withdrawn(mut self, at: Moment) -> Self {
        self.until = self.until.min(at.time);
        self.from = self.from.min(self.until);
        self.decided = at;
        self
    }
}

/// The members and the votes needed, k of n with k > n/2.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Committee {
    threshold: u16,
    members: BTreeSet<Did>,
}

impl Committee {
    /// A committee that obeys its own rule.
    ///
    /// # Errors
    /// [`RegistryError::CommitteeRule`] unless n/2 < k ≤ n ≤ 64.
    pub fn new(threshold: u16, members: BTreeSet<Did>) -> Result<Self, RegistryError> {
        let (k, n) = (usize::from(threshold), members.len());
        if n == 0 || n > 64 {
            return Err(RegistryError::CommitteeRule("it has 1 to 64 members"));
        }
        if k > n || 2 * k <= n {
            return Err(RegistryError::CommitteeRule("this change would break its majority"));
        }
        Ok(Self { threshold, members })
    }

    /// Votes needed.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// The members.
    pub fn members(&self) -> &BTreeSet<Did> {
        &self.members
    }

    /// The ballot after `voter`'s vote; decided as soon as enough present members are for it. `dismissed` says when
    /// somebody last lost the seat: what was voted until then fell with it, and whoever is back votes anew.
    ///
    /// # Errors
    /// [`RegistryError::NotMember`], [`RegistryError::MotionClosed`], [`RegistryError::VotedAlready`],
    /// [`RegistryError::EmptyWindow`].
    pub fn vote(
        &self,
        ballot: Option<Ballot>,
        voter: &Did,
        vote: &Vote,
        at: Moment,
        dismissed: impl Fn(&Did) -> Option<Moment>,
    ) -> Result<Ballot, RegistryError> {
        if !self.members.contains(voter) {
            return Err(RegistryError::NotMember(voter.clone()));
        }
        if let Motion::RecogniseIssuer { from, until, .. } = &vote.motion
            && from >= until
        {
            return Err(RegistryError::EmptyWindow);
        }
        let mut ballot = ballot.unwrap_or_default();
        if ballot.decided.is_some() || at.time >= vote.expires {
            return Err(RegistryError::MotionClosed);
        }
        let counts = |(did, given): (&Did, &Moment)| {
            self.members.contains(did) && dismissed(did).is_none_or(|lost| lost < *given)
        };
        if ballot.approvals.get_key_value(voter).is_some_and(counts) {
            return Err(RegistryError::VotedAlready(voter.clone()));
        }
        ballot.approvals.insert(voter.clone(), at);
        if ballot.approvals.iter().filter(|approval| counts(*approval)).count() >= usize::from(self.threshold)
        {
            ballot.decided = Some(at);
        }
        Ok(ballot)
    }

    /// The committee after a decided motion about itself; unchanged by motions about issuers.
    ///
    /// # Errors
    /// [`RegistryError::CommitteeRule`] if the result would break the rule.
    pub fn decide(&self, motion: &Motion) -> Result<Self, RegistryError> {
        let mut members = self.members.clone();
        let mut threshold = self.threshold;
        match motion {
            Motion::AddMember(did) => {
                members.insert(did.clone());
                // A larger committee keeps a true majority without a second vote.
                let majority = u16::try_from(members.len() / 2 + 1)
                    .map_err(|_| RegistryError::CommitteeRule("too many"))?;
                threshold = threshold.max(majority);
            }
            Motion::RemoveMember(did) => {
                members.remove(did);
                let all =
                    u16::try_from(members.len()).map_err(|_| RegistryError::CommitteeRule("too many"))?;
                threshold = threshold.min(all);
            }
            Motion::SetThreshold(votes) => threshold = *votes,
            Motion::RecogniseIssuer { .. } | Motion::WithdrawIssuer { .. } | Motion::AdoptCircuitKeys(_) => {
                return Ok(self.clone());
            }
        }
        Self::new(threshold, members)
    }
}

#[cfg(test)]
mod tests;
