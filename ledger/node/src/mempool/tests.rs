//! What waits, in which order, and within which bounds.

use ledger_chain::{SignedTransaction, VerifiedTransaction};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::testing::Agency;

const LIMITS: MempoolLimits =
    MempoolLimits { transactions: 100, bytes: 1 << 20, per_actor: 20, gap_seconds: 60 };
const BLOCK: BlockLimits = BlockLimits { transactions: 1000, bytes: 1 << 20 };

fn ledger() -> Digest {
    Digest::sha256(b"ledger")
}

fn verified(agency: &Agency, signed: SignedTransaction) -> VerifiedTransaction {
    let pair = vec![(signed, agency.control.public_key())];
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    VerifiedTransaction::verify_all(&ledger(), pair, &mut rng).pop().unwrap().unwrap()
}

fn admission(agency: &Agency, sequence: u64, next: u64) -> Admission {
    let signed = agency.anchor(&ledger(), sequence);
    let bytes = signed.to_bytes().len();
    Admission { verified: verified(agency, signed), bytes, next }
}

fn admit(pool: &Mempool, agency: &Agency, sequence: u64) -> Result<(), Rejection> {
    pool.admit(0, vec![admission(agency, sequence, 0)], |_| Ok(0)).pop().unwrap()
}

fn sequences(taken: &[Arc<VerifiedTransaction>], agency: &Agency) -> Vec<u64> {
    let own = taken.iter().map(|entry| &entry.signed().transaction).filter(|one| one.actor == agency.did);
    own.map(|transaction| transaction.sequence).collect()
}

#[test]
fn early_arrivals_wait_and_then_come_in_order() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    for sequence in [3, 1, 2] {
        admit(&pool, &agency, sequence).unwrap();
    }
    assert!(pool.take(&BLOCK).is_empty(), "number 0 is missing");
    assert_eq!(pool.wait(Instant::now()), Wake::Deadline);
    admit(&pool, &agency, 0).unwrap();
    assert_eq!(pool.wait(Instant::now()), Wake::Ready);
    assert_eq!(sequences(&pool.take(&BLOCK), &agency), [0, 1, 2, 3]);
}

#[test]
fn what_is_on_its_way_to_the_disk_is_not_taken_again() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    for sequence in 0..4 {
        admit(&pool, &agency, sequence).unwrap();
    }
    let block = pool.take(&BLOCK);
    assert_eq!(
        (pool.unplaced(), sequences(&pool.take(&BLOCK), &agency).len()),
        (4, 4),
        "not placed, so again"
    );
    pool.place(&block);
    assert_eq!(pool.unplaced(), 0);
    assert!(pool.take(&BLOCK).is_empty());
    assert_eq!(pool.wait(Instant::now()), Wake::Deadline, "nothing to do until more arrives");
    admit(&pool, &agency, 5).unwrap();
    assert_eq!(pool.wait(Instant::now()), Wake::Deadline, "number 4 is missing");
    admit(&pool, &agency, 4).unwrap();
    assert_eq!(pool.unplaced(), 2);
    let next = pool.take(&BLOCK);
    assert_eq!(sequences(&next, &agency), [4, 5]);
    assert!(pool.contains(block[0].id()), "pending until it is on disk");
    pool.settle(&block);
    assert_eq!((pool.unplaced(), pool.size().0), (2, 2));
    assert_eq!(sequences(&pool.take(&BLOCK), &agency), [4, 5]);
    let overdue = pool.overdue(Instant::now() + Duration::from_secs(120));
    assert!(overdue.is_empty(), "what is in a block lacks nothing");
    pool.settle(&next);
    assert_eq!((pool.unplaced(), pool.size()), (0, (0, 0)));
}

#[test]
fn resending_changes_nothing_and_a_number_is_taken_once() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    admit(&pool, &agency, 0).unwrap();
    let size = pool.size();
    admit(&pool, &agency, 0).unwrap();
    assert_eq!(pool.size(), size);
    let other = agency.sign(&ledger(), 0, crate::testing::anchor(&agency.did, 77));
    let other = Admission { verified: verified(&agency, other), bytes: 200, next: 0 };
    let answer = pool.admit(0, vec![other], |_| Ok(0)).pop().unwrap();
    assert_eq!(answer, Err(Rejection::SequenceTaken { actor: agency.did.clone(), sequence: 0 }));
    let block = pool.take(&BLOCK);
    assert!(pool.contains(block[0].id()), "pending until the block is settled");
    pool.settle(&block);
    assert_eq!(pool.size(), (0, 0));
    let late = pool.admit(1, vec![admission(&agency, 0, 1)], |_| Ok(1)).pop().unwrap();
    assert_eq!(late.unwrap_err().code(), "SEQUENCE_USED");
}

#[test]
fn count_bytes_and_distance_are_bounded_and_room_comes_back() {
    let pool = Mempool::new(MempoolLimits { transactions: 3, ..LIMITS });
    let (agency, other) = (Agency::new(1), Agency::new(2));
    assert_eq!(admit(&pool, &agency, 20).unwrap_err().code(), "SEQUENCE_AHEAD");
    for sequence in 0..3 {
        admit(&pool, &agency, sequence).unwrap();
    }
    assert_eq!(admit(&pool, &other, 0), Err(Rejection::Full));
    pool.settle(&pool.take(&BLOCK));
    admit(&pool, &other, 0).unwrap();

    let size = admission(&agency, 0, 0).bytes;
    let pool = Mempool::new(MempoolLimits { bytes: 2 * size, ..LIMITS });
    admit(&pool, &agency, 0).unwrap();
    admit(&pool, &agency, 1).unwrap();
    assert_eq!(admit(&pool, &agency, 2), Err(Rejection::Full));
    assert_eq!(pool.size(), (2, 2 * size));
}

#[test]
fn a_busy_actor_keeps_nobody_out() {
    let pool = Mempool::new(MempoolLimits { transactions: 1000, per_actor: 500, ..LIMITS });
    let (busy, quiet) = (Agency::new(1), Agency::new(2));
    for sequence in 0..300 {
        admit(&pool, &busy, sequence).unwrap();
    }
    admit(&pool, &quiet, 0).unwrap();
    let small = BlockLimits { transactions: 70, ..BLOCK };
    let block = pool.take(&small);
    assert_eq!(sequences(&block, &quiet), [0], "heard after the busy one's first turn");
    assert_eq!(block.len(), 70);
    pool.settle(&block);
    let mut expected = 69;
    while pool.size().0 > 0 {
        let block = pool.take(&small);
        assert_eq!(sequences(&block, &busy), (expected..expected + block.len() as u64).collect::<Vec<_>>());
        expected += block.len() as u64;
        pool.settle(&block);
    }
    assert_eq!(expected, 300);
}

#[test]
fn who_was_not_heard_comes_first_in_the_next_block() {
    let pool = Mempool::new(LIMITS);
    let agencies: Vec<Agency> = (0..4).map(Agency::new).collect();
    for agency in &agencies {
        for sequence in 0..2 {
            admit(&pool, agency, sequence).unwrap();
        }
    }
    let small = BlockLimits { transactions: 4, ..BLOCK };
    let first = pool.take(&small);
    pool.settle(&first);
    let second = pool.take(&small);
    let heard = |block: &[Arc<VerifiedTransaction>]| -> Vec<usize> {
        agencies.iter().map(|agency| sequences(block, agency).len()).collect()
    };
    assert_eq!((heard(&first), heard(&second)), (vec![2, 2, 0, 0], vec![0, 0, 2, 2]));
}

#[test]
fn blocks_are_bounded_in_bytes_but_never_empty_for_it() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    let size = admission(&agency, 0, 0).bytes;
    for sequence in 0..3 {
        admit(&pool, &agency, sequence).unwrap();
    }
    assert_eq!(pool.take(&BlockLimits { bytes: 2 * size, ..BLOCK }).len(), 2);
    assert_eq!(pool.take(&BlockLimits { bytes: 1, ..BLOCK }).len(), 1);
}

#[test]
fn a_creation_ends_its_actors_run_and_tells_the_key() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    admit(&pool, &agency, 1).unwrap();
    assert_eq!(pool.accounts([&agency.did].into_iter()).1, [None]);
    let creation = agency.create(&ledger());
    let bytes = creation.to_bytes().len();
    let creation = Admission { verified: verified(&agency, creation), bytes, next: 0 };
    pool.admit(0, vec![creation], |_| Ok(0)).pop().unwrap().unwrap();
    let known = Account { control: agency.control.public_key(), next: 0 };
    assert_eq!(pool.accounts([&agency.did].into_iter()).1, [Some(known)]);
    let block = pool.take(&BLOCK);
    assert_eq!(sequences(&block, &agency), [0]);
    pool.settle(&block);
    assert_eq!(sequences(&pool.take(&BLOCK), &agency), [1]);
}

#[test]
fn what_waits_too_long_for_its_predecessor_is_dropped() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    admit(&pool, &agency, 0).unwrap();
    admit(&pool, &agency, 2).unwrap();
    assert!(pool.overdue(Instant::now() + Duration::from_secs(30)).is_empty());
    let late = Instant::now() + Duration::from_secs(100);
    assert!(pool.overdue(late).is_empty(), "the next one is here, so the actor does not wait for anybody");
    let block = pool.take(&BLOCK);
    pool.settle(&block);
    let overdue = pool.overdue(late + Duration::from_secs(2));
    assert_eq!(overdue.iter().map(|entry| entry.refusal.code()).collect::<Vec<_>>(), ["SEQUENCE_AHEAD"]);
    pool.discard(&overdue);
    assert_eq!(pool.size(), (0, 0));
}

#[test]
fn what_was_read_before_a_block_is_not_believed_after_it() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    let (settled, _) = pool.accounts([&agency.did].into_iter());
    let account = Account { control: agency.control.public_key(), next: 0 };
    admit(&pool, &agency, 0).unwrap();
    pool.settle(&pool.take(&BLOCK));
    pool.learn(settled, [(agency.did.clone(), account.clone())].into_iter());
    assert_eq!(pool.accounts([&agency.did].into_iter()).1, [None], "read before the block");
    let stale = pool.admit(settled, vec![admission(&agency, 0, 0)], |_| Ok(1)).pop().unwrap();
    assert_eq!(stale.unwrap_err().code(), "SEQUENCE_USED", "read again");
    let (settled, _) = pool.accounts([&agency.did].into_iter());
    pool.learn(settled, [(agency.did.clone(), Account { next: 1, ..account })].into_iter());
    pool.admit(settled, vec![admission(&agency, 1, 1)], |_| Ok(1)).pop().unwrap().unwrap();
    pool.settle(&pool.take(&BLOCK));
    assert_eq!(pool.accounts([&agency.did].into_iter()).1[0].as_ref().unwrap().next, 2, "kept up to date");
}

#[test]
fn an_actor_has_one_turn_however_often_it_comes_and_goes() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    let admit = |sequence, next| {
        pool.admit(next, vec![admission(&agency, sequence, next)], |_| Ok(next)).pop().unwrap()
    };
    for sequence in 0..10 {
        admit(sequence, sequence).unwrap();
        let block = pool.take(&BLOCK);
        pool.settle(&block);
        assert_eq!(block.len(), 1);
        if sequence % 2 == 0 {
            assert!(pool.take(&BLOCK).is_empty());
        }
    }
    admit(10, 10).unwrap();
    admit(11, 10).unwrap();
    assert_eq!(sequences(&pool.take(&BLOCK), &agency), [10, 11], "each once");
    assert_eq!(sequences(&pool.take(&BLOCK), &agency), [10, 11], "and again until it is settled");
}

#[test]
fn a_stopped_mempool_takes_nothing_and_wakes_the_engine() {
    let (pool, agency) = (Mempool::new(LIMITS), Agency::new(1));
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.wait(Instant::now() + Duration::from_secs(60)));
        pool.stop("the disk is full");
        waiting.join().unwrap()
    });
    assert_eq!(waiting, Wake::Stop);
    assert_eq!(admit(&pool, &agency, 0), Err(Rejection::Halted("the disk is full".into())));
}
