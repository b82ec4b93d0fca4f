//! What is set up is what nodes and gateways take, and is private where it must be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use did_registry::Guardians;
use gateway::config::{Ages, Config};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

fn plan(committee: u16, threshold: u16) -> NetworkPlan {
    NetworkPlan {
        network: NetworkId::new("demo").unwrap(),
        group: GroupId(0),
        committee,
        threshold,
        listen: "127.0.0.1:0".parse().unwrap(),
        time: "2021-06-01T00:00:00Z".parse().unwrap(),
        safe: None,
    }
}

fn agency_plan(genesis: &Genesis) -> AgencyPlan {
    AgencyPlan {
        name: "Direcção dos Serviços de Saúde".into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: "http://127.0.0.1:8081".into(),
        ledger_url: "http://127.0.0.1:7700".into(),
        genesis: genesis.clone(),
        status_hosts: vec!["127.0.0.1:8082".into()],
        guardians: None,
        trust_list: None,
        trust_list_ages: None,
        value_sets: None,
        circuit_keys: None,
        insecure_development_keys: false,
        egress_log: Some("egress.log".into()),
        refresh_seconds: 2,
        safe: None,
    }
}

/// Modes of all files whose content is secret.
fn secrets_are_private(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            secrets_are_private(&path);
        } else if path.extension().is_some_and(|kind| kind == "key") || path.ends_with("kek") {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_network_has_its_committee_and_is_never_made_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let made = network(directory.path(), &plan(3, 2), &mut rng).unwrap();
    assert_eq!(made.members.len(), 3);
    assert_eq!(made.genesis.committee.threshold(), 2);
    assert_eq!(crate::trust::read_genesis(&made.genesis_file).unwrap().id(), made.ledger);
    for (path, did) in &made.members {
        let member = ActorDirectory::open(path).unwrap();
        assert_eq!(member.did(), did);
        assert_eq!(member.ledger().unwrap().id(), made.ledger);
        assert!(made.genesis.committee.members().contains(did));
    }
    let node = ledger_node::Config::read(&made.node.join("ledger.toml")).unwrap();
    assert_eq!(fs::read(&node.genesis).unwrap(), fs::read(&made.genesis_file).unwrap());
    secrets_are_private(directory.path());
    let again = network(directory.path(), &plan(3, 2), &mut rng);
    assert!(matches!(again, Err(SetupError::File(FileError::Exists { .. }))));
}

#[test]
fn a_committee_without_a_majority_leaves_no_file() {
    for (committee, threshold) in [(0, 0), (3, 1), (3, 4), (4, 2), (65, 40)] {
        let directory = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let refused = network(directory.path(), &plan(committee, threshold), &mut rng);
        assert!(
            matches!(refused, Err(SetupError::Registry(RegistryError::CommitteeRule(_)))),
            "{threshold} of {committee}"
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_agency_is_what_the_gateway_takes() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let made = network(&directory.path().join("network"), &plan(1, 1), &mut rng).unwrap();
    let home = directory.path().join("macau");
    let plan = agency_plan(&made.genesis);
    let new = agency(&home, &plan, &mut rng).unwrap();
    secrets_are_private(&home);
    let config = Config::load(&new.config).unwrap();
    assert_eq!((config.did.clone(), config.name.as_str()), (new.did.clone(), plan.name.as_str()));
    let (keys, actor) = (config.keys().unwrap(), ActorDirectory::open(&home).unwrap());
    let genesis = actor.genesis().unwrap();
    assert_eq!(genesis.control, keys.control.public_key());
    let safe = Safe::beside(&home);
    assert_eq!(new.safe.path(), safe.path());
    assert_eq!(genesis.next, safe.next().unwrap().public_key().commitment());
    secrets_are_private(safe.path());
    let next = fs::read(safe.path().join("next.key")).unwrap();
    let named =
        |fragment: &str| genesis.keys.iter().find(|key| key.fragment == fragment).unwrap().key.clone();
    assert_eq!(named("es256-1"), keys.assertion_p256.public_key());
    assert_eq!(named("ed25519-1"), keys.assertion_ed25519.public_key());
    config.kek().unwrap();
    config.operators().unwrap();
    let token = new.token.expose().as_bytes();
    for entry in fs::read_dir(&home).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert_ne!(bytes, next, "the server's directory does not have the next key");
        assert!(
            !bytes.windows(token.len()).any(|window| window == token),
            "the token is shown once and not kept"
        );
    }
}

#[test]
fn a_trust_lists_age_is_bounded_where_that_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let made = network(&directory.path().join("network"), &plan(1, 1), &mut rng).unwrap();
    let list = directory.path().join("list.json");
    fs::write(&list, "{}").unwrap();
    let (list, value_sets) = (Some(list), Some(directory.path().to_owned()));
    let listed = AgencyPlan { trust_list: list, value_sets, ..agency_plan(&made.genesis) };
    let bounded = Ages { amber_hours: 12, refuse_hours: 36 };
    for (name, ages) in [("told", None), ("bounded", Some(bounded))] {
        let plan = AgencyPlan { trust_list_ages: ages, ..listed.clone() };
        let new = agency(&directory.path().join(name), &plan, &mut rng).unwrap();
        assert_eq!(Config::load(&new.config).unwrap().trust_list_ages, ages);
    }
    let senseless = Some(Ages { amber_hours: 36, refuse_hours: 36 });
    let plan = AgencyPlan { trust_list_ages: senseless, ..listed };
    let refused = agency(&directory.path().join("senseless"), &plan, &mut rng).unwrap_err();
    assert!(refused.to_string().contains("trust_list_ages.refuse_hours"), "{refused}");
}

#[test]
fn next_keys_go_into_the_safe_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let drawer = directory.path().join("drawer");
    let plan = NetworkPlan { safe: Some(drawer.clone()), ..plan(2, 2) };
    let made = network(&directory.path().join("network"), &plan, &mut rng).unwrap();
    for (number, (member, _)) in (1..).zip(&made.members) {
        let next = Safe::at(&drawer.join(number.to_string())).next().unwrap();
        let genesis = ActorDirectory::open(member).unwrap().genesis().unwrap();
        assert_eq!(genesis.next, next.public_key().commitment());
        assert!(!Safe::beside(member).path().exists());
    }
    let home = directory.path().join("agency");
    let plan = AgencyPlan { safe: Some(home.join("safe")), ..agency_plan(&made.genesis) };
    let refused = agency(&home, &plan, &mut rng).unwrap_err();
    assert!(refused.to_string().contains("a safe lies outside"), "{refused}");
    assert!(!home.exists());
    let plan = AgencyPlan { safe: Some(drawer.join("1")), ..agency_plan(&made.genesis) };
    let refused = agency(&home, &plan, &mut rng).unwrap_err();
    assert!(refused.to_string().contains("never overwritten"), "somebody else's safe: {refused}");
    assert!(!home.exists());
}

#[test]
fn a_configuration_that_the_gateway_refuses_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let made = network(&directory.path().join("network"), &plan(1, 1), &mut rng).unwrap();
    let home = directory.path().join("agency");
    let plan = AgencyPlan { public_url: "http://agency.example/".into(), ..agency_plan(&made.genesis) };
    let refused = agency(&home, &plan, &mut rng).unwrap_err();
    assert!(refused.to_string().contains("public_url"), "{refused}");
    let alone = Guardians {
        threshold: 2,
        keys: BTreeSet::from([made.genesis.dids[0].control.clone()]),
        delay: 86_400,
    };
    let plan = AgencyPlan { guardians: Some(alone), ..agency_plan(&made.genesis) };
    let refused = agency(&home, &plan, &mut rng).unwrap_err();
    assert!(matches!(refused, SetupError::Registry(RegistryError::GuardianRule)), "{refused}");
    assert!(!home.exists());
}
