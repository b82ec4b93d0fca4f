//! The committee decides about itself.

use causeway::command::Ending;

use crate::ends;
use crate::town::Town;

/// A vote of members, named by their numbers.
async fn motion(town: &Town, voters: &[&str], motion: &[&str]) -> (anyhow::Result<Ending>, String) {
    let voters: Vec<String> = voters.iter().map(|number| format!("network/members/{number}")).collect();
    let voters = voters.iter().flat_map(|path| ["--member", path.as_str()]);
    let (what, rest) = motion.split_first().unwrap();
    town.run(&["committee", what].into_iter().chain(voters).chain(rest.iter().copied()).collect::<Vec<_>>())
        .await
}

async fn members(town: &Town) -> String {
    ends(town.run(&["committee", "members", "network/members/1"]).await, Ending::Good)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_admitted_and_dismissed_and_the_threshold_is_set_by_vote() {
    let town = Town::found().await;
    let macau = town.idle("macau", &[]).await.did;
    let third = std::fs::read_to_string(town.path("network/members/3/did")).unwrap().trim().to_owned();

    // One vote leaves it open, the second decides; four members need three votes.
    let admit = ["admit", "--did", &macau];
    assert!(ends(motion(&town, &["1"], &admit).await, Ending::Open).contains("1 of 2 votes"));
    assert!(!members(&town).await.contains(&macau));
    let text = ends(motion(&town, &["1", "2"], &admit).await, Ending::Good);
    assert!(text.contains("had voted") && text.contains("voted now") && text.contains("decided"), "{text}");
    let text = members(&town).await;
    assert!(text.contains("3 of 4 decide") && text.contains(&macau), "{text}");
    assert!(ends(motion(&town, &["3"], &admit).await, Ending::Good).contains("nothing to decide"));

    // The new member votes like the others.
    let dismiss = ["dismiss", "--did", &third];
    ends(motion(&town, &["1", "2"], &dismiss).await, Ending::Open);
    let own = ["committee", "dismiss", "--member", "macau", "--did", &third];
    assert!(ends(town.run(&own).await, Ending::Good).contains("decided"));
    let text = members(&town).await;
    assert!(text.contains("3 of 3 decide") && !text.contains(&third), "{text}");

    let lower = ["threshold", "--votes", "2"];
    ends(motion(&town, &["1", "2"], &lower).await, Ending::Open);
    let own = ["committee", "threshold", "--member", "macau", "--votes", "2"];
    ends(town.run(&own).await, Ending::Good);
    assert!(members(&town).await.contains("2 of 3 decide"));
    assert!(ends(motion(&town, &["1"], &lower).await, Ending::Good).contains("nothing to decide"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_motion_that_breaks_a_rule_names_it_before_anybody_votes() {
    let town = Town::found().await;
    let stranger = "did:causeway:demo:11111111111111111111111111111111";
    let macau = town.idle("macau", &[]).await.did;
    let before = members(&town).await;
    for (what, rule) in [
        (["threshold", "--votes", "1"], "k of n"),
        (["threshold", "--votes", "4"], "k of n"),
        (["admit", "--did", stranger], "DID_UNKNOWN"),
        (["admit", "--did", "macau-sar"], "malformed"),
        (["dismiss", "--did", stranger], "nothing to decide"),
    ] {
        let (done, text) = motion(&town, &["1", "2"], &what).await;
        let said = done.map_or_else(|error| format!("{error:#}"), |_| text);
        assert!(said.contains(rule), "{what:?}: {said}");
    }
    let outsider = ["committee", "admit", "--member", "macau", "--did", &macau];
    let refused = town.run(&outsider).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("NOT_MEMBER"), "{refused:#}");
    // Dismissing members is bounded by the majority of those who stay.
    let second = std::fs::read_to_string(town.path("network/members/2/did")).unwrap().trim().to_owned();
    ends(motion(&town, &["1", "2"], &["dismiss", "--did", &second]).await, Ending::Good);
    let refused = motion(&town, &["2"], &["admit", "--did", &macau]).await.0.unwrap_err();
    assert!(format!("{refused:#}").contains("NOT_MEMBER"), "a dismissed member votes no longer: {refused:#}");
    assert_ne!(members(&town).await, before);
}
