//! The commands from an empty directory to an audited pass: one ledger and two agencies as real processes,
//! everything else typed as people type it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod ceremony;
mod committee;
mod offline;
mod proofs;
mod recovery;
mod town;

use std::fs;

use causeway::command::Ending;
use town::Town;

/// Checks an ending and gives the text.
pub(crate) fn ends(done: (anyhow::Result<Ending>, String), expected: Ending) -> String {
    match done.0 {
        Ok(ending) => assert_eq!(ending, expected, "{}", done.1),
        Err(error) => panic!("{error:#}\n{}", done.1),
    }
    done.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_becomes_a_pass_that_opens_a_gate_and_is_audited() {
    let town = Town::start().await;
    let codes =
        town.import_and_offer("record_id,result,sampled", &[("r1", "negative"), ("r2", "positive")]).await;

    // The committee as it is now.
    let text = ends(town.run(&["committee", "members", "network/members/1"]).await, Ending::Good);
    assert!(
        text.contains("2 of 3 decide") && text.contains("TestResult") && text.contains("HealthPass"),
        "{text}"
    );
    let again = town.recognise(&town.guangdong.did, "TestResult").await;
    assert!(ends(again, Ending::Good).contains("nothing to decide"));

    // Two citizens claim; a code works once.
    let (ok, ill) = ("ok.json", "ill.json");
    let text = ends(town.wallet(ok, &["claim", &town.guangdong.url, &codes[0]]).await, Ending::Good);
    assert!(text.contains("received") && !text.contains("note"), "{text}");
    ends(town.wallet(ill, &["claim", &town.guangdong.url, &codes[1]]).await, Ending::Good);
    let used = town.wallet(ill, &["claim", &town.guangdong.url, &codes[0]]).await.0.unwrap_err();
    assert!(format!("{used:#}").contains("CODE_USED"), "{used:#}");
    assert!(ends(town.wallet(ok, &["list"]).await, Ending::Good).contains("anchored"));

    // What it says, and what the rule would say.
    let credential = town.held(ok, "holdings", 0);
    assert!(ends(town.wallet(ok, &["show", &credential]).await, Ending::Good).contains("negative"));
    // Guangdong has a rule of that name too.
    let several = town.wallet(ok, &["will-pass", "entry"]).await.0.unwrap_err();
    assert!(format!("{several:#}").contains("say whose it is"), "{several:#}");
    let will_pass = ["will-pass", "entry", "--verifier", &town.macau.did];
    let text = ends(town.wallet(ok, &will_pass).await, Ending::Good);
    assert!(text.contains("YES") && text.contains("result is negative"), "{text}");
    let text = ends(town.wallet(ill, &will_pass).await, Ending::Bad);
    assert!(text.contains("NO  entry v1"), "{text}");

    // Consent is asked for, and a no is a no.
    let text = ends(
        town.typing("n\n", &town.wallet_words(ok, &["apply", &town.macau.url, "entry"])).await,
        Ending::Open,
    );
    assert!(
        text.contains("asked by")
            && text.contains("To let travellers in")
            && text.contains("nothing was shown"),
        "{text}"
    );
    let text = ends(
        town.typing("y\n", &town.wallet_words(ok, &["apply", &town.macau.url, "entry"])).await,
        Ending::Good,
    );
    assert!(text.contains("pass received"), "{text}");
    let text = ends(town.wallet(ill, &["apply", &town.macau.url, "entry", "--yes"]).await, Ending::Bad);
    assert!(text.contains("NOT SENT") && text.contains("RULE_FAILED"), "{text}");
    let text = ends(
        town.wallet(ill, &["apply", &town.macau.url, "entry", "--yes", "--unchecked"]).await,
        Ending::Bad,
    );
    assert!(text.contains("REFUSED") && text.contains("RULE_FAILED"), "{text}");

    // What was consented to stays with the holder, with the proof that it was anchored; nobody is asked for it.
    let text = ends(town.wallet(ok, &["receipts"]).await, Ending::Good);
    for said in [
        "To let travellers in",
        &town.macau.did,
        "entry v1",
        "result, sampled",
        &format!("pass {}", &town.held(ok, "passes", 0)[..8]),
        "ANCHORED  at height",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("negative"), "names of claims, no values: {text}");
    let text = ends(town.wallet(ill, &["receipts", "--fetch"]).await, Ending::Good);
    assert!(text.contains("no pass") && text.contains("nothing is anchored"), "{text}");
    let kept = fs::read_to_string(town.path(ok)).unwrap();
    let mut wallet: serde_json::Value = serde_json::from_str(&kept).unwrap();
    wallet["receipts"][0]["policy"]["purpose"] = "To sell what is shown".into();
    fs::write(town.path(ok), wallet.to_string()).unwrap();
    assert!(ends(town.wallet(ok, &["receipts"]).await, Ending::Bad).contains("DOES NOT HOLD"));
    fs::write(town.path(ok), kept).unwrap();

    // The gate: bundle, challenge, code, verdict; then the same code again.
    let init = [
        "checkpoint",
        "init",
        "gate",
        "--genesis",
        "network/genesis.bin",
        "--audience",
        "Lane 3",
        "--policy",
        &town.gate,
    ];
    ends(town.run(&init).await, Ending::Good);
    town.refresh().await;
    ends(town.run(&["checkpoint", "import", "gate", &town.macau.url]).await, Ending::Good);
    let shown = town.shown_to_gate(ok).await;
    assert!(
        ends(town.run(&["checkpoint", "verify", "gate", "--qr", &shown]).await, Ending::Good)
            .contains("ACCEPT")
    );
    assert!(
        ends(town.run(&["checkpoint", "verify", "gate", "--qr", &shown]).await, Ending::Bad)
            .contains("REPLAYED")
    );
    assert!(
        ends(town.run(&["policy", "explain", &town.gate, "--in", "gate"]).await, Ending::Good)
            .contains("colour is green")
    );
    let rule =
        ends(town.run(&["policy", "explain", &town.gate, "--in", "gate", "--certlogic"]).await, Ending::Good);
    let rule: serde_json::Value = serde_json::from_str(&rule).unwrap();
    assert_eq!(rule, serde_json::json!({"===": [{"var": "payload.colour"}, "green"]}));

    // The audit of the decision, from the agency and from a file.
    // What the gate saw is enough to ask by; what the agency answers is held against it.
    fs::write(town.path("macau/admin.token"), &town.macau.token).unwrap();
    let ask = ["--gateway", &town.macau.url, "--token-file", "macau/admin.token"];
    let audit = town.audit(&[ask.as_slice(), &["--pass", &shown]].concat()).await;
    let text = ends(audit, Ending::Good);
    assert!(text.contains("HOLDS") && text.contains("signed by the source's holder"), "{text}");
    let pass = town.held_pass(ok, 0);
    fs::write(town.path("pass.json"), pass.to_string()).unwrap();
    let mut evidence = town.evidence(&pass).await;
    let file =
        |evidence: &serde_json::Value| fs::write(town.path("evidence.json"), evidence.to_string()).unwrap();
    file(&evidence);
    let given = ["--evidence", "evidence.json", "--pass", "pass.json"];
    ends(town.audit(&given).await, Ending::Good);
    // Nobody is called but a host that was named; what is missing is said.
    let text = ends(town.audit_alone(&given).await, Ending::Open);
    assert!(text.contains("OPEN") && text.contains("--status-host"), "{text}");
    let consent = evidence["consent"].take();
    file(&evidence);
    let text = ends(town.audit(&given).await, Ending::Bad);
    assert!(text.contains("DIFFERS") && text.contains("no consent of the holder's"), "{text}");
    evidence["consent"] = consent;
    file(&evidence);
    let mut later = pass;
    later["credentialSubject"]["decided"] = "2021-06-01T00:00:00Z".into();
    fs::write(town.path("pass.json"), later.to_string()).unwrap();
    let text = ends(town.audit(&given).await, Ending::Bad);
    assert!(text.contains("DIFFERS"), "{text}");

    // A withdrawal works from the next bundle on.
    ends(town.withdraw(&town.macau.did, "HealthPass").await, Ending::Good);
    town.refresh().await;
    ends(town.run(&["checkpoint", "import", "gate", &town.macau.url]).await, Ending::Good);
    let shown = town.shown_to_gate(ok).await;
    let text = ends(town.run(&["checkpoint", "verify", "gate", "--qr", &shown]).await, Ending::Bad);
    assert!(text.contains("ISSUER_NOT_RECOGNISED"), "{text}");
    let log = ends(town.wallet(ok, &["log"]).await, Ending::Good);
    for line in ["claimed TestResult", "declined entry", "consented to entry", "received pass", "showed pass"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains("negative"), "the log tells what happened, not what a credential says");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identifier_rotates_is_resolved_as_it_was_and_ends() {
    let town = Town::start().await;
    let did = town.guangdong.did.clone();
    let resolve = ["did", "resolve", &did, "--genesis", "network/genesis.bin", "--ledger", &town.node];
    let document = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let before = document(&ends(town.run(&resolve).await, Ending::Good));
    let height = before["didResolutionMetadata"]["height"].to_string();

    assert!(ends(town.run(&["did", "show", "guangdong"]).await, Ending::Good).contains("#es256-1"));
    // The next key is in a drawer: only a rotation needs it, and without it there is none.
    fs::rename(town.path("guangdong.safe"), town.path("other")).unwrap();
    ends(town.run(&["did", "show", "guangdong"]).await, Ending::Good);
    let refused = town.run(&["did", "rotate", "guangdong"]).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("guangdong.safe/next.key"), "{refused:#}");
    let old = fs::read(town.path("guangdong/control.key")).unwrap();
    let rotate = ["did", "rotate", "guangdong", "--safe", "other", "--replace", "es256"];
    let text = ends(town.run(&rotate).await, Ending::Good);
    assert!(text.contains("#es256-1 is replaced by #es256-2") && text.contains("take it away"), "{text}");
    let kept: Vec<_> =
        fs::read_dir(town.path("other")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["next.key"], "what became the control key is not in the drawer too");
    let text = ends(town.run(&["did", "show", "guangdong"]).await, Ending::Good);
    assert!(text.contains("replaced") && text.contains("#es256-2"), "{text}");
    assert_eq!(fs::read(town.path("guangdong/control.key.old-1")).unwrap(), old, "the old key is kept");

    let after = document(&ends(town.run(&resolve).await, Ending::Good));
    assert_ne!(after["didDocument"]["verificationMethod"], before["didDocument"]["verificationMethod"]);
    let then = [resolve.as_slice(), &["--height", &height]].concat();
    let then = document(&ends(town.run(&then).await, Ending::Good));
    assert_eq!(then["didDocument"], before["didDocument"], "it resolves as it was");
    let at = [resolve.as_slice(), &["--at", "2999-01-01T00:00:00Z"]].concat();
    assert_eq!(document(&ends(town.run(&at).await, Ending::Good))["didDocumentMetadata"]["versionId"], "2");
    for unreached in [["--height", "1000000"], ["--at", "2000-01-01T00:00:00Z"]] {
        assert!(town.run(&[resolve.as_slice(), &unreached].concat()).await.0.is_err());
    }

    // The old control key does not speak for the identifier any more.
    let new = fs::read(town.path("guangdong/control.key")).unwrap();
    fs::rename(town.path("guangdong/control.key"), town.path("control.kept")).unwrap();
    fs::rename(town.path("guangdong/control.key.old-1"), town.path("guangdong/control.key")).unwrap();
    assert!(ends(town.run(&["did", "show", "guangdong"]).await, Ending::Bad).contains("not the ledger's"));
    let refused = town.run(&["did", "deactivate", "guangdong", "--yes"]).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("neither this file"), "{refused:#}");
    fs::write(town.path("guangdong/control.key"), new).unwrap();

    let asked = town.typing("n\n", &["did".into(), "deactivate".into(), "guangdong".into()]).await;
    assert!(ends(asked, Ending::Open).contains("nothing was done"));
    ends(town.run(&["did", "deactivate", "guangdong", "--yes"]).await, Ending::Good);
    let ended = document(&ends(town.run(&resolve).await, Ending::Good));
    assert_eq!(ended["didDocumentMetadata"]["deactivated"], true);
    let refused = town.run(&["did", "rotate", "guangdong"]).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("deactivated"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_stop_in_good_order_and_bad_input_names_its_rule() {
    let mut town = Town::start().await;
    assert!(town.path("macau/address").exists());
    town.stop("macau");
    assert!(!town.path("macau/address").exists(), "nobody listens there any more");
    let gone = town.wallet("w.json", &["claim", &town.macau.url, "code"]).await.0.unwrap_err();
    assert!(format!("{gone:#}").contains(&town.macau.url), "{gone:#}");

    for (words, rule) in [
        (vec!["network", "new", "network"], "never overwritten"),
        (vec!["network", "new", "other", "--network", "Demo"], "1 to 16 of a-z"),
        (vec!["network", "new", "other", "--threshold", "1"], "k of n"),
        (vec!["node", "run", "elsewhere"], "ledger.toml"),
        (vec!["gateway", "run", "elsewhere"], "gateway.toml"),
        (vec!["did", "show", "elsewhere"], "elsewhere/did"),
        (vec!["checkpoint", "verify", "elsewhere", "--qr", "x"], "checkpoint.toml"),
        (vec!["policy", "explain", "nothing"], "neither a file nor a policy's identifier"),
        (vec!["schema", "publish", "network/genesis.bin", "macau"], "genesis.bin"),
        (vec!["wallet", "--file", "w2.json", "claim", "http://127.0.0.1:1", "code"], "--genesis"),
        (vec!["wallet", "--file", "w2.json", "present", "hello"], "CWN:"),
    ] {
        let refused = town.run(&words).await.0.unwrap_err();
        assert!(format!("{refused:#}").contains(rule), "{words:?}: {refused:#}");
    }

    let binary = |words: &[&str]| town.binary(words).output().unwrap();
    let usage = binary(&["checkpoint", "verify"]);
    assert_eq!(usage.status.code(), Some(64), "a verdict that is open has code 2, so usage has another");
    let failed = binary(&["did", "show", "elsewhere"]);
    assert_eq!(failed.status.code(), Some(3));
    assert!(String::from_utf8(failed.stderr).unwrap().starts_with("causeway: "));
    assert_eq!(binary(&["--version"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_gets_another_lock_while_its_gateway_rests() {
    let mut town = Town::start().await;
    let codes = town.import_and_offer("record_id,result,sampled", &[("r1", "negative")]).await;
    let old = fs::read(town.path("guangdong/kek")).unwrap();
    let rekey = ["gateway", "rekey", "guangdong"];
    let refused = town.run(&rekey).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("stop the gateway first"), "{refused:#}");
    assert!(!town.path("guangdong/kek.new").exists() && fs::read(town.path("guangdong/kek")).unwrap() == old);

    town.stop("guangdong");
    // No server needs the safe, so it starts again without one.
    fs::rename(town.path("guangdong.safe"), town.path("other")).unwrap();
    let text = ends(town.run(&rekey).await, Ending::Good);
    assert!(text.contains("rekeyed") && text.contains("kek.old-1"), "{text}");
    assert_eq!(fs::read(town.path("guangdong/kek.old-1")).unwrap(), old);
    assert_ne!(fs::read(town.path("guangdong/kek")).unwrap(), old);
    town.process("guangdong", &["gateway", "run", "guangdong"]);
    ends(town.wallet("ok.json", &["claim", &town.guangdong.url, &codes[0]]).await, Ending::Good);
    let refused = town.run(&["gateway", "rekey", "elsewhere"]).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("gateway.toml"), "{refused:#}");
}
