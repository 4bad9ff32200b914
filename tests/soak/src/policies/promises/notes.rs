//! Promises about what policies note of audits.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::policies::{
    facts::{Run, Started},
    record::{Event, PolicySeen, Record, Sighting},
};

/// How many audits a status keeps, by the contract. Of more at once it notes the newest.
const KEPT: usize = 10;

/// Kubernetes' times are in whole seconds: an audit counts that surely began after.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// An audit that begins so soon after its policy may count as one from before: by the contract within a second, and a
/// millisecond is lost to rounding.
const AT_ONCE: SignedDuration = SignedDuration::from_millis(1010);

pub(in crate::policies) fn watermark(record: &Record) -> Vec<String> {
    let mut latest: BTreeMap<&str, &PolicySeen> = BTreeMap::new();
    let mut broken = Vec::new();
    for event in &record.events {
        let Event::Policy(now) = event else { continue };
        let before = latest.insert(&now.uid, now);
        let Some(before) = before.filter(|before| before.since == now.since) else {
            continue;
        };
        if now.watermark() < before.watermark() {
            broken.push(format!(
                "{} went back from {:?} to {:?}",
                now.name, before.noted, now.noted
            ));
        }
        let in_both = before.noted.iter().filter_map(|was| {
            let is = now.noted.iter().find(|is| is.audit == was.audit)?;
            Some((was, is))
        });
        for (was, is) in in_both {
            // A task that was called superseded may turn out to have started just then.
            let may_change = |outcome: &str| ["TaskCreated", "Skipped"].contains(&outcome);
            if was.outcome != is.outcome && !(may_change(&was.outcome) && may_change(&is.outcome)) {
                broken.push(format!("{} noted {was:?}, then {is:?}", now.name));
            }
        }
    }
    broken
}

pub(in crate::policies) fn from_before(record: &Record, runs: &[Run]) -> Vec<String> {
    let created: BTreeMap<&str, Timestamp> = record
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Policy(seen) => Some((seen.uid.as_str(), seen.created)),
            _ => None,
        })
        .collect();
    let (mut known, mut newest) = (BTreeSet::new(), BTreeMap::<&str, Timestamp>::new());
    let mut broken = Vec::new();
    for event in &record.events {
        let Event::Task(task, sighting) = event else { continue };
        if !known.insert(&task.uid) {
            continue;
        }
        let Some(run) = runs.iter().find(|run| run.id == task.audit) else {
            broken.push(format!("{} is of no audit of a schedule", task.name));
            continue;
        };
        if created
            .get(task.owner.as_str())
            .is_some_and(|created| run.start <= *created + SECOND)
        {
            broken.push(format!("{} is of an audit from before its policy", task.name));
        }
        let last = newest.entry(&task.policy).or_insert(Timestamp::MIN);
        // In a list they come in no order.
        if run.start <= *last && *sighting != Sighting::Listed {
            broken.push(format!(
                "{} is of an audit that is no newer than the one before",
                task.name
            ));
        }
        *last = run.start.max(*last);
    }
    broken
}

/// Audits that a policy will never look at, and has not noted. At rest it has looked at all.
pub(in crate::policies) fn passed_over(record: &Record, runs: &[Run], is_at_rest: bool) -> Vec<String> {
    let mut noted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut latest: BTreeMap<&str, &PolicySeen> = BTreeMap::new();
    for event in &record.events {
        let Event::Policy(seen) = event else { continue };
        let audits = seen.noted.iter().map(|noted| noted.audit.as_str());
        let known = noted.entry(&seen.uid).or_default();
        known.extend(audits);
        let before = latest.insert(&seen.uid, seen).and_then(PolicySeen::watermark);
        if let Some(oldest) = seen.noted.get(KEPT - 1) {
            let too_many = runs
                .iter()
                .filter(|run| before.is_none_or(|before| run.start > before) && run.start < oldest.start);
            known.extend(too_many.map(|run| run.id.as_str()));
        }
    }
    let there: BTreeSet<&str> = record.policies().iter().map(|policy| policy.uid.as_str()).collect();
    let mut broken = BTreeSet::new();
    for (uid, policy) in latest {
        let Some(since) = policy.since else { continue };
        let watermark = policy.watermark();
        let is_past = |run: &&Run| {
            let will_not_be = watermark.is_some_and(|watermark| run.start <= watermark);
            will_not_be || is_at_rest && there.contains(uid) && run.has_ended()
        };
        let of_it = runs
            .iter()
            .filter(|run| run.schedule == policy.schedule && run.start > since + AT_ONCE);
        for run in of_it.filter(is_past) {
            if !noted.get(uid).is_some_and(|noted| noted.contains(run.id.as_str())) {
                broken.insert(format!(
                    "{}: {run:?}, noted last: {:?}",
                    policy.name,
                    policy.noted.first()
                ));
            }
        }
    }
    broken.into_iter().collect()
}

/// At rest, of policies that are still there.
pub(in crate::policies) fn as_noted(record: &Record, starts: &[Started]) -> Vec<String> {
    let mut broken = Vec::new();
    for policy in record.policies() {
        for noted in policy.noted.iter().filter(|noted| noted.outcome != "TaskCreated") {
            // Superseded while its start was on its way, and cancelled for that.
            let was_deleted = |start: &Started| {
                let mut events = record.events.iter();
                noted.outcome == "Skipped"
                    && events.any(
                        |event| matches!(event, Event::Task(task, _) if task.uid == start.token && task.is_deleting),
                    )
            };
            let started = starts
                .iter()
                .filter(|start| start.policy == policy.name && start.audit == noted.audit && !was_deleted(start));
            broken.extend(started.map(|start| format!("{}: {noted:?}, and {start:?}", policy.name)));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::{
        record::Standing,
        samples::{deleting, listed, policy, policy_gone, record, run, start, task, written},
    };

    const CREATED: &str = "TaskCreated";

    #[test]
    fn a_watermark_that_falls_is_seen() {
        let judge = |before: &[_], now: &[_]| watermark(&record([policy(before), policy(now)])).len();
        let (first, second) = (("a1", 10, CREATED), ("a2", 20, CREATED));
        assert_eq!(judge(&[first], &[second, first]), 0);
        assert_eq!(judge(&[second, first], &[first]), 1);
        assert_eq!(judge(&[first], &[]), 1);
        assert_eq!(judge(&[first], &[("a1", 10, "Skipped")]), 0);
        assert_eq!(judge(&[("a1", 10, "Compliant")], &[first]), 1);
        let mut repointed = record([policy(&[second, first]), policy(&[])]);
        if let Some(Event::Policy(seen)) = repointed.events.last_mut() {
            seen.since = None;
        }
        assert!(watermark(&repointed).is_empty(), "another schedule begins anew");
    }

    #[test]
    fn a_task_of_an_old_audit_is_seen() {
        let runs = [run("before", -5), run("at once", 1), run("a1", 10), run("a2", 20)];
        let made = |uid, audit| written(task(uid, audit, Standing::NotStarted), &[]);
        let judge = |events: &[Event]| from_before(&record(events.iter().cloned()), &runs).len();
        assert_eq!(judge(&[policy(&[]), made("t1", "a1"), made("t2", "a2")]), 0);
        assert_eq!(judge(&[policy(&[]), made("t1", "before")]), 1);
        assert_eq!(judge(&[policy(&[]), made("t1", "at once")]), 1);
        assert_eq!(judge(&[made("t2", "a2"), made("t1", "a1")]), 1, "older than the last");
        assert_eq!(judge(&[made("t1", "a1"), made("t2", "a1")]), 1, "again");
        assert_eq!(judge(&[made("t1", "a1"), made("t1", "a1")]), 0, "a version of the same");
        assert_eq!(judge(&[made("t1", "unknown")]), 1);
        let unseen = listed(task("t1", "a1", Standing::NotStarted));
        assert_eq!(judge(&[made("t2", "a2"), unseen]), 0);
    }

    #[test]
    fn an_audit_that_nobody_notes_is_seen() {
        let runs = [run("before", 1), run("a1", 10), run("a2", 20), run("a3", 30)];
        let judge = |events: &[Event], at_rest| passed_over(&record(events.iter().cloned()), &runs, at_rest).len();
        let (first, second, third) = (("a1", 10, CREATED), ("a2", 20, CREATED), ("a3", 30, CREATED));
        let noted_in_time = [policy(&[first]), policy(&[second, first])];
        assert_eq!(judge(&noted_in_time, false), 0);
        assert_eq!(judge(&noted_in_time, true), 1, "the third");
        assert_eq!(
            judge(&[policy(&[first]), policy(&[third, first])], false),
            1,
            "the second"
        );
        assert_eq!(
            judge(&[policy(&[second, first]), policy(&[third])], true),
            0,
            "was noted"
        );
        let ten: Vec<_> = (31..41).rev().map(|start| ("of many", start, "Skipped")).collect();
        assert_eq!(judge(&[policy(&[first]), policy(&ten)], false), 0, "twelve at once");
        assert_eq!(
            judge(&[policy(&[first]), policy(&ten[..9])], false),
            2,
            "eleven at once"
        );
        assert_eq!(judge(&[policy(&[third]), policy(&ten)], false), 2, "past before");
        let gone = [policy(&[first]), policy_gone()];
        assert_eq!(judge(&gone, true), 0);
        let mut others = runs.clone();
        others[3].schedule = "Other".to_owned();
        assert!(passed_over(&record(noted_in_time.clone()), &others, true).is_empty());
        let mut running = runs.clone();
        running[3].status = "IN_PROGRESS".to_owned();
        assert!(passed_over(&record(noted_in_time), &running, true).is_empty());
    }

    #[test]
    fn a_start_that_is_noted_as_none_is_seen() {
        let judge = |outcome| as_noted(&record([policy(&[("a1", 10, outcome)])]), &[start("t1", "a1", 1)]).len();
        assert_eq!(judge(CREATED), 0);
        assert_eq!(["Skipped", "Compliant", "AuditFailed"].map(judge), [1, 1, 1]);
        let superseded = written(deleting(task("t1", "a1", Standing::NotStarted)), &[]);
        let skipped = policy(&[("a1", 10, "Skipped")]);
        assert!(as_noted(&record([superseded, skipped]), &[start("t1", "a1", 1)]).is_empty());
    }
}
