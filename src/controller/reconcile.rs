//! One reconcile: a pass over the resource, and what comes of it: when to look again, and what is remembered until then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::controller::Action;

use super::cached::{CachedTask, version};
use super::context::{Context, ResourceState};
use super::error::Error;
use super::pass::Pass;
use crate::api::{Reason, StoredTask};
use crate::core::task::events::EventDraft;
use crate::metrics::{ReconcileOutcome, RetryReason};

/// Brings one resource as far as it gets for now.
pub(super) async fn reconcile(cached: Arc<CachedTask>, context: Arc<Context>) -> Requeue {
    if context
        .stop
        .run_until_cancelled(context.wait_until_queue_is_built())
        .await
        .is_none()
    {
        return Requeue::UntilChange;
    }
    let uid = cached.uid().unwrap_or_default();
    let mut note = context.take_note(&uid);
    let Some(object) = newest(&cached, &mut note) else {
        context.forget(&uid);
        return Requeue::UntilChange;
    };
    if note.errors > 0 {
        context.metrics.retried(RetryReason::ApiServer);
    }
    let began = Instant::now();
    let mut pass = Pass::begin(&context, object, note);
    let result = pass.run().await;
    let Pass {
        mut note,
        object,
        steps,
        ..
    } = pass;
    let outcome = if result.is_ok() {
        ReconcileOutcome::Success
    } else {
        ReconcileOutcome::Error
    };
    context.metrics.reconciled(outcome, began.elapsed());
    note.errors = if result.is_ok() {
        0
    } else {
        note.errors.saturating_add(1)
    };
    let wait = retry_wait(note.errors);
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    tracing::debug!(name, namespace, steps = steps.join(", "), ?result, "reconcile");
    if let Err(error) = &result
        && error.is_invalid()
        && note.errors == 1
    {
        tell_unwritable(&context, &object, error);
    }
    context.keep_note(&uid, note);
    if result.is_err() {
        context.scheduler.step_aside(&uid);
    }
    // Deleted while it was looked at: what was noted of it since would stay for ever, a slot of the queue as well.
    if !context.is_there(&object) {
        context.forget(&uid);
    }
    match result {
        Ok(rest) => rest,
        Err(error) if error.is_gone() => {
            context.forget(&uid);
            Requeue::UntilChange
        }
        Err(error) => {
            tracing::warn!(name, namespace, %error, retry_seconds = wait.as_secs(), "reconcile failed");
            Requeue::For(wait)
        }
    }
}

/// The resource as the cache has it, or as this process's own last write left it: the cache may not have seen that yet.
/// Nothing if there is nothing to do for it.
fn newest(cached: &CachedTask, note: &mut ResourceState) -> Option<Arc<StoredTask>> {
    let latest = note.latest.take();
    match latest.map(|latest| (version(&latest.metadata), latest)) {
        Some((written, latest)) if written > version(&cached.metadata) => {
            note.latest = Some(Arc::clone(&latest));
            Some(latest)
        }
        // The same, and parsed already.
        Some((written, latest)) if written == version(&cached.metadata) && !cached.is_done() => Some(latest),
        _ => cached.open().map(Arc::new),
    }
}

/// Where no status can be written, an event says what is wrong.
fn tell_unwritable(context: &Context, object: &StoredTask, error: &Error) {
    let note = format!(
        "the resource can't be handled as it is stored; apply a corrected manifest, or remove its finalizer: {error}"
    );
    context.events.tell(
        object,
        EventDraft {
            is_warning: true,
            action: "WriteStatus".to_owned(),
            reason: Reason::InvalidSpec,
            note,
        },
    );
}

/// Doubling waits, capped at a minute: the API server comes back by itself.
fn retry_wait(errors: u32) -> Duration {
    Duration::from_millis(250)
        .saturating_mul(1 << errors.clamp(1, 16))
        .min(Duration::from_mins(1))
}

/// What comes after a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requeue {
    /// Nothing, until the resource or the queue changes.
    UntilChange,
    /// Another one after this time, or when something changes.
    For(Duration),
}

impl From<Requeue> for Action {
    fn from(rest: Requeue) -> Self {
        match rest {
            Requeue::UntilChange => Self::await_change(),
            Requeue::For(time) => Self::requeue(time),
        }
    }
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
