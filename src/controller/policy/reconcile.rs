//! One reconcile of a policy: a pass, and when to look again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;

use super::context::Context;
use super::pass::Pass;
use super::states::PolicyState;
use crate::api::StoredPolicy;
use crate::controller::error::Error;
use crate::controller::lanes::Slot;
use crate::controller::requeue::Requeue;
use crate::core::timing;
use crate::metrics::{ReconcileOutcome, RetryReason};

/// Brings one policy as far as it gets for now.
pub(super) async fn reconcile(cached: Arc<StoredPolicy>, slot: Slot, context: Arc<Context>) -> Requeue {
    // A task that nobody has listed yet might run.
    // mutant: a-policy-that-has-not-seen-its-tasks
    let listed = context.tasks.all_listed();
    if context.shared.stop.run_until_cancelled(listed).await.is_none() {
        return Requeue::UntilChange;
    }
    let uid = cached.uid().unwrap_or_default();
    let mut state = context.states.take(&uid);
    if state.errors > 0 {
        context.shared.metrics.retried(RetryReason::ApiServer);
    }
    let object = newest(&cached, &mut state);
    let began = Instant::now();
    let mut pass = Pass::begin(&context, object, state);
    let result = pass.run(slot).await;
    let Pass {
        mut state,
        object,
        steps,
        ..
    } = pass;
    let outcome = match &result {
        Ok(_) => ReconcileOutcome::Success,
        Err(_) => ReconcileOutcome::Error,
    };
    context.shared.metrics.reconciled(outcome, began.elapsed());
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    tracing::debug!(
        name,
        namespace,
        steps = steps.join(", "),
        ?result,
        "reconcile of a policy"
    );
    // Deleted while it was looked at: its state would stay for ever.
    if !context.caches.contains(&ObjectRef::from_obj(&*object)) {
        return Requeue::UntilChange;
    }
    let requeue = settle(&object, &mut state, result);
    context.states.put(&uid, state);
    requeue
}

/// What comes after a pass that ended like this.
fn settle(object: &StoredPolicy, state: &mut PolicyState, result: Result<Requeue, Error>) -> Requeue {
    let error = match result {
        Ok(requeue) => {
            state.errors = 0;
            return requeue;
        }
        Err(error) => error,
    };
    state.errors = state.errors.saturating_add(1);
    let wait = timing::doubling(Duration::from_millis(500), Duration::from_mins(1), state.errors);
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    tracing::warn!(name, namespace, %error, retry_seconds = wait.as_secs(), "reconcile of a policy failed");
    Requeue::For(wait)
}

/// The policy as the cache has it, or as this process's own last write left it: the cache may not have seen that yet.
fn newest(cached: &Arc<StoredPolicy>, state: &mut PolicyState) -> Arc<StoredPolicy> {
    let version = |object: &StoredPolicy| -> u64 {
        let version = object.metadata.resource_version.as_deref();
        version.and_then(|version| version.parse().ok()).unwrap_or_default()
    };
    let latest = state.latest.take().filter(|latest| version(latest) > version(cached));
    state.latest.clone_from(&latest);
    latest.unwrap_or_else(|| Arc::clone(cached))
}
