//! Keys that change places without ever getting lost, in a directory and in its safe.

use std::fs;

use did_registry::{DidOperation, Moment, Retirement, Rotation, Timestamp};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

fn at() -> Moment {
    Moment { height: 1, time: Timestamp::default().plus(1_000) }
}

struct Desk {
    home: tempfile::TempDir,
    actor: ActorDirectory,
    safe: Safe,
    rng: ChaCha20Rng,
}

impl Desk {
    fn new() -> (Self, DidRecord) {
        let home = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let safe = Safe::at(&home.path().join("drawer"));
        let made = make(&home.path().join("actor"), &safe, &mut rng);
        let (actor, genesis) = made.unwrap();
        let record = DidRecord::create(actor.did(), &genesis, at()).unwrap();
        (Self { home, actor, safe, rng }, record)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Everything of a rotation up to the ledger's acceptance; the files have not moved yet.
    fn rotated(&mut self, record: &DidRecord) -> DidRecord {
        let (next, after) = (self.safe.next().unwrap(), self.safe.prepare(&mut self.rng).unwrap());
        let rotation = Rotation {
            previous: record.head,
            control: next.public_key(),
            next: after.public_key().commitment(),
            keys: Vec::new(),
            retirement: Retirement::Superseded,
            guardians: None,
            services: Vec::new(),
        };
        let proof = next.sign(&rotation.proof_message(self.actor.did()));
        record.apply(self.actor.did(), &DidOperation::Rotate(rotation, proof), at()).unwrap()
    }
}

fn make(path: &Path, safe: &Safe, rng: &mut ChaCha20Rng) -> Result<(ActorDirectory, DidGenesis), ActorError> {
    ActorDirectory::create(path, safe, &NetworkId::new("demo").unwrap(), |genesis| genesis, rng)
}

#[test]
fn a_directory_opens_as_it_was_made_and_is_not_made_twice() {
    let (mut desk, record) = Desk::new();
    let opened = ActorDirectory::open(desk.actor.path()).unwrap();
    assert_eq!(opened.did(), desk.actor.did());
    assert_eq!(opened.control().unwrap().public_key(), record.control);
    assert!(!opened.settle(&record).unwrap(), "nothing to finish");
    assert!(!opened.settle_with(&desk.safe, &record).unwrap());
    let (path, elsewhere) = (desk.path("actor"), Safe::at(&desk.path("elsewhere")));
    assert!(make(&path, &elsewhere, &mut desk.rng).is_err(), "its control key is not made again");
    assert!(make(&desk.path("other"), &desk.safe, &mut desk.rng).is_err(), "nor is the key in a safe");
    assert!(!elsewhere.path().exists() && !desk.path("other").exists(), "and nothing is left behind");
    fs::write(path.join("did"), "did:causeway:demo:11111111111111111111111111111111").unwrap();
    assert!(matches!(ActorDirectory::open(&path), Err(ActorError::NotSelfCertified { .. })));
}

#[test]
fn the_next_key_is_in_the_safe_alone() {
    let (desk, _) = Desk::new();
    let next = fs::read(desk.path("drawer/next.key")).unwrap();
    let files = fs::read_dir(desk.actor.path()).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = files.collect();
    assert!(files.len() >= 3 && files.iter().all(|file| fs::read(file).unwrap() != next), "{files:?}");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let within = make(&desk.path("new"), &Safe::at(&desk.path("new/safe")), &mut rng);
    assert!(matches!(within, Err(ActorError::SafeWithin { .. })) && !desk.path("new").exists());
}

#[test]
fn a_rotation_is_finished_from_wherever_it_was_interrupted() {
    // What `settle_with` does, cut short after each of its steps.
    for done in 0..=5 {
        let (mut desk, record) = Desk::new();
        let old = desk.actor.control().unwrap().public_key();
        let record = desk.rotated(&record);
        if done >= 1 {
            fs::copy(desk.path("drawer/next.key"), desk.path("actor/control.key.new")).unwrap();
        }
        let moves = [
            ("actor/control.key", "actor/control.key.old-1"),
            ("actor/control.key.new", "actor/control.key"),
            ("drawer/next.key", "nowhere"),
            ("drawer/next.key.new", "drawer/next.key"),
        ];
        for (from, to) in moves.iter().take(usize::saturating_sub(done, 1)) {
            fs::rename(desk.path(from), desk.path(to)).unwrap();
        }
        assert_eq!(desk.actor.settle_with(&desk.safe, &record).unwrap(), done < 5, "after {done} steps");
        assert_eq!(desk.actor.control().unwrap().public_key(), record.control);
        assert_eq!(desk.safe.next().unwrap().public_key().commitment(), record.next);
        let kept = read_key(&desk.path("actor/control.key.old-1"), Suite::Ed25519).unwrap();
        assert_eq!(kept.public_key(), old, "the old key is kept");
        assert_eq!(fs::read_dir(desk.safe.path()).unwrap().count(), 1, "the safe holds the next key alone");
        for gone in ["actor/control.key.new", "drawer/next.key.new"] {
            assert!(!desk.path(gone).exists(), "{gone} after {done} steps");
        }
    }
}

#[test]
fn a_rotation_that_never_arrived_is_taken_up_with_the_same_key() {
    let (mut desk, record) = Desk::new();
    let first = desk.safe.prepare(&mut desk.rng).unwrap().public_key();
    assert!(!desk.actor.settle_with(&desk.safe, &record).unwrap());
    assert_eq!(desk.safe.prepare(&mut desk.rng).unwrap().public_key(), first);
    assert!(
        !desk.path("actor/control.key.new").exists(),
        "the next key stays in the safe until it is revealed"
    );
}

#[test]
fn without_the_safe_a_rotation_is_not_finished_and_nothing_moves() {
    let (mut desk, record) = Desk::new();
    let before = desk.actor.control().unwrap().public_key();
    let record = desk.rotated(&record);
    assert!(matches!(desk.actor.settle(&record), Err(ActorError::KeyLost { .. })));
    let wrong = Safe::at(&desk.path("another-drawer"));
    assert!(matches!(desk.actor.settle_with(&wrong, &record), Err(ActorError::KeyLost { .. })));
    assert_eq!(desk.actor.control().unwrap().public_key(), before);
    assert!(desk.actor.settle_with(&desk.safe, &record).unwrap());
}

#[test]
fn a_lost_key_is_called_lost() {
    let (mut desk, record) = Desk::new();
    let record = desk.rotated(&record);
    fs::remove_file(desk.path("drawer/next.key")).unwrap();
    assert!(matches!(desk.actor.settle_with(&desk.safe, &record), Err(ActorError::KeyLost { .. })));
}

#[test]
fn one_at_a_time_changes_keys() {
    let (desk, _) = Desk::new();
    let held = desk.actor.lock().unwrap();
    assert!(matches!(desk.actor.lock(), Err(ActorError::File(FileError::InUse { .. }))));
    drop(held);
    desk.actor.lock().unwrap();
}
