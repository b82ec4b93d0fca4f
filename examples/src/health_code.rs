//! The health code: Guangdong and Macau recognise each other's evidence, and no record crosses.
//!
//! **What.** The whole flow with real processes: a ledger and two agencies, each with its own directory; two
//! populations in two vaults; travellers both ways, most of whom cross and some of whom must not; real
//! foreign certificates; and, at the end, the promises, each measured. [`tell`] is the story; the program
//! tells it in full, the test tells it short and holds it to its word.
//!
//! **Picture.**
//! ```text
//!  G's vault ──offer──► wallet ──claim──► credential ──┐                       ┌─► M's gate, no cable
//!   10,000             (own keys)   anchored on the ledger                     │   pass as one QR code
//!                                                      ▼                       │
//!                       M's rule ◄─challenge─ M ◄─consent, two claims─ wallet ─┘
//!                                             └─verdict, pass, anchored receipt─► auditor recomputes
//! ```
//!
//! **Absent on purpose.** 1. A network: everything is this machine. 2. Sleeping: whatever is waited for is
//! asked for. 3. Real people: names and numbers are invented, and the numbers fail their check digits.

pub mod border;
pub mod closeup;
pub mod consortium;
pub mod crowd;
pub mod desk;
pub mod foreign;
pub mod impostor;
pub mod intake;
pub mod jurisdiction;
pub mod latency;
pub mod opening;
pub mod process;
pub mod promises;
pub mod proof;
pub mod report;
pub mod search;
pub mod stage;
pub mod traffic;
pub mod traveller;
pub mod zero_knowledge;

use std::path::PathBuf;

use anyhow::Context as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::population::{self, Side, Story};
use opening::Scene;
use promises::Promise;
use proof::Proof;
use stage::Stage;
use zero_knowledge::Crossings;

/// The seed of both populations and casts, so that the story is the same every time.
const SEED: u64 = 20_200_510;

/// Where the story is told unless somebody says otherwise, below the checkout.
pub const DIRECTORY: &str = "out/demo";

/// How the story is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything is written below this directory, which is emptied first.
    pub directory: PathBuf,
    /// The program `causeway`.
    pub causeway: PathBuf,
    /// The foreign certificates.
    pub data: PathBuf,
    /// Travellers each way.
    pub travellers: usize,
    /// Travellers each way who prove the rule instead of showing claims, of those who cross.
    pub proving: usize,
    /// People each side.
    pub people: usize,
    /// Whether the processes are left running.
    pub keep: bool,
}

/// What came of it.
pub struct Outcome {
    /// Every traveller's story.
    pub told: Vec<crowd::Told>,
    /// Those who crossed in zero knowledge; none if nobody was to.
    pub proved: Option<Crossings>,
    /// The foreign certificates.
    pub foreign: foreign::Tally,
    /// What was measured at the end, the promises among it.
    pub proof: Proof,
    /// What else was not as it must be, in words.
    pub surprises: Vec<String>,
}

impl Outcome {
    /// Everything that was not as it must be, in words; empty if the story went as it should.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = self.surprises.clone();
        broken.extend(report::unexpected(&self.told));
        broken.extend(self.proved.iter().flat_map(|proved| proved.surprises.iter().cloned()));
        let foreign = self.foreign.surprises.iter();
        broken.extend(foreign.map(|(file, wanted, got)| format!("{file}: {got} instead of {wanted}")));
        if self.foreign.transcoded != self.foreign.accepted {
            let (made, accepted) = (self.foreign.transcoded, self.foreign.accepted);
            broken.push(format!("{made} passes for {accepted} accepted foreign certificates"));
        }
        let kept = |promise: &&Promise| !promise.kept;
        broken.extend(
            self.proof
                .promises
                .iter()
                .filter(kept)
                .map(|promise| format!("broken promise: {}", promise.text)),
        );
        broken
    }
}

/// Takes those out of a cast who cross in zero knowledge: the first of those who cross, but not all of them.
fn take_proving(cast: &mut Vec<(Story, usize)>, wanted: usize) -> Vec<usize> {
    let passing = cast.iter().filter(|(story, _)| *story == Story::Passes).count();
    let mut left = wanted.min(passing / 2);
    let mut taken = Vec::with_capacity(left);
    cast.retain(|(story, person)| {
        let takes = *story == Story::Passes && left > 0;
        if takes {
            left -= 1;
            taken.push(*person);
        }
        !takes
    });
    taken
}

/// Tells the story on `stage`, from an empty directory to the last promise.
///
/// # Errors
/// If it cannot be told to its end. What came out otherwise than it must is in the outcome.
pub async fn tell(options: &Options, stage: &Stage) -> anyhow::Result<Outcome> {
    stage.line(
        "Guangdong and Macau recognise each other's health evidence, and no record crosses the border.\n\
         A ledger and two agencies start as processes of their own; two populations go into two vaults; wallets\n\
         claim, consent and show only what the other side's rule asks for; gates decide without a network.\n",
    )?;
    process::clear(&options.directory).await?;
    let today = gateway::clock::Clock::system().now().date();
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    let sides = [Side::Guangdong, Side::Macau];
    let people = sides.map(|side| population::people(side, options.people, today, &mut rng));
    let mut casts =
        [&people[0], &people[1]].map(|people| population::cast(people, options.travellers, &mut rng));
    let proving = casts.each_mut().map(|cast| take_proving(cast, options.proving));

    let mut scene = Box::pin(Scene::open(options, people, stage)).await?;
    let imports = intake::import(&scene.sides, &scene.schema.id(), stage).await?;
    let mut surprises = Vec::new();
    for (side, import) in scene.sides.iter().zip(&imports) {
        surprises.extend(intake::surprises(import, side.people.len()));
    }
    let borders = Box::pin(scene.borders(stage)).await?;
    let mut proved = None;
    if proving.iter().any(|cast| !cast.is_empty()) {
        let crossing =
            zero_knowledge::cross(&scene.sides, &proving, &borders, &scene.provers, &scene.schema, stage);
        proved = Some(Box::pin(crossing).await?);
    }
    let clinic = (&scene.clinic, &mut scene.ledger);
    let told = Box::pin(crowd::travel(&scene.sides, &casts, &borders, clinic, &scene.schema, stage)).await?;
    // Scanning keeps a core busy, which is said so that the runtime knows.
    let cases = tokio::task::block_in_place(|| foreign::cases(&options.data, stage))?;
    let macau = &scene.sides[1].desk;
    let foreign = foreign::take(&cases, macau, &scene.rules[1].foreign.id(), stage).await?;

    let shown = told.iter().find_map(|told| {
        let crossed =
            told.journey.as_ref().ok().filter(|journey| journey.crossed() && told.from == Side::Guangdong);
        crossed?.shown.as_deref()
    });
    let shown = shown.context("nobody crossed, so there is nothing to look closer at")?;
    let picture = options.directory.join("auditor").join("pass.png");
    let mut proof = Box::pin(proof::prove(&mut scene, &borders, &casts, (shown, &picture), stage)).await?;
    proof.promises.extend(proved.iter_mut().flat_map(|proved| std::mem::take(&mut proved.promises)));
    let outcome = Outcome { told, proved, foreign, proof, surprises };
    closeup::write(&outcome.told, &options.directory)?;
    report::show(&outcome, &imports, options, stage)?;
    if options.keep {
        let command = report::audit_command(&scene, &outcome.proof.picture);
        let kept = scene.parties.keep()?;
        report::left_running(&kept, &command, stage)?;
    } else {
        scene.parties.end_all().await?;
    }
    Ok(outcome)
}
