//! Guardians bring an identifier back, and its owner refuses that.

use std::fs;

use causeway::command::Ending;

use crate::ends;
use crate::town::{Done, Town};

/// A network, three guardians with key files, and an agency `guangdong` that two of them can recover.
async fn guarded(town: Town, hours: &str) -> Town {
    let mut words =
        vec!["--guardian-threshold".to_owned(), "2".into(), "--guardian-delay".into(), hours.into()];
    for file in ["g1.key", "g2.key", "g3.key"] {
        let text = ends(town.run(&["did", "recovery", "guardian", file]).await, Ending::Good);
        let again = ends(town.run(&["did", "recovery", "guardian", file]).await, Ending::Good);
        assert_eq!(text, again, "the key is made once");
        words.extend(["--guardian".into(), text.lines().last().unwrap().trim().to_owned()]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    town.idle("guangdong", &words).await;
    town
}

async fn approve(town: &Town, file: &str, key: &str) -> Done {
    let words =
        ["did", "recovery", "approve", file, "--key", key, "--genesis", "network/genesis.bin", "--yes"];
    town.run(&words).await
}

async fn recovery(town: &Town, words: &[&str]) -> Done {
    town.run(&[&["did", "recovery"], words].concat()).await
}

/// Sent by a member of the committee, who decides nothing by that.
async fn carried(town: &Town, words: &[&str]) -> Done {
    recovery(town, &[words, &["--by", "network/members/1"]].concat()).await
}

/// A step that is refused, with its rule, and leaves every file as it was.
async fn refused(town: &Town, words: &[&str], rule: &str) {
    let before = town.files();
    let (done, text) = recovery(town, words).await;
    let said = done.map_or_else(|error| format!("{error:#}"), |ending| format!("{ending:?} {text}"));
    assert!(said.contains(rule), "{words:?}: {said}");
    let after = town.files();
    let changed = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path));
    assert_eq!(changed.collect::<Vec<_>>(), Vec::<&std::path::PathBuf>::new(), "{words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guardians_bring_back_an_identifier_whose_keys_were_lost() {
    let town = guarded(Town::found_in_time().await, "24").await;
    fs::remove_file(town.path("guangdong/control.key")).unwrap();
    fs::remove_dir_all(town.path("guangdong.safe")).unwrap();
    ends(town.run(&["did", "show", "guangdong"]).await, Ending::Bad);

    // The owner makes new keys; one document key was kept elsewhere, and goes on.
    let prepare = ["prepare", "guangdong", "lost.recovery", "--keep", "ed25519", "--safe", "other"];
    let text = ends(recovery(&town, &prepare).await, Ending::Good);
    let line =
        |text: &str, word: &str| text.lines().find(|line| line.contains(word)).unwrap_or_default().to_owned();
    let fingerprint = line(&text, "fingerprint");
    assert!(text.contains("2 of 3") && text.contains("#es256-2") && text.contains("stays"), "{text}");
    refused(&town, &prepare, "never overwritten").await;

    // One guardian looks first and says no; then two approve, each in a copy of the file.
    let ask = [
        "did",
        "recovery",
        "approve",
        "lost.recovery",
        "--key",
        "g1.key",
        "--genesis",
        "network/genesis.bin",
    ];
    let ask: Vec<String> = ask.iter().map(|word| (*word).to_owned()).collect();
    let text = ends(town.typing("n\n", &ask).await, Ending::Open);
    assert!(text.contains("nothing was signed") && line(&text, "fingerprint") == fingerprint, "{text}");
    fs::copy(town.path("lost.recovery"), town.path("copy.recovery")).unwrap();
    assert!(ends(town.typing("y\n", &ask).await, Ending::Good).contains("1 of 2"));
    let key = ["--genesis", "network/genesis.bin", "--yes", "--key"];
    let again = [["approve", "lost.recovery"].as_slice(), &key, &["g1.key"]].concat();
    refused(&town, &again, "each guardian counts once").await;
    ends(recovery(&town, &["guardian", "stranger.key"]).await, Ending::Good);
    let stranger = [["approve", "lost.recovery"].as_slice(), &key, &["stranger.key"]].concat();
    refused(&town, &stranger, "none of the guardians").await;
    let by = ["--by", "network/members/1"];
    refused(&town, &[["submit", "lost.recovery"].as_slice(), &by].concat(), "needs 2 guardians, 1 approved")
        .await;
    ends(approve(&town, "copy.recovery", "g3.key").await, Ending::Good);

    let text = ends(carried(&town, &["submit", "lost.recovery", "copy.recovery"]).await, Ending::Good);
    assert!(text.contains("at height"), "{text}");
    let again = ends(carried(&town, &["submit", "lost.recovery", "copy.recovery"]).await, Ending::Good);
    assert!(again.contains("before"), "harmless: {again}");
    let text = ends(recovery(&town, &["status", "guangdong"]).await, Ending::Open);
    assert!(text.contains("pending") && line(&text, "approved").matches("z6Mk").count() == 2, "{text}");

    // Another's directory does not complete it, nor this one before its time.
    let macau = town.idle("macau", &[]).await;
    refused(&town, &[["complete", "macau"].as_slice(), &by].concat(), "must be pending").await;
    let complete = [["complete", "guangdong", "--safe", "other"].as_slice(), &by].concat();
    refused(&town, &complete, "RECOVERY_TOO_EARLY").await;
    let text = ends(
        recovery(&town, &["status", &macau.did, "--genesis", "network/genesis.bin", "--ledger", &town.node])
            .await,
        Ending::Good,
    );
    assert!(text.contains("none pending"), "{text}");

    // A minute early is too early, and a minute late is not.
    town.wait(24 * 3_600 - 60);
    refused(&town, &complete, "RECOVERY_TOO_EARLY").await;
    town.wait(120);
    let text = ends(recovery(&town, &complete).await, Ending::Good);
    assert!(text.contains("at height"), "{text}");
    assert!(town.path("guangdong/control.key").exists(), "the new keys are in place");
    refused(&town, &complete, "must be pending").await;
    let text = ends(town.run(&["did", "show", "guangdong"]).await, Ending::Good);
    assert!(text.contains("active") && text.contains("#es256-2"), "{text}");
    // The owner acts with them, and the guardians' approvals are used up.
    ends(town.run(&["did", "rotate", "guangdong", "--safe", "other"]).await, Ending::Good);
    refused(&town, &[["submit", "lost.recovery", "copy.recovery"].as_slice(), &by].concat(), "has moved on")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_waits_for_its_delay_and_yields_to_the_owners_veto() {
    let town = guarded(Town::found().await, "72").await;
    let did = fs::read_to_string(town.path("guangdong/did")).unwrap().trim().to_owned();
    let macau = town.idle("macau", &[]).await;
    let by = ["--by", "network/members/1"];

    // Somewhere else, with nothing but the identifier and the genesis: an owner after a fire, or a plot.
    let prepare = [
        "prepare",
        "elsewhere",
        "plot.recovery",
        "--ledger",
        &town.node,
        "--genesis",
        "network/genesis.bin",
        "--did",
    ];
    refused(&town, &prepare[..5], "name the identifier with --did").await;
    let unguarded = [prepare.as_slice(), &[&macau.did]].concat();
    refused(&town, &unguarded, "recovery needs a guardian rule").await;
    ends(recovery(&town, &[prepare.as_slice(), &[&did]].concat()).await, Ending::Good);
    let other = ["prepare", "elsewhere", "more.recovery", "--ledger", &town.node, "--did", &macau.did];
    refused(&town, &other, "belongs to").await;
    ends(approve(&town, "plot.recovery", "g1.key").await, Ending::Good);
    ends(approve(&town, "plot.recovery", "g2.key").await, Ending::Good);
    ends(carried(&town, &["submit", "plot.recovery"]).await, Ending::Good);

    let complete = [["complete", "elsewhere"].as_slice(), &by].concat();
    refused(&town, &complete, "RECOVERY_TOO_EARLY").await;
    let own = [["complete", "guangdong"].as_slice(), &by].concat();
    refused(&town, &own, "was not prepared here").await;
    let second = ["prepare", "guangdong", "second.recovery"];
    refused(&town, &second, "must be absent").await;

    // The owner sees it and refuses it; then nothing of it holds.
    let text = ends(town.run(&["did", "show", "guangdong"]).await, Ending::Good);
    assert!(text.contains("recovery pending"), "{text}");
    refused(&town, &["veto", "elsewhere", "--ledger", &town.node], "control.key").await;
    ends(recovery(&town, &["veto", "guangdong"]).await, Ending::Good);
    refused(&town, &complete, "must be pending").await;
    refused(&town, &["veto", "guangdong"], "must be pending").await;
    refused(&town, &[["submit", "plot.recovery"].as_slice(), &by].concat(), "has moved on").await;
    let text = ends(recovery(&town, &["status", "guangdong"]).await, Ending::Good);
    assert!(text.contains("none pending"), "{text}");

    // Other guardians from the next rotation on; also for one who began without any.
    let key = ends(recovery(&town, &["guardian", "g4.key"]).await, Ending::Good);
    let key = key.lines().last().unwrap().trim();
    let name = ["--guardian", key, "--guardian-threshold", "1", "--guardian-delay", "24"];
    ends(town.run(&[["did", "rotate", "network/members/2"].as_slice(), &name].concat()).await, Ending::Good);
    let text = ends(town.run(&["did", "show", "network/members/2"]).await, Ending::Good);
    assert!(text.contains("1 of 1, 24 h to veto"), "{text}");

    // Prepared again, it is another recovery: approvals of the two do not mix.
    ends(
        recovery(&town, &["prepare", "elsewhere", "again.recovery", "--ledger", &town.node]).await,
        Ending::Good,
    );
    ends(approve(&town, "again.recovery", "g3.key").await, Ending::Good);
    let mixed = [["submit", "again.recovery", "plot.recovery"].as_slice(), &by].concat();
    refused(&town, &mixed, "ask for different ones").await;
    fs::write(town.path("bad.recovery"), b"not one").unwrap();
    refused(&town, &[["submit", "bad.recovery"].as_slice(), &by].concat(), "a recovery: malformed").await;
    assert!(ends(town.run(&["did", "show", "guangdong"]).await, Ending::Good).contains("active"));
}
