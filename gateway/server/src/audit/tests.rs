use super::*;
use crate::vault::Kek;

fn vault(directory: &std::path::Path) -> Vault {
    Vault::open(directory, Kek::generate()).unwrap()
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_622_505_600 + second).unwrap()
}

fn note(vault: &Vault, second: u64) -> Head {
    let subjects = vec![Subject::Row(RowId::random()), Subject::Number(second)];
    let actor = Actor::Operator("lab-desk-1".into());
    vault.write(|batch| append(batch, at(second), actor, "credential.revoke", subjects, "done")).unwrap()
}

/// Overwrites an entry as somebody with the keys would.
fn rewrite(vault: &Vault, number: u64, change: impl FnOnce(&mut Entry)) {
    let id = RowId::number(number);
    let mut entry = vault.get(ENTRIES, &id).unwrap().unwrap();
    change(&mut entry);
    vault.write(|batch| batch.put(ENTRIES, &id, &entry)).unwrap();
}

fn remove(vault: &Vault, column: Column, id: &RowId) {
    vault
        .write(|batch| {
            batch.delete(column, id);
            Ok::<_, VaultError>(())
        })
        .unwrap();
}

#[test]
fn the_chain_holds_and_leads_to_its_head() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    assert_eq!(verify_chain(&vault, None).unwrap().count, 0);
    let heads: Vec<Head> = (0..2_500).map(|second| note(&vault, second)).collect();
    let last = *heads.last().unwrap();
    assert_eq!(last.count, 2_500);
    assert_eq!(head(&vault).unwrap(), last);
    assert_eq!(verify_chain(&vault, None).unwrap(), last);
    assert_eq!(verify_chain(&vault, Some(&heads[1_200])).unwrap(), last, "it passes a head noted on the way");
    let page = entries(&vault, 11, 3).unwrap();
    assert_eq!(page.iter().map(|entry| entry.number).collect::<Vec<_>>(), [11, 12, 13]);
    assert_eq!(page[0].at, at(10));
}

#[test]
fn altering_removing_or_adding_an_entry_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    for second in 0..10 {
        note(&vault, second);
    }
    let honest = vault.get(ENTRIES, &RowId::number(4)).unwrap().unwrap();
    let changes: [&dyn Fn(&mut Entry); 5] = [
        &|entry| entry.actor = Actor::Gateway,
        &|entry| entry.at = at(99),
        &|entry| entry.operation = "credential.issue".into(),
        &|entry| entry.subjects.clear(),
        &|entry| entry.outcome = "EXPIRED".into(),
    ];
    for change in changes {
        rewrite(&vault, 4, change);
        assert!(matches!(verify_chain(&vault, None), Err(AuditError::Broken(5))));
        rewrite(&vault, 4, |entry| *entry = honest.clone());
    }
    rewrite(&vault, 10, |entry| entry.at = at(0));
    assert!(
        matches!(verify_chain(&vault, None), Err(AuditError::OtherHead(head)) if head.count == 10),
        "the last entry"
    );
    rewrite(&vault, 10, |entry| entry.at = at(9));
    assert!(verify_chain(&vault, None).is_ok());

    remove(&vault, Column::Audit, &RowId::number(4));
    assert!(matches!(verify_chain(&vault, None), Err(AuditError::Missing(4))));
    vault.write(|batch| batch.put(ENTRIES, &RowId::number(4), &honest)).unwrap();
    remove(&vault, Column::Audit, &RowId::number(10));
    assert!(matches!(verify_chain(&vault, None), Err(AuditError::Missing(10))));
}

#[test]
fn a_log_that_was_written_anew_does_not_pass_a_noted_head() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    for second in 0..3 {
        note(&vault, second);
    }
    let noted = note(&vault, 3);
    // Rolled back by one entry and continued: consistent in itself, and another history.
    let before = vault.get(ENTRIES, &RowId::number(4)).unwrap().unwrap().previous;
    let head = Head { count: 3, hash: before };
    vault.write(|batch| batch.put(HEADS, &head_row(&vault), &head)).unwrap();
    for second in 50..55 {
        note(&vault, second);
    }
    assert!(verify_chain(&vault, None).is_ok());
    assert!(matches!(verify_chain(&vault, Some(&noted)), Err(AuditError::OtherHead(head)) if head == noted));
}

#[test]
fn an_entry_is_there_exactly_when_its_change_is() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let refused: Result<(), VaultError> = vault.write(|batch| {
        append(batch, at(0), Actor::Gateway, "credential.issue", Vec::new(), "done")?;
        Err(VaultError::RowName)
    });
    assert!(refused.is_err());
    assert_eq!(head(&vault).unwrap().count, 0);
    let row = RowId::random();
    let notes: Table<u8> = Table::new(Column::Issued);
    vault
        .write(|batch| {
            batch.put(notes, &row, &1)?;
            append(batch, at(1), Actor::Holder, "credential.issue", vec![Subject::Row(row)], "done")?;
            append(batch, at(1), Actor::Gateway, "anchor.add", vec![Subject::Row(row)], "done")
        })
        .unwrap();
    assert_eq!(verify_chain(&vault, None).unwrap().count, 2, "two entries of one change follow each other");
    assert_eq!(vault.get(notes, &row).unwrap(), Some(1));
}
