//! The committee at work.

use did_registry::CredentialType;

use super::*;

fn kind() -> CredentialType {
    CredentialType::new("HealthCertificate").unwrap()
}

fn vote(motion: Motion, round: u32) -> Operation {
    Operation::Role(Vote { motion, round, expires: time(1_100_000) })
}

fn recognise(issuer: Did) -> Motion {
    Motion::RecogniseIssuer { issuer, credential_type: kind(), from: time(1_000_000), until: time(2_000_000) }
}

fn withdraw(issuer: Did) -> Motion {
    Motion::WithdrawIssuer { issuer, credential_type: kind() }
}

impl World {
    fn recognition(&self, issuer: usize) -> Option<Recognition> {
        self.get(&StateKey::Issuer(kind(), self.did(issuer)))
    }

    fn committee(&self) -> Committee {
        self.get(&StateKey::Committee).unwrap()
    }

    fn decide(&mut self, motion: &Motion, round: u32) {
        self.send(0, vote(motion.clone(), round)).unwrap();
        self.send(1, vote(motion.clone(), round)).unwrap();
    }
}

#[test]
fn two_of_three_recognise_an_issuer_and_withdraw_it() {
    let mut world = World::new();
    let motion = recognise(world.did(ISSUER));
    world.send(0, vote(motion.clone(), 1)).unwrap();
    assert_eq!(world.recognition(ISSUER), None, "one vote decides nothing");
    world.commit(10);
    world.send(2, vote(motion, 1)).unwrap();
    let recognition = world.recognition(ISSUER).unwrap();
    assert_eq!(recognition.decided, world.at);
    assert!(recognition.holds_at(time(1_500_000)) && !recognition.holds_at(time(2_000_000)));
    world.commit(10);
    let motion = withdraw(world.did(ISSUER));
    world.decide(&motion, 1);
    let recognition = world.recognition(ISSUER).unwrap();
    assert!(!recognition.holds_at(world.at.time) && recognition.holds_at(world.at.time.minus(1)));
}

#[test]
fn two_of_three_adopt_keys_of_the_circuits_and_later_others() {
    let mut world = World::new();
    let adopted = |world: &World| world.get::<CircuitKeysRecord>(&StateKey::CircuitKeys);
    let (first, second) = (Digest::sha256(b"first"), Digest::sha256(b"second"));
    world.send(0, vote(Motion::AdoptCircuitKeys(first), 1)).unwrap();
    refused(world.send(ISSUER, vote(Motion::AdoptCircuitKeys(first), 1)), "NOT_MEMBER");
    assert_eq!(adopted(&world), None, "one vote decides nothing");
    world.send(1, vote(Motion::AdoptCircuitKeys(first), 1)).unwrap();
    assert_eq!(adopted(&world), Some(CircuitKeysRecord { digest: first, decided: world.at }));
    world.commit(10);
    world.decide(&Motion::AdoptCircuitKeys(second), 1);
    assert_eq!(adopted(&world), Some(CircuitKeysRecord { digest: second, decided: world.at }));
}

#[test]
fn only_members_vote() {
    let mut world = World::new();
    for stranger in [ISSUER, ANYBODY] {
        let motion = recognise(world.did(stranger));
        refused(world.send(stranger, vote(motion, 1)), "NOT_MEMBER");
    }
}

#[test]
fn a_member_votes_once() {
    let mut world = World::new();
    let motion = recognise(world.did(ISSUER));
    world.send(0, vote(motion.clone(), 1)).unwrap();
    refused(world.send(0, vote(motion.clone(), 1)), "VOTED_ALREADY");
    world.send(0, vote(motion, 2)).unwrap(); // another round is another motion
    assert_eq!(world.recognition(ISSUER), None);
}

#[test]
fn a_decided_motion_is_closed() {
    let mut world = World::new();
    let motion = recognise(world.did(ISSUER));
    world.decide(&motion, 1);
    refused(world.send(2, vote(motion, 1)), "MOTION_CLOSED");
}

#[test]
fn an_expired_motion_is_closed() {
    let mut world = World::new();
    let motion = recognise(world.did(ISSUER));
    world.send(0, vote(motion.clone(), 1)).unwrap();
    world.commit(1_100_000 - world.at.time.seconds());
    refused(world.send(1, vote(motion, 1)), "MOTION_CLOSED");
    assert_eq!(world.recognition(ISSUER), None);
}

#[test]
fn a_window_is_not_empty() {
    let mut world = World::new();
    let motion = Motion::RecogniseIssuer {
        issuer: world.did(ISSUER),
        credential_type: kind(),
        from: time(5),
        until: time(5),
    };
    refused(world.send(0, vote(motion, 1)), "EMPTY_WINDOW");
}

#[test]
fn what_was_not_recognised_is_not_withdrawn() {
    let mut world = World::new();
    let motion = withdraw(world.did(ISSUER));
    world.send(0, vote(motion.clone(), 1)).unwrap();
    refused(world.send(1, vote(motion, 1)), "NOT_RECOGNISED");
}

#[test]
fn motions_are_about_registered_identifiers() {
    let mut world = World::new();
    let stranger = birth(9).did();
    for motion in [
        recognise(stranger.clone()),
        withdraw(stranger.clone()),
        Motion::AddMember(stranger.clone()),
        Motion::RemoveMember(stranger),
    ] {
        refused(world.send(0, vote(motion, 1)), "DID_UNKNOWN");
    }
}

#[test]
fn members_join_and_leave_by_vote() {
    let mut world = World::new();
    let motion = Motion::AddMember(world.did(ANYBODY));
    world.decide(&motion, 1);
    assert_eq!((world.committee().members().len(), world.committee().threshold()), (4, 3));
    world.commit(5);
    // Three decide now, and the newcomer is one of them.
    let motion = Motion::RemoveMember(world.did(0));
    for member in [1, 2, ANYBODY] {
        assert!(world.committee().members().contains(&world.did(0)));
        world.send(member, vote(motion.clone(), 1)).unwrap();
    }
    assert!(!world.committee().members().contains(&world.did(0)));
    refused(world.send(0, vote(recognise(world.did(ISSUER)), 7)), "NOT_MEMBER");
}

#[test]
fn votes_of_dismissed_members_no_longer_count() {
    let mut world = World::new();
    let motion = recognise(world.did(ISSUER));
    world.send(0, vote(motion.clone(), 1)).unwrap();
    for member in [1, 2] {
        world.send(member, vote(Motion::RemoveMember(world.did(0)), 1)).unwrap();
    }
    world.send(1, vote(motion.clone(), 1)).unwrap();
    assert_eq!(world.recognition(ISSUER), None, "the vote of 0 is gone with its membership");
    world.send(2, vote(motion, 1)).unwrap();
    assert!(world.recognition(ISSUER).is_some());
}

/// Somebody whose stolen key voted is dismissed, comes back with another, and has voted for nothing yet.
#[test]
fn votes_of_a_dismissed_member_do_not_come_back_with_it() {
    let mut world = World::new();
    let motion = recognise(world.did(ISSUER));
    world.send(0, vote(motion.clone(), 1)).unwrap();
    world.commit(10);
    for (round, motion) in
        [Motion::RemoveMember(world.did(0)), Motion::AddMember(world.did(0))].into_iter().enumerate()
    {
        for member in [1, 2] {
            world.send(member, vote(motion.clone(), round as u32)).unwrap();
        }
        world.commit(10);
    }
    assert_eq!((world.committee().members().len(), world.committee().threshold()), (3, 2));
    world.send(1, vote(motion.clone(), 1)).unwrap();
    assert_eq!(world.recognition(ISSUER), None, "the vote of 0 fell when it was dismissed");
    world.send(0, vote(motion, 1)).unwrap();
    assert!(world.recognition(ISSUER).is_some());
}

#[test]
fn a_committee_keeps_its_majority_rule() {
    let mut world = World::new();
    for votes in [0, 1, 4] {
        world.send(0, vote(Motion::SetThreshold(votes), 1)).unwrap();
        refused(world.send(1, vote(Motion::SetThreshold(votes), 1)), "COMMITTEE_RULE");
    }
    world.decide(&Motion::SetThreshold(3), 1);
    assert_eq!(world.committee().threshold(), 3);
}

#[test]
fn w9_no_vote_rewrites_an_identifier() {
    let mut world = World::new();
    let before = world.record(ISSUER);
    for (round, motion) in
        [recognise(world.did(ISSUER)), Motion::AddMember(world.did(ISSUER)), withdraw(world.did(ISSUER))]
            .into_iter()
            .enumerate()
    {
        for member in 0..3 {
            let outcome = world.send(member, vote(motion.clone(), round as u32));
            assert!(outcome.is_ok() || outcome.unwrap_err().code() == "MOTION_CLOSED");
        }
    }
    assert_eq!(world.record(ISSUER), before);
}

#[test]
fn without_a_committee_nobody_decides() {
    let mut world = World::new();
    world.committed.0.remove(&StateKey::Committee);
    refused(world.send(0, vote(recognise(world.did(ISSUER)), 1)), "MISSING");
}
