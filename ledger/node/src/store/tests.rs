//! Whole blocks or none, and reads as of any height.

use did_registry::{Digest, Timestamp};
use ledger_chain::tree::ShardRoots;
use ledger_chain::{Changes, SignedHead, StateKey};

use super::*;
use crate::testing::{Agency, START, genesis, time, validator};

const CONFIG: StoreConfig = StoreConfig { cache_bytes: 1 << 20 };

fn head(height: u64, at: Timestamp) -> SignedHead {
    let genesis = genesis(&Agency::many(1));
    let zero = Digest::from_bytes([0; 32]);
    let head = ledger_chain::Head {
        ledger: genesis.id(),
        network: genesis.network,
        group: genesis.group,
        height,
        time: at,
        block: zero,
        state: zero,
        log: zero,
        validators: zero,
        next_validators: zero,
    };
    let signature = validator().sign(&head.message());
    SignedHead { head, certificate: [(validator().public_key(), signature)].into() }
}

/// A block that writes `value` under each key.
fn batch<'a>(
    store: &Store,
    height: u64,
    keys: &'a [StateKey],
    changes: &'a mut Changes,
    value: u8,
) -> BlockBatch {
    for key in keys {
        changes.insert(key.clone(), vec![value; 3]);
    }
    let view = TreeView::new(store, None);
    let mut roots = ShardRoots::EMPTY;
    let shards = (0u8..).zip(ledger_chain::tree::split(changes));
    let updates: Vec<_> = shards
        .map(|(shard, entries)| {
            ledger_chain::tree::update_shard(&view, shard, height, ShardRoots::EMPTY.get(shard), entries)
        })
        .collect();
    for update in &updates {
        roots.apply(update);
    }
    let mut batch = BlockBatch::new(height, 0);
    batch.state(store, changes, &updates, &roots);
    batch.block(store, &[value], &[Digest::sha256(&height.to_be_bytes())]);
    batch.log(store, 0, height, &Digest::sha256(&[value]));
    batch.head(store, &head(height, time(START + height)));
    batch
}

fn dids(count: u64) -> Vec<StateKey> {
    Agency::many(count).into_iter().map(|agency| StateKey::Did(agency.did)).collect()
}

#[test]
fn a_block_is_invisible_until_it_is_committed_and_whole_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let keys = dids(50);
    let id = Digest::sha256(&7u64.to_be_bytes());
    {
        let store = Store::open(directory.path(), &CONFIG).unwrap();
        let mut changes = Changes::new();
        let written = batch(&store, 7, &keys, &mut changes, 1);
        assert_eq!(
            (store.tip().unwrap(), store.block(7).unwrap(), store.transaction(&id).unwrap()),
            (None, None, None)
        );
        store.commit(written).unwrap();
    }
    let store = Store::open(directory.path(), &CONFIG).unwrap();
    assert_eq!(store.tip().unwrap(), Some(7));
    assert_eq!(store.block(7).unwrap(), Some(vec![1]));
    assert_eq!(store.transaction(&id).unwrap(), Some(Position { height: 7, position: 0 }));
    assert_eq!(store.head(7).unwrap().unwrap().head.height, 7);
    assert!(store.roots(7).unwrap().is_some());
    for key in &keys {
        assert_eq!(store.record(key, u64::MAX).unwrap(), Some(vec![1; 3]));
    }
}

#[test]
fn a_record_is_read_as_of_a_height_and_never_as_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &CONFIG).unwrap();
    let keys = dids(200);
    let (written, never) = keys.split_at(100);
    for (height, value) in [(3, 3), (5, 5), (9, 9)] {
        let mut changes = Changes::new();
        store.commit(batch(&store, height, written, &mut changes, value)).unwrap();
    }
    for key in written {
        for (height, value) in
            [(2, None), (3, Some(3)), (4, Some(3)), (5, Some(5)), (8, Some(5)), (u64::MAX, Some(9))]
        {
            assert_eq!(store.record(key, height).unwrap(), value.map(|value| vec![value; 3]), "at {height}");
        }
        assert_eq!(store.versions(key, 10).unwrap(), [3, 5, 9]);
        assert_eq!(store.versions(key, 2).unwrap(), [5, 9], "the latest ones");
    }
    let view = StateView::new(&store, None);
    for key in never {
        assert_eq!(store.record(key, u64::MAX).unwrap(), None);
        assert_eq!(ledger_chain::Committed::record(&view, key), None);
        assert!(store.versions(key, 10).unwrap().is_empty());
    }
    view.check().unwrap();
}

#[test]
fn the_latest_height_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &CONFIG).unwrap();
    assert_eq!(store.height_at(time(START)).unwrap(), None);
    for height in [0, 1, 4] {
        let mut changes = Changes::new();
        store.commit(batch(&store, height, &[], &mut changes, 0)).unwrap();
    }
    for (at, height) in [(START - 1, None), (START, Some(0)), (START + 3, Some(1)), (START + 99, Some(4))] {
        assert_eq!(store.height_at(time(at)).unwrap(), height);
    }
}

#[test]
fn few_namespaces_are_listed_and_paged() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &CONFIG).unwrap();
    let schemas: Vec<StateKey> = (0u8..25).map(|n| StateKey::Schema(Digest::sha256(&[n]))).collect();
    let mut keys = schemas.clone();
    keys.extend(dids(3));
    keys.push(StateKey::Committee);
    let mut changes = Changes::new();
    store.commit(batch(&store, 0, &keys, &mut changes, 1)).unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.keys("schema", after.as_ref(), 10).unwrap();
        found.extend(page.clone());
        if page.len() < 10 {
            break;
        }
        after = page.last().cloned();
    }
    found.sort();
    let mut expected = schemas;
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(store.keys("committee", None, 10).unwrap(), [StateKey::Committee]);
    assert!(store.keys("did", None, 10).unwrap().is_empty(), "too many to list");
    assert!(store.keys("schem", None, 10).unwrap().is_empty(), "a prefix is no namespace");
}

#[test]
fn one_process_at_a_time_and_no_other_layout() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &CONFIG).unwrap();
    assert!(matches!(Store::open(directory.path(), &CONFIG), Err(StoreError::Locked(_))));
    let mut batch = WriteBatch::default();
    batch.put_cf(store.column(Column::Meta), b"format", b"causeway-ledger-99");
    store.write(batch).unwrap();
    drop(store);
    assert!(matches!(Store::open(directory.path(), &CONFIG), Err(StoreError::Format)));
}
