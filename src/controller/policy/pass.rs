//! One pass over a policy: gather, decide, act, and again, until there is nothing to do but wait.

use std::sync::Arc;
use std::time::Instant;

use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use super::context::Context;
use super::states::PolicyState;
use crate::api::{AuditMitigationPolicyStatus, StoredPolicy};
use crate::controller::clock::now;
use crate::controller::error::Error;
use crate::controller::lanes::Slot;
use crate::controller::requeue::Requeue;
use crate::controller::write::ObjectClient;
use crate::core::answer::Operation;
use crate::core::condition::find;
use crate::core::policy::decide::{Decision, decide};
use crate::core::policy::events::{event_drafts, noted};
use crate::core::policy::observation::PolicyObservation;
use crate::core::policy::observed::ObservedPolicy;
use crate::core::policy::own_task::OwnTask;
use crate::core::policy::status::READY;
use crate::core::policy::step::Step;

/// More steps than any policy takes before it has to wait: the history limits delete one task at a time.
const MAX_STEPS: usize = 256;

/// One pass over a policy.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    /// As it was last read or written.
    pub(super) object: Arc<StoredPolicy>,
    pub(super) is_fresh: bool,
    pub(super) state: PolicyState,
    /// What was done, for the log.
    pub(super) steps: Vec<&'static str>,
}

/// How far a pass has come.
pub(super) enum Progress {
    /// A step was taken: decide again.
    Again,
    /// What the step rested on has changed; the watch will say how.
    Changed,
}

impl<'a> Pass<'a> {
    pub(super) fn begin(context: &'a Context, object: Arc<StoredPolicy>, state: PolicyState) -> Self {
        Self {
            context,
            object,
            is_fresh: false,
            state,
            steps: Vec::new(),
        }
    }

    /// Takes steps until it has to wait.
    pub(super) async fn run(&mut self, mut slot: Slot) -> Result<Requeue, Error> {
        for _ in 0..MAX_STEPS {
            let (liveness, reference) = (&self.context.liveness, ObjectRef::from_obj(&*self.object));
            liveness.mark_touched(&reference);
            liveness.while_in_line(&reference, slot.rejoin()).await;
            let policy = ObservedPolicy::parse(&self.object);
            let tasks = self.tasks(&policy);
            let Decision { due, wake_up } = self.decide(&policy, &tasks);
            let Some(step) = due.into_iter().next() else {
                return Ok(wake_up.map_or(Requeue::UntilChange, Requeue::at));
            };
            if self.context.shared.stop.is_cancelled() {
                return Ok(Requeue::UntilChange);
            }
            self.steps.push(step.name());
            match self.take(step, &policy, &tasks, &mut slot).await? {
                Progress::Again => {}
                Progress::Changed => return Ok(Requeue::UntilChange),
            }
        }
        Err(Error::TooManySteps(MAX_STEPS))
    }

    /// The policy's own tasks, with what this process has just done to them.
    fn tasks(&mut self, policy: &ObservedPolicy) -> Vec<OwnTask> {
        let shown = self
            .context
            .tasks
            .tasks_of(&policy.namespace, &policy.name, &policy.uid);
        let shown = shown.into_iter().map(|(_, task)| task).collect();
        self.state.memory.tasks(shown, Instant::now())
    }

    fn decide(&self, policy: &ObservedPolicy, tasks: &[OwnTask]) -> Decision {
        let region = self.context.region_of(policy);
        let audits = region.and_then(|region| self.context.pollers.audits(&region));
        decide(&PolicyObservation {
            now: now(),
            policy,
            is_fresh: self.is_fresh,
            memory: &self.state.memory,
            audits: audits.as_deref(),
            tasks,
            default_region: self.context.default_region.as_deref(),
            altered_status: self.state.altered_status.as_ref(),
        })
    }

    /// Does one step.
    async fn take(
        &mut self,
        step: Step,
        policy: &ObservedPolicy,
        tasks: &[OwnTask],
        slot: &mut Slot,
    ) -> Result<Progress, Error> {
        let leadership = &self.context.shared.leadership;
        // mutant: a-policy-acts-while-it-may-not-lead
        if step.is_the_leaders() && !leadership.is_surely_held(Instant::now()) {
            slot.leave_if_slow(leadership.surely_held()).await;
            // Meanwhile everything may have changed: it is looked at and decided afresh.
            self.is_fresh = false;
            return Ok(Progress::Again);
        }
        match step {
            Step::Read => {
                let read = self.client().read().await;
                self.read_back(read)
            }
            Step::WriteStatus(status) => self.write_status(*status, policy, tasks).await,
            Step::DescribeSchedule { name, region } => {
                // The service may be slow in one region: no other policy waits for that.
                slot.leave_if_slow(self.describe_schedule(policy, &name, &region)).await;
                Ok(Progress::Again)
            }
            Step::CreateTask { audit_id, task } => self.create_task(policy, &audit_id, *task).await,
            Step::DeleteTask { task, .. } => self.delete_task(policy, &task).await,
        }
    }

    async fn describe_schedule(&mut self, policy: &ObservedPolicy, name: &str, region: &str) {
        let shared = &self.context.shared;
        let describe = async {
            let pace = shared.service.pace();
            pace.wait(&policy.uid, Operation::DescribeSchedule, region).await;
            shared.service.describe_schedule(region, name).await
        };
        let Some(answer) = shared.stop.run_until_cancelled(Box::pin(describe)).await else {
            return;
        };
        // The answer may have taken seconds: what was read before it is not fresh any more.
        self.is_fresh = false;
        let memory = &mut self.state.memory;
        memory.schedule_described(policy.generation, answer, &policy.uid, Instant::now());
    }

    async fn write_status(
        &mut self,
        status: AuditMitigationPolicyStatus,
        policy: &ObservedPolicy,
        tasks: &[OwnTask],
    ) -> Result<Progress, Error> {
        match self.client().write_status(&self.object, &status).await {
            Ok(object) => {
                let is_altered = ObservedPolicy::parse(&object).status.as_ref() != Some(&status);
                self.report(policy, &status, tasks);
                self.state.altered_status = is_altered.then_some(status);
                self.keep(object);
                Ok(Progress::Again)
            }
            Err(error) if error.is_conflict() => {
                let read = self.client().read().await;
                self.read_back(read)
            }
            Err(error) => Err(error),
        }
    }

    /// Counts, logs and publishes what a status write means.
    fn report(&self, policy: &ObservedPolicy, status: &AuditMitigationPolicyStatus, tasks: &[OwnTask]) {
        let shared = &self.context.shared;
        let (name, namespace) = (&policy.name, &policy.namespace);
        let region = status.watching.as_ref().map(|watching| watching.region.as_str());
        for record in noted(policy.status.as_ref(), status) {
            let (audit, outcome, reason) = (&record.audit_task_id, record.outcome, &record.reason);
            tracing::info!(name, namespace, audit, ?outcome, reason, "an audit is noted");
            shared.metrics.audit_noted(outcome, region.unwrap_or_default());
        }
        let reason_of = |status: &AuditMitigationPolicyStatus| {
            find(&status.conditions, READY).map(|ready| (ready.reason.clone(), ready.message.clone()))
        };
        if let Some((reason, note)) = reason_of(status)
            && policy
                .status
                .as_ref()
                .and_then(reason_of)
                .is_none_or(|(before, _)| before != reason)
        {
            tracing::info!(name, namespace, reason, note, "transition of a policy");
        }
        for draft in event_drafts(policy, status, tasks) {
            shared.events.publish(self.object.object_ref(&()), draft);
        }
    }

    /// Goes on with what was read.
    fn read_back(&mut self, read: Result<StoredPolicy, Error>) -> Result<Progress, Error> {
        let object = read?;
        if object.uid() != self.object.uid() {
            // Deleted and made again: another policy, with a reconcile of its own.
            return Err(Error::replaced());
        }
        self.keep(object);
        Ok(Progress::Again)
    }

    fn keep(&mut self, object: StoredPolicy) {
        let object = Arc::new(object);
        self.state.latest = Some(Arc::clone(&object));
        self.object = object;
        self.is_fresh = true;
    }

    fn client(&self) -> ObjectClient<StoredPolicy> {
        ObjectClient::of(self.context.shared.client.clone(), &self.object)
    }
}
