//! Start is refused or fails for good.

use audit_mitigation_operator::api::{Phase, StoredTask};
use futures::future::join_all;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Outcome};

use super::{FLAGS, World, failures, message, region_of, spec_of, status};

/// An answer is an answer, documented or not: nothing was started, so nothing is held or frozen.
#[tokio::test]
async fn a_start_that_is_refused_for_good_freezes_nothing_and_holds_no_slot() {
    let world = World::with("outage-refused", FLAGS, |_| {}).await;
    let refusals = failures().into_iter().filter(|(kind, _, _)| *kind != "broken");
    join_all(refusals.map(|(case, kind, told)| refused(&world, case, kind, told))).await;
}

async fn refused(world: &World, case: &str, kind: FaultKind, told: &str) {
    let region = Some(region_of(case));
    world.aws.inject(Fault {
        region,
        ..Fault::new(kind).on(Operation::START).task(case)
    });
    world.create(case, &spec_of(case, &json!({}))).await;
    world.until_told(case, Phase::Pending, told).await;
    assert_eq!(world.status(case).await.attempt, None, "{case}");
    let next = world.create_next(case).await;
    world.phase(&next, Phase::Completed).await;
    let elsewhere = region_of(&format!("{case}-else"));
    world.edit(case, &json!({ "spec": { "region": elsewhere } })).await;
    let done = world.phase(case, Phase::Completed).await;
    assert_eq!(done.region, Some(elsewhere), "{case}");
}

/// Nothing was started and nothing can be: the deletion calls nothing and waits for nothing.
#[tokio::test]
async fn a_resource_whose_start_is_refused_for_good_is_deleted_at_once() {
    let world = World::with("outage-refused-gone", FLAGS, |_| {}).await;
    for (case, kind, told) in failures().into_iter().filter(|(kind, _, _)| *kind != "broken") {
        world.aws.inject(Fault::new(kind).on(Operation::START).task(case));
        world.create(case, &spec_of(case, &json!({}))).await;
        world.until_told(case, Phase::Pending, told).await;
        world.delete(case).await;
        world.until_gone(case).await;
        assert!(world.notes(case, "CancelAbandoned").await.is_empty(), "{case}");
    }
    assert!(world.calls(Operation::CANCEL).is_empty());
    assert!(world.calls(Operation::DESCRIBE).is_empty());
}

/// The first answer is lost, and no other Start goes well ever: Describe shows the task, and it is followed to its end.
#[tokio::test]
async fn an_open_attempt_whose_replays_fail_for_good_is_settled_by_describe() {
    let world = World::with("outage-open", FLAGS, |_| {}).await;
    for (case, kind, _) in failures() {
        world.aws.set_outcome(case, Outcome::held());
        let lost = Fault::new(FaultKind::Cut).on(Operation::START).task(case);
        world.aws.inject(lost.after_work().times(1));
        world.aws.inject(Fault::new(kind).on(Operation::START).task(case));
    }
    join_all(failures().into_iter().map(|(case, _, _)| open(&world, case))).await;
}

async fn open(world: &World, case: &str) {
    world.create(case, &spec_of(case, &json!({}))).await;
    // Something of it may run, so what was asked for is frozen.
    let is_open = |task: &StoredTask| status(task).attempt.is_some() || status(task).task_id.is_some();
    world.until(case, "the attempt is open", is_open).await;
    let next = world.create_next(case).await;
    let edit = json!({ "spec": { "region": "eu-west-1" } });
    let refused = try_edit(world, case, &edit).await.unwrap_err();
    assert!(refused.contains("immutable"), "{case}: {refused}");
    world.until_called_again(Operation::DESCRIBE, case, 3).await;
    assert_eq!(world.calls_for(Operation::START, &next).len(), 0, "{case}");
    world.end_is_seen(case).await;
    world.phase(&next, Phase::Completed).await;
    assert_eq!(world.aws.starts(case), 1, "{case}");
}

async fn try_edit(world: &World, name: &str, patch: &Value) -> Result<StoredTask, String> {
    let patch = Patch::Merge(patch);
    let edited = world.tasks().patch(name, &PatchParams::default(), &patch).await;
    edited.map_err(|error| error.to_string())
}

/// Nobody knows whether something was started, and nobody tells: the deletion lets go after its time, and says so.
#[tokio::test]
async fn a_deletion_of_an_open_attempt_that_nothing_settles_lets_go_and_names_it() {
    let flags = [FLAGS, &["--cancel-timeout=3s"]].concat();
    let world = World::with("outage-open-gone", &flags, |_| {}).await;
    let case = "broken";
    world.aws.inject(Fault::new(FaultKind::Internal).task(case));
    world.create(case, &spec_of(case, &json!({}))).await;
    let is_open = |task: &StoredTask| status(task).attempt.is_some();
    let task = world.until(case, "the attempt is open", is_open).await;
    let shown = message(&status(&task));
    assert!(shown.contains("HTTP status 500"), "{shown}");
    let next = world.create_next(case).await;
    world.delete(case).await;
    world.until_gone(case).await;
    let note = world.until_note(case, "CancelAbandoned").await;
    for part in [case, &region_of(case), "HTTP status 500"] {
        assert!(note.contains(part), "{note}");
    }
    world.phase(&next, Phase::Completed).await;
}
