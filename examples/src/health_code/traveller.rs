//! One traveller: claims a credential at home, applies for the other side's pass, walks through its gate.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use causeway::agency::ReceiptAnswer;
use causeway::checkpoint::Decision;
use credential::exchange::{ChallengeResponse, PassRequest};
use credential::facts::Ages;
use credential::{Overall, Reason, Verdict};
use did_registry::Suite;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use wallet::{Application, Claim, HeldPass, Holding, WalletError};

use super::border::Border;
use super::impostor;

/// How often a receipt is asked for before giving up; each time the agency waits for the next batch.
const RECEIPTS: usize = 6;

/// How a journey ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum End {
    /// Through the gate.
    Crossed,
    /// No pass.
    RefusedAtDesk(Reason),
    /// A pass, and no way through the gate.
    RefusedAtGate(Reason),
}

/// A traveller who holds a credential.
pub struct Holder {
    /// The credential and its key.
    pub holding: Holding,
    /// What the claim took, its receipt included.
    pub spent: Duration,
}

/// How a holder of a pass walks through the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walk {
    /// Now, and once more later with the same pass and a fresh challenge.
    Twice,
    /// The same, the second time by way of pictures: the codes are drawn and scanned.
    Pictured,
    /// Now; and then somebody holds a copy of the same code before the camera.
    Copied,
}

/// What happened to one traveller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Journey {
    /// How it ended.
    pub end: End,
    /// What was said there, part by part.
    pub verdict: Verdict,
    /// Claim to pass, if there is one.
    pub first_pass: Option<Duration>,
    /// The machine's part of a later crossing with the same pass.
    pub repeat: Option<Duration>,
    /// How old what was decided on was at the desk.
    pub at_desk: Option<Ages>,
    /// And at the gate.
    pub at_gate: Option<Ages>,
    /// What was shown at the gate, if there is a pass: the text of its code.
    pub shown: Option<String>,
    /// Whether the wallet had warned its holder.
    pub warned: bool,
}

impl Journey {
    /// Whether it ended on the other side.
    pub fn crossed(&self) -> bool {
        self.end == End::Crossed
    }

    /// Why, in the words of the one who decided.
    pub fn why(&self) -> &str {
        self.verdict.findings().first().map_or("every part is good", |finding| finding.detail.as_str())
    }
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

/// The rest of the journey of somebody who holds a credential: apply, and walk.
///
/// # Errors
/// If somebody does not answer, or answers what cannot be.
pub async fn travel(border: &Border, holder: Holder, walk: Walk) -> anyhow::Result<Journey> {
    let started = Instant::now();
    let challenge = border.destination.challenge(&border.entry).await?;
    let (application, request, warned) = consent(border, &holder.holding, &challenge)?;
    let response = border.apply(&request).await?;
    let (at_desk, said) = (response.ages, response.verdict.clone());
    let pass = match application.accept(response, &border.facts, border.now()) {
        Ok(pass) => pass,
        Err(WalletError::Refused(findings)) => {
            let reason = findings.first().context("a refusal has a reason")?.code;
            return Ok(refused_at_desk((reason, said), at_desk, warned));
        }
        Err(error) => return Err(error.into()),
    };
    let first_pass = Some(holder.spent + started.elapsed());
    // Files are written and synced before the gate tells what it decided.
    let (end, repeat, last, shown) = tokio::task::block_in_place(|| cross(border, &pass, walk))?;
    let (verdict, at_gate) = (last.verdict, last.ages);
    Ok(Journey { end, verdict, first_pass, repeat, at_desk, at_gate, shown: Some(shown), warned })
}

/// What the verifier says to a thief with a copy of somebody's wallet, but for the key.
///
/// # Errors
/// As [`travel`].
pub async fn steal(border: &Border, victim: &Holding) -> anyhow::Result<Journey> {
    let challenge = border.destination.challenge(&border.entry).await?;
    let response = border.apply(&impostor::stolen(victim, &challenge, border.now())?).await?;
    let reason = response.verdict.findings().first().context("no thief gets a pass")?.code;
    Ok(refused_at_desk((reason, response.verdict), response.ages, false))
}

fn refused_at_desk((reason, verdict): (Reason, Verdict), at_desk: Option<Ages>, warned: bool) -> Journey {
    let end = End::RefusedAtDesk(reason);
    Journey { end, verdict, first_pass: None, repeat: None, at_desk, at_gate: None, shown: None, warned }
}

/// An application for the destination's pass, and whether the wallet would rather not have sent it.
fn consent(
    border: &Border,
    holding: &Holding,
    challenge: &ChallengeResponse,
) -> anyhow::Result<(Application, PassRequest, bool)> {
    let begin =
        |check| Application::begin(holding, challenge, &border.facts, check, border.now(), &mut OsRng);
    match begin(true) {
        Ok((application, request)) => Ok((application, request, false)),
        // The holder wants the verifier's own word all the same.
        Err(WalletError::WouldRefuse(_)) => {
            let (application, request) = begin(false)?;
            Ok((application, request, true))
        }
        Err(error) => Err(error.into()),
    }
}

/// The end, how long a second crossing took, the gate's last word, and what it saw.
type Crossing = (End, Option<Duration>, Decision, String);

/// Through the gate, and what comes after it.
fn cross(border: &Border, pass: &HeldPass, walk: Walk) -> anyhow::Result<Crossing> {
    let (shown, first, _) = border.cross(pass)?;
    let refused =
        |codes: Vec<Reason>| codes.first().copied().map(End::RefusedAtGate).context("a refusal has a reason");
    if first.overall != Overall::Accept {
        return Ok((refused(first.codes())?, None, first, shown));
    }
    let (again, repeat) = match walk {
        Walk::Twice => {
            let (_, again, took) = border.cross(pass)?;
            (again, Some(took))
        }
        // Drawing and scanning is the camera's part, so it is not measured.
        Walk::Pictured => (border.cross_by_picture(pass)?, None),
        Walk::Copied => (border.show(&shown)?, None),
    };
    let end = if again.overall == Overall::Accept { End::Crossed } else { refused(again.codes())? };
    Ok((end, repeat, again, shown))
}
