use super::*;
use crate::{Genesis, NetworkId, SigningKey, Suite};

fn did(seed: u8) -> Did {
    let key = SigningKey::from_bytes(Suite::Ed25519, &[seed; 32]).unwrap().public_key();
    Genesis::new(NetworkId::new("test").unwrap(), key.clone(), key.commitment()).did()
}

fn dids(seeds: impl IntoIterator<Item = u8>) -> BTreeSet<Did> {
    seeds.into_iter().map(did).collect()
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn at(seconds: u64) -> Moment {
    Moment { height: seconds, time: time(seconds) }
}

fn committee(threshold: u16, members: u8) -> Committee {
    Committee::new(threshold, dids(1..=members)).unwrap()
}

fn test_result() -> CredentialType {
    CredentialType::new("TestResult").unwrap()
}

fn recognise(from: u64, until: u64) -> Motion {
    Motion::RecogniseIssuer {
        issuer: did(50),
        credential_type: test_result(),
        from: time(from),
        until: time(until),
    }
}

fn vote(motion: Motion) -> Vote {
    Vote { motion, round: 1, expires: time(1_000) }
}

/// Nobody was ever dismissed.
fn never(_: &Did) -> Option<Moment> {
    None
}

#[test]
fn k_of_n_votes_decide() {
    let committee = committee(3, 5);
    let vote = vote(recognise(0, 10));
    let mut ballot = None;
    for voter in 1..=3 {
        let after = committee.vote(ballot, &did(voter), &vote, at(u64::from(voter)), never).unwrap();
        assert_eq!(after.decided, (voter == 3).then(|| at(3)));
        assert_eq!(after.approvals.keys().cloned().collect::<BTreeSet<_>>(), dids(1..=voter));
        assert_eq!(after.approvals[&did(voter)], at(u64::from(voter)));
        ballot = Some(after);
    }
    let late = committee.vote(ballot, &did(4), &vote, at(4), never);
    assert_eq!(late, Err(RegistryError::MotionClosed), "a decided motion takes no more votes");
}

#[test]
fn one_vote_each() {
    let committee = committee(2, 3);
    let vote = vote(recognise(0, 10));
    let ballot = committee.vote(None, &did(1), &vote, at(1), never).unwrap();
    assert_eq!(
        committee.vote(Some(ballot), &did(1), &vote, at(2), never),
        Err(RegistryError::VotedAlready(did(1)))
    );
}

#[test]
fn only_members_vote() {
    let refused = committee(2, 3).vote(None, &did(9), &vote(recognise(0, 10)), at(1), never);
    assert_eq!(refused, Err(RegistryError::NotMember(did(9))));
}

#[test]
fn a_motion_expires() {
    let committee = committee(2, 3);
    let vote = vote(recognise(0, 10));
    let ballot = committee.vote(None, &did(1), &vote, at(999), never).unwrap();
    assert_eq!(
        committee.vote(Some(ballot), &did(2), &vote, at(1_000), never),
        Err(RegistryError::MotionClosed)
    );
}

#[test]
fn a_dismissed_members_vote_does_not_count() {
    let before = committee(3, 5);
    let vote = vote(recognise(0, 10));
    let ballot = before.vote(None, &did(1), &vote, at(1), never).unwrap();
    let ballot = before.vote(Some(ballot), &did(2), &vote, at(2), never).unwrap();
    let after = before.decide(&Motion::RemoveMember(did(1))).unwrap();
    assert_eq!(after.threshold(), 3);
    let ballot = after.vote(Some(ballot), &did(3), &vote, at(3), never).unwrap();
    assert_eq!(ballot.decided, None, "two of the three who voted are members");
    let ballot = after.vote(Some(ballot), &did(4), &vote, at(4), never).unwrap();
    assert_eq!(ballot.decided, Some(at(4)));
}

/// A vote falls with its voter's seat, and does not come back with it.
#[test]
fn a_vote_from_before_a_dismissal_does_not_count_again() {
    let committee = committee(2, 3); // 1 was dismissed at 5 and is back
    let vote = vote(recognise(0, 10));
    let dismissed = |one: &Did| (one == &did(1)).then(|| at(5));
    let cast = |ballot, voter, time| committee.vote(ballot, &did(voter), &vote, at(time), dismissed);
    let old = committee.vote(None, &did(1), &vote, at(5), never).unwrap();
    let ballot = cast(Some(old), 2, 6).unwrap();
    assert_eq!((ballot.approvals.len(), ballot.decided), (2, None), "one of the two fell");
    assert_eq!(cast(Some(ballot.clone()), 2, 7), Err(RegistryError::VotedAlready(did(2))));
    let again = cast(Some(ballot), 1, 7).unwrap();
    assert_eq!((again.approvals[&did(1)], again.decided), (at(7), Some(at(7))), "who is back votes anew");
    let fresh = cast(Some(cast(None, 1, 6).unwrap()), 1, 7);
    assert_eq!(fresh, Err(RegistryError::VotedAlready(did(1))), "and once");
}

#[test]
fn committees_decide_by_a_true_majority() {
    let new = |threshold, members: u8| Committee::new(threshold, dids(1..=members)).map(|_| ());
    for (k, n) in [(1, 1), (2, 2), (2, 3), (3, 3), (3, 4), (3, 5), (33, 64), (64, 64)] {
        assert_eq!(new(k, n), Ok(()), "{k} of {n}");
    }
    for (k, n) in [(0, 0), (1, 0), (0, 1), (2, 1), (1, 2), (1, 3), (2, 4), (4, 3), (32, 64), (33, 65)] {
        assert!(matches!(new(k, n), Err(RegistryError::CommitteeRule(_))), "{k} of {n}");
    }
}

#[test]
fn motions_about_the_committee_keep_its_rule() {
    let three = committee(2, 3);
    let four = three.decide(&Motion::AddMember(did(4))).unwrap();
    assert_eq!((four.threshold(), four.members().len()), (3, 4), "two of four would be no majority");
    assert_eq!(three.decide(&Motion::AddMember(did(3))).unwrap(), three, "a member joins once");

    let pair = committee(3, 3).decide(&Motion::RemoveMember(did(3))).unwrap();
    assert_eq!((pair.threshold(), pair.members()), (2, &dids([1, 2])));
    assert_eq!(three.decide(&Motion::RemoveMember(did(9))).unwrap(), three);
    let last = committee(1, 1).decide(&Motion::RemoveMember(did(1)));
    assert!(matches!(last, Err(RegistryError::CommitteeRule(_))), "somebody must remain");

    assert_eq!(three.decide(&Motion::SetThreshold(3)).unwrap().threshold(), 3);
    for votes in [0, 1, 4, u16::MAX] {
        assert!(matches!(three.decide(&Motion::SetThreshold(votes)), Err(RegistryError::CommitteeRule(_))));
    }
    let full = committee(64, 64).decide(&Motion::AddMember(did(65)));
    assert!(matches!(full, Err(RegistryError::CommitteeRule(_))));

    let withdraw = Motion::WithdrawIssuer { issuer: did(50), credential_type: test_result() };
    for motion in [recognise(0, 10), withdraw] {
        assert_eq!(three.decide(&motion).unwrap(), three);
    }
}

#[test]
fn every_field_of_a_vote_is_in_the_motion() {
    let base = vote(recognise(0, 10));
    let motions = [
        recognise(1, 10),
        recognise(0, 11),
        Motion::WithdrawIssuer { issuer: did(50), credential_type: test_result() },
        Motion::AddMember(did(1)),
        Motion::RemoveMember(did(1)),
        Motion::AddMember(did(2)),
        Motion::SetThreshold(1),
        Motion::SetThreshold(2),
    ];
    let mut votes: Vec<_> = motions.into_iter().map(vote).collect();
    votes.push(Vote { round: 2, ..base.clone() });
    votes.push(Vote { expires: time(1_001), ..base.clone() });
    votes.push(base);
    let ids: BTreeSet<_> = votes.iter().map(Vote::motion_id).collect();
    assert_eq!(ids.len(), votes.len());
}

#[test]
fn recognition_holds_within_its_window() {
    for (from, until) in [(10, 10), (11, 10)] {
        let refused = committee(2, 3).vote(None, &did(1), &vote(recognise(from, until)), at(1), never);
        assert_eq!(refused, Err(RegistryError::EmptyWindow), "{from}..{until}");
    }
    let held = Recognition {
        issuer: did(50),
        credential_type: test_result(),
        from: time(100),
        until: time(200),
        decided: at(50),
    };
    let holds = |recognition: &Recognition, seconds| recognition.holds_at(time(seconds));
    assert_eq!([99, 100, 199, 200].map(|s| holds(&held, s)), [false, true, true, false]);

    let withdrawn = held.clone().withdrawn(at(150));
    assert_eq!([100, 149, 150, 199].map(|s| holds(&withdrawn, s)), [true, true, false, false]);
    assert_eq!(withdrawn.decided, at(150));
    let never = held.clone().withdrawn(at(60));
    assert!((0..300).all(|s| !holds(&never, s)), "withdrawn before it began");
    let over = held.withdrawn(at(900));
    assert!(holds(&over, 199) && !holds(&over, 200), "a withdrawal never prolongs");
}

#[test]
fn credential_types_have_plain_names() {
    for good in ["TestResult", "a", "x_1-Y", &"t".repeat(64)] {
        assert_eq!(CredentialType::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "Test Result", "健康码", "a/b", "a.b", "a\0", &"t".repeat(65)] {
        assert!(CredentialType::new(bad).is_err(), "{bad:?}");
        let bytes = crate::canonical::encode(bad);
        assert!(crate::canonical::decode::<CredentialType>(&bytes, 256).is_err(), "{bad:?}");
        assert!(serde_json::from_value::<CredentialType>(bad.into()).is_err(), "{bad:?}");
    }
}
