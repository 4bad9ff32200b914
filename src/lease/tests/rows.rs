//! The election row by row.

use k8s_openapi::api::coordination::v1::Lease;

use super::super::call::{Answer, Call, Loss};
use super::{Candidate, held_by, holder_of};

fn replaces(call: &Call) -> &Lease {
    match call {
        Call::Replace(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_candidate_reads_first_and_creates_what_is_missing() {
    let mut candidate = Candidate::new("me");
    assert_eq!(candidate.next(), Call::Read);
    candidate.answer(Answer::Missing);
    let Call::Create(lease) = candidate.next() else {
        panic!("no create");
    };
    let spec = lease.spec.clone().unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("me"));
    assert_eq!(
        (spec.lease_duration_seconds, spec.lease_transitions),
        (Some(15), Some(0))
    );
    assert!(!candidate.surely_holds());
    candidate.answer(Answer::Written(lease));
    assert!(candidate.surely_holds());
}

#[test]
fn a_lease_without_a_holder_is_taken_at_once() {
    for holder in [None, Some(String::new())] {
        let mut candidate = Candidate::new("me");
        let mut lease = held_by("other", 0);
        lease.metadata.resource_version = Some("7".to_owned());
        lease.metadata.labels = Some([("team".to_owned(), "iot".to_owned())].into());
        lease.spec.as_mut().unwrap().holder_identity = holder;
        lease.spec.as_mut().unwrap().lease_transitions = Some(4);
        candidate.answer(Answer::Found(lease.clone()));
        let call = candidate.next();
        let written = replaces(&call);
        assert_eq!(holder_of(written), Some("me"));
        assert_eq!(
            written.metadata, lease.metadata,
            "guarded by the version, and with the labels of others"
        );
        assert_eq!(written.spec.as_ref().unwrap().lease_transitions, Some(5));
    }
}

/// By the candidate's own clock, from the moment it saw a change: the times in the lease are another machine's.
#[test]
fn a_held_lease_is_taken_when_it_was_seen_unchanged_for_its_duration() {
    let mut candidate = Candidate::new("me");
    candidate.at(100.0).answer(Answer::Found(held_by("other", 0)));
    assert_eq!(candidate.waits_until(), 101_000);
    candidate.at(114.5).answer(Answer::Found(held_by("other", 0)));
    assert_eq!(candidate.waits_until(), 115_000, "it looks when it may be over");
    candidate.at(115.0);
    assert_eq!(candidate.next(), Call::Read, "and takes nothing without looking");
    let mut touched = held_by("other", 0);
    touched.metadata.resource_version = Some("8".to_owned());
    candidate.answer(Answer::Found(touched));
    assert_eq!(
        holder_of(replaces(&candidate.next())),
        Some("me"),
        "a label is no renewal"
    );
}

#[test]
fn a_renewal_begins_the_wait_anew() {
    let mut candidate = Candidate::new("me");
    candidate.answer(Answer::Found(held_by("other", 0)));
    candidate.at(14.0).answer(Answer::Found(held_by("other", 1)));
    candidate.at(28.9).answer(Answer::Found(held_by("other", 1)));
    assert_eq!(candidate.waits_until(), 29_000);
    candidate.at(29.0).answer(Answer::Found(held_by("third", 29)));
    assert_eq!(candidate.waits_until(), 30_000);
}

/// An older or newer version of the operator may live by other times.
#[test]
fn the_holder_s_own_duration_counts() {
    let mut lease = held_by("other", 0);
    lease.spec.as_mut().unwrap().lease_duration_seconds = Some(40);
    let mut candidate = Candidate::new("me");
    candidate.answer(Answer::Found(lease.clone()));
    candidate.at(39.9).answer(Answer::Found(lease.clone()));
    assert_eq!(candidate.waits_until(), 40_000);
    for nonsense in [None, Some(0), Some(-1)] {
        lease.spec.as_mut().unwrap().lease_duration_seconds = nonsense;
        let mut candidate = Candidate::new("me");
        candidate.answer(Answer::Found(lease.clone()));
        candidate.at(14.9).answer(Answer::Found(lease.clone()));
        assert_eq!(candidate.waits_until(), 15_000);
    }
}

#[test]
fn a_deletion_is_no_release() {
    let mut candidate = Candidate::new("me");
    candidate.answer(Answer::Found(held_by("other", 0)));
    candidate.at(1.0).answer(Answer::Missing);
    assert_eq!(candidate.waits_until(), 2_000);
    candidate.at(15.0).answer(Answer::Missing);
    assert!(matches!(candidate.next(), Call::Create(_)));
}

#[test]
fn who_comes_second_looks_again_later() {
    let mut candidate = Candidate::new("me");
    candidate.answer(Answer::Missing);
    candidate.answer(Answer::Conflict);
    assert_eq!(candidate.waits_until(), 1_000);
    assert_eq!(candidate.at(1.0).next(), Call::Read);
}

/// The write may have arrived, but nothing counts before one that was answered.
#[test]
fn a_write_without_an_answer_is_made_again_after_a_look() {
    let mut candidate = Candidate::new("me");
    candidate.answer(Answer::Missing);
    candidate.at(3.0).answer(Answer::Failed("late".to_owned()));
    assert!(!candidate.surely_holds());
    assert_eq!(candidate.at(4.0).next(), Call::Read);
    candidate.answer(Answer::Found(held_by("me", 0)));
    assert!(!candidate.surely_holds());
    let call = candidate.next();
    candidate.answer(Answer::Written(replaces(&call).clone()));
    assert!(candidate.surely_holds());
}

#[test]
fn the_leader_renews_every_two_seconds_and_counts_from_the_sending() {
    let mut leader = Candidate::leader();
    assert_eq!(leader.waits_until(), 2_000);
    let call = leader.at(2.0).next();
    let sent = leader.now();
    leader.at(3.5);
    let now = leader.now();
    leader
        .election
        .answered(sent, now, Answer::Written(replaces(&call).clone()));
    assert_eq!(leader.waits_until(), 4_000);
    for (seconds, surely) in [(5.9, true), (6.0, false), (11.9, false)] {
        assert_eq!(leader.at(seconds).surely_holds(), surely, "at {seconds}");
        assert!(!matches!(leader.next(), Call::Stop(_)), "at {seconds}");
    }
    assert!(matches!(
        leader.at(12.0).next(),
        Call::Stop(Some(Loss::NotRenewed { .. }))
    ));
}

#[test]
fn a_leader_that_cannot_renew_tries_until_the_deadline_and_stays_ended() {
    let mut leader = Candidate::leader();
    for seconds in [2.0, 5.0, 9.0] {
        leader.at(seconds).answer(Answer::Failed("no route".to_owned()));
        assert!(matches!(leader.next(), Call::Wait(_)));
    }
    assert_eq!(leader.waits_until(), 10_000);
    let loss = Call::Stop(Some(Loss::NotRenewed {
        limit: std::time::Duration::from_secs(10),
        problem: "no route".to_owned(),
    }));
    // An answer that comes too late is none.
    leader.at(10.0).answer(Answer::Written(held_by("me", 9)));
    assert_eq!(leader.next(), loss);
    assert!(!leader.surely_holds());
    leader.at(11.0).answer(Answer::Found(held_by("me", 9)));
    assert_eq!(leader.next(), loss);
}

#[test]
fn after_a_conflict_the_leader_looks_whose_it_is() {
    for (answer, expected) in [
        (
            Answer::Found(held_by("other", 1)),
            Some(Loss::Taken("other".to_owned())),
        ),
        (Answer::Found(held_by("", 1)), Some(Loss::Cleared)),
        (Answer::Found(held_by("me", 1)), None),
        (Answer::Missing, None),
    ] {
        let mut leader = Candidate::leader();
        leader.at(2.0).answer(Answer::Conflict);
        assert_eq!(leader.next(), Call::Read);
        leader.answer(answer.clone());
        let call = leader.next();
        match expected {
            Some(loss) => assert_eq!(call, Call::Stop(Some(loss)), "{answer:?}"),
            None => assert!(
                matches!(call, Call::Replace(_) | Call::Create(_)),
                "{answer:?}: {call:?}"
            ),
        }
    }
}

#[test]
fn a_release_clears_the_holder_and_only_the_own_one() {
    let mut leader = Candidate::leader();
    leader.election.release(leader.now());
    assert!(!leader.surely_holds());
    let call = leader.next();
    assert_eq!(holder_of(replaces(&call)), None);
    leader.answer(Answer::Conflict);
    assert_eq!(leader.next(), Call::Read);
    leader.answer(Answer::Found(held_by("me", 1)));
    let call = leader.next();
    assert_eq!(holder_of(replaces(&call)), None);
    leader.answer(Answer::Written(replaces(&call).clone()));
    assert_eq!(leader.next(), Call::Stop(None));

    let mut late = Candidate::leader();
    late.election.release(late.now());
    late.answer(Answer::Failed("no answer".to_owned()));
    late.at(20.0).answer(Answer::Found(held_by("other", 1)));
    assert_eq!(late.next(), Call::Stop(None));
}
