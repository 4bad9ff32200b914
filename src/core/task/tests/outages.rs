//! What fails blinds nothing: one operation fails, once and for ever, and the operator still sees what the task does.
//!
//! Faults that strike once find nothing of this: here each call of an operation fails for as long as it is not mended.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{settings, spec, time_of};
use super::happenings::{outages, reading};
use super::lives;
use super::service::{Fault, Outages, Reading};
use super::world::{Event, Happening, World};
use crate::api::Phase;
use crate::core::answer::ErrorClass;
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::is_finished;
use crate::core::task::step::Step;

/// The longest wait between two Describe calls, twice, and the longest that a stage waits for a first look.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_secs(2 * 60 + 5);
/// A mended Describe is tried again after at most the longest backoff.
const AFTER_MENDING: SignedDuration = SignedDuration::from_mins(5);
/// While Describe works an open attempt is settled within this, whatever Start says.
const SETTLED_WITHIN: SignedDuration = SignedDuration::from_mins(25);

/// A life under outages, with what is watched all the time.
struct Life {
    world: World,
    /// Since when the present operator is at work, and Describe works; `None` while either isn't so.
    sighted_since: Option<Timestamp>,
    /// Since when the status has shown an open attempt.
    open_since: Option<Timestamp>,
    own_uid: String,
}

impl Life {
    fn new(reading: Reading, manifest: &Value) -> Self {
        let world = World::new(reading, manifest);
        Self {
            sighted_since: Some(world.now),
            own_uid: super::bench::uid().to_owned(),
            open_since: None,
            world,
        }
    }

    fn set_outages(&mut self, outages: Outages) {
        let worked = self.world.service.outages.describe.is_none();
        self.world.happen(&Happening::Break(outages));
        match (worked, outages.describe) {
            (_, Some(_)) => self.sighted_since = None,
            (false, None) => self.sighted_since = Some(self.world.now + AFTER_MENDING),
            (true, None) => {}
        }
    }

    /// The operator works for this long, as soon as there is something to do.
    fn live(&mut self, seconds: i64) {
        let end = self.world.now + SignedDuration::from_secs(seconds);
        let mut steps = 0;
        while self.world.now < end {
            self.world.sites[0].see(0);
            let existed = self.world.sites[0].store.read();
            let next = match self.world.step(0, false) {
                None => end,
                Some(Step::Wait(until)) => until.map_or(end, time_of).min(end),
                Some(_) => self.world.now,
            };
            if let Some(object) = existed.filter(|_| self.world.sites[0].store.read().is_none()) {
                self.check_release(&ObservedTask::parse(&object));
            }
            if next > self.world.now {
                self.world.pass(next.duration_since(self.world.now));
                steps = 0;
            }
            steps += 1;
            assert!(steps < 60, "a hot loop: {:#?}", self.world.sites[0].store.read());
            self.check();
        }
    }

    /// The operator is away for this long.
    fn be_away(&mut self, seconds: i64) {
        self.world.pass(SignedDuration::from_secs(seconds));
        self.world.happen(&Happening::At(0, Event::Crash));
        self.sighted_since = self.sighted_since.map(|_| self.world.now);
        self.open_since = self.open_since.map(|_| self.world.now);
    }

    fn check(&mut self) {
        let now = self.world.now;
        let Some(object) = self.world.sites[0].store.read() else {
            return;
        };
        let observed = ObservedTask::parse(&object);
        let status = observed.status.clone().unwrap_or_default();
        let shown = || format!("{:#?}\n{:#?}", observed.status, self.world.service.tasks);
        if let Some(sighted) = self.sighted_since
            && let Some(task_id) = &status.task_id
            && let Some(task) = self.world.service.remembered(task_id, now)
            && let (state, Some(ended)) = task.state(now)
        {
            let seen_by = ended.max(sighted) + SEEN_WITHIN;
            let is_told = status.phase.is_some_and(is_finished) || observed.deleting_since.is_some();
            assert!(
                now < seen_by || is_told,
                "{state:?} since {ended}, and not told at {now}: {}",
                shown()
            );
        }
        self.open_since = status.attempt.as_ref().and(self.open_since.or(Some(now)));
        if let (Some(sighted), Some(open)) = (self.sighted_since, self.open_since) {
            let is_late = now.duration_since(open.max(sighted)) > SETTLED_WITHIN;
            assert!(!is_late, "open since {open}, and not settled at {now}: {}", shown());
        }
    }

    /// No own running task is let go unless a Cancel was sent.
    fn check_release(&self, observed: &ObservedTask) {
        let now = self.world.now;
        let runs = self.world.service.started().any(|(task, by)| {
            let is_named = observed
                .status
                .as_ref()
                .is_some_and(|status| status.task_id.as_ref() == Some(&task.id));
            by.uid == self.own_uid && is_named && !task.state(now).0.is_ended()
        });
        let is_tried = self.world.service.cancel_calls.contains(&self.own_uid);
        let is_orphan = observed.deletion_policy() == crate::api::DeletionPolicy::Orphan;
        assert!(
            !runs || is_tried || is_orphan,
            "let go without one Cancel: {observed:#?}"
        );
    }

    /// The slot of the resource is free: nothing of it can be running.
    fn assert_free(&self) {
        let Some(object) = self.world.sites[0].store.read() else {
            return;
        };
        let observed = ObservedTask::parse(&object);
        assert!(
            observed
                .phase()
                .is_some_and(|phase| is_finished(phase) || phase == Phase::Suspended),
            "{observed:#?}"
        );
    }
}

fn act() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Edit(json!({ "cancel": true }))),
        Just(Event::Edit(json!({ "activeDeadlineSeconds": 30 }))),
        Just(Event::Edit(json!({ "suspend": true }))),
        Just(Event::Edit(json!({ "taskId": "another" }))),
        Just(Event::Delete),
        Just(Event::Work(0)),
    ]
}

proptest! {
    #![proptest_config(lives(80))]

    /// P9: in each phase, whatever fails for good, whatever somebody does meanwhile, however long the operator is away.
    #[test]
    fn what_fails_blinds_nothing(
        reading in reading(),
        (first, second) in (outages(), outages()),
        (before, until_act, after) in (0_i64..40, 0_i64..200, 10_i64..300),
        act in act(),
        away in prop_oneof![2 => Just(0_i64), 1 => Just(700), 1 => Just(4_000)],
    ) {
        let mut life = Life::new(reading, &spec());
        life.live(before);
        life.set_outages(first);
        life.live(until_act);
        life.world.happen(&Happening::At(0, act));
        if away > 0 {
            life.be_away(away);
        }
        life.live(after);
        life.set_outages(second);
        life.live(7_200);
        life.set_outages(Outages::default());
        life.live(7_200);
        life.assert_free();
    }
}

const REFUSED: Fault = Fault::Refused(ErrorClass::AccessDenied);

/// Seen on a real cluster: ten of these blocked a region.
#[test]
fn a_cancel_that_is_refused_for_good_hides_no_end() {
    for patch in [json!({ "cancel": true }), json!({ "activeDeadlineSeconds": 30 })] {
        let mut life = Life::new(Reading::PLAIN, &spec());
        life.set_outages(Outages {
            cancel: Some(REFUSED),
            ..Outages::default()
        });
        life.live(40);
        life.world.happen(&Happening::At(0, Event::Edit(patch.clone())));
        life.live(200);
        assert_eq!(life.world.phase(0), Some(Phase::Completed), "{patch}");
        assert!(!life.world.service.cancel_calls.is_empty(), "{patch}");
    }
}

/// Seen on a real cluster: the operator came back after its time-out, and let the task run on at once.
#[test]
fn an_operator_that_was_away_cancels_before_it_lets_go() {
    let mut life = Life::new(Reading::PLAIN, &spec());
    life.live(5);
    life.world.happen(&Happening::At(0, Event::Delete));
    // The task runs for two minutes; here it is as if for hours.
    life.world.service.tasks[0].started += SignedDuration::from_hours(1);
    life.be_away(3_600);
    life.live(30);
    assert_eq!(life.world.service.canceled.len(), 1);
    assert!(life.world.sites[0].store.read().is_none());
}

/// Seen on a real cluster: a 4xx that AWS doesn't document froze the resource for 80 days.
#[test]
fn an_undocumented_refusal_freezes_nothing() {
    let undocumented = Fault::Refused(ErrorClass::UnexpectedAnswer);
    let mut life = Life::new(Reading::PLAIN, &spec());
    life.set_outages(Outages {
        start: Some(undocumented),
        ..Outages::default()
    });
    life.live(3_600);
    assert_eq!(life.world.phase(0), Some(Phase::Pending));
    let observed = life.world.sites[0].store.observed();
    assert_eq!(observed.status.unwrap().attempt, None);
    life.world
        .happen(&Happening::At(0, Event::Edit(json!({ "region": "us-east-1" }))));
    assert_eq!(life.world.sites[0].store.json()["spec"]["region"], "us-east-1");
    life.set_outages(Outages::default());
    life.live(600);
    assert_eq!(life.world.phase(0), Some(Phase::Completed));
}

/// An older CRD: once the field was missing, the status was written again and again, and nothing else was done.
#[test]
fn a_field_that_the_api_server_drops_holds_up_nothing() {
    let fields = [
        "progress",
        "startedBy",
        "observedGeneration",
        "startTime",
        "attempt",
        "nextAttemptTime",
        "region",
    ];
    for field in fields {
        let mut life = Life::new(Reading::PLAIN, &spec());
        life.world.sites[0].store.drop_field(field);
        life.live(400);
        assert_eq!(life.world.phase(0), Some(Phase::Completed), "{field}");
        assert!(life.world.writes < 12, "{field}: {} writes", life.world.writes);
    }
    assert!(
        settings().poll.max <= std::time::Duration::from_mins(1),
        "what SEEN_WITHIN counts on"
    );
}
