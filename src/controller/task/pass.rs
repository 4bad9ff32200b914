//! One pass over a resource: gather, decide, act, and again, until there is nothing to do but wait.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::cached::CachedTask;
use super::context::Context;
use super::states::ResourceState;
use super::task_client::TaskClient;
use crate::api::StoredTask;
use crate::controller::clock::now;
use crate::controller::error::Error;
use crate::controller::lanes::Slot;
use crate::controller::requeue::Requeue;
use crate::core::mitigation_plan::reading::MAX_CALLS;
use crate::core::task::decide::decide;
use crate::core::task::memory::Memory;
use crate::core::task::observed::ObservedTask;
use crate::core::task::place::place;
use crate::core::task::plan::Decision;
use crate::core::task::stage::Stage;
use crate::core::task::status::phase::is_finished;
use crate::core::task::step::Step;
use crate::metrics::RetryReason;

/// More steps than any resource takes before it has to wait.
const MAX_STEPS: usize = MAX_CALLS + 32;

/// One pass over a resource.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    /// As it was last read or written.
    pub(super) object: Arc<StoredTask>,
    pub(super) is_fresh: bool,
    /// How many bytes it has, as the watch brought it.
    size: usize,
    pub(super) state: ResourceState,
    /// A write that the API server refused in this pass: no other is tried before the next.
    refused: Option<Error>,
    /// What was done, for the log.
    pub(super) steps: Vec<Cow<'static, str>>,
}

impl<'a> Pass<'a> {
    /// A large resource was read for this pass.
    pub(super) fn begin(
        context: &'a Context,
        cached: &CachedTask,
        object: Arc<StoredTask>,
        state: ResourceState,
    ) -> Self {
        Self {
            context,
            size: cached.size,
            object,
            is_fresh: cached.is_large(),
            state,
            refused: None,
            steps: Vec::new(),
        }
    }

    /// Takes steps until it has to wait. With a refused write comes the time of the next step that needs none.
    pub(super) async fn run(&mut self, mut slot: Slot) -> Result<Requeue, (Error, Option<Instant>)> {
        let mut parsed = Arc::clone(&self.object);
        let mut observed = ObservedTask::parse(&parsed);
        for _ in 0..MAX_STEPS {
            let (liveness, reference) = (&self.context.liveness, CachedTask::reference(&self.object));
            liveness.mark_touched(&reference);
            liveness.while_in_line(&reference, slot.rejoin()).await;
            // An answer of the service changes the memory, and not the object.
            if !Arc::ptr_eq(&parsed, &self.object) {
                parsed = Arc::clone(&self.object);
                observed = ObservedTask::parse(&parsed);
            }
            let decision = self.decide(&observed);
            let progress = self.act(decision, &observed, &mut slot).await;
            match progress.map_err(|error| (error, None))? {
                Progress::Again => {}
                Progress::Stopping => return Ok(Requeue::UntilChange),
                Progress::Waiting(wake_up) => return self.rest(&observed, wake_up),
            }
        }
        Err((Error::TooManySteps(MAX_STEPS), None))
    }

    /// The stage is found once, for the queue and for the plan, at one time for both: a backoff that ends in between
    /// would be admitted without a slot.
    fn decide(&self, observed: &ObservedTask) -> Decision {
        let context = self.context;
        let plan = context.plan_of_policy(observed);
        let o = context.observe(observed, self.size, &self.state, self.is_fresh, plan.as_deref(), now());
        let stage = Stage::of(&o);
        let admission = context.enter_queue(&self.object, observed, place(&o, &stage), o.now.monotonic);
        let decision = decide(&o, &stage, admission);
        if decision.due.is_empty() {
            context.give_back_reservations(&observed.uid, admission);
        }
        decision
    }

    /// Does the first step that is due and may be done now. A step that has to wait for the rate limiter holds up no
    /// other, and a write that is refused none that needs no write.
    async fn act(&mut self, decision: Decision, observed: &ObservedTask, slot: &mut Slot) -> Result<Progress, Error> {
        let Decision { due, mut wake_up } = decision;
        for step in due {
            let writes_are_held = self.refused.is_some() || self.state.holds_writes(&self.object, Instant::now());
            // mutant: a-refused-write-holds-back-no-start
            if writes_are_held && !step.survives_a_refused_write() {
                continue;
            }
            if step.begins_call() && self.context.shared.stop.is_cancelled() {
                self.steps.push("stopping".into());
                return Ok(Progress::Stopping);
            }
            if let Err(until) = self.context.reserve(&step, observed) {
                self.steps.push(format!("{} awaits the rate", step.name()).into());
                wake_up = wake_up.into_iter().chain([until]).min();
                continue;
            }
            self.steps.push(step.name().into());
            match self.take(step, observed, slot).await {
                Ok(progress) => return Ok(progress),
                Err(error) if error.is_refusal() => self.refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(Progress::Waiting(wake_up))
    }

    /// Nothing is to be done now.
    fn rest(&mut self, observed: &ObservedTask, wake_up: Option<Instant>) -> Result<Requeue, (Error, Option<Instant>)> {
        self.steps.push("Wait".into());
        if let Some(error) = self.refused.take() {
            return Err((error, wake_up));
        }
        // A finished resource costs nothing, memory included.
        if observed.phase().is_some_and(is_finished) && observed.is_observed() {
            self.state.memory = Memory::default();
        }
        let held = self.state.held_until(&self.object);
        let wake_up = wake_up.into_iter().chain(held).min();
        Ok(wake_up.map_or(Requeue::UntilChange, Requeue::at))
    }

    /// Does one step.
    async fn take(&mut self, step: Step, observed: &ObservedTask, slot: &mut Slot) -> Result<Progress, Error> {
        let leadership = &self.context.shared.leadership;
        // mutant: it-acts-while-it-may-not-lead
        if is_the_leaders(&step) && !leadership.is_surely_held(Instant::now()) {
            slot.leave_if_slow(leadership.surely_held()).await;
            // Meanwhile everything may have changed: it is looked at and decided afresh.
            self.is_fresh = false;
            return Ok(Progress::Again);
        }
        self.count_retry(&step, observed);
        let client = TaskClient::of(self.context.shared.client.clone(), &self.object);
        match step {
            Step::Read => self.read_back(client.read().await)?,
            Step::WriteStatus(status) => self.write_status(&client, observed, *status).await?,
            Step::WriteRecord { record, with_finalizer } => {
                self.write_record(&client, record, with_finalizer).await?;
            }
            Step::AddFinalizer => {
                let written = client.add_finalizer(&self.object).await;
                self.written(written, &client).await?;
            }
            Step::RemoveFinalizer { abandons_task } => {
                self.remove_finalizer(&client, observed, abandons_task).await?;
            }
            Step::Delete => return self.delete(&client).await,
            // The service may be slow in one region: no other resource waits for that.
            Step::Start(record) => slot.leave_if_slow(self.start(observed, &record)).await,
            Step::Describe(task) => slot.leave_if_slow(self.describe(observed, &task)).await,
            Step::Cancel(task) => slot.leave_if_slow(self.cancel(observed, &task)).await,
            Step::ReadForPlan { region, read } => {
                slot.leave_if_slow(self.read_for_plan(observed, &region, read)).await;
            }
            Step::ListFailedActions(task) => slot.leave_if_slow(self.list_failed_actions(observed, &task)).await,
            Step::Wait(_) => {}
        }
        Ok(Progress::Again)
    }

    /// Counts a call that failed before and has not gone well since.
    fn count_retry(&self, step: &Step, observed: &ObservedTask) {
        let retry = step
            .operation()
            .and_then(|operation| self.state.memory.retry_of(operation, observed.generation));
        if let Some(retry) = retry {
            self.context.shared.metrics.retried(RetryReason::Aws(retry.class));
        }
    }
}

/// How far a pass has come.
pub(super) enum Progress {
    /// A step was taken: decide again.
    Again,
    /// The process is stopping, and the next step would begin a call.
    Stopping,
    /// Nothing is to be done until then.
    Waiting(Option<Instant>),
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
        Step::Read | Step::Describe(_) | Step::ReadForPlan { .. } | Step::ListFailedActions(_) | Step::Wait(_) => false,
    }
}
