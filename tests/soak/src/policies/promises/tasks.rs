//! Promises about the tasks of policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    monitor::TOO_EARLY,
    policies::{
        facts::{Approval, IN_ORDER, Run, Started},
        record::{Event, Record, Sighting, Standing, TaskSeen, follow, present},
    },
};

pub(in crate::policies) fn one_task(starts: &[Started]) -> Vec<String> {
    let mut known = BTreeMap::new();
    let again = starts.iter().filter_map(|start| {
        let first = known.insert((&start.policy, &start.audit), &start.task_id)?;
        Some(format!(
            "{} has started {first} and {} for {}",
            start.policy, start.task_id, start.audit
        ))
    });
    again.collect()
}

pub(in crate::policies) fn beyond_bounds(record: &Record, starts: &[Started], approvals: &[Approval]) -> Vec<String> {
    let mut latest: BTreeMap<&str, &TaskSeen> = BTreeMap::new();
    for event in &record.events {
        if let Event::Task(task, _) | Event::TaskGone(task) = event {
            latest.insert(&task.uid, task);
        }
    }
    let mut broken = Vec::new();
    for start in starts {
        // One that was made and went while nobody looked says nothing about its bounds.
        let Some(task) = latest.get(start.token.as_str()) else {
            continue;
        };
        let plan = task.plan.as_ref();
        let findings: u64 = start.findings.values().sum();
        if plan.is_none_or(|plan| plan.findings != findings) {
            broken.push(format!(
                "{} mitigates {findings} findings, planned: {plan:?}",
                task.name
            ));
        }
        let is_approved = approvals.iter().any(|approval| {
            approval.policy == task.policy
                && approval.task.as_ref().is_none_or(|uid| *uid == task.uid)
                && plan.is_some_and(|plan| plan.hash == approval.hash)
                && approval.at <= start.at + TOO_EARLY
        });
        if !is_approved && !is_within(task, &start.findings) {
            broken.push(format!(
                "{}, which may mitigate {} by itself, mitigates {:?}",
                task.name, task.required_above, start.findings
            ));
        }
    }
    broken
}

fn is_within(task: &TaskSeen, findings: &BTreeMap<String, u64>) -> bool {
    let bound = |name| task.required_above.get(name).and_then(serde_json::Value::as_u64);
    let (count, percent) = (bound("findings"), bound("percent"));
    let percents = findings.values().map(|found| (found * 100).div_ceil(found + IN_ORDER));
    (count.is_some() || percent.is_some())
        && count.is_none_or(|most| findings.values().sum::<u64>() <= most)
        && percent.is_none_or(|most| percents.max().unwrap_or_default() <= most)
}

pub(in crate::policies) fn alone(record: &Record) -> Vec<String> {
    let (mut there, mut broken) = (BTreeMap::new(), Vec::new());
    for event in &record.events {
        if let Event::Task(new, Sighting::Written(running)) = event
            && !there.contains_key(new.uid.as_str())
        {
            let of_the_same = there.values().filter(|task: &&&TaskSeen| task.policy == new.policy);
            let others = of_the_same
                .filter(|task| may_run(task) || running.contains(&task.uid))
                .map(|task| format!("{} was made while {} ran", new.name, task.name));
            broken.extend(others);
        }
        follow(&mut there, event);
    }
    broken
}

/// One that is being deleted may be held because its start is on its way.
fn may_run(task: &TaskSeen) -> bool {
    task.standing == Standing::MayRun || task.is_deleting && task.standing == Standing::NotStarted
}

/// Of policies that are still there: what the garbage collector deletes is not the operator's doing.
pub(in crate::policies) fn deleted(record: &Record, runs: &[Run]) -> Vec<String> {
    let gone: BTreeSet<&String> = record
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PolicyGone(uid) => Some(uid),
            _ => None,
        })
        .collect();
    let (mut there, mut broken) = (BTreeMap::new(), Vec::new());
    let mut judged = BTreeSet::new();
    for event in &record.events {
        follow(&mut there, event);
        let task = match event {
            // By what it says when it is deleted: a start that was on its way then may show later.
            Event::Task(task, _) if task.is_deleting => task,
            Event::TaskGone(task) => task,
            _ => continue,
        };
        if gone.contains(&task.owner) || !judged.insert(&task.uid) {
            continue;
        }
        match task.standing {
            Standing::NotStarted => {
                let run = |id: &str| runs.iter().find(|run| run.id == id);
                let is_newer = |run: &&Run, of: &Run| run.schedule == of.schedule && run.start > of.start;
                let own = run(&task.audit);
                if !own.is_some_and(|own| runs.iter().any(|run| run.is_completed() && is_newer(&run, own))) {
                    broken.push(format!("{}, and no newer audit has completed", task.name));
                }
            }
            Standing::Ended { completed } => {
                let kept = there.values().filter(|other| {
                    !other.is_deleting && other.policy == task.policy && other.standing == Standing::Ended { completed }
                });
                let (kept, limit) = (kept.count(), least_limit(record, &task.policy, completed));
                if kept < limit {
                    broken.push(format!("{}, which leaves {kept} of {limit} to be kept", task.name));
                }
            }
            Standing::MayRun | Standing::Unknown => {
                broken.push(format!("{}, which may run", task.name));
            }
        }
    }
    broken
}

/// The least that any version of a policy has asked for: an edit may be on its way.
fn least_limit(record: &Record, policy: &str, completed: bool) -> usize {
    let limits = record.events.iter().filter_map(|event| match event {
        Event::Policy(seen) if seen.name == policy => Some(seen.limits),
        _ => None,
    });
    let limits = limits.map(|[of_completed, of_others]| if completed { of_completed } else { of_others });
    limits.min().unwrap_or_default()
}

/// At rest: the policies that keep more ended tasks than their limits.
pub(in crate::policies) fn beyond_limits(record: &Record) -> Vec<String> {
    let there = present(&record.events);
    let mut broken = Vec::new();
    for policy in record.policies() {
        for (completed, limit) in [true, false].into_iter().zip(policy.limits) {
            let kept = there
                .values()
                .filter(|task| task.policy == policy.name && task.standing == Standing::Ended { completed });
            let kept = kept.count();
            if kept > limit {
                broken.push(format!(
                    "{} keeps {kept} of {limit}, completed: {completed}",
                    policy.name
                ));
            }
        }
    }
    broken
}

/// At rest: the tasks that have not started though a newer audit has completed.
pub(in crate::policies) fn superseded(record: &Record, runs: &[Run]) -> Vec<String> {
    let there = present(&record.events).into_values();
    let waiting = there.filter(|task| task.standing == Standing::NotStarted);
    let of_older = waiting.filter(|task| {
        let own = runs.iter().find(|run| run.id == task.audit);
        let newest = runs
            .iter()
            .rfind(|run| run.is_completed() && own.is_some_and(|own| own.schedule == run.schedule));
        newest.is_none_or(|newest| newest.id != task.audit)
    });
    of_older
        .map(|task| format!("{} waits, and a newer audit has completed", task.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policies::samples::{
        approval, deleting, gone, listed, policy, policy_gone, record, run, start, task, with_plan, written,
    };

    const ENDED: Standing = Standing::Ended { completed: true };

    #[test]
    fn two_tasks_of_an_audit_are_seen() {
        let [first, second] = [start("t1", "a1", 1), start("t2", "a1", 1)];
        assert!(one_task(&[first.clone(), start("t2", "a2", 1)]).is_empty());
        let mut of_another = second.clone();
        of_another.policy = "other".to_owned();
        assert!(one_task(&[first.clone(), of_another]).is_empty());
        assert_eq!(one_task(&[first, second]).len(), 1);
    }

    #[test]
    fn a_start_beyond_the_bounds_needs_the_approval_of_its_plan() {
        let judge = |required_above: serde_json::Value, findings, approvals: &[Approval]| {
            let mut task = with_plan(task("t1", "a1", ENDED), "hash", findings);
            task.required_above = required_above;
            let record = record([written(task, &[])]);
            beyond_bounds(&record, &[start("t1", "a1", findings)], approvals).len()
        };
        let three = || json!({ "findings": 3 });
        assert_eq!(judge(three(), 3, &[]), 0);
        assert_eq!(judge(three(), 4, &[]), 1);
        // 4 of 104 are 3.8, rounded up.
        assert_eq!(judge(json!({ "percent": 4 }), 4, &[]), 0);
        assert_eq!(judge(json!({ "percent": 3 }), 4, &[]), 1);
        assert_eq!(judge(json!(null), 1, &[]), 1, "each has to be approved");
        let by = |task, hash, second| [approval(task, hash, second)];
        assert_eq!(judge(three(), 4, &by(None, "hash", 50)), 0);
        assert_eq!(judge(three(), 4, &by(Some("t1"), "hash", 50)), 0);
        assert_eq!(judge(three(), 4, &by(Some("t2"), "hash", 50)), 1, "another task's");
        assert_eq!(judge(three(), 4, &by(None, "old", 50)), 1);
        assert_eq!(judge(three(), 4, &by(None, "hash", 120)), 1, "too late");
    }

    #[test]
    fn a_start_of_something_else_than_its_plan_is_seen() {
        let mut planned = with_plan(task("t1", "a1", ENDED), "hash", 2);
        planned.required_above = json!({ "percent": 100 });
        let judge = |task: TaskSeen, findings| {
            let record = record([written(task, &[])]);
            beyond_bounds(&record, &[start("t1", "a1", findings)], &[]).len()
        };
        assert_eq!(judge(planned.clone(), 2), 0);
        assert_eq!(judge(planned.clone(), 3), 1);
        planned.plan = None;
        assert_eq!(judge(planned, 2), 1);
    }

    #[test]
    fn a_task_that_is_made_while_another_runs_is_seen() {
        let judge = |standing, running: &[&str]| {
            let others = written(task("t1", "a1", standing), &[]);
            alone(&record([
                others,
                written(task("t2", "a2", Standing::NotStarted), running),
            ]))
            .len()
        };
        assert_eq!(judge(ENDED, &[]), 0);
        assert_eq!(judge(Standing::MayRun, &[]), 1);
        assert_eq!(judge(Standing::NotStarted, &["t1"]), 1, "the status lags behind");
        assert_eq!(judge(Standing::Unknown, &[]), 0);
        let runs = || written(task("t1", "a1", Standing::MayRun), &[]);
        let next = || written(task("t2", "a2", Standing::NotStarted), &[]);
        let held = written(deleting(task("t1", "a1", Standing::NotStarted)), &[]);
        assert_eq!(alone(&record([held, next()])).len(), 1);
        let went = gone(task("t1", "a1", ENDED));
        assert!(alone(&record([runs(), went, next()])).is_empty());
        let unseen = listed(task("t2", "a2", Standing::NotStarted));
        assert!(
            alone(&record([runs(), unseen, next()])).is_empty(),
            "it may have ended before"
        );
        let mut of_another = task("t2", "a2", Standing::NotStarted);
        of_another.policy = "other".to_owned();
        assert!(alone(&record([runs(), written(of_another, &[])])).is_empty());
    }

    #[test]
    fn what_is_deleted_before_its_time_is_seen() {
        let runs = [run("a1", 10), run("a2", 20)];
        let judge = |task: TaskSeen, others: &[&str]| {
            let kept = others.iter().map(|uid| written(self::task(uid, "a0", ENDED), &[]));
            let events = [policy(&[])].into_iter().chain(kept).chain([gone(task)]);
            deleted(&record(events), &runs).len()
        };
        assert_eq!(judge(task("t1", "a1", Standing::NotStarted), &[]), 0, "superseded");
        assert_eq!(judge(task("t2", "a2", Standing::NotStarted), &[]), 1, "of the newest");
        assert_eq!(judge(task("t1", "a1", Standing::MayRun), &[]), 1);
        assert_eq!(judge(task("t1", "a1", ENDED), &["t2", "t3"]), 0);
        assert_eq!(judge(task("t1", "a1", ENDED), &["t2"]), 1, "two are to be kept");
        let judge_later = |first, then| {
            let held = written(deleting(task("t1", "a1", first)), &[]);
            deleted(&record([policy(&[]), held, gone(task("t1", "a1", then))]), &runs).len()
        };
        assert_eq!(
            judge_later(Standing::NotStarted, Standing::MayRun),
            0,
            "its start was on its way"
        );
        assert_eq!(judge_later(Standing::MayRun, ENDED), 1);
        let failed = Standing::Ended { completed: false };
        assert_eq!(
            judge(task("t1", "a1", failed), &["t2", "t3"]),
            1,
            "of those that failed, one"
        );
        let garbage = [policy(&[]), gone(task("t1", "a1", Standing::MayRun)), policy_gone()];
        assert!(deleted(&record(garbage), &runs).is_empty());
    }

    #[test]
    fn a_failed_audit_supersedes_nothing() {
        let mut runs = [run("a1", 10), run("a2", 20)];
        runs[1].status = "FAILED".to_owned();
        let waits = task("t1", "a1", Standing::NotStarted);
        assert_eq!(deleted(&record([policy(&[]), gone(waits.clone())]), &runs).len(), 1);
        assert!(superseded(&record([written(waits, &[])]), &runs).is_empty());
    }

    #[test]
    fn what_is_left_over_at_rest_is_seen() {
        let runs = [run("a1", 10), run("a2", 20)];
        let waits = |uid, audit| written(task(uid, audit, Standing::NotStarted), &[]);
        assert_eq!(superseded(&record([waits("t1", "a1")]), &runs).len(), 1);
        assert!(superseded(&record([waits("t2", "a2")]), &runs).is_empty());
        let kept = |uids: &[&str]| {
            let tasks = uids.iter().map(|uid| written(task(uid, "a1", ENDED), &[]));
            beyond_limits(&record([policy(&[])].into_iter().chain(tasks))).len()
        };
        assert_eq!(kept(&["t1", "t2"]), 0);
        assert_eq!(kept(&["t1", "t2", "t3"]), 1);
    }
}
