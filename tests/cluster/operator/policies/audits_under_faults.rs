//! One audit after the other, while calls fail and the operator dies: none has two tasks, none is missed in silence.
//!
//! `POLICY_AUDITS` sets how many audits there are.

use serde_json::json;
use simulator::{Fault, FaultKind, Mending, Operation};

use super::{SCHEDULE, World};

/// So many audits the service lists.
const WINDOW: usize = 10;

fn audits() -> usize {
    let asked = std::env::var("POLICY_AUDITS").ok();
    asked.and_then(|audits| audits.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_audit_has_one_task_and_is_noted() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    fastrand::seed(seed);
    let mut world = World::with_schedule("policy-faults", &[]).await;
    world.aws.set_settings(|settings| settings.mending = Mending::Never);
    world.add_problems(2);
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    let faults = [
        Fault::new(FaultKind::Internal)
            .on(Operation::ListAuditTasks)
            .probability(0.1, 1),
        Fault::new(FaultKind::Cut)
            .on(Operation::DescribeAuditTask)
            .probability(0.1, 2),
        Fault::new(FaultKind::Internal)
            .on(Operation::StartAuditMitigationActionsTask)
            .probability(0.1, 3)
            .after_work(),
    ];
    for fault in faults {
        world.aws.inject(fault);
    }
    let (mut noted, mut kills) = (Vec::<String>::new(), 0);
    for number in 0..audits() {
        // A window of days has a few audits, and this runs in minutes: as if the time of the older ones had passed.
        if let Some(old) = noted.len().checked_sub(WINDOW) {
            world.aws.remove_audits(&noted[old]);
        }
        let audit = world.aws.run_schedule(SCHEDULE).unwrap();
        if number % 2 == 1 {
            // At whatever it is just doing about the audit.
            let calls = world.calls(Operation::ListAuditTasks).len();
            let more = fastrand::usize(..3);
            world.until_called(Operation::ListAuditTasks, calls + more).await;
            world.operator.take().unwrap().kill().unwrap();
            world.start_operator();
            kills += 1;
        }
        let (outcome, reason, _) = world.noted("nightly", &audit).await;
        assert_eq!((&*outcome, &*reason), ("TaskCreated", ""), "{audit}");
        noted.push(audit);
    }
    world.aws.clear_faults();
    // The last one's task ends, so whatever was to be started was.
    let last = noted.last().unwrap();
    let of_last = world.aws.tasks_of_audit(last);
    if let Some(task) = of_last.first() {
        world.until_task(&task.task_id, "COMPLETED").await;
    }
    for audit in &noted {
        let tasks = world.aws.tasks_of_audit(audit);
        assert!(tasks.len() <= 1, "{audit}: {tasks:?}");
        for task in tasks {
            assert_eq!(world.aws.starts(&task.task_id), 1, "{audit}");
        }
    }
    let started = noted
        .iter()
        .filter(|audit| !world.aws.tasks_of_audit(audit).is_empty())
        .count();
    println!("{} audits, {started} with a task in AWS, {kills} kills", noted.len());
    assert!(
        started + 1 >= noted.len() / 2,
        "most are started before the next audit supersedes them"
    );
}
