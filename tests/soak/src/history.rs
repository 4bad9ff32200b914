//! Every version of every resource, as a watch of its own shows them, and what no version may say after another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use kube::{Api, ResourceExt as _, api::DynamicObject};
use serde_json::Value;
use simulator::{Server, Task};
use tokio::task::JoinSet;

use crate::{
    plan::Site,
    replica::CANCEL_TIMEOUT,
    resources::RECORD,
    watch::{News, watch},
};

/// The stories of all resources.
pub(crate) struct History {
    told: Arc<Mutex<Told>>,
    _watching: JoinSet<()>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// By uid.
    pub(crate) stories: BTreeMap<String, Story>,
    /// The uid of the newest resource of a name.
    newest: BTreeMap<(Site, String), String>,
    /// What no version may say, and one did.
    pub(crate) violations: BTreeSet<String>,
}

/// What was seen of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) site: Site,
    pub(crate) latest: DynamicObject,
    pub(crate) is_gone: bool,
}

impl History {
    pub(crate) fn watch(sites: impl IntoIterator<Item = (Site, Api<DynamicObject>)>, aws: &Arc<Server>) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let follow = |(site, api)| {
            let (told, aws) = (Arc::clone(&told), Arc::clone(aws));
            watch(api, move |news| lock(&told).hears(site, news, &aws.tasks()))
        };
        Self {
            _watching: sites.into_iter().map(follow).collect(),
            told,
        }
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    /// The newest resource of a name, gone or not.
    pub(crate) fn newest(&self, site: Site, name: &str) -> Option<&Story> {
        let uid = self.newest.get(&(site, name.to_owned()))?;
        self.stories.get(uid)
    }

    fn hears(&mut self, site: Site, news: News, tasks: &[Task]) {
        match news {
            News::Listed(objects) => {
                let listed: BTreeSet<_> = objects.iter().filter_map(DynamicObject::uid).collect();
                for (uid, story) in &mut self.stories {
                    story.is_gone |= story.site == site && !listed.contains(uid);
                }
                for object in objects {
                    self.saw(site, object, tasks);
                }
            }
            News::Is(object) => self.saw(site, object, tasks),
            News::Gone(object) => self.saw_go(&object, tasks, Timestamp::now()),
        }
    }

    fn saw(&mut self, site: Site, object: DynamicObject, tasks: &[Task]) {
        let uid = object.uid().unwrap_or_default();
        let before = self.stories.get(&uid).map(|story| &story.latest);
        let told = contradictions(before, &object, tasks);
        self.violations.extend(told);
        self.newest.insert((site, object.name_any()), uid.clone());
        let story = Story {
            site,
            latest: object,
            is_gone: false,
        };
        self.stories.insert(uid, story);
    }

    fn saw_go(&mut self, object: &DynamicObject, tasks: &[Task], now: Timestamp) {
        self.violations.extend(left_behind(object, tasks, now));
        if let Some(story) = object.uid().and_then(|uid| self.stories.get_mut(&uid)) {
            story.is_gone = true;
        }
    }
}

/// What this version says that can't be so, or that takes back what the one before said for good.
fn contradictions(before: Option<&DynamicObject>, now: &DynamicObject, tasks: &[Task]) -> Vec<String> {
    let mut found = Vec::new();
    let name = format!("{} ({})", now.name_any(), now.uid().unwrap_or_default());
    let (phase, task_id) = (text(now, "/status/phase"), text(now, "/status/taskId"));
    if let Some(before) = before {
        let (phase_before, task_before) = (text(before, "/status/phase"), text(before, "/status/taskId"));
        if has_ended(phase_before) && phase != phase_before {
            found.push(format!("{name} went from {phase_before:?} to {phase:?}"));
        }
        if task_before.is_some() && phase_before != Some("Conflict") && task_id != task_before {
            found.push(format!("{name} had the task {task_before:?}, then {task_id:?}"));
        }
        let recorded = record(now);
        let is_new = recorded.is_some() && record(before) != recorded;
        // Where versions in between were missed, the finalizer may have come and gone.
        if is_new && !has_ended(phase) && is_own(recorded, now) && now.finalizers().is_empty() && is_to_be_canceled(now)
        {
            found.push(format!("{name} has a start record and no finalizer"));
        }
    }
    let task = tasks.iter().find(|task| Some(task.task_id.as_str()) == task_id);
    let is_foreign = task.is_some_and(|task| Some(&task.token) != now.metadata.uid.as_ref());
    // What a backup says of itself is left as it is.
    if is_foreign && text(now, "/status/startedBy") == Some("Self") && is_own(record(now), now) {
        found.push(format!("{name} says that it has started {task:?}"));
    }
    let claimed = match phase {
        Some("Completed") => "COMPLETED",
        Some("Failed") => "FAILED",
        Some("Canceled") if task_id.is_some() => "CANCELED",
        _ => return found,
    };
    if task.is_none_or(|task| task.status != claimed) {
        found.push(format!("{name} is {phase:?}, and the service has {task:?}"));
    }
    found
}

/// The running task that a resource leaves behind when it goes before its time.
fn left_behind(object: &DynamicObject, tasks: &[Task], now: Timestamp) -> Option<String> {
    let uid = object.uid()?;
    let left = tasks
        .iter()
        .find(|task| task.token == uid && task.status == "IN_PROGRESS")?;
    // Without a finalizer it goes at once, and this is all that is seen of the deletion.
    let since = object.metadata.deletion_timestamp.as_ref().map_or(now, |since| since.0);
    // A deletion that could not be settled in time lets go, by the contract. Its time is in whole seconds.
    let has_waited = now.duration_since(since).unsigned_abs() >= CANCEL_TIMEOUT;
    (is_to_be_canceled(object) && !has_waited).then(|| {
        format!(
            "{} ({uid}) is gone, and its task {} runs",
            object.name_any(),
            left.task_id
        )
    })
}

fn is_to_be_canceled(object: &DynamicObject) -> bool {
    text(object, "/spec/deletionPolicy") != Some("Orphan")
}

fn record(object: &DynamicObject) -> Option<&String> {
    object.annotations().get(RECORD)
}

fn is_own(record: Option<&String>, object: &DynamicObject) -> bool {
    let record: Option<Value> = record.and_then(|record| serde_json::from_str(record).ok());
    let uid = record
        .as_ref()
        .and_then(|record| record.get("uid"))
        .and_then(Value::as_str);
    uid.is_some() && uid == object.metadata.uid.as_deref()
}

fn has_ended(phase: Option<&str>) -> bool {
    matches!(phase, Some("Completed" | "Failed" | "Canceled"))
}

pub(crate) fn text<'a>(object: &'a DynamicObject, pointer: &str) -> Option<&'a str> {
    object.data.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::{object, task};

    #[test]
    fn what_was_said_for_good_stays() {
        let (completed, running) = (
            object(&json!({ "phase": "Completed", "taskId": "t" })),
            object(&json!({ "phase": "Running", "taskId": "t" })),
        );
        let other = object(&json!({ "phase": "Running", "taskId": "other" }));
        let tasks = [task("COMPLETED")];
        assert!(contradictions(Some(&running), &completed, &tasks).is_empty());
        assert_eq!(contradictions(Some(&completed), &running, &tasks).len(), 1);
        assert_eq!(contradictions(Some(&running), &other, &tasks).len(), 1);
        assert_eq!(contradictions(None, &completed, &[task("IN_PROGRESS")]).len(), 1);
        assert_eq!(contradictions(None, &completed, &[]).len(), 1);
    }

    #[test]
    fn nobody_claims_what_others_started() {
        let mut one = object(&json!({ "phase": "Running", "taskId": "t", "startedBy": "Self" }));
        one.annotations_mut()
            .insert(RECORD.to_owned(), json!({ "uid": "u" }).to_string());
        let mut others = task("IN_PROGRESS");
        assert!(contradictions(None, &one, &[others.clone()]).is_empty());
        others.token = "stranger".to_owned();
        assert_eq!(contradictions(None, &one, &[others]).len(), 1);
    }

    #[test]
    fn a_record_comes_with_the_finalizer() {
        let before = object(&Value::Null);
        let mut recorded = before.clone();
        recorded
            .annotations_mut()
            .insert(RECORD.to_owned(), json!({ "uid": "u" }).to_string());
        assert_eq!(contradictions(Some(&before), &recorded, &[]).len(), 1);
        recorded.finalizers_mut().push("devicedefender.dev/task".to_owned());
        assert!(contradictions(Some(&before), &recorded, &[]).is_empty());
    }

    #[test]
    fn who_goes_before_the_time_leaves_a_task_behind() {
        let mut gone = object(&json!({ "phase": "Running", "taskId": "t" }));
        let now = Timestamp::now();
        gone.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        gone.finalizers_mut().push("devicedefender.dev/task".to_owned());
        assert!(left_behind(&gone, &[task("IN_PROGRESS")], now).is_some());
        assert!(left_behind(&gone, &[task("CANCELED")], now).is_none());
        let later = now + CANCEL_TIMEOUT;
        assert!(left_behind(&gone, &[task("IN_PROGRESS")], later).is_none());
    }
}
