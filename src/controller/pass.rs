//! One pass over a resource: observe, decide, do one step, and again, until there is nothing to do but wait.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cached::CachedTask;
use super::context::{Context, ResourceState};
use super::error::Error;
use super::reconcile::Requeue;
use super::write::TaskClient;
use crate::api::{AuditMitigationTaskStatus, Reason, StartRecord, StoredTask};
use crate::core::queue::Admission;
use crate::core::task::decide::decide;
use crate::core::task::events::{EventDraft, event_drafts, farewell, transition};
use crate::core::task::memory::Moment;
use crate::core::task::observed::ObservedTask;
use crate::core::task::plan::{Step, TaskAddress};
use crate::metrics::RetryReason;

/// More steps than any resource takes before it has to wait.
const MAX_STEPS: usize = 32;

pub(super) struct Pass<'a> {
    context: &'a Context,
    /// As it was last read or written.
    pub(super) object: Arc<StoredTask>,
    is_fresh: bool,
    pub(super) note: ResourceState,
    /// What was done, for the log.
    pub(super) steps: Vec<Cow<'static, str>>,
}

impl<'a> Pass<'a> {
    pub(super) fn begin(context: &'a Context, object: Arc<StoredTask>, note: ResourceState) -> Self {
        Self {
            context,
            object,
            is_fresh: false,
            note,
            steps: Vec::new(),
        }
    }

    /// Takes steps until it has to wait.
    pub(super) async fn run(&mut self) -> Result<Requeue, Error> {
        let mut parsed = Arc::clone(&self.object);
        let mut observed = ObservedTask::parse(&parsed);
        for _ in 0..MAX_STEPS {
            self.context.is_touched(&CachedTask::reference(&self.object));
            // An answer of the service changes what is remembered, and not the object.
            if !Arc::ptr_eq(&parsed, &self.object) {
                parsed = Arc::clone(&self.object);
                observed = ObservedTask::parse(&parsed);
            }
            // One time for both, or a backoff that ends in between would be let in without a slot.
            let now = self.now();
            let memory = &self.note.memory;
            let admission = self.context.enter_queue(&self.object, &observed, memory, now);
            let observation = self
                .context
                .observe(&observed, &self.note.memory, self.is_fresh, admission, now);
            let step = decide(&observation);
            if step.begins_call() && self.context.stop.is_cancelled() {
                self.steps.push("stopping".into());
                return Ok(Requeue::UntilChange);
            }
            if let Err(until) = self.context.ask_turn(&step, &observed) {
                self.steps.push("await turn".into());
                return Ok(Requeue::For(until_then(until)));
            }
            // A turn that it waits for is kept; one for a call that isn't to be made any more is not.
            if matches!(step, Step::Wait(_)) && !matches!(admission, Admission::Paced { .. }) {
                self.context.give_back_turn(&observed.uid);
            }
            self.steps.push(step.name().into());
            if let Some(rest) = self.take(step, &observed).await? {
                return Ok(rest);
            }
        }
        Err(Error::TooManySteps(MAX_STEPS))
    }

    /// Does one step; a rest when there is nothing more to do for now.
    async fn take(&mut self, step: Step, observed: &ObservedTask) -> Result<Option<Requeue>, Error> {
        if is_the_leaders(&step) && !self.context.leadership.is_surely_held(Instant::now()) {
            self.context.leadership.surely_held().await;
            // Meanwhile everything may have changed: it is looked at and decided afresh.
            self.is_fresh = false;
            return Ok(None);
        }
        self.count_retry(&step);
        let resource = TaskClient::of(self.context.client.clone(), &self.object);
        let seen = Arc::clone(&self.object);
        match step {
            Step::Read => self.observed(resource.read().await)?,
            Step::WriteStatus(status) => {
                let written = resource.write_status(&seen, &status).await;
                if written.is_ok() {
                    self.note.memory.status_written(observed);
                    self.tell(observed, &status);
                }
                self.written(written, &resource).await?;
            }
            Step::WriteRecord { record, with_finalizer } => {
                let written = resource.write_record(&seen, &record, with_finalizer).await;
                if written.is_ok() {
                    self.note.memory.record_written(record);
                }
                self.written(written, &resource).await?;
            }
            Step::AddFinalizer => self.written(resource.add_finalizer(&seen).await, &resource).await?,
            Step::RemoveFinalizer { abandons_task } => {
                let written = resource.remove_finalizer(&seen).await;
                if written.is_ok() && abandons_task {
                    self.tell_abandoned();
                } else if written.is_ok()
                    && let Some(event_drafts) = farewell(observed)
                {
                    self.context.events.tell(&seen, event_drafts);
                }
                self.written(written, &resource).await?;
            }
            Step::Start(record) => self.start(observed, &record).await,
            Step::Describe(task) => self.describe(observed, &task).await,
            Step::Cancel(task) => {
                self.context.spend_turn(&observed.uid);
                let answer = self.context.service.cancel(&task).await;
                let moment = self.moment(observed);
                self.note.memory.canceled(answer, moment);
                self.is_fresh = false;
            }
            Step::ListFailedActions(task) => self.list_failed_actions(observed, &task).await,
            Step::Delete => {
                match resource.delete(&seen).await {
                    Err(error) if error.is_conflict() => self.observed(resource.read().await)?,
                    result => result?,
                }
                return Ok(Some(Requeue::UntilChange));
            }
            Step::Wait(until) => {
                self.forget_the_finished(observed);
                return Ok(Some(
                    until.map_or(Requeue::UntilChange, |until| Requeue::For(until_then(until))),
                ));
            }
        }
        Ok(None)
    }

    /// The time, with all that was noted moved to the clock that shows it.
    fn now(&mut self) -> Timestamp {
        let now = Timestamp::now();
        self.note.move_to(self.context.clock.was_set_by(now));
        now
    }

    fn moment<'f>(&mut self, observed: &'f ObservedTask) -> Moment<'f> {
        Moment {
            now: self.now(),
            uid: &observed.uid,
            generation: observed.generation,
        }
    }

    /// A call that went wrong before, and nothing has gone well since.
    fn count_retry(&self, step: &Step) {
        if let Some(retry) = &self.note.memory.retry
            && step.operation() == Some(retry.operation)
        {
            self.context.metrics.retried(RetryReason::Aws(retry.class));
        }
    }

    async fn start(&mut self, observed: &ObservedTask, record: &StartRecord) {
        let Ok(desired) = &observed.desired else { return };
        self.context.spend_turn(&observed.uid);
        let answer = self.context.service.start(record, desired).await;
        self.context.start_was_answered(&observed.uid, &record.region, &answer);
        let unclaimed = !self
            .context
            .is_claimed_by_older(observed, &record.region, &record.task_id);
        self.steps
            .push(format!("{} in {}: {answer:?}", record.task_id, record.region).into());
        let moment = self.moment(observed);
        let since = self.context.clock.since(moment.now);
        self.note.memory.started(record, since, answer, unclaimed, moment);
    }

    async fn describe(&mut self, observed: &ObservedTask, task: &TaskAddress) {
        self.context.spend_turn(&observed.uid);
        // A question changes nothing, so it need not be brought to its end when the process is stopping.
        let asked = self.context.service.describe(task);
        let Some(answer) = self.context.stop.run_until_cancelled(Box::pin(asked)).await else {
            return;
        };
        // The answer may have taken seconds: what was read before it is not fresh any more.
        self.is_fresh = false;
        let moment = self.moment(observed);
        self.note.memory.described(&task.task_id, answer, moment);
    }

    async fn list_failed_actions(&mut self, observed: &ObservedTask, task: &TaskAddress) {
        let heard = self
            .note
            .memory
            .heard_of(&task.task_id)
            .and_then(|heard| heard.task.clone());
        if let Some(described) = heard {
            // Half a look is not kept: the status is not written yet, so the next process looks again.
            let look = self.context.service.failed_actions(&observed.uid, task, &described);
            if let Some(found) = self.context.stop.run_until_cancelled(Box::pin(look)).await {
                self.note.memory.failed_actions = Some(found);
            }
        }
    }

    /// Goes on with what a write left; after a conflict with what is there now.
    async fn written(&mut self, written: Result<StoredTask, Error>, resource: &TaskClient) -> Result<(), Error> {
        match written {
            Ok(object) => {
                let object = Arc::new(object);
                self.note.latest = Some(Arc::clone(&object));
                self.object = object;
                self.is_fresh = true;
                Ok(())
            }
            Err(error) if error.is_conflict() => self.observed(resource.read().await),
            Err(error) => Err(error),
        }
    }

    fn observed(&mut self, read: Result<StoredTask, Error>) -> Result<(), Error> {
        let object = Arc::new(read?);
        if object.metadata.uid != self.object.metadata.uid {
            // Deleted and made again: another resource, with a reconcile of its own.
            return Err(kube::Error::Api(Box::new(gone())).into());
        }
        self.note.latest = Some(Arc::clone(&object));
        self.object = object;
        self.is_fresh = true;
        Ok(())
    }

    fn tell(&self, observed: &ObservedTask, status: &AuditMitigationTaskStatus) {
        if let Some(phase) = status.phase.filter(|phase| observed.phase() != Some(*phase)) {
            self.context.metrics.changed_to(phase);
        }
        if let Some((phase, ready)) = transition(observed, status) {
            let (name, namespace) = (&self.object.metadata.name, &self.object.metadata.namespace);
            let (reason, note) = (&ready.reason, &ready.message);
            tracing::info!(name, namespace, ?phase, reason, note, "transition");
        }
        for event_drafts in event_drafts(observed, status) {
            self.context.events.tell(&self.object, event_drafts);
        }
    }

    fn tell_abandoned(&self) {
        let note = "the task could not be cancelled in time, so the resource was let go; it may still run in AWS: look with \
                    DescribeAuditMitigationActionsTask";
        tracing::warn!(
            name = self.object.metadata.name,
            namespace = self.object.metadata.namespace,
            "{note}"
        );
        self.context.metrics.abandoned();
        let event_drafts = EventDraft {
            is_warning: true,
            action: "Delete".to_owned(),
            reason: Reason::CancelAbandoned,
            note: note.to_owned(),
        };
        self.context.events.tell(&self.object, event_drafts);
    }

    /// A finished resource costs nothing, memory included.
    fn forget_the_finished(&mut self, observed: &ObservedTask) {
        if observed
            .phase()
            .is_some_and(crate::core::task::status::phase::is_finished)
            && observed.is_observed()
        {
            self.note.memory = crate::core::task::memory::Memory::default();
        }
    }
}

/// Whether the step is one that only the leader may do, and only while it surely is. That counts for what is written,
/// too: its guard, the resourceVersion, doesn't keep out what was true before another process started the task.
const fn is_the_leaders(step: &Step) -> bool {
    match step {
        Step::Start(_)
        | Step::Cancel(_)
        | Step::WriteStatus(_)
        | Step::WriteRecord { .. }
        | Step::AddFinalizer
        | Step::RemoveFinalizer { .. }
        | Step::Delete => true,
        Step::Read | Step::Describe(_) | Step::ListFailedActions(_) | Step::Wait(_) => false,
    }
}

fn gone() -> kube::core::Status {
    kube::core::Status::failure("the resource was deleted and made again", "NotFound").with_code(404)
}

fn until_then(until: Timestamp) -> Duration {
    let wait = until.duration_since(Timestamp::now());
    if wait.is_negative() {
        Duration::ZERO
    } else {
        wait.unsigned_abs()
    }
}
