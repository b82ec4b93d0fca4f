use std::fs;

use ark_bls12_381::Fr;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;

use super::*;

const NAMES: [&str; 3] = ["Chile", "Estonia", "Ghana"];

type Matrix = Vec<Vec<(Fr, usize)>>;

/// Two small circuits: `x² = y`, and `x⁵ = y`, with `y` public.
pub(crate) struct Tiny {
    square: [Matrix; 3],
    fifth: [Matrix; 3],
}

impl Tiny {
    pub(crate) fn new() -> Self {
        // One term a row; variables are 1, y, x, then x² and x⁴.
        let rows = |columns: &[usize]| columns.iter().map(|column| vec![(Fr::from(1), *column)]).collect();
        Self {
            square: [&[2], &[2], &[1]].map(|columns: &[usize; 1]| rows(columns)),
            fifth: [&[2, 3, 4], &[2, 3, 2], &[3, 4, 1]].map(|columns: &[usize; 3]| rows(columns)),
        }
    }

    pub(crate) fn named(&self) -> [NamedCircuit<'_>; 2] {
        [
            NamedCircuit { name: "square", circuit: Circuit::new(&self.square, 2, 1, 1).unwrap() },
            NamedCircuit { name: "fifth", circuit: Circuit::new(&self.fifth, 2, 3, 3).unwrap() },
        ]
    }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

/// Somebody's machine, with a copy of the ceremony.
struct Machine<'a> {
    directory: TempDir,
    circuits: &'a [NamedCircuit<'a>],
    rng: ChaCha20Rng,
}

impl<'a> Machine<'a> {
    fn first(circuits: &'a [NamedCircuit<'a>]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        CeremonyDirectory::create(directory.path(), circuits).unwrap();
        Self { directory, circuits, rng: rng() }
    }

    /// Another machine, after the directory has been carried there.
    fn carried(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for turn in fs::read_dir(self.directory.path()).unwrap() {
            let turn = turn.unwrap();
            let copy = directory.path().join(turn.file_name());
            fs::create_dir(&copy).unwrap();
            for file in fs::read_dir(turn.path()).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
        // Other machines, other randomness.
        let seed = self.rng.clone().next_u64();
        Self { directory, circuits: self.circuits, rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    fn open(&self) -> CeremonyDirectory<'a> {
        CeremonyDirectory::open(self.directory.path(), self.circuits).unwrap()
    }

    fn contribute(&mut self, name: &str) -> Result<Contributed, CeremonyFault> {
        self.open().contribute(&Name::new(name).unwrap(), &mut self.rng, &mut |_, _, _| {})
    }

    fn next(&mut self, minimum: usize) -> Result<PathBuf, CeremonyFault> {
        self.open().next(count(minimum), &mut self.rng, &mut |_, _, _| {})
    }

    fn verify(&mut self) -> Result<Standing, CeremonyFault> {
        self.open().verify(&mut self.rng, &mut |_, _, _| {})
    }

    fn refused(&mut self) -> String {
        let fault = self.verify().err().unwrap();
        assert!(fault.is_refusal(), "{fault}");
        let same = self.contribute("Next").unwrap_err();
        assert_eq!(same.to_string(), fault.to_string(), "nobody contributes to what does not hold");
        fault.to_string()
    }
}

/// A ceremony with `first` contributors in phase 1, and if there are any in phase 2, with those: each on a machine of the
/// own, from a copy of what came before.
fn ceremony<'a>(circuits: &'a [NamedCircuit<'a>], first: &[&str], second: Option<&[&str]>) -> Machine<'a> {
    let mut machine = Machine::first(circuits);
    for name in first {
        machine = machine.carried();
        machine.contribute(name).unwrap();
    }
    if let Some(second) = second {
        machine.next(first.len()).unwrap();
        for name in second {
            machine = machine.carried();
            machine.contribute(name).unwrap();
        }
    }
    machine
}

#[test]
fn three_contribute_each_on_their_own_machine_and_a_stranger_verifies() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let mut machine = Machine::first(circuits);
    let mut published: Vec<Vec<(String, [u8; 32])>> = Vec::new();
    for phase in 1..=2 {
        for (place, name) in (1..).zip(NAMES) {
            machine = machine.carried();
            let made = machine.contribute(name).unwrap();
            assert_eq!(made.path, machine.path(&format!("phase{phase}-{place:03}-{name}")));
            published.push(made.hashes);
        }
        if phase == 1 {
            machine.next(3).unwrap();
        }
    }

    let mut stranger = machine.carried();
    // What is in between need not be kept.
    for turn in ["phase1-000-start", "phase1-002-Estonia", "phase2-000-start"] {
        fs::remove_dir_all(stranger.path(turn)).unwrap();
    }
    let standing = stranger.verify().unwrap();
    let lines = standing.lines();
    let titles: Vec<&str> = lines.iter().map(|line| line.of.as_str()).collect();
    assert_eq!(titles, ["phase 1", "phase 2, square", "phase 2, fifth"]);
    for line in &lines {
        assert!(line.contributions.iter().map(|(name, _)| name.as_str()).eq(NAMES));
        let mine = published.iter().flatten().filter(|(of, _)| *of == line.of).map(|(_, hash)| hash);
        assert!(line.contributions.iter().map(|(_, hash)| hash).eq(mine), "{}", line.of);
    }

    let finished = standing.finish(count(3)).unwrap();
    assert!(finished == machine.verify().unwrap().finish(count(3)).unwrap(), "the same for everybody");
    let inputs = finished.iter().map(|one| one.key().proving_key().l_query.len());
    assert_eq!(inputs.collect::<Vec<_>>(), [1, 3], "a key for each circuit, in their order");
}

/// Replaces the end of a file by the end of another one that is as long: every point is one of its group.
fn splice(machine: &Machine<'_>, file: &str, other: &Machine<'_>, bytes: usize) {
    let (mut own, foreign) = (fs::read(machine.path(file)).unwrap(), fs::read(other.path(file)).unwrap());
    let at = own.len() - bytes;
    own[at..].copy_from_slice(&foreign[at..]);
    fs::write(machine.path(file), own).unwrap();
}

#[test]
fn whoever_hands_on_other_powers_or_queries_is_caught_and_named() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let (mut first, mut second) = (Machine::first(circuits), ceremony(circuits, &NAMES, Some(&[])));
    for (place, name) in (1..).zip(NAMES) {
        for (phase, file, bytes) in [(1, "powers", 96), (2, "square", 48), (2, "fifth", 48)] {
            let base = if phase == 1 { &first } else { &second };
            let (mut machine, mut other) = (base.carried(), base.carried());
            other.rng = ChaCha20Rng::seed_from_u64(99);
            machine.contribute(name).unwrap();
            other.contribute(name).unwrap();
            let turn = format!("phase{phase}-00{place}-{name}");
            splice(&machine, &format!("{turn}/{file}"), &other, bytes);
            let culprit = format!("{turn}: phase {phase}, contribution {place} by {name}: ");
            let refused = machine.refused();
            assert!(refused.starts_with(&culprit), "{refused}");
        }
        // The ceremony goes on with an honest turn.
        first.contribute(name).unwrap();
        second.contribute(name).unwrap();
    }
}

#[test]
fn a_turn_with_a_bit_turned_over_anywhere_is_caught() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let machine = ceremony(circuits, &NAMES[..2], Some(&NAMES[..2]));
    for file in ["phase1-002-Estonia/powers", "phase2-002-Estonia/square", "phase2-002-Estonia/fifth"] {
        let whole = fs::read(machine.path(file)).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 13).chain([whole.len() - 1]) {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            let mut copy = machine.carried();
            fs::write(copy.path(file), altered).unwrap();
            let refused = copy.refused();
            assert!(
                refused.starts_with("phase1-002-Estonia: ") || refused.starts_with("phase2-002-Estonia: ")
            );
        }
    }
}

#[test]
fn too_few_contributors_end_no_phase() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let mut machine = ceremony(circuits, &NAMES[..2], None);
    let early = machine.verify().unwrap().finish(count(1)).err().unwrap();
    assert!(matches!(early, CeremonyFault::Phase2NotStarted) && early.is_too_early());
    let few = machine.next(3).unwrap_err();
    assert!(few.is_too_early() && few.to_string().contains("phase 1 needs 3 contributors, it has 2"));
    machine.next(2).unwrap();
    assert!(matches!(machine.next(2), Err(CeremonyFault::Phase2Started)));
    let few = machine.verify().unwrap().finish(count(1)).err().unwrap();
    assert!(few.is_too_early() && few.to_string().contains("phase 2 needs 1 contributors, it has 0"));
    machine.contribute("Chile").unwrap();
    assert!(machine.verify().unwrap().finish(count(1)).is_ok());
}

#[test]
fn a_name_contributes_once_to_each_phase() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    for second in [None, Some(NAMES.as_slice())] {
        let mut machine = ceremony(circuits, &NAMES, second);
        let again = machine.contribute("Chile").unwrap_err();
        assert!(matches!(again, CeremonyFault::Forbidden(CeremonyError::NameRepeated(_))), "{again}");
        assert!(!again.is_refusal());
        machine.verify().unwrap();
    }
}

#[test]
fn contributors_go_one_after_the_other() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let base = ceremony(circuits, &NAMES[..1], None);
    let (mut one, mut two) = (base.carried(), base.carried());
    one.contribute("Estonia").unwrap();
    let made = two.contribute("Ghana").unwrap();
    // Two copies, brought together.
    fs::rename(made.path, one.path("phase1-002-Ghana")).unwrap();
    let fault = Turns::list(one.directory.path()).unwrap_err();
    assert!(fault.is_refusal());
    assert!(fault.to_string().starts_with("phase1-002-Estonia, phase1-002-Ghana: "), "{fault}");
    // As if there had been one more before.
    fs::rename(one.path("phase1-002-Ghana"), one.path("phase1-003-Ghana")).unwrap();
    assert!(one.refused().contains("phase1-003-Ghana: a turn holds as many contributions as its place says"));
    // A turn that came while another one was being made.
    let last = &Turns::list(two.directory.path()).unwrap().phase1[0];
    let overtaken = two.open().append((Phase::One, 2), last, None, &[]).unwrap_err();
    assert!(matches!(overtaken, CeremonyFault::Overtaken { turn } if turn == "phase1-001-Chile"));
}

#[test]
fn everybody_contributes_to_every_circuit_alike() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let base = ceremony(circuits, &NAMES, Some(&[]));
    let (mut one, mut two) = (base.carried(), base.carried());
    one.contribute("Chile").unwrap();
    two.contribute("Mallory").unwrap();
    fs::copy(two.path("phase2-001-Mallory/fifth"), one.path("phase2-001-Chile/fifth")).unwrap();
    assert!(one.refused().starts_with("phase2-001-Chile: everybody contributes to every circuit"));
    fs::copy(base.path("phase2-000-start/fifth"), one.path("phase2-001-Chile/fifth")).unwrap();
    assert!(one.refused().starts_with("phase2-001-Chile: a turn holds as many contributions"));
    fs::copy(one.path("phase2-001-Chile/square"), one.path("phase2-001-Chile/fifth")).unwrap();
    assert!(one.refused().contains("phase2-001-Chile: this phase 2 is of another circuit"));
    fs::remove_file(one.path("phase2-001-Chile/fifth")).unwrap();
    assert!(matches!(one.verify(), Err(CeremonyFault::File(_))));
}

#[test]
fn phase_1_is_over_once_phase_2_has_started() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let base = ceremony(circuits, &NAMES[..2], None);
    let (mut machine, mut late) = (base.carried(), base.carried());
    machine.next(2).unwrap();
    let made = late.contribute("Ghana").unwrap();
    fs::rename(made.path, machine.path("phase1-003-Ghana")).unwrap();
    assert!(machine.refused().contains("this phase 2 starts from another phase 1"));
    let small = Machine::first(&circuits[..1]);
    let mut small = Machine { directory: small.directory, circuits, rng: rng() };
    assert!(small.refused().starts_with("phase1-000-start: this circuit needs powers for 2^3 points"));
}

#[test]
fn what_a_crash_leaves_is_no_turn_and_what_is_there_is_not_overwritten() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let mut machine = ceremony(circuits, &NAMES[..1], None);
    fs::create_dir(machine.path("phase1-002-Estonia.new")).unwrap();
    fs::write(machine.path("phase1-002-Estonia.new/powers"), "half").unwrap();
    fs::create_dir(machine.path("photographs")).unwrap();
    machine.verify().unwrap();
    machine.contribute("Estonia").unwrap();
    assert!(!machine.path("phase1-002-Estonia.new").exists());
    machine.verify().unwrap();
    let again = CeremonyDirectory::create(machine.directory.path(), circuits);
    assert!(matches!(again, Err(CeremonyFault::Exists(_))));
    let nothing = tempfile::tempdir().unwrap();
    let nothing = CeremonyDirectory::open(nothing.path(), circuits);
    assert!(matches!(nothing, Err(CeremonyFault::NoCeremony(_))));
    let contents = [(POWERS.to_owned(), vec![1])];
    let name = Name::new("Estonia").unwrap();
    Turn::write(machine.directory.path(), (Phase::One, 2), Some(&name), &contents).unwrap_err();
    machine.verify().unwrap();
}

#[test]
fn a_name_leads_nowhere_else() {
    let tiny = Tiny::new();
    let circuits = &tiny.named();
    let mut machine = Machine::first(circuits);
    let made = machine.contribute("../a b.new").unwrap();
    assert_eq!(made.path, machine.path("phase1-001-___a_b_new"));
    let lines = machine.verify().unwrap().lines();
    assert_eq!(lines[0].contributions[0].0.as_str(), "../a b.new");
}
