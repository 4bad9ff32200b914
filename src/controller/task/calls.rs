//! The steps of a pass that call AWS, and what is remembered of the answers.

use std::time::Instant;

use super::pass::Pass;
use crate::api::StartRecord;
use crate::controller::clock::now;
use crate::core::answer::Operation;
use crate::core::mitigation_plan::PlanRead;
use crate::core::task::observed::ObservedTask;
use crate::core::task::retry::Moment;
use crate::core::task::step::TaskAddress;

impl Pass<'_> {
    pub(super) async fn start(&mut self, observed: &ObservedTask, record: &StartRecord) {
        let Ok(desired) = &observed.desired else { return };
        let context = self.context;
        context.scheduler.spend(&observed.uid, Operation::Start);
        let answer = context.shared.service.start(record, desired).await;
        context
            .scheduler
            .start_answered(&observed.uid, &record.region, &answer, Instant::now());
        self.steps
            .push(format!("{} in {}: {answer:?}", record.task_id, record.region).into());
        let known_since = self.state.known_since;
        self.state
            .memory
            .start_answered(record, known_since, answer, moment(observed));
    }

    pub(super) async fn describe(&mut self, observed: &ObservedTask, task: &TaskAddress) {
        let context = self.context;
        context.scheduler.spend(&observed.uid, Operation::Describe);
        // A question changes nothing, so it need not be brought to its end when the process is stopping.
        let asked = context.shared.service.describe(task);
        let Some(answer) = context.shared.stop.run_until_cancelled(Box::pin(asked)).await else {
            return;
        };
        // The answer may have taken seconds: what was read before it is not fresh any more.
        // mutant: what-was-read-before-a-slow-answer-is-fresh
        self.is_fresh = false;
        self.state
            .memory
            .describe_answered(&task.task_id, answer, moment(observed));
    }

    pub(super) async fn cancel(&mut self, observed: &ObservedTask, task: &TaskAddress) {
        let context = self.context;
        context.scheduler.spend(&observed.uid, Operation::Cancel);
        let answer = context.shared.service.cancel(task).await;
        self.is_fresh = false;
        self.state.memory.cancel_answered(answer, moment(observed));
    }

    pub(super) async fn read_for_plan(&mut self, observed: &ObservedTask, region: &str, read: PlanRead) {
        let Ok(desired) = &observed.desired else { return };
        let (shared, operation) = (&self.context.shared, read.operation());
        self.context.scheduler.spend(&observed.uid, operation);
        let began = Instant::now();
        let asked = Box::pin(shared.service.read_for_plan(region, &read));
        let Some(answer) = shared.stop.run_until_cancelled(asked).await else {
            return;
        };
        self.is_fresh = false;
        self.state.memory.plan_answered(
            &desired.plan_request(region),
            &read,
            answer,
            began.elapsed(),
            moment(observed),
        );
    }

    pub(super) async fn list_failed_actions(&mut self, observed: &ObservedTask, task: &TaskAddress) {
        let Some(described) = self.state.memory.described(&task.task_id).cloned() else {
            return;
        };
        let shared = &self.context.shared;
        // Half a look is not kept: the status is not written yet, so the next process looks again.
        let look = shared.service.failed_actions(&observed.uid, task, &described);
        if let Some(found) = shared.stop.run_until_cancelled(Box::pin(look)).await {
            self.state.memory.failed_actions = Some(found);
        }
    }
}

fn moment(observed: &ObservedTask) -> Moment<'_> {
    Moment {
        now: now(),
        uid: &observed.uid,
        generation: observed.generation,
    }
}
