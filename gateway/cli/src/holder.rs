//! A citizen's dealings: claim a credential, see what is asked, consent, apply, show.
//!
//! The wallet crate decides what is kept and what is shown; this module brings it the bytes. Everything that
//! an agency says of keys, issuers and rules is taken from its bundle, verified under the pinned ledger.

use credential::exchange::ChallengeResponse;
use credential::facts::{AgeLimits, Facts};
use credential::{Finding, Part, Policy, Reason};
use did_registry::{CredentialType, Did, Digest, Suite, Timestamp};
use gateway::circuit_keys::CircuitKeys;
use gateway::clock::Clock;
use ledger_chain::Genesis;
use rand::{CryptoRng, RngCore};
use wallet::{Answer, Application, Claim, HeldPass, Holding, WalletError};

use crate::agency::{Agency, ReceiptAnswer};
use crate::trust::{TrustFile, Verified};
use crate::wallet_file::{WalletFile, WalletFileError};

mod proofs;
mod receipts;

pub use proofs::{Surroundings, fill, show, show_on_paper};
pub use receipts::{fetch_consent, newest_head};

/// Times to ask for a receipt; each lets the agency wait some seconds.
const RECEIPT_TRIES: u32 = 3;

/// A credential that was claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claimed {
    /// The issuer's name for it.
    pub id: Digest,
    /// Who issued it.
    pub issuer: Did,
    /// What it is.
    pub credential_type: Option<CredentialType>,
    /// Whether the committee recognises the issuer for it today.
    pub recognised: bool,
    /// Whether the ledger's receipt is here already.
    pub anchored: bool,
    /// Whether facts can be proved from it.
    pub provable: bool,
}

/// What a verifier asks for, checked against the ledger, before anything is shown.
#[derive(Debug)]
pub struct Asked {
    challenge: ChallengeResponse,
    trust: TrustFile,
}

impl Asked {
    /// The rule.
    pub fn policy(&self) -> &Policy {
        &self.challenge.policy
    }

    /// Who asks.
    pub fn receiver(&self) -> &Did {
        &self.challenge.audience
    }
}

/// How one condition of a rule would come out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The condition as a sentence.
    pub sentence: String,
    /// How it would come out today.
    pub part: Part,
}

/// The facts of a trust file, fresh enough to act on.
fn fresh(trust: &TrustFile, now: Timestamp) -> Result<&Facts, WalletFileError> {
    let missing = || WalletError::from(Finding::new(Reason::ListStale, "no trust bundle has been fetched"));
    let facts = trust.current().ok_or_else(missing)?.facts();
    facts.ages(now, AgeLimits::default()).map_err(WalletError::from)?;
    Ok(facts)
}

fn same_ledger(genesis: &Genesis, theirs: &Digest) -> Result<(), WalletFileError> {
    let pinned = genesis.id();
    if &pinned == theirs {
        return Ok(());
    }
    Err(WalletFileError::OtherLedger { pinned: pinned.short(), given: theirs.short() })
}

/// Redeems a claim code with a fresh key and keeps the credential, with what proofs are made of if `proofs` are wanted; then
/// asks for its anchor receipt.
///
/// # Errors
/// [`WalletFileError`]. Once the agency has answered, the credential is kept before anything else happens.
pub async fn claim<R: RngCore + CryptoRng>(
    file: &mut WalletFile,
    agency: &Agency,
    genesis: Genesis,
    (code, proofs): (&str, Option<&CircuitKeys>),
    clock: &Clock,
    rng: &mut R,
) -> Result<Claimed, WalletFileError> {
    let info = agency.info().await?;
    same_ledger(&genesis, &info.ledger)?;
    let trust = file.follow(agency, genesis).await?;
    let facts = fresh(&trust, clock.now())?;
    let mut begun = Claim::begin(code, &info.did, Suite::P256, rng);
    if let Some(keys) = proofs {
        keys.check_adopted(facts)?;
        let key = tokio::task::block_in_place(|| keys.holder_proving())?;
        let secret = file.wallet.next_secret(rng);
        begun = tokio::task::block_in_place(|| Claim::with_proofs(begun, secret, &key, rng));
    }
    let (claim, request) = begun;
    let issued = agency.claim(&request).await?;
    let now = clock.now();
    let facts = fresh(&trust, now)?;
    let holding = claim.accept(issued, facts, now)?;
    let credential_type = holding.credential_type();
    let recognised =
        credential_type.as_ref().is_some_and(|kind| facts.recognised(&info.did, kind, now, now).is_ok());
    let (id, provable) = (*holding.id(), holding.is_provable());
    let kind = credential_type.as_ref().map_or("credential", CredentialType::as_str);
    file.wallet.note(now, format!("claimed {kind} {} from {} ({})", id.short(), info.name, info.did));
    file.wallet.holdings.push(holding);
    file.save()?;
    let anchored = fetch_receipt(file, agency, &id).await?;
    Ok(Claimed { id, issuer: info.did, credential_type, recognised, anchored, provable })
}

/// Asks an agency for the receipt of a credential that it issued; tells whether it is here now.
///
/// # Errors
/// [`WalletFileError`].
pub async fn fetch_receipt(
    file: &mut WalletFile,
    agency: &Agency,
    id: &Digest,
) -> Result<bool, WalletFileError> {
    for _ in 0..RECEIPT_TRIES {
        if let ReceiptAnswer::Ready(receipt) = agency.receipt(id).await? {
            if let Some(holding) = file.wallet.holdings.iter_mut().find(|holding| holding.id() == id) {
                holding.set_anchor(receipt);
            }
            file.save()?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// A policy by identifier, by the beginning of one, or by name (then its latest version); of one `verifier`, or
/// of anybody. Anybody may publish under any name, so only with a verifier does a name stay good.
///
/// # Errors
/// [`WalletError::Missing`] if none fits, or several do.
pub fn find_policy<'a>(
    facts: impl IntoIterator<Item = &'a Facts>,
    verifier: Option<&Did>,
    name: &str,
) -> Result<(&'a Facts, &'a Policy), WalletError> {
    let mut found: Option<(&Facts, Digest, &Policy)> = None;
    for facts in facts {
        let whose = |policy: &Policy| verifier.is_none_or(|verifier| *verifier == policy.verifier);
        for (id, policy) in facts.policies.iter().filter(|(_, policy)| whose(policy)) {
            let by_id = name.len() >= 8 && id.to_string().starts_with(name);
            if !by_id && policy.name != name {
                continue;
            }
            found = match found {
                Some((_, known, _)) if known == *id => found,
                Some((_, _, known)) if known.name != policy.name || known.verifier != policy.verifier => {
                    return Err(WalletError::Missing(
                        "policy that this alone describes: say whose it is, or give its whole identifier",
                    ));
                }
                Some((_, _, known)) if known.version > policy.version => found,
                _ => Some((facts, *id, policy)),
            };
        }
    }
    found
        .map(|(facts, _, policy)| (facts, policy))
        .ok_or(WalletError::Missing("policy of that name in its trust bundles"))
}

/// The credential to use: the one whose identifier begins with `wanted`, or the newest of a type.
///
/// # Errors
/// [`WalletError::Missing`].
pub fn find_holding<'a>(
    file: &'a WalletFile,
    wanted: Option<&str>,
    credential_type: &CredentialType,
) -> Result<&'a Holding, WalletError> {
    match wanted {
        None => file.wallet.holding(credential_type.as_str()),
        Some(prefix) => holding(file, prefix),
    }
}

/// The one credential whose identifier begins with `prefix`.
///
/// # Errors
/// [`WalletError::Missing`].
pub fn holding<'a>(file: &'a WalletFile, prefix: &str) -> Result<&'a Holding, WalletError> {
    let mut fitting =
        file.wallet.holdings.iter().filter(|holding| holding.id().to_string().starts_with(prefix));
    match (fitting.next(), fitting.next()) {
        (Some(holding), None) => Ok(holding),
        _ => Err(WalletError::Missing("credential that this identifier alone begins")),
    }
}

/// How a policy would come out for a credential, condition by condition. Nothing leaves the wallet.
///
/// # Errors
/// [`WalletError`] if the schema is not known here, or is another one.
pub fn will_pass(
    holding: &Holding,
    policy: &Policy,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Condition>, WalletError> {
    let schema = facts.schemas.get(&policy.schema).ok_or(WalletError::PolicyNotAnchored(policy.id()))?;
    let conditions = policy.predicates.iter().zip(policy.explain());
    conditions
        .map(|(predicate, sentence)| {
            let one = Policy { predicates: vec![predicate.clone()], ..policy.clone() };
            Ok(Condition { sentence, part: holding.will_pass(&one, schema, now.date())? })
        })
        .collect()
}

/// Asks a verifier for a challenge under one of its policies, and checks that the ledger has that policy as its.
///
/// # Errors
/// [`WalletFileError`].
pub async fn ask(
    file: &WalletFile,
    agency: &Agency,
    genesis: Genesis,
    policy: &str,
    clock: &Clock,
) -> Result<Asked, WalletFileError> {
    let info = agency.info().await?;
    same_ledger(&genesis, &info.ledger)?;
    let trust = file.follow(agency, genesis).await?;
    let facts = fresh(&trust, clock.now())?;
    // Whoever was asked is asked for a policy of its own: a stranger's of the same name is not in the way.
    let (_, policy) = find_policy([facts], Some(&info.did), policy)?;
    let (id, verifier) = (policy.id(), policy.verifier.clone());
    let challenge = agency.challenge(&id).await?;
    // The wallet checks this once more before it answers; here so that nothing false is put to the holder.
    if challenge.policy.id() != id {
        return Err(WalletError::PolicyNotAnchored(challenge.policy.id()).into());
    }
    if challenge.audience != verifier {
        return Err(WalletError::NotVerifier(verifier).into());
    }
    Ok(Asked { challenge, trust })
}

/// Applies with the holder's consent, which the caller has asked for; keeps the consent before it is sent, the pass,
/// and the proof that the consent was anchored if it comes at once.
///
/// # Errors
/// [`WalletFileError`]; [`WalletError::Refused`] with the verifier's reasons.
pub async fn apply<R: RngCore + CryptoRng>(
    file: &mut WalletFile,
    agency: &Agency,
    asked: Asked,
    credential: Option<&str>,
    check_first: bool,
    clock: &Clock,
    rng: &mut R,
) -> Result<Digest, WalletFileError> {
    let policy = asked.policy().clone();
    let holding = find_holding(file, credential, &policy.credential_type)?;
    let (id, issuer) = (*holding.id(), holding.issuer().clone());
    if holding.anchor().is_none() {
        let facts = fresh(&asked.trust, clock.now())?;
        if let Some(issuer) = gateway_of(facts, &issuer) {
            fetch_receipt(file, &issuer, &id).await?;
        }
    }
    let now = clock.now();
    let facts = fresh(&asked.trust, now)?;
    let holding = find_holding(file, Some(&id.to_string()), &policy.credential_type)?;
    let (application, request) = Application::begin(holding, &asked.challenge, facts, check_first, now, rng)?;
    let claims = request.consent.consent.claims.iter().cloned().collect::<Vec<_>>().join(", ");
    let shown = format!("consented to {}: {claims} to {}", policy.name, policy.verifier);
    file.wallet.note(now, shown);
    let consent = application.consent().digest();
    file.wallet.receipts.push(application.consent().clone());
    file.save()?;
    let response = agency.apply(&request).await?;
    let now = clock.now();
    match application.accept(response, facts, now) {
        Ok(pass) => {
            let pass_id = *pass.id();
            file.wallet.note(now, format!("received pass {} under {}", pass_id.short(), policy.name));
            file.wallet.answered(&consent, Answer::Pass(pass_id));
            file.wallet.passes.push(pass);
            file.save()?;
            // The pass is here; that its proof of consent is late is no reason to say otherwise.
            let head = asked.trust.current().map(Verified::head);
            let head = head.ok_or(WalletError::Missing("trust bundle"))?;
            if let Err(error) = receipts::fetch_from(file, agency, &consent, head).await {
                file.wallet.note(
                    now,
                    format!("no proof yet that {} anchored the consent: {error}", policy.verifier),
                );
                file.save()?;
            }
            Ok(pass_id)
        }
        Err(error) => {
            if matches!(error, WalletError::Refused(_)) {
                file.wallet.answered(&consent, Answer::Refused);
            }
            file.wallet.note(now, format!("no pass under {}: {error}", policy.name));
            file.save()?;
            Err(error.into())
        }
    }
}

/// The pass whose identifier begins with `wanted`, or the newest.
///
/// # Errors
/// [`WalletError::Missing`].
pub fn find_pass<'a>(file: &'a WalletFile, wanted: Option<&str>) -> Result<&'a HeldPass, WalletError> {
    let prefix = wanted.unwrap_or_default();
    let mut fitting =
        file.wallet.passes.iter().rev().filter(|pass| pass.id().to_string().starts_with(prefix));
    match (fitting.next(), fitting.next()) {
        (Some(pass), second) if second.is_none() || wanted.is_none() => Ok(pass),
        _ => Err(WalletError::Missing("pass of that identifier")),
    }
}

/// Where an agency's document says that its gateway is.
fn gateway_of(facts: &Facts, did: &Did) -> Option<Agency> {
    let record = facts.dids.get(did)?;
    let service = record.services.iter().find(|service| service.kind == "CausewayGateway")?;
    Agency::new(&service.endpoint).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Town;

    #[test]
    fn a_name_that_a_stranger_publishes_too_still_finds_the_verifiers_own_policy() {
        let town = Town::new(1);
        let directory = tempfile::tempdir().unwrap();
        let mut trust = TrustFile::open(&directory.path().join("trust.bin"), town.genesis.clone()).unwrap();
        let mut facts = trust.import(town.bundle(0, None)).unwrap().facts().clone();
        let own = &town.agency.did;
        assert_eq!(find_policy([&facts], None, "entry").unwrap().1, &town.entry);

        let squatted = Policy { verifier: town.stranger.did.clone(), version: 9, ..town.entry.clone() };
        let newer = Policy { version: 2, ..town.entry.clone() };
        for policy in [&squatted, &newer] {
            facts.policies.insert(policy.id(), policy.clone());
        }
        let several = find_policy([&facts], None, "entry").unwrap_err().to_string();
        assert!(several.contains("say whose it is"), "{several}");
        assert_eq!(find_policy([&facts], Some(own), "entry").unwrap().1, &newer, "the latest of its own");
        let (old, stranger) = (town.entry.id().to_string(), squatted.id().to_string());
        assert_eq!(
            find_policy([&facts], None, &old).unwrap().1,
            &town.entry,
            "an identifier is nobody else's"
        );
        assert!(find_policy([&facts], Some(own), &stranger).is_err(), "a stranger's policy is not asked for");
    }
}
