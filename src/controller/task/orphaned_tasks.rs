//! Cancels tasks whose resource is gone although its finalizer was on.
//!
//! The API server decides that nothing holds a resource, and deletes it later: a finalizer that came in between is not
//! looked at again. The resource of a task that was started in that moment can't tell of it, so this does: in the
//! background, with retries, until the service has taken the cancellation or shows that the task has ended. It lives in
//! this process only: a crash in that moment leaves the task running.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::mpsc;

use crate::api::Reason;
use crate::controller::shared::Shared;
use crate::core::answer::{CancelAnswer, DescribeAnswer, Operation};
use crate::core::event::EventDraft;
use crate::core::task::step::TaskAddress;
use crate::core::timing;

/// How often a task that can't be found is asked for within the grace period.
const MISSING_POLL: Duration = Duration::from_secs(5);
/// The waits between two attempts grow from the one to the other.
const MIN_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_mins(5);

/// Why a resource can go although its finalizer was on: for people.
const WHY: &str = "the resource was deleted in the moment of its start, when the API server had already decided that no \
                   finalizer holds it";

/// An own task that runs, and the resource that is gone.
type Orphan = (TaskAddress, ObjectReference);

/// Where orphaned tasks are handed over.
pub(super) struct OrphanedTasks(mpsc::UnboundedSender<Orphan>);

/// What cancels them.
pub(super) struct OrphanedTasksWorker(mpsc::UnboundedReceiver<Orphan>);

impl OrphanedTasks {
    pub(super) fn new() -> (Self, OrphanedTasksWorker) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), OrphanedTasksWorker(receiver))
    }

    /// Has an own task cancelled whose resource, `object`, is gone.
    pub(super) fn cancel_orphaned(&self, task: TaskAddress, object: ObjectReference) {
        if let Err(mpsc::error::SendError((task, _))) = self.0.send((task, object)) {
            tell_left(&task);
        }
    }
}

impl OrphanedTasksWorker {
    /// Cancels what is handed over, until the process stops. What is not cancelled by then is said.
    pub(super) async fn run(mut self, shared: &Shared) {
        // The watch and a reconcile may both see that a resource is gone, the one while the other's cancellation is
        // under way, or long after it: the task is cancelled again, in case it runs, and told of once.
        let mut told = HashSet::new();
        let mut underway = HashSet::new();
        let mut cancellations = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = shared.stop.cancelled() => break,
                Some((task, object)) = self.0.recv() => {
                    tell_once(shared, &mut told, &task, object);
                    if underway.insert(task.clone()) {
                        cancellations.push(cancel(shared, task));
                    }
                }
                Some(task) = cancellations.next() => {
                    underway.remove(&task);
                }
            }
        }
        self.0.close();
        while let Some((task, object)) = self.0.recv().await {
            tell_once(shared, &mut told, &task, object);
            tell_left(&task);
        }
        // A call that is under way is brought to its end; none begins.
        while cancellations.next().await.is_some() {}
    }
}

/// Logs, counts and publishes that a task is orphaned, unless that was `told` of this resource, by its uid.
fn tell_once(shared: &Shared, told: &mut HashSet<Option<String>>, task: &TaskAddress, object: ObjectReference) {
    if !told.insert(object.uid.clone()) {
        return;
    }
    let TaskAddress { task_id, region } = task;
    let (name, namespace) = (object.name.as_deref(), object.namespace.as_deref());
    tracing::warn!(
        name,
        namespace,
        task_id,
        region,
        why = WHY,
        "an own task has lost its resource and is being cancelled"
    );
    shared.metrics.count_orphaned_task();
    let draft = EventDraft {
        is_warning: true,
        action: "Delete".to_owned(),
        reason: Reason::TaskOrphaned,
        note: format!("task {task_id} in {region} runs although its resource is gone, and is being cancelled: {WHY}"),
    };
    shared.events.publish(object, draft);
}

/// Cancels one task, or says that it could not.
async fn cancel(shared: &Shared, task: TaskAddress) -> TaskAddress {
    let pursued = pursue(shared, &task).await;
    let TaskAddress { task_id, region } = &task;
    match pursued {
        Some(ending) => tracing::info!(task_id, region, ?ending, "an orphaned task is settled"),
        None => tell_left(&task),
    }
    task
}

fn tell_left(task: &TaskAddress) {
    let TaskAddress { task_id, region } = task;
    tracing::warn!(
        task_id,
        region,
        "the process stops before this orphaned task could be cancelled: look with DescribeAuditMitigationActionsTask \
         whether it still runs"
    );
}

/// Calls the service until the task is settled; `None` when the process stops before.
async fn pursue(shared: &Shared, task: &TaskAddress) -> Option<Ending> {
    let mut pursuit = Pursuit::new();
    let mut next = Next::Cancel(Duration::ZERO);
    loop {
        next = match next {
            Next::End(ending) => return Some(ending),
            Next::Cancel(wait) => {
                begin_call(shared, task, Operation::Cancel, wait).await?;
                let answer = shared.service.cancel(task).await;
                tell_failure(task, Operation::Cancel, cancel_failure(&answer));
                pursuit.canceled(&answer)
            }
            Next::Describe(wait) => {
                begin_call(shared, task, Operation::Describe, wait).await?;
                let answer = shared.service.describe(task).await;
                tell_failure(task, Operation::Describe, describe_failure(&answer));
                pursuit.described(&answer, Instant::now())
            }
        };
    }
}

/// Waits until the call may be made: for its time, for the turn of its operation, and until the lease is surely held.
/// `None` when the process stops before.
async fn begin_call(shared: &Shared, task: &TaskAddress, operation: Operation, wait: Duration) -> Option<()> {
    let key = format!("orphaned task {} in {}", task.task_id, task.region);
    let ready = async {
        tokio::time::sleep(wait).await;
        loop {
            shared.service.pace().wait(&key, operation, &task.region).await;
            if shared.leadership.is_surely_held(Instant::now()) {
                return;
            }
            shared.leadership.surely_held().await;
        }
    };
    shared.stop.run_until_cancelled(ready).await
}

fn tell_failure(task: &TaskAddress, operation: Operation, failure: Option<&str>) {
    let TaskAddress { task_id, region } = task;
    if let Some(problem) = failure {
        let operation = operation.name();
        tracing::warn!(
            task_id,
            region,
            operation,
            problem,
            "an orphaned task could not be cancelled yet"
        );
    }
}

fn cancel_failure(answer: &CancelAnswer) -> Option<&str> {
    match answer {
        CancelAnswer::NotRunning(failure) | CancelAnswer::Failed(failure) => Some(&failure.message),
        CancelAnswer::Accepted => None,
    }
}

fn describe_failure(answer: &DescribeAnswer) -> Option<&str> {
    match answer {
        DescribeAnswer::Failed(failure) => Some(&failure.message),
        DescribeAnswer::Found(_) | DescribeAnswer::NotFound => None,
    }
}

/// What to do next about one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Cancel it after this wait.
    Cancel(Duration),
    /// Describe it after this wait.
    Describe(Duration),
    /// Nothing ever again.
    End(Ending),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The service has taken the cancellation.
    Canceled,
    /// The task had ended before.
    Ended,
    /// The service doesn't know the task.
    NotFound,
}

/// Decides what comes next, from answer to answer. Cancel and Describe take turns, so that one that is refused for good
/// keeps the other from nothing.
struct Pursuit {
    waits: ExponentialBackoff,
    /// Since when each Describe was answered with not found.
    missing_since: Option<Instant>,
}

impl Pursuit {
    fn new() -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(MIN_WAIT)
            .with_max_delay(MAX_WAIT)
            .with_jitter()
            .without_max_times();
        Self {
            waits: waits.build(),
            missing_since: None,
        }
    }

    fn canceled(&mut self, answer: &CancelAnswer) -> Next {
        match answer {
            CancelAnswer::Accepted => Next::End(Ending::Canceled),
            CancelAnswer::NotRunning(_) => Next::Describe(Duration::ZERO),
            CancelAnswer::Failed(_) => Next::Describe(self.wait()),
        }
    }

    fn described(&mut self, answer: &DescribeAnswer, now: Instant) -> Next {
        if let DescribeAnswer::NotFound = answer {
            let since = *self.missing_since.get_or_insert(now);
            return if now.saturating_duration_since(since) >= timing::GRACE {
                Next::End(Ending::NotFound)
            } else {
                Next::Describe(MISSING_POLL)
            };
        }
        self.missing_since = None;
        match answer {
            DescribeAnswer::Found(found) if found.state.is_ended() => Next::End(Ending::Ended),
            _ => Next::Cancel(self.wait()),
        }
    }

    fn wait(&mut self) -> Duration {
        self.waits.next().unwrap_or(MAX_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::answer::{Described, Effect, ErrorClass, Failure, TaskState};

    fn denied() -> Failure {
        Failure {
            class: ErrorClass::AccessDenied,
            effect: Effect::None,
            message: "denied".to_owned(),
        }
    }

    fn found(state: TaskState) -> DescribeAnswer {
        DescribeAnswer::Found(Box::new(Described {
            state,
            start_time: None,
            end_time: None,
            statistics: BTreeMap::new(),
            target: None,
            mapping: None,
            actions: None,
        }))
    }

    #[test]
    fn it_ends_when_the_cancellation_is_taken_or_the_task_has_ended() {
        let now = Instant::now();
        let mut pursuit = Pursuit::new();
        assert_eq!(pursuit.canceled(&CancelAnswer::Accepted), Next::End(Ending::Canceled));
        for state in [TaskState::Completed, TaskState::Failed, TaskState::Canceled] {
            assert_eq!(
                pursuit.canceled(&CancelAnswer::NotRunning(denied())),
                Next::Describe(Duration::ZERO)
            );
            assert_eq!(pursuit.described(&found(state), now), Next::End(Ending::Ended));
        }
    }

    /// A refusal for good of either operation neither ends it nor keeps the other from being tried, and the waits grow.
    #[test]
    fn what_is_refused_for_good_is_tried_again_after_growing_waits() {
        let now = Instant::now();
        let mut pursuit = Pursuit::new();
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let Next::Describe(wait) = pursuit.canceled(&CancelAnswer::Failed(denied())) else {
                panic!("a Describe comes after a Cancel");
            };
            let Next::Cancel(after) = pursuit.described(&DescribeAnswer::Failed(denied()), now) else {
                panic!("a Cancel comes after a Describe");
            };
            assert!(wait >= MIN_WAIT && after >= MIN_WAIT);
            last = after;
        }
        assert!(last >= MAX_WAIT, "{last:?}");
        let Next::Cancel(wait) = pursuit.described(&found(TaskState::InProgress), now) else {
            panic!("it still runs");
        };
        assert!(wait >= MIN_WAIT, "never at once: {wait:?}");
        assert!(matches!(
            pursuit.described(&found(TaskState::Other("NEW".to_owned())), now),
            Next::Cancel(_)
        ));
    }

    #[test]
    fn not_found_counts_only_after_the_grace_period_without_an_interruption() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pursuit = Pursuit::new();
        assert_eq!(
            pursuit.canceled(&CancelAnswer::NotRunning(denied())),
            Next::Describe(Duration::ZERO)
        );
        let missing = |pursuit: &mut Pursuit, second| pursuit.described(&DescribeAnswer::NotFound, at(second));
        assert_eq!(missing(&mut pursuit, 0), Next::Describe(MISSING_POLL));
        assert_eq!(missing(&mut pursuit, 59), Next::Describe(MISSING_POLL));
        assert!(matches!(
            pursuit.described(&found(TaskState::InProgress), at(60)),
            Next::Cancel(_)
        ));
        assert_eq!(missing(&mut pursuit, 70), Next::Describe(MISSING_POLL));
        assert_eq!(missing(&mut pursuit, 129), Next::Describe(MISSING_POLL));
        assert_eq!(missing(&mut pursuit, 130), Next::End(Ending::NotFound));
    }
}
