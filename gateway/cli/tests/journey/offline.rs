//! A checkpoint that has no network and never will: a courier brings bundles.

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
