//! Between audits a policy costs nothing: no write, and no call but the look at its schedule once a day.

use std::time::Duration;

use serde_json::json;

use super::bench::{Bench, task};
use crate::api::Phase;
use crate::core::answer::{Effect, ErrorClass, Failure, ReadAnswer};
use crate::core::policy::memory::PolicyMemory;
use crate::core::policy::period;
use crate::core::policy::step::Step;

const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_new_policy_reads_its_schedule_and_says_nothing_before_everything_is_read() {
    let mut bench = Bench::new();
    assert_eq!(bench.due(), ["DescribeSchedule"]);
    bench.describe_schedule();
    assert!(bench.due().is_empty(), "nobody has looked for audits");
    bench.snapshot = Bench::watching().snapshot;
    let status = bench.write_status();
    let ready = &status.conditions[0];
    assert_eq!((&*ready.status, &*ready.reason), ("True", "Watching"));
    assert_eq!(ready.message, "the audits of Daily in eu-central-1 are watched");
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(
        status.watching.as_ref().unwrap().since.0.to_string(),
        "2026-05-01T00:00:00Z"
    );
    assert!(bench.due().is_empty());
}

#[test]
fn between_audits_nothing_is_written_and_the_schedule_is_read_once_a_day() {
    let mut bench = Bench::watching();
    for _ in 0..3 {
        let wait = bench.decide().wake_up.unwrap() - bench.now.monotonic;
        assert_eq!(wait, DAY);
        bench.pass(wait.saturating_sub(Duration::from_millis(1)));
        assert!(bench.due().is_empty());
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.due(), ["DescribeSchedule"]);
        bench.describe_schedule();
        assert!(bench.due().is_empty());
    }
}

#[test]
fn another_process_reads_everything_again_and_writes_nothing() {
    let mut bench = Bench::watching();
    bench.spec["suspend"] = json!(true);
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    bench.write_status();
    bench.memory = PolicyMemory::default();
    let snapshot = bench.snapshot.take();
    assert_eq!(bench.due(), ["DescribeSchedule"]);
    bench.describe_schedule();
    assert!(bench.due().is_empty());
    bench.snapshot = snapshot;
    assert!(bench.due().is_empty());
}

#[test]
fn a_schedule_that_is_missing_is_looked_for_every_ten_minutes_and_a_failure_backs_off() {
    let mut bench = Bench::watching();
    bench.answer_schedule(ReadAnswer::NotFound);
    let status = bench.write_status();
    let stalled: Vec<_> = status.conditions.iter().map(|condition| &*condition.status).collect();
    assert_eq!(stalled, ["False", "False", "True", "Unknown"]);
    assert_eq!(
        bench.decide().wake_up,
        Some(bench.now.monotonic + Duration::from_mins(10))
    );
    let failure = |message: &str| {
        ReadAnswer::Failed(Failure {
            class: ErrorClass::AccessDenied,
            effect: Effect::None,
            message: message.to_owned(),
        })
    };
    let mut waits = Vec::new();
    for _ in 0..6 {
        bench.answer_schedule(failure("iot:DescribeScheduledAudit is missing"));
        bench.write_status();
        waits.push(bench.decide().wake_up.unwrap() - bench.now.monotonic);
    }
    assert!(waits.is_sorted() && waits.last().unwrap().as_secs() <= 300, "{waits:?}");
    let ready = &bench.write_status().conditions[0];
    assert_eq!((&*ready.status, &*ready.reason), ("False", "AccessDenied"));
    assert!(
        ready.message.contains("iot:DescribeScheduledAudit is missing"),
        "{}",
        ready.message
    );
    // An edit is reason to ask again at once.
    bench.generation += 1;
    assert_eq!(bench.due(), ["DescribeSchedule"]);
}

/// Which of them wait for the end of a task is told by the watch; only the deadline is a time.
#[test]
fn an_audit_that_waits_has_its_deadline_as_the_only_timer() {
    let mut bench = Bench::watching();
    bench.tasks = vec![task("nightly-a", "a", "2026-05-01T02:00:00Z", Some(Phase::Running))];
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    let status = bench.write_status();
    assert_eq!(
        status.conditions[0].message,
        "the audits of Daily in eu-central-1 are watched; task nightly-a runs; audit b waits for its end"
    );
    assert_eq!(status.active_task.as_deref(), Some("nightly-a"));
    let decision = bench.decide();
    assert!(decision.due.is_empty());
    assert_eq!(decision.wake_up, Some(bench.now.monotonic + Duration::from_hours(18)));
}

#[test]
fn a_policy_that_is_being_deleted_does_nothing_more() {
    let mut bench = Bench::watching();
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    let mut policy = bench.observed();
    policy.is_deleting = true;
    let decision = bench.see(|o| {
        let o = crate::core::policy::observation::PolicyObservation { policy: &policy, ..*o };
        crate::core::policy::decide::decide(&o)
    });
    assert_eq!(decision.due, Vec::<Step>::new());
    assert_eq!(decision.wake_up, None);
}

#[test]
fn the_window_is_two_days_longer_than_the_deadline_and_no_longer_than_aws_remembers() {
    use crate::core::answer::Frequency::{Biweekly, Daily, Monthly, Weekly};
    for (given, frequency, deadline, window) in [
        (None, Some(Daily), 1, 3),
        (None, Some(Weekly), 7, 9),
        (None, Some(Biweekly), 14, 16),
        (None, Some(Monthly), 31, 33),
        (None, None, 1, 33),
        (Some(80), Some(Daily), 80, 82),
        (Some(88), None, 88, 89),
    ] {
        let given = given.map(|days| DAY * days);
        assert_eq!(period::deadline(given, frequency), DAY * deadline);
        assert_eq!(period::window(given, frequency), DAY * window);
    }
}
