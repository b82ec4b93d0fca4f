//! A gateway that stops and starts, and one that must not start.

use did_registry::{SigningKey, Suite};
use gateway::Gateway;
use gateway::key_file;
use gateway::operator::Role;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything() {
    let (mut town, _place) = town().await;
    town.enrol(&["P1", "P2", "P3"]).await.unwrap();
    let (good, revoked) = (town.credential("P1").await.unwrap(), town.credential("P2").await.unwrap());
    let pass = town.pass(&good).await.unwrap();
    assert_eq!(town.set_status(&town.guangdong, revoked.id(), "revoked").await.unwrap().status, 200);
    let (code, used) = (town.offer("P3").await.unwrap(), town.offer("P3").await.unwrap());
    let third = town.claim(&used).await.unwrap();
    let open = town.challenge(&town.rules.gate.id()).await.unwrap();
    let log = "/v1/audit/log?limit=1000";
    let token = town.guangdong.get(None, "/status/1").await.unwrap().bytes;
    let before = town.guangdong.get(Some(Role::Audit), log).await.unwrap().json();
    let evidence = format!("/v1/audit/transcodings/{}", pass.digest());
    let mut decided = town.macau.get(Some(Role::Audit), &evidence).await.unwrap().json();
    let receipt = town.receipt(&town.guangdong, good.id()).await.unwrap();

    for _ in 0..2 {
        town.guangdong.stop().await.unwrap();
        town.macau.stop().await.unwrap();
        town.stop_ledger().await;
        town.start_ledger().await.unwrap();
        town.guangdong.start().await.unwrap();
        town.macau.start().await.unwrap();
    }
    assert_eq!(town.guangdong.get(None, "/status/1").await.unwrap().bytes, token);
    assert_eq!(town.guangdong.get(Some(Role::Audit), log).await.unwrap().json(), before);
    let mut kept = town.macau.get(Some(Role::Audit), &evidence).await.unwrap().json();
    // The receipt is the same opening, under whatever head the ledger has by then.
    for receipt in ["receipt", "consent_receipt"] {
        assert!(kept[receipt].take().is_string() && decided[receipt].take().is_string(), "{receipt}");
    }
    assert!(kept["consent"].is_object());
    assert_eq!(kept, decided);
    assert_eq!(town.receipt(&town.guangdong, good.id()).await.unwrap().opening, receipt.opening);
    town.receipt(&town.guangdong, third.id()).await.unwrap();
    let facts = town.facts(&town.macau).await.unwrap();
    assert_eq!(facts.statuses.len(), 2, "the lists are known from the first look on");
    accepted(&town.show(&pass).await.unwrap());
    accepted(&town.apply_with(&good).await.unwrap());
    refused(&town.apply_with(&revoked).await.unwrap(), &["status REVOKED"]);
    assert!(town.claim(&used).await.unwrap_err().to_string().contains("CODE_USED"));
    town.claim(&code).await.unwrap();
    // Challenges under way are forgotten, and so refused.
    let text = pass.show(&open.audience.to_string(), &open.nonce, town.clock.now()).unwrap();
    refused(&town.verify(&text, &open.nonce).await.unwrap(), &["freshness REPLAYED"]);
}

/// An agency does not sign with keys that its identifier does not name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_document_has_other_keys_does_not_start() {
    let (mut town, _place) = town().await;
    town.guangdong.stop().await.unwrap();
    let start = |town: &Town| {
        let (config, clock) = (town.guangdong.config().unwrap(), town.clock.gateway());
        async move { Gateway::start(&config, clock).await.err().map(|error| error.to_string()) }
    };
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    for (file, suite) in [("es256.key", Suite::P256), ("ed25519.key", Suite::Ed25519)] {
        let (path, aside) = (town.guangdong.directory.join(file), town.guangdong.directory.join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        let other = SigningKey::generate(suite, &mut rng);
        key_file::create(&path, &other.to_secret()).unwrap();
        let refusal = start(&town).await.unwrap();
        assert_eq!(refusal, "there is no such key of this agency in its document", "{file}");
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&aside, &path).unwrap();
    }
    // Nor for an identifier that the ledger does not have, on another ledger, or with another vault key.
    let file = town.guangdong.directory.join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (own, nobody) = (town.guangdong.did.to_string(), did_of_nobody(&town));
    std::fs::write(&file, text.replace(&own, &nobody)).unwrap();
    assert!(start(&town).await.unwrap().contains("registered identifier"));
    std::fs::write(&file, &text).unwrap();
    let genesis = town.guangdong.directory.join("genesis.bin");
    let mut changed = town.network.genesis.clone();
    changed.group.0 += 1;
    let right = std::fs::read(&genesis).unwrap();
    std::fs::write(&genesis, did_registry::canonical::encode(&changed)).unwrap();
    assert!(start(&town).await.is_some());
    std::fs::write(&genesis, right).unwrap();
    let (kek, aside) = (town.guangdong.directory.join("kek"), town.guangdong.directory.join("aside"));
    std::fs::rename(&kek, &aside).unwrap();
    key_file::create(&kek, &did_registry::Secret::new([9; 32])).unwrap();
    assert!(start(&town).await.is_some());
    std::fs::remove_file(&kek).unwrap();
    std::fs::rename(&aside, &kek).unwrap();
    town.guangdong.start().await.unwrap();
    town.follow().await.unwrap();
}

fn did_of_nobody(town: &Town) -> String {
    let key = SigningKey::generate(Suite::Ed25519, &mut ChaCha20Rng::seed_from_u64(7));
    let network = town.network.genesis.network.clone();
    did_registry::Genesis::new(network, key.public_key(), key.public_key().commitment()).did().to_string()
}
