//! What holds for any resource, memory and time.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::arbitrary::{Case, case};
use super::bench::{at, failure, moment};
use super::lives;
use crate::api::Phase;
use crate::core::answer::{CancelAnswer, DescribeAnswer, Effect, ErrorClass, StartAnswer};
use crate::core::task::attempt::AttemptAnswer;
use crate::core::task::decide::{decide, is_done};
use crate::core::task::observation::Observation;
use crate::core::task::plan::Decision;
use crate::core::task::stage::Stage;
use crate::core::task::status::phase::is_finished;
use crate::core::task::step::Step;

impl Case {
    fn decide(&self) -> Step {
        self.decision().next_step()
    }

    fn decision(&self) -> Decision {
        let o = Observation {
            now: self.now,
            known_since: at(self.known_since).monotonic,
            observed: &self.store.observed(),
            size: 0,
            is_fresh: self.is_fresh,
            memory: &self.memory,
            is_claimed_by_older: self.is_claimed_by_older,
            altered_status: None,
            plan_of_policy: None,
            settings: &self.settings,
        };
        decide(&o, &Stage::of(&o), self.admission)
    }

    /// Writes what is to be written, for as long as that is all there is to do; the number of writes and the step after.
    fn settle(&mut self, pause: SignedDuration) -> (usize, Step) {
        let mut said = Vec::new();
        for writes in 0..8 {
            let step = self.decide();
            let Step::WriteStatus(status) = &step else {
                return (writes, step);
            };
            said.push((
                status.phase,
                status.conditions.iter().find(|ready| ready.type_ == "Ready").cloned(),
            ));
            let seen = self.store.read().unwrap();
            let observed = self.store.observed();
            self.store.write_status(&seen, status).unwrap();
            self.memory.status_written(&observed, self.now);
            self.now += pause;
        }
        panic!("it writes its status again and again: {said:#?}")
    }
}

proptest! {
    #![proptest_config(lives(1_000))]

    /// Of a resource that is done nothing needs to be kept but that it is there: whatever the service has said, and
    /// however long it lasts.
    #[test]
    fn what_is_done_stays_done(case in case(), later in 0_i64..100_000_000) {
        let observed = case.store.observed();
        if is_done(&observed, &case.settings, case.now) {
            let mut case = case;
            case.now += SignedDuration::from_secs(later);
            prop_assert_eq!(case.decide(), Step::Wait(None));
        }
    }

    /// A status that was written is not written again, however long the write took.
    #[test]
    fn no_status_is_written_twice(case in case()) {
        for pause in [SignedDuration::ZERO, SignedDuration::from_millis(7)] {
            let mut case = case.clone();
            let (writes, _) = case.settle(pause);
            // More than one only where the status and the memory contradict each other.
            prop_assert!(writes <= 3, "{writes} writes");
        }
    }

    #[test]
    fn a_start_is_only_ever_sent_where_it_can_start_nothing_twice(case in case()) {
        let mut case = case;
        let (_, step) = case.settle(SignedDuration::ZERO);
        let Step::Start(record) = step else { return Ok(()) };
        let observed = case.store.observed();
        let desired = observed.desired.as_ref().unwrap();
        let is_shown = case.memory.described(&record.task_id).is_some();
        prop_assert!(case.is_fresh, "on a resource that was just read");
        prop_assert_eq!(observed.record.as_ref(), Some(&record), "as the record says");
        prop_assert_eq!(&record.uid, &observed.uid, "the record is this resource's");
        prop_assert_eq!(&record.request_hash, &desired.request_hash);
        prop_assert!(observed.status.as_ref().is_none_or(|status| status.task_id.is_none()), "nothing was started");
        prop_assert!(is_shown || !desired.suspend && !desired.cancel, "suspend and cancel");
        prop_assert!(is_shown || observed.deleting_since.is_none(), "a deletion");
        prop_assert!(is_shown || case.now.duration_since(record.time) < SignedDuration::from_hours(80 * 24), "an expired record");
        let phase = observed.phase();
        prop_assert!(
            !matches!(phase, Some(Phase::Suspended | Phase::Rejected | Phase::Conflict | Phase::Unknown)),
            "the status must not say that nothing is in the air: {phase:?}"
        );
        prop_assert!(!phase.is_some_and(is_finished));
    }

    /// A record that may have started something is replaced only after Describe has shown that it did not.
    #[test]
    fn a_record_is_replaced_only_when_it_is_settled(case in case()) {
        let mut case = case;
        let was = case.store.observed();
        let at_rest = was.no_request_in_flight();
        let (_, step) = case.settle(SignedDuration::ZERO);
        let Step::WriteRecord { record: new, .. } = step else { return Ok(()) };
        let observed = case.store.observed();
        prop_assert!(observed.status.as_ref().is_none_or(|status| status.task_id.is_none() || status.phase == Some(Phase::Conflict)));
        let Some(old) = was.record.as_ref().filter(|old| old.uid == was.uid) else { return Ok(()) };
        let known = case.memory.attempt_under(old, at(case.known_since).monotonic);
        let expired = case.now.duration_since(old.time) >= SignedDuration::from_hours(80 * 24);
        let same = old.request_hash == new.request_hash && old.task_id == new.task_id;
        prop_assert!(at_rest || !case.memory.is_open(&known), "open");
        prop_assert!(at_rest || known.opened_at.is_none() || known.answer.is_some() || !(expired && same), "expired");
    }

    #[test]
    fn a_cancel_is_only_ever_for_an_own_task(case in case()) {
        let mut case = case;
        let (_, step) = case.settle(SignedDuration::ZERO);
        let Step::Cancel(task) = step else { return Ok(()) };
        let observed = case.store.observed();
        let status = observed.status.as_ref().unwrap();
        prop_assert!(observed.says_own_task());
        prop_assert_eq!(status.task_id.as_deref(), Some(task.task_id.as_str()));
        prop_assert_eq!(status.phase, Some(Phase::Canceling), "written before it is called");
    }

    /// A finished resource is free: of calls, of the finalizer, of timers but its TTL's, of writes but one.
    #[test]
    fn a_finished_resource_is_free(case in case()) {
        let mut case = case;
        let observed = case.store.observed();
        let Some(phase) = observed.phase().filter(|phase| is_finished(*phase)) else { return Ok(()) };
        let is_final = matches!(phase, Phase::Completed | Phase::Failed | Phase::Canceled);
        if !is_final && !observed.is_observed() {
            return Ok(());
        }
        let known = case.memory.attempt.as_ref().filter(|known| observed.record.as_ref() == Some(&known.record));
        let knows_better = known.is_some_and(|known| matches!(known.answer, Some(AttemptAnswer::Success { .. })))
            && observed.status.as_ref().is_some_and(|status| status.task_id.is_none());
        if knows_better {
            // That status was written by somebody who did not know of the start: it is put right.
            return Ok(());
        }
        let (writes, step) = case.settle(SignedDuration::ZERO);
        let is_allowed = matches!(step, Step::RemoveFinalizer { abandons_task: false } | Step::Delete | Step::Wait(_));
        prop_assert!(is_allowed, "{step:?}");
        prop_assert!(writes <= usize::from(!observed.is_observed()));
        prop_assert_eq!(case.store.observed().phase(), Some(phase));
        let has_ttl = observed.desired.as_ref().is_ok_and(|desired| desired.ttl_seconds.is_some());
        prop_assert!(is_final && has_ttl || !matches!(step, Step::Delete | Step::Wait(Some(_))), "{step:?}");
    }

    /// No hot loop: a wait lies ahead, and leads to something or to a longer wait.
    #[test]
    fn a_wait_lies_ahead_and_leads_on(case in case()) {
        let mut case = case;
        let (_, mut step) = case.settle(SignedDuration::ZERO);
        for _ in 0..4 {
            let Step::Wait(Some(until)) = step else { return Ok(()) };
            prop_assert!(until > case.now.monotonic, "a wait that lies behind");
            case.now += SignedDuration::try_from(case.now.until(until)).unwrap();
            case.admission = crate::core::queue::Admission::Free;
            let (_, next) = case.settle(SignedDuration::ZERO);
            step = next;
        }
        prop_assert!(!matches!(step, Step::Wait(Some(_))), "only waits, up to {:?}", case.now);
    }

    /// No hot loop either while the service answers with errors: what failed is not called again at once.
    #[test]
    fn what_fails_is_not_called_again_at_once(case in case(), effect in prop_oneof![Just(Effect::None), Just(Effect::Unknown)]) {
        let mut case = case;
        let (_, step) = case.settle(SignedDuration::ZERO);
        let failure = failure(ErrorClass::ServiceUnavailable, effect);
        let observed = case.store.observed();
        let moment = moment(&observed, case.now);
        match &step {
            Step::Start(record) => case.memory.start_answered(record, at(case.known_since).monotonic, StartAnswer::Failed(failure), moment),
            Step::Describe(task) => case.memory.describe_answered(&task.task_id, DescribeAnswer::Failed(failure), moment),
            Step::Cancel(_) => case.memory.cancel_answered(CancelAnswer::Failed(failure), moment),
            _ => return Ok(()),
        }
        let (_, next) = case.settle(SignedDuration::from_millis(7));
        prop_assert_ne!(next.name(), step.name());
    }

    /// What was read from the API server again changes nothing: reading is not an end in itself.
    #[test]
    fn a_read_is_followed_by_something_else(case in case()) {
        let mut case = case;
        case.is_fresh = true;
        let (_, step) = case.settle(SignedDuration::ZERO);
        prop_assert_ne!(step, Step::Read);
    }

    /// A deletion never waits for ever.
    #[test]
    fn a_deletion_lets_go_in_the_end(case in case()) {
        let mut case = case;
        if !case.store.observed().has_finalizer() {
            return Ok(());
        }
        case.store.delete(case.now.wall);
        let Some(since) = case.store.read().and_then(|_| case.store.observed().deleting_since) else { return Ok(()) };
        case.now = at(since.max(case.known_since) + SignedDuration::from_secs(601));
        let (_, mut step) = case.settle(SignedDuration::ZERO);
        // Never before a Cancel was tried, whatever comes of it and of a Describe.
        for _ in 0..2 {
            let observed = case.store.observed();
            let failure = failure(ErrorClass::AccessDenied, Effect::None);
            let moment = moment(&observed, case.now);
            match &step {
                Step::Cancel(_) => case.memory.cancel_answered(CancelAnswer::Failed(failure), moment),
                Step::Describe(task) => {
                    case.memory.describe_answered(&task.task_id, DescribeAnswer::Failed(failure), moment);
                }
                _ => break,
            }
            step = case.settle(SignedDuration::ZERO).1;
        }
        let lets_go = matches!(step, Step::RemoveFinalizer { .. });
        prop_assert!(lets_go, "{step:?}");
    }

    #[test]
    fn the_ends_of_time_are_no_problem(case in case()) {
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let mut case = case.clone();
            case.now.wall = now;
            let _ = case.decide();
        }
    }
}
