use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use did_registry::{Digest, Secret};

use super::*;

const NAMES: Table<String> = Table::new(Column::Records);
const COUNTS: Table<u64> = Table::new(Column::Settings);

fn kek(byte: u8) -> Kek {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kek");
    crate::key_file::create(&path, &Secret::new([byte; 32])).unwrap();
    Kek::load(&path).unwrap()
}

fn vault(directory: &Path) -> Vault {
    Vault::open(directory, kek(1)).unwrap()
}

fn put(vault: &Vault, id: &RowId, text: &str) {
    vault.write(|batch| batch.put(NAMES, id, &text.to_owned())).unwrap();
}

fn remove(vault: &Vault, column: Column, id: &RowId) {
    vault
        .write(|batch| {
            batch.delete(column, id);
            Ok::<_, VaultError>(())
        })
        .unwrap();
}

/// The bytes on disk, as an attacker who has the disk reads and writes them.
fn raw(vault: &Vault, column: Column, id: &RowId) -> Vec<u8> {
    vault.db.get_cf(vault.family(column), id.as_bytes()).unwrap().unwrap()
}

fn set_raw(vault: &Vault, column: Column, id: &RowId, bytes: &[u8]) {
    vault.db.put_cf(vault.family(column), id.as_bytes(), bytes).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn found_on_disk(directory: &Path, needle: &[u8]) -> Option<PathBuf> {
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle);
    files(directory).into_iter().find(holds)
}

#[test]
fn rows_survive_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let id = RowId::random();
    {
        let vault = vault(&directory.path().join("vault"));
        put(&vault, &id, "王小明");
        vault.write(|batch| batch.put_bytes(Column::StatusLists, &id, &[0, 255, 7])).unwrap();
    }
    let vault = vault(&directory.path().join("vault"));
    assert_eq!(vault.get(NAMES, &id).unwrap().as_deref(), Some("王小明"));
    assert_eq!(**vault.get_bytes(Column::StatusLists, &id).unwrap().as_ref().unwrap(), [0, 255, 7]);
    assert_eq!(vault.get(NAMES, &RowId::random()).unwrap(), None);
    assert_eq!(fs::metadata(directory.path().join("vault")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_files_on_disk_hold_no_plaintext() {
    let directory = tempfile::tempdir().unwrap();
    let values = ["João da Conceição", "王小明", "CA-8812734", "1990-02-17", "positive-result"];
    let in_log = |vault: &Vault, round: &str| {
        for value in values {
            let id = vault.index(Column::Records, &[value.as_bytes()]);
            let row: BTreeMap<&str, String> =
                [("name", format!("{value} {round}")), ("code", value.into())].into();
            let table: Table<BTreeMap<&str, String>> = Table::new(Column::Records);
            vault.write(|batch| batch.put(table, &id, &row)).unwrap();
        }
    };
    let open = vault(directory.path());
    in_log(&open, "primeira-volta");
    open.flush().unwrap(); // now in table files
    in_log(&open, "segunda-volta"); // and in the write-ahead log
    let names: Vec<String> = files(directory.path()).iter().map(|path| path.display().to_string()).collect();
    for kind in [".sst", ".log", "MANIFEST", "LOG", "OPTIONS"] {
        assert!(names.iter().any(|name| name.contains(kind)), "no {kind} file among {names:?}");
    }
    for value in values {
        let hash = Digest::sha256(value.as_bytes());
        let needles = [value.as_bytes().to_vec(), hash.as_bytes().to_vec(), hash.to_string().into_bytes()];
        for needle in needles {
            assert_eq!(found_on_disk(directory.path(), &needle), None, "{value}");
        }
    }
    for needle in [&b"primeira-volta"[..], b"segunda-volta", b"\"name\":", &[1; 32]] {
        assert_eq!(found_on_disk(directory.path(), needle), None);
    }
    // The search does find what is there: a row's blinded identifier, in clear by design.
    let id = open.index(Column::Records, &[values[0].as_bytes()]);
    assert!(found_on_disk(directory.path(), id.as_bytes()).is_some());
}

#[test]
fn another_key_encryption_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(vault(directory.path()));
    assert!(matches!(Vault::open(directory.path(), kek(2)), Err(VaultError::WrongKek)));
    assert!(Vault::open(directory.path(), kek(1)).is_ok(), "the attempt changed nothing");
}

#[test]
fn a_second_process_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let _first = vault(directory.path());
    assert!(matches!(Vault::open(directory.path(), kek(1)), Err(VaultError::InUse)));
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let id = RowId::random();
    put(&vault, &id, "李");
    let honest = raw(&vault, Column::Records, &id);
    let refused = |bytes: &[u8]| {
        set_raw(&vault, Column::Records, &id, bytes);
        let error = vault.get(NAMES, &id).expect_err("altered bytes open");
        assert!(
            matches!(error, VaultError::RowDamaged { column: Column::Records, row } if row == id),
            "{error}"
        );
    };
    for bit in 0..honest.len() * 8 {
        let mut bytes = honest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes);
    }
    for length in 0..honest.len() {
        refused(&honest[..length]);
    }
    refused(&[honest.as_slice(), &[0]].concat());
    set_raw(&vault, Column::Records, &id, &honest);
    assert_eq!(vault.get(NAMES, &id).unwrap().as_deref(), Some("李"));
}

#[test]
fn a_ciphertext_opens_in_its_own_place_only() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let (green, red) = (RowId::random(), RowId::random());
    put(&vault, &green, "green");
    put(&vault, &red, "red");
    let (green_bytes, red_bytes) = (raw(&vault, Column::Records, &green), raw(&vault, Column::Records, &red));
    set_raw(&vault, Column::Records, &red, &green_bytes);
    set_raw(&vault, Column::Issued, &red, &red_bytes);
    assert!(matches!(vault.get(NAMES, &red), Err(VaultError::RowDamaged { .. })), "another row's bytes");
    let elsewhere: Table<String> = Table::new(Column::Issued);
    assert!(
        matches!(vault.get(elsewhere, &red), Err(VaultError::RowDamaged { .. })),
        "another column's bytes"
    );
    assert!(vault.page(NAMES, None, 10).is_err(), "a walk does not step over it");
}

#[test]
fn the_same_value_never_seals_to_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let id = RowId::random();
    let mut nonces = std::collections::BTreeSet::new();
    for _ in 0..200 {
        put(&vault, &id, "same");
        nonces.insert(raw(&vault, Column::Records, &id)[5..17].to_vec());
    }
    assert_eq!(nonces.len(), 200);
}

#[test]
fn rotating_the_kek_keeps_every_row_and_shuts_the_old_key_out() {
    let directory = tempfile::tempdir().unwrap();
    let (early, late) = (RowId::random(), RowId::random());
    {
        let vault = vault(directory.path());
        put(&vault, &early, "before");
        vault.advance_key(Column::Records).unwrap();
        put(&vault, &late, "after");
        vault.rewrap(kek(2)).unwrap();
        let index = vault.index(Column::Records, &[b"stays"]);
        put(&vault, &index, "still writable");
    }
    assert!(matches!(Vault::open(directory.path(), kek(1)), Err(VaultError::WrongKek)));
    let vault = Vault::open(directory.path(), kek(2)).unwrap();
    assert_eq!(vault.get(NAMES, &early).unwrap().as_deref(), Some("before"));
    assert_eq!(vault.get(NAMES, &late).unwrap().as_deref(), Some("after"));
    let index = vault.index(Column::Records, &[b"stays"]);
    assert_eq!(vault.get(NAMES, &index).unwrap().as_deref(), Some("still writable"));
}

#[test]
fn what_an_old_kek_opened_is_gone_from_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let keys = |vault: &Vault| -> Vec<Box<[u8]>> {
        let rows = vault.db.iterator_cf(column_family(&vault.db, keys::KEYS), rocksdb::IteratorMode::Start);
        rows.map(|row| row.unwrap().1).collect()
    };
    let vault = vault(directory.path());
    put(&vault, &RowId::number(1), "one");
    let mut old = keys(&vault);
    vault.flush().unwrap(); // these lie in a table
    vault.advance_key(Column::Records).unwrap();
    put(&vault, &RowId::number(2), "two");
    old.extend(keys(&vault)); // and these in the log
    assert!(old.iter().all(|wrapped| found_on_disk(directory.path(), wrapped).is_some()));
    vault.rewrap(kek(2)).unwrap();
    drop(vault);
    for wrapped in old {
        assert_eq!(found_on_disk(directory.path(), &wrapped), None);
    }
}

#[test]
fn a_wrapped_key_that_is_altered_moved_or_gone_is_named() {
    let damage = |change: &dyn Fn(&Vault, &ColumnFamily)| {
        let directory = tempfile::tempdir().unwrap();
        {
            let vault = vault(directory.path());
            put(&vault, &RowId::random(), "row");
            change(&vault, column_family(&vault.db, keys::KEYS));
        }
        Vault::open(directory.path(), kek(1)).expect_err("damaged keys open")
    };
    let row = |name: &str| [name.as_bytes(), &[0; 5]].concat();
    let error = damage(&|vault, family| {
        let mut bytes = vault.db.get_cf(family, row("records")).unwrap().unwrap();
        bytes[30] ^= 1;
        vault.db.put_cf(family, row("records"), bytes).unwrap();
    });
    assert!(matches!(&error, VaultError::KeyDamaged { name, epoch: 0 } if name == "records"), "{error}");
    let error = damage(&|vault, family| {
        let bytes = vault.db.get_cf(family, row("issued")).unwrap().unwrap();
        vault.db.put_cf(family, row("audit"), bytes).unwrap();
    });
    assert!(matches!(&error, VaultError::KeyDamaged { name, .. } if name == "audit"), "{error}");
    for gone in [row("records"), row("index"), b"kek".to_vec()] {
        let error = damage(&|vault, family| vault.db.delete_cf(family, &gone).unwrap());
        assert!(matches!(error, VaultError::KeyMissing { .. }), "{error}");
    }
}

#[test]
fn a_column_moves_to_a_new_key_when_one_has_sealed_enough() {
    let directory = tempfile::tempdir().unwrap();
    let mut vault = vault(directory.path());
    vault.keys.seals = 10;
    let ids: Vec<RowId> = (0..35).map(RowId::number).collect();
    for id in &ids {
        put(&vault, id, "row");
    }
    let epoch = |id: &RowId| sealed::epoch_of(&raw(&vault, Column::Records, id)).unwrap();
    let epochs: Vec<u32> = ids.iter().map(epoch).collect();
    let expected: Vec<u32> = (0..35).map(|row| row / 10).collect();
    assert_eq!(epochs, expected);
    drop(vault);
    let mut vault = self::vault(directory.path());
    vault.keys.seals = 10;
    // What was set aside before the restart counts as used, so the half-used key is left behind.
    put(&vault, &RowId::number(99), "row");
    assert_eq!(sealed::epoch_of(&raw(&vault, Column::Records, &RowId::number(99))), Some(4));
    assert!(ids.iter().all(|id| vault.get(NAMES, id).unwrap().as_deref() == Some("row")));
}

#[test]
fn a_change_is_written_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let (a, b) = (RowId::random(), RowId::random());
    let refused: Result<(), VaultError> = vault.write(|batch| {
        batch.put(NAMES, &a, &"half".to_owned())?;
        batch.put_bytes(Column::Records, &b, &vec![0; ROW_BYTES + 1])
    });
    assert!(matches!(refused, Err(VaultError::TooLarge { limit: ROW_BYTES, .. })));
    assert_eq!(vault.get(NAMES, &a).unwrap(), None);
    vault.write(|batch| batch.put_bytes(Column::Records, &b, &vec![0; ROW_BYTES])).unwrap();
}

#[test]
fn a_change_sees_itself() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let (a, b) = (RowId::random(), RowId::random());
    put(&vault, &a, "old");
    let seen = vault.write(|batch| {
        batch.put(NAMES, &a, &"new".to_owned())?;
        batch.put(NAMES, &b, &"fleeting".to_owned())?;
        batch.delete(Column::Records, &b);
        assert!(batch.contains(Column::Records, &a)? && !batch.contains(Column::Records, &b)?);
        Ok::<_, VaultError>((batch.get(NAMES, &a)?, batch.get(NAMES, &b)?, vault.get(NAMES, &a)?))
    });
    assert_eq!(seen.unwrap(), (Some("new".to_owned()), None, Some("old".to_owned())));
    assert_eq!(vault.get(NAMES, &a).unwrap().as_deref(), Some("new"));
    assert!(!vault.contains(Column::Records, &b).unwrap());
    remove(&vault, Column::Records, &a);
    assert_eq!(vault.get(NAMES, &a).unwrap(), None);
}

#[test]
fn concurrent_changes_have_one_order() {
    let directory = tempfile::tempdir().unwrap();
    let vault = Arc::new(vault(directory.path()));
    let id = RowId::number(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let next = |batch: &mut Batch<'_>| {
                        let count = batch.get(COUNTS, &id)?.unwrap_or(0);
                        batch.put(COUNTS, &id, &(count + 1))
                    };
                    vault.write(next).unwrap();
                }
            });
        }
    });
    assert_eq!(vault.get(COUNTS, &id).unwrap(), Some(200));
    assert_eq!(*vault.durable.lock().unwrap(), 200, "every acknowledged change is on the disk");
}

#[test]
fn tables_are_walked_in_pages_and_members_apart() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let (mine, other) = (RowId([7; 32]), RowId([8; 32]));
    vault
        .write(|batch| {
            for number in 0..25u64 {
                batch.put(COUNTS, &RowId::member(&mine, number), &number)?;
                batch.put(COUNTS, &RowId::member(&other, number), &(number + 100))?;
            }
            Ok::<_, VaultError>(())
        })
        .unwrap();
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = vault.page(COUNTS, after.as_ref(), 7).unwrap();
        let Some((last, _)) = page.last() else { break };
        assert!(page.len() <= 7);
        after = Some(*last);
        walked.extend(page.into_iter().map(|(_, value)| value));
    }
    assert_eq!(walked, (0..25).chain(100..125).collect::<Vec<u64>>());
    let members = vault.members(COUNTS, &mine, 20, 100).unwrap();
    assert_eq!(members, (20..25).map(|number| (number, number)).collect::<Vec<_>>());
    assert_eq!(vault.count(Column::Settings).unwrap(), 50);
    assert_eq!(vault.page(COUNTS, Some(&RowId([255; 32])), 7).unwrap(), []);
}

#[test]
fn an_altered_table_file_is_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let id = RowId::random();
    {
        let vault = vault(directory.path());
        put(&vault, &id, &"personal ".repeat(500));
        vault.flush().unwrap();
    }
    let tables: Vec<PathBuf> = files(directory.path())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "sst"))
        .collect();
    let largest = tables.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x40;
    fs::write(largest, bytes).unwrap();
    let outcome = Vault::open(directory.path(), kek(1)).and_then(|vault| vault.get(NAMES, &id));
    assert!(matches!(outcome, Err(VaultError::Store(_) | VaultError::RowDamaged { .. })), "{outcome:?}");
}

#[test]
fn a_row_of_another_shape_is_named_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let id = RowId::random();
    let texts: Table<String> = Table::new(Column::Settings);
    vault.write(|batch| batch.put(texts, &id, &"王小明".to_owned())).unwrap();
    let error = vault.get(COUNTS, &id).unwrap_err();
    assert!(matches!(error, VaultError::RowShape { column: Column::Settings, .. }));
    assert!(!error.to_string().contains("王小明") && !format!("{error:?}").contains("王小明"));
}

#[test]
fn row_identifiers_are_keyed_separated_and_read_back() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (vault(here.path()), vault(there.path()));
    let id = here.index(Column::Records, &[b"CA-8812734"]);
    assert_eq!(id, here.index(Column::Records, &[b"CA-8812734"]));
    assert_ne!(id, there.index(Column::Records, &[b"CA-8812734"]), "another vault, another name");
    assert_ne!(id, here.index(Column::Offers, &[b"CA-8812734"]), "another column, another name");
    assert_ne!(here.index(Column::Records, &[b"ab", b"c"]), here.index(Column::Records, &[b"a", b"bc"]));
    assert_eq!(id.to_string().parse::<RowId>().unwrap(), id);
    for bad in [String::new(), id.to_string().to_uppercase(), format!("{id}00"), "zz".repeat(32)] {
        assert!(matches!(bad.parse::<RowId>(), Err(VaultError::RowName)), "{bad}");
    }
    assert_eq!(RowId::member(&id, u64::MAX).to_number(), u64::MAX);
    assert_eq!(RowId::number(5).to_number(), 5);
}
