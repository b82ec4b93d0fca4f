//! One traveller: claims a credential at home, applies for the other side's pass, walks through its gate.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use causeway::agency::ReceiptAnswer;
use credential::exchange::{ChallengeResponse, PassRequest};
use credential::facts::Ages;
use credential::{Overall, Reason};
use did_registry::{Digest, Suite};
use rand::rngs::OsRng;
use wallet::{Application, Claim, HeldPass, Holding, WalletError};

use super::border::Border;

/// How often a receipt is asked for before giving up; each time the agency waits for the next batch.
const RECEIPTS: usize = 6;

/// How a journey ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// Through the gate.
    Crossed,
    /// No pass.
    RefusedAtDesk(Reason),
    /// A pass, and no way through the gate.
    RefusedAtGate(Reason),
}

/// A traveller who holds a credential, and since when the clock runs.
pub struct Holder {
    /// The credential and its key.
    pub holding: Holding,
    /// From the claim on, without what others were waited for in between.
    pub spent: Duration,
}

/// What happened to one traveller.
#[derive(Clone, Copy, Debug)]
pub struct Journey {
    /// How it ended.
    pub end: End,
    /// Claim to pass, if there is one.
    pub first_pass: Option<Duration>,
    /// The machine's part of a later crossing with the same pass.
    pub repeat: Option<Duration>,
    /// How old what was decided on was, at the desk and at the gate.
    pub ages: [Option<Ages>; 2],
    /// The pass's identifier.
    pub pass: Option<Digest>,
    /// Whether the wallet had warned its holder.
    pub warned: bool,
}

/// Redeems a code at the source, and waits for the receipt that the credential was anchored.
///
/// # Errors
/// The agency's refusal, or a credential that does not hold.
pub async fn claim(border: &Border, code: &str) -> anyhow::Result<Holder> {
    let started = Instant::now();
    let (claim, request) = Claim::begin(code, &border.issuer, Suite::P256, &mut OsRng);
    let issued = border.source.claim(&request).await?;
    let mut holding = claim.accept(issued, &border.facts, border.now())?;
    for _ in 0..RECEIPTS {
        if let ReceiptAnswer::Ready(receipt) = border.source.receipt(holding.id()).await? {
            holding.set_anchor(receipt);
            return Ok(Holder { holding, spent: started.elapsed() });
        }
    }
    bail!("the source did not anchor a credential in time")
}

/// Asks the destination what to prove.
///
/// # Errors
/// The agency's refusal.
pub async fn ask(border: &Border) -> anyhow::Result<ChallengeResponse> {
    Ok(border.destination.challenge(&border.entry).await?)
}

/// An application for the destination's pass, and whether the wallet would rather not have sent it.
///
/// # Errors
/// If the wallet refuses for another reason than that its holder would be refused.
pub fn consent(
    border: &Border,
    holding: &Holding,
    challenge: &ChallengeResponse,
) -> anyhow::Result<(Application, PassRequest, bool)> {
    let begin = |check| Application::begin(holding, challenge, &border.facts, check, border.now(), &mut OsRng);
    match begin(true) {
        Ok((application, request)) => Ok((application, request, false)),
        // The holder wants the verifier's own word all the same.
        Err(WalletError::WouldRefuse(_)) => begin(false).map(|(application, request)| (application, request, true)).map_err(Into::into),
        Err(error) => Err(error.into()),
    }
}

/// The rest of the journey of somebody who holds a credential: apply, cross, cross again.
///
/// # Errors
/// If somebody does not answer, or answers what cannot be.
pub async fn travel(border: &Border, holder: Holder) -> anyhow::Result<Journey> {
    let started = Instant::now();
    let challenge = ask(border).await?;
    let (application, request, warned) = consent(border, &holder.holding, &challenge)?;
    let response = border.apply(&request).await?;
    let ages = response.ages;
    let refused = |reason| Journey {
        end: End::RefusedAtDesk(reason),
        first_pass: None,
        repeat: None,
        ages: [ages, None],
        pass: None,
        warned,
    };
    let pass = match application.accept(response, &border.facts, border.now()) {
        Ok(pass) => pass,
        Err(WalletError::Refused(findings)) => {
            return Ok(refused(findings.first().context("a refusal has a reason")?.code));
        }
        Err(error) => return Err(error.into()),
    };
    let first_pass = Some(holder.spent + started.elapsed());
    cross(border, &pass, Journey { first_pass, pass: Some(*pass.id()), ..refused(Reason::RuleOpen) })
}

/// Through the gate, twice.
fn cross(border: &Border, pass: &HeldPass, so_far: Journey) -> anyhow::Result<Journey> {
    let (_, first) = border.cross(pass)?;
    let ages = [so_far.ages[0], first.ages];
    if first.overall != Overall::Accept {
        let reason = *first.codes().first().context("a refusal has a reason")?;
        return Ok(Journey { end: End::RefusedAtGate(reason), ages, ..so_far });
    }
    let started = Instant::now();
    let (_, again) = border.cross(pass)?;
    let repeat = Some(started.elapsed());
    let end = match again.codes().first() {
        None => End::Crossed,
        Some(reason) => End::RefusedAtGate(*reason),
    };
    Ok(Journey { end, repeat, ages, ..so_far })
}
