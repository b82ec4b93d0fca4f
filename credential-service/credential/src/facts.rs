//! Facts: what a verifier knows before anybody shows anything.
//!
//! They come from the ledger by proof (a trust bundle), never from a presentation (W6): the shell gathers
//! them, the core decides on them.

use std::collections::BTreeMap;

use did_registry::{
    CredentialType, Did, DidRecord, DidUrl, Digest, KeyState, Moment, PublicKey, Purposes, Recognition,
    Retirement, Schema, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::status::{StatusReference, VerifiedStatusList};
use crate::zk::{IssuerRoots, IssuerSet, Recognised, RevocationRecord, issuer_set};
use crate::{Finding, Part, Policy, Reason};

/// A status list as its issuer signed it and the ledger anchored it.
#[derive(Clone, Debug)]
pub struct StatusSnapshot {
    /// Whose list.
    pub issuer: Did,
    /// The anchored epoch.
    pub epoch: u64,
    /// The statuses.
    pub list: VerifiedStatusList,
}

/// Keys, recognised issuers, rules, schemas and statuses, all as of one ledger head.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The head they were proved under.
    pub as_of: Moment,
    /// Records by identifier.
    pub dids: BTreeMap<Did, DidRecord>,
    /// Recognitions by type and issuer.
    pub recognitions: BTreeMap<(CredentialType, Did), Recognition>,
    /// Policies by identifier.
    pub policies: BTreeMap<Digest, Policy>,
    /// Schemas by identifier.
    pub schemas: BTreeMap<Digest, Schema>,
    /// Status lists by address.
    pub statuses: BTreeMap<String, StatusSnapshot>,
    /// Roots of the issuer sets by type.
    pub issuer_sets: BTreeMap<CredentialType, IssuerRoots>,
    /// How far revocations have come, by issuer.
    pub revocations: BTreeMap<Did, RevocationRecord>,
    /// Digest of the circuits' keys that the committee adopted, if it did.
    pub circuit_keys: Option<Digest>,
}

/// How old facts may be, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeLimits {
    /// From here on the verdict says so.
    pub amber: u64,
    /// From here on nothing is decided.
    pub refuse: u64,
}

impl Default for AgeLimits {
    /// Amber at 24 h, refuse at 72 h (P4).
    fn default() -> Self {
        Self { amber: 86_400, refuse: 259_200 }
    }
}

impl AgeLimits {
    /// Whether what is known as of `as_of` is past the amber limit; `what` names it in a refusal.
    ///
    /// # Errors
    /// `LIST_STALE` past the refusal limit; `CLOCK_SUSPECT` if it lies in the future.
    pub fn check_age(self, what: &str, as_of: Timestamp, now: Timestamp) -> Result<bool, Finding> {
        // Its maker and a checkpoint may disagree by a little; by more, one of the clocks is wrong.
        if as_of > now.plus(300) {
            return Err(Finding::new(Reason::ClockSuspect, format!("the clock is behind {what}")));
        }
        let age = now.since(as_of);
        if age >= self.refuse {
            let detail = format!("{what} is {} h old, {} h are allowed", age / 3600, self.refuse / 3600);
            return Err(Finding::new(Reason::ListStale, detail));
        }
        Ok(age >= self.amber)
    }
}

/// How old what was decided on is; every verdict states it (P4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ages {
    /// Seconds since keys were current.
    pub keys: u64,
    /// Seconds since rules were current.
    pub rules: u64,
    /// Seconds since revocations were current; `None` where the format has none.
    pub status: Option<u64>,
    /// Whether any of them is past the amber limit.
    pub amber: bool,
}

impl Facts {
    /// Nothing known yet, as of a head.
    pub fn as_of(as_of: Moment) -> Self {
        Self {
            as_of,
            dids: BTreeMap::new(),
            recognitions: BTreeMap::new(),
            policies: BTreeMap::new(),
            schemas: BTreeMap::new(),
            statuses: BTreeMap::new(),
            issuer_sets: BTreeMap::new(),
            revocations: BTreeMap::new(),
            circuit_keys: None,
        }
    }

    /// The facts' ages at `now`.
    ///
    /// # Errors
    /// `LIST_STALE` past the refusal limit; `CLOCK_SUSPECT` if the facts lie in the future.
    pub fn ages(&self, now: Timestamp, limits: AgeLimits) -> Result<Ages, Finding> {
        let amber = limits.check_age("the trust bundle", self.as_of.time, now)?;
        let age = now.since(self.as_of.time);
        Ok(Ages { keys: age, rules: age, status: Some(age), amber })
    }

    /// The key that `url` names, if it is its issuer's to use for `purpose` on something issued at `issued`.
    ///
    /// A key that was replaced in good order counts for what an anchor proves to be older (`anchored`); a
    /// compromised one for nothing.
    ///
    /// # Errors
    /// `KEY_UNKNOWN`, `KEY_REMOVED`, `WRONG_KEY_USE`.
    pub fn key(
        &self,
        issuer: &Did,
        url: &str,
        purpose: Purposes,
        anchored: Option<Timestamp>,
    ) -> Result<&PublicKey, Finding> {
        let unknown = || Finding::new(Reason::KeyUnknown, "no recognised issuer has this key");
        let url: DidUrl = url.parse().map_err(|_| unknown())?;
        if &url.did != issuer {
            return Err(Finding::new(
                Reason::KeyUnknown,
                "the key belongs to somebody else than the stated issuer",
            ));
        }
        let key = match self.dids.get(issuer).map(|record| record.key(&url.fragment)) {
            None | Some(KeyState::Unknown) => return Err(unknown()),
            Some(KeyState::Current(key)) => key,
            Some(KeyState::Retired(key, added, removal)) => {
                let before = |time: Timestamp| added.time <= time && time < removal.at.time;
                if removal.reason == Retirement::Compromised || !anchored.is_some_and(before) {
                    let detail =
                        format!("key #{} left its issuer's document at {}", key.fragment, removal.at.time);
                    return Err(Finding::new(Reason::KeyRemoved, detail));
                }
                key
            }
        };
        if key.purposes.allows(purpose) {
            Ok(&key.key)
        } else {
            Err(Finding::new(Reason::WrongKeyUse, format!("key #{} may not sign this", key.fragment)))
        }
    }

    /// Whether `issuer` was recognised for `credential_type` both when it issued and now (W5).
    ///
    /// # Errors
    /// `ISSUER_NOT_RECOGNISED`.
    pub fn recognised(
        &self,
        issuer: &Did,
        credential_type: &CredentialType,
        issued: Timestamp,
        now: Timestamp,
    ) -> Result<(), Finding> {
        let active = self.dids.get(issuer).is_some_and(|record| record.deactivated.is_none());
        let recognition = self.recognitions.get(&(credential_type.clone(), issuer.clone()));
        if active && recognition.is_some_and(|it| it.holds_at(issued) && it.holds_at(now)) {
            Ok(())
        } else {
            let detail = format!("{} is not recognised for {credential_type}", issuer.short());
            Err(Finding::new(Reason::IssuerNotRecognised, detail))
        }
    }

    /// The issuer set of a type with its epoch, made of the same records that the ledger makes it of.
    ///
    /// # Errors
    /// `ISSUER_NOT_RECOGNISED` if there is none; `LIST_STALE` if records are missing to make the one there is.
    pub fn issuer_set(&self, credential_type: &CredentialType) -> Result<(IssuerSet, u64), Finding> {
        let roots = self.issuer_sets.get(credential_type).ok_or_else(|| {
            let detail = format!("nobody is recognised for {credential_type}");
            Finding::new(Reason::IssuerNotRecognised, detail)
        })?;
        let set = issuer_set(self.recognitions.iter().filter_map(|((kind, did), recognition)| {
            let record = self.dids.get(did).filter(|_| kind == credential_type)?;
            let status = self.revocations.get(did).and_then(|record| record.root.element());
            Some(Recognised { recognition, record, status })
        }));
        if roots.root.element() == Some(set.root()) {
            return Ok((set, roots.epoch));
        }
        let detail = "the trust bundle does not have all records that its issuer set is made of";
        Err(Finding::new(Reason::ListStale, detail))
    }

    /// The status of a credential of `issuer` (W4: there is no way to skip it).
    pub fn status(&self, issuer: &Did, reference: &StatusReference) -> Part {
        match self.statuses.get(&reference.uri).filter(|snapshot| &snapshot.issuer == issuer) {
            Some(snapshot) => Part::from(snapshot.list.check(reference).map_err(Finding::from)),
            None => Part::Open(Finding::new(
                Reason::ListStale,
                "the issuer's status list is not in the trust bundle",
            )),
        }
    }
}
