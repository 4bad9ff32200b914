//! The steps of a pass that make and delete tasks.

use std::time::Instant;

use kube::api::ObjectMeta;

use super::pass::{Pass, Progress};
use crate::api::{AuditMitigationTask, Parsed, StoredTask};
use crate::controller::error::Error;
use crate::controller::write::ObjectClient;
use crate::core::policy::observed::ObservedPolicy;
use crate::core::policy::own_task::OwnTask;
use crate::core::task::tie::Tie;

impl Pass<'_> {
    pub(super) async fn create_task(
        &mut self,
        policy: &ObservedPolicy,
        audit_id: &str,
        task: AuditMitigationTask,
    ) -> Result<Progress, Error> {
        let made = ObjectClient::of(self.context.shared.client.clone(), &task)
            .create(&task)
            .await;
        // Whatever came of it, it has taken time: the next task rests on another look.
        self.is_fresh = false;
        match made {
            Ok(task) => {
                let task = OwnTask::of(&stored(task));
                self.state.memory.task_made(audit_id, task, Instant::now());
            }
            Err(error) if error.is_already_there() => self.look_who_has_the_name(policy, audit_id, &task).await?,
            Err(error) if error.is_refusal() && !matches!(error, Error::Timeout(_)) => {
                let (name, namespace) = (&policy.name, &policy.namespace);
                tracing::warn!(name, namespace, audit_id, %error, "the task for an audit was refused");
                let (memory, words) = (&mut self.state.memory, error.to_string());
                memory.task_refused(audit_id, words, policy.generation, &policy.uid, Instant::now());
            }
            // Whether it was made, nobody knows: the next attempt finds out.
            Err(error) => return Err(error),
        }
        Ok(Progress::Again)
    }

    /// A crash after the task was made, or a backup that was restored, leaves a task for the same.
    async fn look_who_has_the_name(
        &mut self,
        policy: &ObservedPolicy,
        audit_id: &str,
        task: &AuditMitigationTask,
    ) -> Result<(), Error> {
        let client = ObjectClient::<StoredTask>::named(self.context.shared.client.clone(), &task.metadata);
        let taken = match client.read().await {
            // Gone again: the next attempt makes it.
            Err(error) if error.is_gone() => return Ok(()),
            read => read?,
        };
        let is_own = Tie::of(&taken).is_to(&policy.name, &policy.uid);
        let is_for_the_same = taken.spec.good().is_some_and(|spec| {
            spec.target.audit_task_id.as_deref() == Some(audit_id) && spec.task_id == task.spec.task_id
        });
        // mutant: a-taken-name-is-not-looked-at
        self.state.memory.name_taken(audit_id, is_own || is_for_the_same);
        Ok(())
    }

    pub(super) async fn delete_task(&mut self, policy: &ObservedPolicy, task: &OwnTask) -> Result<Progress, Error> {
        let metadata = ObjectMeta {
            name: Some(task.name.clone()),
            namespace: Some(policy.namespace.clone()),
            ..ObjectMeta::default()
        };
        let client = ObjectClient::<StoredTask>::named(self.context.shared.client.clone(), &metadata);
        match client
            .delete_version(Some(task.uid.clone()), task.version.clone())
            .await
        {
            // It has changed, and perhaps started: the watch shows it.
            Err(error) if error.is_conflict() => return Ok(Progress::Changed),
            Err(error) if !error.is_gone() => return Err(error),
            Ok(()) | Err(_) => self.state.memory.task_deleted(&task.uid),
        }
        Ok(Progress::Again)
    }
}

fn stored(task: AuditMitigationTask) -> StoredTask {
    StoredTask {
        metadata: task.metadata,
        spec: Parsed::Good(task.spec),
        status: Parsed::Good(task.status),
    }
}
