//! Everybody travels, many at a time, each with the ending that the story gave them.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use causeway::ledger::Ledger;
use did_registry::{Schema, Suite};
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wallet::Claim;

use super::border::Border;
use super::impostor::Clinic;
use super::intake;
use super::jurisdiction::{Jurisdiction, Named as _};
use super::promises::grouped;
use super::stage::Stage;
use super::traveller::{self, Holder, Journey};
use crate::population::{Side, Story};

/// Travellers of one direction under way at a time.
const AT_ONCE: usize = 24;
/// Travellers of one direction whose code is shown as a picture and scanned.
const PICTURED: usize = 5;

/// One who travels: the story, and what it starts with.
struct Ticket {
    story: Story,
    start: Start,
    pictured: bool,
}

enum Start {
    /// A claim code.
    Code(String),
    /// A credential, held already.
    Holder(Box<Holder>),
}

/// How one journey went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// From which side.
    pub from: Side,
    /// What was to happen.
    pub story: Story,
    /// What happened, or what went wrong on the way.
    pub journey: Result<Journey, String>,
}

/// Hands out tickets: offers for the many, revoked credentials and a stranger's credentials for the few.
async fn tickets(
    from: &Jurisdiction,
    cast: &[(Story, usize)],
    border: &Arc<Border>,
    (clinic, ledger): (&Clinic, &mut Ledger),
    schema: &Schema,
) -> anyhow::Result<Vec<Ticket>> {
    let mut tickets = Vec::with_capacity(cast.len());
    let (mut offered, mut patients) = (Vec::new(), Vec::new());
    for (story, person) in cast {
        let person = from.people.get(*person).context("the cast is of these people")?;
        match story {
            Story::UnrecognisedIssuer => patients.push(person),
            _ => offered.push((*story, person.record_id.clone())),
        }
    }
    let records: Vec<String> = offered.iter().map(|(_, record)| record.clone()).collect();
    let offers = from.desk.offer(&schema.id(), &records).await?;
    for ((story, record), offer) in offered.into_iter().zip(offers) {
        anyhow::ensure!(offer.record_id == record, "offers come in the order in which they were asked for");
        tickets.push(Ticket { story, start: Start::Code(offer.code), pictured: false });
    }
    for ticket in tickets.iter_mut().filter(|ticket| ticket.story == Story::Passes).take(PICTURED) {
        ticket.pictured = true;
    }
    revoke(from, border, &mut tickets).await?;
    let (mut claims, mut requests) = (Vec::new(), Vec::new());
    for (number, person) in patients.into_iter().enumerate() {
        let (claim, request) =
            Claim::begin(&format!("clinic-{number}"), clinic.did(), Suite::P256, &mut OsRng);
        claims.push(claim);
        requests.push((request, intake::claims(person, schema)));
    }
    if !requests.is_empty() {
        let issued = clinic.issue(schema, &requests, ledger, border.now()).await?;
        for (claim, (issued, receipt)) in claims.into_iter().zip(issued) {
            let mut holding = claim.accept(issued, &border.facts, border.now())?;
            holding.set_anchor(receipt);
            let holder = Box::new(Holder { holding, spent: std::time::Duration::ZERO });
            tickets.push(Ticket {
                story: Story::UnrecognisedIssuer,
                start: Start::Holder(holder),
                pictured: false,
            });
        }
    }
    Ok(tickets)
}

/// Those whose credential is revoked claim it first, all at once; then the source changes its mind.
async fn revoke(from: &Jurisdiction, border: &Arc<Border>, tickets: &mut [Ticket]) -> anyhow::Result<()> {
    let mut claims = JoinSet::new();
    for (place, ticket) in tickets.iter().enumerate() {
        if let (Story::RevokedAfterIssue, Start::Code(code)) = (ticket.story, &ticket.start) {
            let (border, code) = (border.clone(), code.clone());
            claims.spawn(async move { (place, traveller::claim(&border, &code).await) });
        }
    }
    while let Some(claimed) = claims.join_next().await {
        let (place, holder) = claimed?;
        let holder = holder?;
        from.desk.revoke(holder.holding.id(), "The laboratory withdrew this batch of tests.").await?;
        let ticket = tickets.get_mut(place).context("the place was counted")?;
        ticket.start = Start::Holder(Box::new(holder));
    }
    Ok(())
}

/// Takes everybody across, both ways at once.
///
/// # Errors
/// If the preparations fail. What goes wrong with one traveller is that traveller's story.
pub async fn travel(
    sides: &[Jurisdiction; 2],
    casts: &[Vec<(Story, usize)>; 2],
    borders: &[Arc<Border>; 2],
    (clinic, ledger): (&Clinic, &mut Ledger),
    schema: &Schema,
    stage: &Stage,
) -> anyhow::Result<Vec<Told>> {
    let step = stage.wait("preparing offers, a clinic that may not test, and some revocations");
    let mut queues = Vec::new();
    for ((side, cast), border) in sides.iter().zip(casts).zip(borders) {
        queues.push(tickets(side, cast, border, (clinic, &mut *ledger), schema).await?);
    }
    // Each destination looks once more, so that it has seen every revocation above.
    for side in sides {
        side.desk.refresh().await?;
    }
    let revoked: usize =
        casts.iter().flatten().filter(|(story, _)| *story == Story::RevokedAfterIssue).count();
    step.done(format!("claim codes made for the travellers; {revoked} credentials issued and then revoked"))?;

    let total: usize = queues.iter().map(Vec::len).sum();
    let step = stage.step("travellers both ways", total as u64);
    let (tell, mut listen) = mpsc::unbounded_channel();
    // Dropped with the crowd, if it has to end early.
    let mut wallets = JoinSet::new();
    for ((side, border), queue) in sides.iter().zip(borders).zip(queues) {
        let queue = Arc::new(Mutex::new(queue.into_iter()));
        for _ in 0..AT_ONCE {
            wallets.spawn(wallet(side.side, border.clone(), queue.clone(), tell.clone()));
        }
    }
    drop(tell);
    let mut told = Vec::with_capacity(total);
    while let Some(one) = listen.recv().await {
        told.push(one);
        step.advance(1);
    }
    let crossed = told.iter().filter(|one: &&Told| one.journey.as_ref().is_ok_and(Journey::crossed)).count();
    let [all, through, refused] = [total, crossed, total - crossed].map(|count| grouped(count as u64));
    step.done(format!("{all} travellers: {through} crossed, {refused} were refused, each with a reason"))?;
    Ok(told)
}

/// One of so many wallets that work off a direction's queue.
async fn wallet(
    from: Side,
    border: Arc<Border>,
    queue: Arc<Mutex<std::vec::IntoIter<Ticket>>>,
    tell: mpsc::UnboundedSender<Told>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(Ticket { story, start, pictured }) = next() {
        let journey = journey(&border, story, start, pictured).await.map_err(|error| format!("{error:#}"));
        if tell.send(Told { from, story, journey }).is_err() {
            return; // nobody listens any more
        }
    }
}

async fn journey(border: &Border, story: Story, start: Start, pictured: bool) -> anyhow::Result<Journey> {
    let holder = match start {
        Start::Holder(holder) => *holder,
        Start::Code(code) => traveller::claim(border, &code).await?,
    };
    match story {
        Story::SomeoneElsesCredential => traveller::steal(border, &holder.holding).await,
        Story::ReplayedQr => traveller::travel(border, holder, traveller::Walk::Copied).await,
        _ if pictured => traveller::travel(border, holder, traveller::Walk::Pictured).await,
        _ => traveller::travel(border, holder, traveller::Walk::Twice).await,
    }
}

/// The name of a direction.
pub fn direction_name(from: Side) -> String {
    format!("{} → {}", from.name(), from.other().name())
}
