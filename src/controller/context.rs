//! What all reconciles share.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::channel::mpsc::UnboundedSender;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::api_server_monitor::ApiServerMonitor;
use super::cached::CachedTask;
use super::clock::Clock;
use super::events::EventWriter;
use super::start_scheduler::StartScheduler;
use super::watchdog::Schedule;
use crate::api::StoredTask;
use crate::aws::Service;
use crate::core::queue::Admission;
use crate::core::task::decide::is_done;
use crate::core::task::memory::Memory;
use crate::core::task::observation::{Observation, Settings};
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::has_ended;
use crate::health::Health;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What bounds the operator's use of the account.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most tasks at a time for each account and region.
    pub running_tasks: usize,
}

/// What the controller is made of.
pub struct Parts {
    /// The API server.
    pub client: Client,
    /// AWS IoT.
    pub service: Service,
    /// What is the same for all resources.
    pub settings: Settings,
    /// What bounds the use of the account.
    pub limits: Limits,
    /// Whether this process may act.
    pub leadership: Leadership,
    /// Where it is counted.
    pub metrics: Metrics,
    /// What the probes tell.
    pub health: Health,
    /// What was heard of the API server.
    pub api_server: ApiServerMonitor,
    /// Once it is cancelled nothing is begun any more.
    pub stop: CancellationToken,
}

/// What all reconciles share.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) service: Service,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) leadership: Leadership,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
    pub(super) api_server: ApiServerMonitor,
    pub(super) stop: CancellationToken,
    pub(super) events: EventWriter,
    pub(super) watched: Vec<Watched>,
    /// The paths of the watches that have not had their first list yet. (A store of kube wakes only the last of those
    /// who wait for it, and its own controller is one.)
    pub(super) unlisted: watch::Sender<BTreeSet<String>>,
    notes: Mutex<HashMap<String, ResourceState>>,
    pub(super) scheduler: StartScheduler,
    pub(super) schedule: Mutex<Schedule<ObjectRef<CachedTask>>>,
}

/// One watch: all namespaces, or one of those that were named.
pub(super) struct Watched {
    /// The resources, as the watch saw them last.
    pub(super) store: Store<CachedTask>,
    /// The namespace; `None` for all.
    pub(super) namespace: Option<String>,
    /// Resources to reconcile although they have not changed.
    pub(super) wake: UnboundedSender<ObjectRef<CachedTask>>,
}

/// What is kept of one resource between its reconciles.
#[derive(Default)]
pub(super) struct ResourceState {
    /// What the service said.
    pub(super) memory: Memory,
    /// By how far the clock had been set when that was noted.
    pub(super) clock_was_set_by: SignedDuration,
    /// The resource as the last own write left it, until the watch cache has caught up.
    pub(super) latest: Option<Arc<StoredTask>>,
    /// How often in a row the API server failed.
    pub(super) errors: u32,
}

impl Context {
    pub(super) fn new(parts: Parts, events: EventWriter, watched: Vec<Watched>) -> Self {
        let Parts {
            client,
            service,
            settings,
            limits,
            leadership,
            metrics,
            health,
            api_server,
            stop,
        } = parts;
        let wake = wake(&watched);
        let scheduler = StartScheduler::new(limits.running_tasks, service.pace().clone(), wake);
        Self {
            client,
            service,
            settings,
            clock: Clock::begin(),
            leadership,
            metrics,
            health,
            api_server,
            stop,
            events,
            watched,
            unlisted: watch::Sender::default(),
            notes: Mutex::default(),
            scheduler,
            schedule: Mutex::default(),
        }
    }

    pub(super) fn observe<'a>(
        &'a self,
        observed: &'a ObservedTask,
        memory: &'a Memory,
        is_fresh: bool,
        admission: Admission,
        (now, instant): (Timestamp, Instant),
    ) -> Observation<'a> {
        Observation {
            now,
            instant,
            since: self.clock.since(now),
            observed,
            is_fresh,
            memory,
            admission,
            settings: &self.settings,
        }
    }

    /// What the cache is to keep of a resource that a watch brings: little, once nothing is left to do for it.
    pub(super) fn to_keep(&self, object: CachedTask) -> CachedTask {
        if !object.phase.is_some_and(has_ended) {
            return object;
        }
        let observed = object.open().map(|object| ObservedTask::parse(&object));
        if observed.is_some_and(|observed| is_done(&observed, &self.settings, (Timestamp::now(), Instant::now()))) {
            object.done()
        } else {
            object
        }
    }

    /// A watch has had its list. The operator is ready when all have had their first: only then is the queue complete.
    pub(super) fn is_listed(&self, path: &str) {
        self.unlisted.send_modify(|unlisted| {
            unlisted.remove(path);
        });
        match self.unlisted.borrow().first() {
            None => self.health.is_ready(),
            Some(other) => self.health.is_waiting(&format!("waiting for the list of {other}")),
        }
    }

    /// Whether the watch has this very resource, and not another of its name.
    pub(super) fn is_there(&self, object: &StoredTask) -> bool {
        let name = CachedTask::reference(object);
        let has_it = |watched: &Watched| {
            let found = watched.store.get(&name);
            found.is_some_and(|found| found.metadata.uid == object.metadata.uid)
        };
        self.watched.iter().any(has_it)
    }

    /// A resource is gone.
    pub(super) fn forget(&self, uid: &str) {
        lock(&self.notes).remove(uid);
        self.scheduler.leave(uid);
    }

    /// After a new list: what is not in it was deleted while nobody watched, and what is done holds nothing any more.
    pub(super) fn forget_all_without_work(&self) {
        let objects: Vec<_> = self.watched.iter().flat_map(|watched| watched.store.state()).collect();
        let uids: HashSet<&str> = objects
            .iter()
            .filter(|object| !object.is_done())
            .filter_map(|object| object.metadata.uid.as_deref())
            .collect();
        lock(&self.notes).retain(|uid, _| uids.contains(uid.as_str()));
        self.scheduler.retain(|uid| uids.contains(uid));
        let is_there =
            |name: &ObjectRef<CachedTask>| self.watched.iter().any(|watched| watched.store.get(name).is_some());
        lock(&self.schedule).retain(is_there);
    }

    pub(super) fn take_note(&self, uid: &str) -> ResourceState {
        lock(&self.notes).remove(uid).unwrap_or_default()
    }

    /// Keeps what is worth keeping: nothing for a resource of which there is nothing to know.
    pub(super) fn keep_note(&self, uid: &str, note: ResourceState) {
        let ResourceState {
            memory,
            clock_was_set_by: _,
            latest,
            errors,
        } = &note;
        if *memory != Memory::default() || latest.is_some() || *errors > 0 {
            lock(&self.notes).insert(uid.to_owned(), note);
        }
    }

    /// Whether an older resource of this cluster has started, or is about to start, a task of this id there.
    pub(super) fn is_claimed_by_older(&self, observed: &ObservedTask, region: &str, task_id: &str) -> bool {
        let is_older = |object: &CachedTask| {
            let created = object.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
            (created, object.metadata.uid.as_deref().unwrap_or_default()) < (observed.created, observed.uid.as_str())
        };
        self.watched.iter().any(|watched| {
            watched
                .store
                .find(|object| object.claims(region, task_id) && is_older(object))
                .is_some()
        })
    }
}

/// Has a resource reconciled by the controller of its namespace.
fn wake(watched: &[Watched]) -> impl Fn(ObjectRef<CachedTask>) + Send + Sync + use<> {
    let controllers: Vec<_> = watched
        .iter()
        .map(|watched| (watched.namespace.clone(), watched.wake.clone()))
        .collect();
    move |object| {
        let is_there = |(namespace, _): &&(Option<String>, _)| namespace.is_none() || *namespace == object.namespace;
        if let Some((_, wake)) = controllers.iter().find(is_there) {
            // Fails only when the controller is ending.
            let _ = wake.unbounded_send(object);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here is left half-done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
