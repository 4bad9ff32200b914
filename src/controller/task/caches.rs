//! What the watches have seen: the resources, who claims which task, and which first lists are still missing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures::channel::mpsc::UnboundedSender;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use tokio::sync::watch;

use super::cached::CachedTask;
use super::claims::Claims;
use crate::controller::lock::lock;
use crate::core::policy::own_task::OwnTask;
use crate::core::task::observed::ObservedTask;

/// One watch: all namespaces, or one of those that were named.
pub(super) struct Watched {
    /// The path of its list, which tells it from the others.
    pub(super) path: String,
    /// The namespace; `None` for all.
    pub(super) namespace: Option<String>,
    /// The resources, as the watch saw them last.
    pub(super) store: Store<CachedTask>,
    /// Resources to reconcile although they have not changed.
    pub(super) wake: UnboundedSender<ObjectRef<CachedTask>>,
}

/// The caches of all watches.
pub(in crate::controller) struct TaskCaches {
    watches: Vec<Watched>,
    claims: Mutex<Claims>,
    /// The paths of the watches whose first list is waited for. (A store of kube wakes only the last of those who wait
    /// for it, and its own controller is one.)
    unlisted: watch::Sender<BTreeSet<String>>,
}

impl TaskCaches {
    /// The caches of these watches, none of which has had its first list.
    pub(super) fn new(watches: Vec<Watched>) -> Self {
        let unlisted = watches.iter().map(|watched| watched.path.clone()).collect();
        Self {
            watches,
            claims: Mutex::default(),
            unlisted: watch::Sender::new(unlisted),
        }
    }

    /// Takes in what a watch brings.
    pub(super) fn apply(&self, writer: &mut Writer<CachedTask>, event: &Event<CachedTask>) {
        // Under the lock until the claims are those of the cache again.
        let mut claims = lock(&self.claims);
        match event {
            Event::Apply(object) | Event::Delete(object) => {
                let reference = ObjectRef::from_obj(object);
                let before = self.get(&reference);
                writer.apply_watcher_event(event);
                if let Some(before) = before {
                    claims.remove(&before);
                }
                if let Some(after) = self.get(&reference) {
                    claims.insert(&after);
                }
            }
            Event::Init | Event::InitApply(_) => writer.apply_watcher_event(event),
            Event::InitDone => {
                writer.apply_watcher_event(event);
                claims.rebuild(&self.objects());
            }
        }
    }

    /// Whether the task that this resource names is an older one's of this cluster. Where the status says that the
    /// resource has started it, only another that says so counts; before that, also one that is about to start it.
    pub(super) fn claimed_by_older(&self, observed: &ObservedTask) -> bool {
        let Some((region, task_id)) = observed.named_task() else {
            return false;
        };
        let (uid, created, claims) = (&observed.uid, observed.created, lock(&self.claims));
        if observed.says_own_task() {
            claims.owned_by_older(uid, created, region, task_id)
        } else {
            claims.claimed_by_older(uid, created, region, task_id)
        }
    }

    /// All resources.
    pub(super) fn objects(&self) -> Vec<Arc<CachedTask>> {
        self.watches.iter().flat_map(|watched| watched.store.state()).collect()
    }

    /// The tasks that are this policy's own, and what the controller calls them.
    pub(in crate::controller) fn tasks_of(
        &self,
        namespace: &str,
        policy: &str,
        uid: &str,
    ) -> Vec<(ObjectRef<CachedTask>, OwnTask)> {
        let mut own = Vec::new();
        for object in self.objects() {
            let is_here = object.metadata.namespace.as_deref() == Some(namespace);
            if let Some(task) = object.task_of(policy, uid).filter(|_| is_here) {
                own.push((ObjectRef::from_obj(&*object), task.clone()));
            }
        }
        own
    }

    /// The resource of this name.
    pub(super) fn get(&self, reference: &ObjectRef<CachedTask>) -> Option<Arc<CachedTask>> {
        self.watches.iter().find_map(|watched| watched.store.get(reference))
    }

    /// Whether the watch has this very resource, and not another of its name.
    pub(super) fn contains(&self, reference: &ObjectRef<CachedTask>) -> bool {
        let found = self.get(reference);
        found.is_some_and(|found| found.metadata.uid == reference.extra.uid)
    }

    /// Has a resource reconciled although it has not changed, by the watch of its namespace.
    pub(in crate::controller) fn waker(&self) -> impl Fn(ObjectRef<CachedTask>) + Send + Sync + use<> {
        let wakers: Vec<_> = self
            .watches
            .iter()
            .map(|watched| (watched.namespace.clone(), watched.wake.clone()))
            .collect();
        move |reference| {
            let watches =
                |(namespace, _): &&(Option<String>, _)| namespace.is_none() || *namespace == reference.namespace;
            if let Some((_, wake)) = wakers.iter().find(watches) {
                // Fails only when the controller is ending.
                let _ = wake.unbounded_send(reference);
            }
        }
    }

    /// A watch has had its list, or nobody is to wait for it.
    pub(super) fn stop_waiting_for(&self, path: &str) {
        self.unlisted.send_if_modified(|unlisted| unlisted.remove(path));
    }

    /// A watch whose first list is still waited for.
    pub(super) fn first_unlisted(&self) -> Option<String> {
        self.unlisted.borrow().first().cloned()
    }

    /// Waits until every watch that is waited for has had its first list.
    pub(in crate::controller) async fn all_listed(&self) {
        // The sender is here, so it can't fail.
        let _ = self.unlisted.subscribe().wait_for(BTreeSet::is_empty).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::channel::mpsc::{UnboundedReceiver, unbounded};
    use jiff::Timestamp;
    use kube::runtime::reflector;
    use serde_json::json;

    use super::*;
    use crate::api::StoredTask;

    struct Watch {
        writer: Writer<CachedTask>,
        woken: UnboundedReceiver<ObjectRef<CachedTask>>,
    }

    /// Caches for these namespaces, and what fills them.
    fn caches(namespaces: &[&str]) -> (TaskCaches, Vec<Watch>) {
        let make = |namespace: &&str| {
            let (store, writer) = reflector::store();
            let (wake, woken) = unbounded();
            let watched = Watched {
                path: format!("/{namespace}"),
                namespace: (*namespace != "*").then(|| (*namespace).to_owned()),
                store,
                wake,
            };
            (watched, Watch { writer, woken })
        };
        let (watched, fillers) = namespaces.iter().map(make).unzip();
        (TaskCaches::new(watched), fillers)
    }

    fn object(namespace: &str, name: &str, uid: &str, task_id: &str) -> CachedTask {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": namespace, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "status": { "taskId": task_id, "region": "eu-west-1" },
        }))
        .unwrap()
    }

    fn reference(namespace: &str, name: &str, uid: &str) -> ObjectRef<CachedTask> {
        ObjectRef::from_obj(&object(namespace, name, uid, "t"))
    }

    fn is_claimed(caches: &TaskCaches, task_id: &str) -> bool {
        lock(&caches.claims).claimed_by_older("z", Timestamp::MAX, "eu-west-1", task_id)
    }

    #[test]
    fn claims_follow_the_cache() {
        let (caches, mut watches) = caches(&["*"]);
        let writer = &mut watches[0].writer;
        caches.apply(writer, &Event::Apply(object("a", "one", "u", "t")));
        assert!(is_claimed(&caches, "t"));
        caches.apply(writer, &Event::Apply(object("a", "one", "u", "t2")));
        assert!(!is_claimed(&caches, "t") && is_claimed(&caches, "t2"));
        caches.apply(writer, &Event::Delete(object("a", "one", "u", "t2")));
        assert!(!is_claimed(&caches, "t2"));
        // A new list takes the place of all that was there, at its end.
        caches.apply(writer, &Event::Apply(object("a", "gone", "v", "gone")));
        caches.apply(writer, &Event::Init);
        caches.apply(writer, &Event::InitApply(object("a", "two", "w", "listed")));
        assert!(is_claimed(&caches, "gone") && !is_claimed(&caches, "listed"));
        caches.apply(writer, &Event::InitDone);
        assert!(!is_claimed(&caches, "gone") && is_claimed(&caches, "listed"));
    }

    /// A Conflict that was created in the same second once took the running task from the resource that had started it.
    #[test]
    fn who_only_names_a_task_takes_it_from_nobody() {
        let json = |uid: &str, started_by: &str| {
            json!({
                "metadata": {
                    "name": uid, "namespace": "a", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z",
                },
                "status": {
                    "phase": "Running", "taskId": "t", "region": "eu-west-1", "startedBy": started_by,
                    "clientRequestToken": uid,
                },
            })
        };
        let younger: StoredTask = serde_json::from_value(json("z", "Self")).unwrap();
        let younger = ObservedTask::parse(&younger);
        for (started_by, is_taken) in [("Other", false), ("Self", true)] {
            let (caches, mut watches) = caches(&["*"]);
            let older: CachedTask = serde_json::from_value(json("b", started_by)).unwrap();
            caches.apply(&mut watches[0].writer, &Event::Apply(older));
            assert_eq!(caches.claimed_by_older(&younger), is_taken, "{started_by}");
        }
    }

    #[test]
    fn a_list_of_one_namespace_leaves_the_claims_of_the_others() {
        let (caches, mut watches) = caches(&["a", "b"]);
        caches.apply(&mut watches[0].writer, &Event::Apply(object("a", "one", "u", "t")));
        caches.apply(&mut watches[1].writer, &Event::Init);
        caches.apply(&mut watches[1].writer, &Event::InitDone);
        assert!(is_claimed(&caches, "t"));
        assert_eq!(caches.objects().len(), 1);
    }

    #[test]
    fn a_resource_that_was_made_again_is_another() {
        let (caches, mut watches) = caches(&["a", "b"]);
        caches.apply(&mut watches[0].writer, &Event::Apply(object("a", "one", "u", "t")));
        assert!(caches.contains(&reference("a", "one", "u")));
        assert!(!caches.contains(&reference("a", "one", "v")));
        assert!(!caches.contains(&reference("b", "one", "u")));
    }

    #[test]
    fn a_resource_is_woken_by_the_watch_of_its_namespace() {
        let (caches, mut watches) = caches(&["a", "b"]);
        let reference = reference("b", "one", "u");
        caches.waker()(reference.clone());
        assert_eq!(watches[1].woken.try_recv().ok(), Some(reference));
        assert!(watches[0].woken.try_recv().is_err());
    }

    #[test]
    fn all_lists_are_there_when_the_last_one_is() {
        let (caches, _watches) = caches(&["a", "b"]);
        for (path, missing) in [("/a", Some("/b")), ("/a", Some("/b")), ("/b", None), ("/b", None)] {
            assert!(caches.all_listed().now_or_never().is_none() || missing.is_none());
            caches.stop_waiting_for(path);
            assert_eq!(caches.first_unlisted().as_deref(), missing);
        }
        assert!(caches.all_listed().now_or_never().is_some());
    }
}
