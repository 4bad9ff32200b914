//! What is kept of each resource between its reconciles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::cached::version;
use crate::api::{AuditMitigationTaskStatus, StoredTask};
use crate::controller::lock::lock;
use crate::core::task::memory::Memory;

/// What is kept of one resource between its reconciles.
#[derive(Debug)]
pub(super) struct ResourceState {
    /// What the service said.
    pub(super) memory: Memory,
    /// Since when this process knows everything that it sent for this resource.
    pub(super) known_since: Instant,
    /// A status that the API server stores otherwise than it was written.
    pub(super) altered_status: Option<AuditMitigationTaskStatus>,
    /// A version of the resource for which a write was refused, and until when none is tried again.
    held_writes: Option<(Option<String>, Instant)>,
    /// The resource as the last own write left it, until the watch cache has caught up.
    pub(super) latest: Option<Arc<StoredTask>>,
    /// How often in a row the API server failed.
    pub(super) errors: u32,
}

impl ResourceState {
    /// Nothing is known of what happened before this.
    pub(super) fn new(known_since: Instant) -> Self {
        Self {
            memory: Memory::default(),
            known_since,
            altered_status: None,
            held_writes: None,
            latest: None,
            errors: 0,
        }
    }

    /// A write was refused: none is tried for this long, unless the resource changes.
    pub(super) fn hold_writes(&mut self, object: &StoredTask, wait: Duration) {
        self.held_writes = Some((object.metadata.resource_version.clone(), Instant::now() + wait));
    }

    /// Until when no write is tried.
    pub(super) fn held_until(&self, object: &StoredTask) -> Option<Instant> {
        let (version, until) = self.held_writes.as_ref()?;
        (*version == object.metadata.resource_version).then_some(*until)
    }

    /// Whether no write is tried now.
    pub(super) fn holds_writes(&self, object: &StoredTask, now: Instant) -> bool {
        self.held_until(object).is_some_and(|until| now < until)
    }

    /// The watch cache has this version: an own write that is no newer need not be kept.
    pub(super) fn catch_up(&mut self, cached: u64) {
        self.latest.take_if(|latest| version(&latest.metadata) <= cached);
    }

    /// Whether it says no more than a fresh one does.
    fn is_empty(&self, leader_since: Instant) -> bool {
        let Self {
            memory,
            known_since,
            altered_status,
            held_writes,
            latest,
            errors,
        } = self;
        *memory == Memory::default()
            && *known_since == leader_since
            && latest.is_none()
            && *errors == 0
            && altered_status.is_none()
            && held_writes.is_none()
    }
}

/// The states of all resources, by uid. A reconcile takes the state of its resource and puts it back at its end.
pub(super) struct ResourceStates {
    leader_since: Instant,
    /// A tree, which unlike a table gives back the room that a crowd took.
    states: Mutex<BTreeMap<String, ResourceState>>,
}

impl ResourceStates {
    pub(super) fn new(leader_since: Instant) -> Self {
        Self {
            leader_since,
            states: Mutex::default(),
        }
    }

    /// Takes the state of a resource out; a fresh one when nothing is kept of it.
    pub(super) fn take(&self, uid: &str) -> ResourceState {
        let taken = lock(&self.states).remove(uid);
        taken.unwrap_or_else(|| ResourceState::new(self.leader_since))
    }

    /// Keeps the state of a resource, unless there is nothing in it.
    pub(super) fn put(&self, uid: &str, state: ResourceState) {
        if !state.is_empty(self.leader_since) {
            lock(&self.states).insert(uid.to_owned(), state);
        }
    }

    /// The watch has brought this version of a resource. The next reconcile may be far away, and many tasks may run: what
    /// the last one wrote is not kept until then.
    pub(super) fn catch_up(&self, uid: &str, cached: u64) {
        if let Some(state) = lock(&self.states).get_mut(uid) {
            state.catch_up(cached);
        }
    }

    /// A reconcile panicked with the state that it had taken. What this process sent for the resource before this
    /// moment is not known any more.
    pub(super) fn mark_lost(&self, uid: &str, now: Instant) {
        // mutant: a-panic-loses-nothing
        lock(&self.states).insert(uid.to_owned(), ResourceState::new(now));
    }

    /// A resource is gone.
    pub(super) fn forget(&self, uid: &str) {
        lock(&self.states).remove(uid);
    }

    /// All other resources are gone or done.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        lock(&self.states).retain(|uid, _| keep(uid));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn states() -> (ResourceStates, Instant) {
        let since = Instant::now();
        (ResourceStates::new(since), since)
    }

    #[test]
    fn a_state_is_kept_until_it_is_taken() {
        let (states, since) = states();
        let mut state = states.take("one");
        assert_eq!((state.errors, state.known_since), (0, since));
        state.errors = 3;
        states.put("one", state);
        assert_eq!(states.take("other").errors, 0);
        assert_eq!(states.take("one").errors, 3);
        assert_eq!(states.take("one").errors, 0, "it was taken");
    }

    #[test]
    fn nothing_is_kept_of_a_resource_of_which_there_is_nothing_to_know() {
        let (states, _) = states();
        states.put("one", states.take("one"));
        assert!(lock(&states.states).is_empty());
    }

    /// The last own write of each task that ran was once kept until its next reconcile had its turn.
    #[test]
    fn an_own_write_is_kept_until_the_watch_has_it() {
        let (states, _) = states();
        let written: StoredTask =
            serde_json::from_value(serde_json::json!({ "metadata": { "name": "one", "resourceVersion": "10" } }))
                .unwrap();
        let mut state = states.take("one");
        state.latest = Some(Arc::new(written));
        states.put("one", state);
        for (cached, is_kept) in [(9, true), (10, false)] {
            states.catch_up("one", cached);
            states.catch_up("other", cached);
            let state = states.take("one");
            assert_eq!(state.latest.is_some(), is_kept, "{cached}");
            states.put("one", state);
        }
    }

    /// A Start whose answer went with the panic must not count as one that was never sent.
    #[test]
    fn after_a_panic_nothing_is_known_of_the_time_before_it() {
        let (states, since) = states();
        let mut state = states.take("one");
        state.errors = 3;
        states.put("one", state);
        let _lost = states.take("one");
        let panicked = since + Duration::from_secs(5);
        states.mark_lost("one", panicked);
        for _ in 0..2 {
            let state = states.take("one");
            assert_eq!((state.errors, state.known_since), (0, panicked));
            states.put("one", state);
        }
        assert_eq!(states.take("other").known_since, since);
        states.forget("one");
        assert_eq!(
            states.take("one").known_since,
            since,
            "another resource, should the uid come again"
        );
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let (states, since) = states();
        for uid in ["one", "two"] {
            states.mark_lost(uid, since + Duration::from_secs(1));
        }
        states.retain(|uid| uid == "two");
        assert_eq!(lock(&states.states).keys().collect::<Vec<_>>(), ["two"]);
    }
}
