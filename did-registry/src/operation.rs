//! The operations behind an identifier.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::canonical::{encode, invalid};
use crate::did::check_fragment;
use crate::{Did, Digest, NetworkId, PublicKey, RegistryError, Signature, digest, label};

/// Keys a document holds at one time.
pub(crate) const KEYS: usize = 16;
/// Services a document holds.
pub(crate) const SERVICES: usize = 8;

/// What a key may be used for, as W3C verification relationships.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, Serialize)]
pub struct Purposes(u8);

impl Purposes {
    /// Signs credentials.
    pub const ASSERTION: Self = Self(1);
    /// Proves who is calling.
    pub const AUTHENTICATION: Self = Self(2);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every purpose of `other` is allowed.
    pub const fn allows(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BorshDeserialize for Purposes {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        match u8::deserialize_reader(reader)? {
            bits @ 1..=3 => Ok(Self(bits)),
            _ => Err(invalid("a key serves assertion, authentication or both")),
        }
    }
}

/// A key in a document. The control key is not one of these: it signs operations and nothing else.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct DocumentKey {
    /// Its name within the document; a name is never reused for another key.
    pub fragment: String,
    /// What it may be used for.
    pub purposes: Purposes,
    /// The key.
    pub key: PublicKey,
}

/// Where an agency can be reached.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Service {
    /// Its name within the document.
    pub fragment: String,
    /// For example `CausewayGateway`.
    pub kind: String,
    /// An http(s) address.
    pub endpoint: String,
}

/// Who can bring an identifier back after its keys are lost.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Guardians {
    /// Approvals needed.
    pub threshold: u8,
    /// The guardians' keys.
    pub keys: BTreeSet<PublicKey>,
    /// Seconds between the request and its effect, in which the owner may veto: a day to a year.
    pub delay: u64,
}

impl Guardians {
    /// 1 ≤ k ≤ n ≤ 16, and a delay in which an owner who sleeps still wakes up to veto.
    pub(crate) fn check(&self) -> Result<(), RegistryError> {
        let count = self.keys.len();
        let sensible = count <= 16
            && (1..=count).contains(&usize::from(self.threshold))
            && (86_400..=31_536_000).contains(&self.delay);
        if sensible { Ok(()) } else { Err(RegistryError::GuardianRule) }
    }
}

/// The first operation; its hash is the identifier.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Genesis {
    /// The network the identifier belongs to.
    pub network: NetworkId,
    /// The key that signs operations.
    pub control: PublicKey,
    /// Commitment to the next control key.
    pub next: Digest,
    /// The document's keys.
    pub keys: Vec<DocumentKey>,
    /// The recovery rule, if any.
    pub guardians: Option<Guardians>,
    /// Where to reach the subject.
    pub services: Vec<Service>,
}

impl Genesis {
    /// A genesis with a control key only.
    pub fn new(network: NetworkId, control: PublicKey, next: Digest) -> Self {
        Self { network, control, next, keys: Vec::new(), guardians: None, services: Vec::new() }
    }

    /// Adds a document key.
    #[must_use]
    pub fn with_key(mut self, fragment: &str, purposes: Purposes, key: PublicKey) -> Self {
        self.keys.push(DocumentKey { fragment: fragment.to_owned(), purposes, key });
        self
    }

    /// The identifier this genesis gives.
    pub fn did(&self) -> Did {
        Did::new(self.network.clone(), digest(label::DID_GENESIS, &[&encode(self)]))
    }
}

/// Why keys leave a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Retirement {
    /// Replaced in good order: what it signed before stays valid where an anchor proves the time.
    Superseded,
    /// In other hands: nothing it signed is accepted any more.
    Compromised,
}

/// Replaces the control key by the one committed to, and the document's content.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Rotation {
    /// Hash of the operation before.
    pub previous: Digest,
    /// The revealed control key.
    pub control: PublicKey,
    /// Commitment to the one after.
    pub next: Digest,
    /// The document's keys from now on; those missing are retired.
    pub keys: Vec<DocumentKey>,
    /// Why they are retired.
    pub retirement: Retirement,
    /// The recovery rule from now on.
    pub guardians: Option<Guardians>,
    /// The services from now on.
    pub services: Vec<Service>,
}

impl Rotation {
    /// What the incoming control key signs to show that its holder agrees.
    pub fn proof_message(&self, did: &Did) -> Vec<u8> {
        digest(label::DID_ROTATION, &[&encode(did), &encode(self)]).as_bytes().to_vec()
    }
}

/// New keys for an identifier whose owner lost the old ones.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Recovery {
    /// Whose keys.
    pub subject: Did,
    /// Hash of the operation before.
    pub previous: Digest,
    /// The new control key.
    pub control: PublicKey,
    /// Commitment to the one after.
    pub next: Digest,
    /// The document's keys after recovery; the old ones count as compromised.
    pub keys: Vec<DocumentKey>,
}

impl Recovery {
    /// What each guardian signs.
    pub fn approval_message(&self) -> Vec<u8> {
        digest(label::DID_RECOVERY, &[&encode(self)]).as_bytes().to_vec()
    }
}

/// One guardian's approval.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Approval {
    /// The guardian.
    pub guardian: PublicKey,
    /// Over [`Recovery::approval_message`].
    #[serde(skip)]
    pub signature: Signature,
}

/// An operation on an identifier.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DidOperation {
    /// Registers the actor.
    Create(Genesis),
    /// Rotates the actor's keys; the signature is the incoming key's, over [`Rotation::proof_message`].
    Rotate(Rotation, #[serde(skip)] Signature),
    /// Asks to recover another identifier; any registered actor may carry the guardians' approvals.
    RequestRecovery(Recovery, Vec<Approval>),
    /// The actor refuses the recovery pending on it.
    VetoRecovery,
    /// Puts a recovery into effect once its delay has passed; any registered actor may.
    CompleteRecovery(Did),
    /// Ends the actor, for good; names the hash of the operation before.
    Deactivate(Digest),
}

impl DidOperation {
    /// The hash of an operation that names the one before it (or is the first).
    ///
    /// The next operation names [`DidRecord::head`](crate::DidRecord), which is [`DidOperation::hash_after`].
    pub fn hash(&self, subject: &Did) -> Digest {
        digest(label::DID_OPERATION, &[&encode(subject), &encode(self)])
    }

    /// The hash that the next operation on the same identifier names, when this one follows `previous`.
    ///
    /// A veto and a completion do not say what they follow, so it is hashed in: otherwise two vetoes
    /// would leave the same hash, and what guardians approved after the first would hold again after the second.
    pub fn hash_after(&self, subject: &Did, previous: &Digest) -> Digest {
        match self {
            Self::VetoRecovery | Self::CompleteRecovery(_) => {
                digest(label::DID_OPERATION, &[&encode(subject), &encode(self), previous.as_bytes()])
            }
            Self::Create(_) | Self::Rotate(..) | Self::RequestRecovery(..) | Self::Deactivate(_) => {
                self.hash(subject)
            }
        }
    }

    /// Whose record it changes, when `actor` sends it.
    pub fn subject<'a>(&'a self, actor: &'a Did) -> &'a Did {
        match self {
            Self::RequestRecovery(recovery, _) => &recovery.subject,
            Self::CompleteRecovery(subject) => subject,
            Self::Create(_) | Self::Rotate(..) | Self::VetoRecovery | Self::Deactivate(_) => actor,
        }
    }
}

/// The bounds of a document's content, the same for every operation that sets it.
pub(crate) fn check_content(keys: &[DocumentKey], services: &[Service]) -> Result<(), RegistryError> {
    if keys.len() > KEYS {
        return Err(RegistryError::TooMany { what: "keys", limit: KEYS });
    }
    if services.len() > SERVICES {
        return Err(RegistryError::TooMany { what: "services", limit: SERVICES });
    }
    let mut seen = BTreeSet::from(["control"]);
    for fragment in
        keys.iter().map(|key| &key.fragment).chain(services.iter().map(|service| &service.fragment))
    {
        check_fragment(fragment)?;
        if !seen.insert(fragment) {
            return Err(RegistryError::FragmentReused(fragment.clone()));
        }
    }
    for service in services {
        let web = service.endpoint.starts_with("https://") || service.endpoint.starts_with("http://");
        if !web || service.endpoint.len() > 256 || service.kind.is_empty() || service.kind.len() > 64 {
            return Err(RegistryError::Malformed(
                "a service has a kind of up to 64 and an http(s) endpoint of up to 256 bytes".into(),
            ));
        }
    }
    Ok(())
}
