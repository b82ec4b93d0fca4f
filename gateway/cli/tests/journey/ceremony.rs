//! A whole ceremony for both circuits: three contributors to each phase, each a process, and a stranger who verifies. Minutes:
//! `make test-long`.

use std::path::Path;
use std::process::Command;

/// Runs the binary; gives its exit code and what it said.
fn causeway(home: &Path, words: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_causeway")).args(words).current_dir(home).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), said)
}

#[test]
fn long_three_processes_make_keys_that_a_stranger_verifies() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let good = |words: &[&str]| {
        let (code, said) = causeway(home, words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    };
    let refused = |words: &[&str], rule: &str| {
        let (code, said) = causeway(home, words);
        assert!(code != Some(0) && said.contains(rule), "{words:?}: {said}");
    };
    good(&["ceremony", "new", "turns"]);
    refused(&["ceremony", "next", "turns"], "contribut");
    let names = ["Guangdong", "Macau", "Auditor"];
    for name in names {
        good(&["ceremony", "contribute", "turns", "--name", name]);
    }
    good(&["ceremony", "next", "turns"]);
    refused(&["ceremony", "finalize", "turns", "--out", "keys"], "contribut");
    for name in names {
        good(&["ceremony", "contribute", "turns", "--name", name]);
    }
    good(&["ceremony", "finalize", "turns", "--out", "keys"]);
    let said = good(&["ceremony", "verify", "turns", "--keys", "keys"]);
    assert!(said.contains("HOLDS") && names.iter().all(|name| said.contains(name)), "{said}");
    // Keys that do not come from it are told apart, and so is a turn of which a bit was changed.
    good(&["ceremony", "insecure-dev", "others"]);
    refused(&["ceremony", "verify", "turns", "--keys", "others"], "OTHER KEYS");
    let mut turns = Vec::new();
    let mut left = vec![home.join("turns")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if std::fs::metadata(&path).unwrap().len() > 100_000 {
            turns.push(path);
        }
    }
    turns.sort();
    let last = turns.last().unwrap();
    let mut bytes = std::fs::read(last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(last, bytes).unwrap();
    let (code, said) = causeway(home, &["ceremony", "verify", "turns"]);
    assert!(code != Some(0), "{said}");
}
