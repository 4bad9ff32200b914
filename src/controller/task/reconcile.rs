//! One reconcile: a pass over the resource, and what comes of it: when to look again, and what is remembered until then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use super::cached::{CachedTask, version};
use super::context::Context;
use super::large::Large;
use super::pass::Pass;
use super::states::ResourceState;
use crate::api::{Reason, StoredTask};
use crate::controller::error::Error;
use crate::controller::lanes::Slot;
use crate::controller::requeue::Requeue;
use crate::core::event::EventDraft;
use crate::core::timing;
use crate::metrics::{ReconcileOutcome, RetryReason};

/// Brings one resource as far as it gets for now.
pub(super) async fn reconcile(cached: Arc<CachedTask>, mut slot: Slot, context: Arc<Context>) -> Requeue {
    let built = context.wait_until_queue_is_built();
    if context.shared.stop.run_until_cancelled(built).await.is_none() {
        return Requeue::UntilChange;
    }
    let uid = cached.uid().unwrap_or_default();
    // Before its state is taken, which the end of the resource may need meanwhile.
    let large = if cached.is_large() {
        match read_large(&context, &cached, &mut slot).await {
            Ok(large) => Some(large),
            Err(requeue) => return requeue,
        }
    } else {
        None
    };
    let mut state = context.states.take(&uid);
    // What the watch has brought since this turn began: an own write that it has is not kept any more.
    let cached = context
        .caches
        .get(&ObjectRef::from_obj(&*cached))
        .filter(|newer| newer.metadata.uid == cached.metadata.uid && !newer.is_large())
        .unwrap_or(cached);
    let object = match &large {
        Some(large) => Some(Arc::clone(&large.object)),
        None => newest(&cached, &mut state),
    };
    let Some(object) = object else {
        context.forget(&uid);
        return Requeue::UntilChange;
    };
    if state.errors > 0 {
        context.shared.metrics.retried(RetryReason::ApiServer);
    }
    let began = Instant::now();
    let mut pass = Pass::begin(&context, &cached, object, state);
    let result = pass.run(slot).await;
    let Pass {
        mut state,
        object,
        steps,
        ..
    } = pass;
    let outcome = outcome(&result);
    context.shared.metrics.reconciled(outcome, began.elapsed());
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    tracing::debug!(name, namespace, steps = steps.join(", "), ?result, "reconcile");
    let requeue = settle(&context, &object, &mut state, result);
    if large.is_some() {
        // It is read again anyway.
        state.latest = None;
    }
    // Deleted while it was looked at: its state would stay for ever, and its slot of the queue.
    if let Some(cached) = context.caches.get(&CachedTask::reference(&object)) {
        state.catch_up(version(&cached.metadata));
        context.states.put(&uid, state);
    } else {
        context.forget(&uid);
    }
    requeue
}

/// Reads a resource that is too large to be kept.
///
/// # Errors
/// When to come back, if there is nothing to do for it now.
async fn read_large<'a>(context: &'a Context, cached: &CachedTask, slot: &mut Slot) -> Result<Large<'a>, Requeue> {
    let began = Instant::now();
    let read = context.read_large(cached, slot);
    let error = match context.shared.stop.run_until_cancelled(read).await {
        Some(Ok(large)) => return Ok(large),
        Some(Err(error)) => error,
        None => return Err(Requeue::UntilChange),
    };
    let uid = cached.uid().unwrap_or_default();
    let is_listed = context.caches.contains(&ObjectRef::from_obj(cached));
    if error.is_gone() {
        // What it leaves behind is looked after when the watch says so.
        if !is_listed {
            context.forget(&uid);
        }
        return Err(Requeue::UntilChange);
    }
    context
        .shared
        .metrics
        .reconciled(ReconcileOutcome::Error, began.elapsed());
    context.scheduler.step_aside(&uid);
    let mut state = context.states.take(&uid);
    state.errors = state.errors.saturating_add(1);
    let wait = retry_wait(state.errors);
    if is_listed {
        context.states.put(&uid, state);
    }
    let (name, namespace) = (&cached.metadata.name, &cached.metadata.namespace);
    tracing::warn!(name, namespace, %error, retry_seconds = wait.as_secs(), "a large resource can't be read");
    Err(Requeue::For(wait))
}

fn outcome<T, E>(result: &Result<T, E>) -> ReconcileOutcome {
    match result {
        Ok(_) => ReconcileOutcome::Success,
        Err(_) => ReconcileOutcome::Error,
    }
}

/// What comes after a pass that ended like this.
fn settle(
    context: &Context,
    object: &StoredTask,
    state: &mut ResourceState,
    result: Result<Requeue, (Error, Option<Instant>)>,
) -> Requeue {
    let (error, wake_up) = match result {
        Ok(requeue) => {
            if state.held_until(object).is_none() {
                state.errors = 0;
            }
            return requeue;
        }
        Err(failed) => failed,
    };
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    if error.is_gone() {
        // mutant: an-orphan-that-its-reconcile-finds-runs-on
        context.cancel_if_orphaned(object, &state.memory);
        *state = ResourceState::new(context.shared.leader_since);
        context.forget(uid);
        return Requeue::UntilChange;
    }
    context.scheduler.step_aside(uid);
    state.errors = state.errors.saturating_add(1);
    if (error.is_invalid() || error.is_too_large()) && state.errors == 1 {
        tell_unwritable(context, object, &error);
    }
    let wait = retry_wait(state.errors);
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    tracing::warn!(name, namespace, %error, retry_seconds = wait.as_secs(), "reconcile failed");
    if error.is_refusal() {
        state.hold_writes(object, wait);
    }
    // What needs no write goes on at its own pace.
    let wake_up = wake_up.map(|time| time.saturating_duration_since(Instant::now()));
    Requeue::For(wake_up.map_or(wait, |wake_up| wake_up.min(wait)))
}

/// The resource as the cache has it, or as this process's own last write left it: the cache may not have seen that yet.
/// Nothing if there is nothing to do for it.
fn newest(cached: &CachedTask, state: &mut ResourceState) -> Option<Arc<StoredTask>> {
    state.catch_up(version(&cached.metadata));
    let latest = state.latest.clone();
    latest.or_else(|| cached.open().map(Arc::new))
}

/// Where no status can be written, an event says what is wrong.
fn tell_unwritable(context: &Context, object: &StoredTask, error: &Error) {
    let (reason, note) = if error.is_too_large() {
        let note =
            format!("the resource is so large that no status fits into it; remove annotations or labels: {error}");
        (Reason::ResourceTooLarge, note)
    } else {
        let note = format!(
            "the resource can't be handled as it is stored; apply a corrected manifest, or remove its finalizer: {error}"
        );
        (Reason::InvalidSpec, note)
    };
    context.shared.events.publish(
        object.object_ref(&()),
        EventDraft {
            is_warning: true,
            action: "WriteStatus".to_owned(),
            reason,
            note,
        },
    );
}

/// Doubling waits, capped at a minute: the API server comes back by itself.
fn retry_wait(errors: u32) -> Duration {
    timing::doubling(Duration::from_millis(500), Duration::from_mins(1), errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_api_server_grow_up_to_a_minute() {
        for (errors, millis) in [
            (1, 500),
            (2, 1_000),
            (3, 2_000),
            (7, 32_000),
            (8, 60_000),
            (u32::MAX, 60_000),
        ] {
            assert_eq!(retry_wait(errors), Duration::from_millis(millis), "{errors}");
        }
    }
}
