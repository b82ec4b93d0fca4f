//! A checkpoint that has no network and never will: a courier brings bundles, people bring paper.

use std::process::Command;

use causeway::command::Ending;

use crate::ends;
use crate::town::Town;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_without_a_network_lives_of_a_courier() {
    let town = Town::start().await;
    let init = ["checkpoint", "init", "gate", "--genesis", "network/genesis.bin", "--audience", "Lane 3"];
    ends(town.run(&[init.as_slice(), &["--policy", &town.gate]].concat()).await, Ending::Good);
    // Each time the checkpoint says what to bring, and the courier asks an agency for exactly that.
    for (delivery, kind) in ["Licence", "Diploma", "Permit"].into_iter().enumerate() {
        town.refresh().await;
        let status = town.run(&["checkpoint", "status", "gate"]).await.1;
        let asked = status.lines().find_map(|line| line.split_once("causeway bundle export URL FILE"));
        let from: Vec<&str> = asked.unwrap_or_else(|| panic!("{status}")).1.split_whitespace().collect();
        assert_eq!(from.is_empty(), delivery == 0, "{status}");
        let export = ["bundle", "export", &town.macau.url, "next.bundle"];
        ends(town.run(&[export.as_slice(), &from].concat()).await, Ending::Good);
        ends(town.run(&["checkpoint", "import", "gate", "next.bundle"]).await, Ending::Good);
        // Something happens on the ledger, so that the next bundle is another.
        ends(town.recognise(&town.guangdong.did, kind).await, Ending::Good);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_wallet_or_an_agency_prints_is_verified_from_the_picture_of_its_page() {
    let town = Town::start().await;
    let codes = town.import_and_offer("record_id,result,sampled", &[("r1", "negative")]).await;
    let (wallet, url) = ("citizen.json", town.guangdong.url.as_str());
    ends(town.wallet(wallet, &["claim", url, &codes[0]]).await, Ending::Good);
    let held = town.held(wallet, "holdings", 0);
    ends(town.wallet(wallet, &["print", &held, "held.pdf"]).await, Ending::Good);
    assert!(ends(town.wallet(wallet, &["log"]).await, Ending::Good).contains("printed"));
    std::fs::write(town.path("guangdong/admin.token"), &town.guangdong.token).unwrap();
    let record = ["--schema", &town.schema, "--record", "r1", "--token-file", "guangdong/admin.token"];
    let issue = ["certificate", "issue", "issued.json", "--gateway", url];
    ends(town.run(&[issue.as_slice(), &record].concat()).await, Ending::Good);
    ends(town.run(&["certificate", "print", "issued.json", "issued.pdf"]).await, Ending::Good);

    let init = ["checkpoint", "init", "gate", "--genesis", "network/genesis.bin", "--audience", "Desk 1"];
    let terms = ["--policy", &town.entry, "--paper"];
    ends(town.run(&[init.as_slice(), &terms].concat()).await, Ending::Good);
    town.refresh().await;
    ends(town.run(&["checkpoint", "import", "gate", &town.macau.url]).await, Ending::Good);
    for page in ["held", "issued"] {
        let target = town.path(page);
        let pdf = target.with_extension("pdf");
        let mut draw = Command::new("pdftoppm");
        draw.args(["-r", "150", "-png", "-singlefile"]).args([&pdf, &target]);
        assert!(draw.status().unwrap().success());
        let picture = format!("{page}.png");
        let text = ends(town.run(&["checkpoint", "verify", "gate", "--image", &picture]).await, Ending::Good);
        assert!(text.contains("ACCEPT") && text.contains("PAPER") && text.contains("negative"), "{text}");
    }
}
