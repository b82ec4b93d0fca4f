//! Proving a rule, typed as people type it: keys adopted, a credential to prove from, a stock, a gate, a page.

use std::process::Command;

use causeway::command::Ending;

use crate::ends;
use crate::town::Town;

/// Where keys made for development lie.
const KEYS: [&str; 3] = ["--circuit-keys", "other", "--insecure-development-keys"];

fn with<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [words, more].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_proved_ahead_of_time_at_the_gate_and_on_paper() {
    let mut town = Town::start().await;
    town.good(&["ceremony", "insecure-dev", "other"]).await;
    let line = format!(
        "circuit_keys_directory = {:?}\ninsecure_development_keys = true\n",
        town.path("other").display().to_string()
    );
    town.configure("guangdong", |text| line + &text);
    let rows = [("r1", "negative"), ("r2", "negative"), ("r3", "positive")];
    let codes = town.import_and_offer("record_id,result,sampled", &rows).await;
    let (ok, late, ill) = ("ok.json", "late.json", "ill.json");
    let url = town.guangdong.url.clone();
    let claim = |code: usize| with(&["claim", &url, &codes[code]], &KEYS);

    // Nobody proves with keys that the committee did not adopt, and the code is not spent.
    let refused = town.wallet(ok, &claim(0)).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("adopted"), "{refused:#}");
    let members = ["--member", "network/members/1", "--member", "network/members/2"];
    let adopt = [["committee", "adopt-keys"].as_slice(), &members, &KEYS].concat();
    assert!(ends(town.run(&adopt).await, Ending::Good).contains("decided"));
    assert!(ends(town.run(&adopt).await, Ending::Good).contains("nothing to decide"));
    let text = town.good(&["committee", "members", "network/members/1"]).await;
    assert!(text.contains("circuits' keys"), "{text}");
    town.refresh().await;
    for (wallet, code) in [(ok, 0), (late, 1), (ill, 2)] {
        ends(town.wallet(wallet, &claim(code)).await, Ending::Good);
    }

    // A stock for a gate; who does not fulfil the rule proves nothing.
    town.refresh().await;
    let prepare = |gate| with(&["prepare", &town.proved, "--gate", gate, "--keep", "1"], &KEYS);
    let text = ends(town.wallet(ok, &prepare("Lane 3")).await, Ending::Good);
    assert!(text.contains("1 proofs are ready, 1 are new"), "{text}");
    let text = ends(town.wallet(ok, &with(&["prepare"], &KEYS)).await, Ending::Good);
    assert!(text.contains("1 proofs are ready, 0 are new") || text.is_empty(), "{text}");
    let refused = town.wallet(ill, &prepare("Lane 3")).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("result"), "{refused:#}");
    let unknown = town.wallet(ok, &with(&["prepare", "nothing", "--gate", "Lane 3"], &KEYS)).await;
    assert!(unknown.0.is_err(), "{}", unknown.1);

    // The gate takes what is made ahead and what is made there, each holder once.
    let init = ["checkpoint", "init", "gate", "--genesis", "network/genesis.bin", "--audience", "Lane 3"];
    let terms = ["--policy", &town.gate, "--prove", &town.proved, "--paper"];
    town.good(&[init.as_slice(), &terms, &KEYS].concat()).await;
    let text = town.good(&["checkpoint", "import", "gate", &town.macau.url]).await;
    assert!(!text.contains("not those"), "{text}");
    let challenge =
        async || town.good(&["checkpoint", "challenge", "gate", "--text"]).await.trim().to_owned();
    let prove = async |wallet: &str, challenge: &str| {
        let words = with(&["prove", challenge, "--text"], &KEYS);
        ends(town.wallet(wallet, &words).await, Ending::Good).trim().to_owned()
    };
    let verify = async |shown: &str, ending| {
        ends(town.run(&["checkpoint", "verify", "gate", "--qr", shown]).await, ending)
    };
    let shown = prove(ok, &challenge().await).await;
    assert!(shown.starts_with("CW1:") && shown.len() <= 600, "{shown}");
    assert!(verify(&shown, Ending::Good).await.contains("ACCEPT"));
    assert!(verify(&shown, Ending::Bad).await.contains("REPLAYED"));
    let again = prove(ok, &challenge().await).await;
    assert!(verify(&again, Ending::Bad).await.contains("REPLAYED"), "counted once a day");
    let shown = prove(late, &challenge().await).await;
    assert!(verify(&shown, Ending::Good).await.contains("ACCEPT"));
    let log = ends(town.wallet(ok, &["log"]).await, Ending::Good);
    assert!(log.contains("made ahead") && log.contains("made at the gate"), "{log}");

    // Several at a desk, from a file: the second of one holder is refused, what is no code too.
    let desk =
        ["checkpoint", "init", "guangdong/desk", "--genesis", "network/genesis.bin", "--audience", "Desk 2"];
    town.good(&[desk.as_slice(), &terms, &KEYS].concat()).await;
    town.good(&["checkpoint", "import", "guangdong/desk", &town.macau.url]).await;
    let mut lines = Vec::new();
    for wallet in [ok, late, ok] {
        let challenge = town.good(&["checkpoint", "challenge", "guangdong/desk", "--text"]).await;
        lines.push(prove(wallet, challenge.trim()).await);
    }
    lines.push("no code".into());
    std::fs::write(town.path("batch.json"), lines.join("\n")).unwrap();
    let batch = ["checkpoint", "verify", "guangdong/desk", "--batch", "batch.json"];
    let text = ends(town.run(&batch).await, Ending::Bad);
    assert!(text.contains("2 of 4") && text.contains("REPLAYED") && text.contains("2 refused"), "{text}");

    // Declining is declining, and a page is read from its picture.
    let words = town.wallet_words(ok, &with(&["prove", &challenge().await], &KEYS));
    assert!(ends(town.typing("n\n", &words).await, Ending::Open).contains("nothing was shown"));
    let page = ["prove", "--page", "page.pdf", "--policy", &town.proved, "--gate", "Desk 1", "--yes"];
    ends(town.wallet(ok, &with(&page, &KEYS)).await, Ending::Good);
    let desk =
        ["checkpoint", "init", "elsewhere", "--genesis", "network/genesis.bin", "--audience", "Desk 1"];
    town.good(&[desk.as_slice(), &terms, &KEYS].concat()).await;
    town.good(&["checkpoint", "import", "elsewhere", &town.macau.url]).await;
    let mut draw = Command::new("pdftoppm");
    draw.args(["-r", "150", "-png", "-singlefile"]).args([town.path("page.pdf"), town.path("page")]);
    assert!(draw.status().unwrap().success());
    let scan = ["checkpoint", "verify", "elsewhere", "--image", "page.png"];
    assert!(ends(town.run(&scan).await, Ending::Good).contains("ACCEPT"));
    assert!(ends(town.run(&scan).await, Ending::Bad).contains("REPLAYED"), "a page is shown once");

    // Once the committee adopts others, a gate with the old ones says so and decides nothing.
    town.adopt_others().await;
    town.refresh().await;
    let text = town.good(&["checkpoint", "import", "gate", &town.macau.url]).await;
    assert!(text.contains("not those that the committee adopted"), "{text}");
    let refused = town.wallet(late, &with(&["prove", &challenge().await, "--text"], &KEYS)).await.0;
    assert!(format!("{:#}", refused.unwrap_err()).contains("adopted"));
}
