//! What people do to resources.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    actor::{Actor, version},
    history::text,
    plan::{Manifest, Shape},
    resources::{self, ACTION, AUDIT, OTHER_ACTION, RECORD, name, task_id},
    world::REGION,
};

/// Older than the service's memory.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(95 * 24);

impl Actor {
    pub(crate) async fn create(&mut self, manifest: Manifest, shape: Shape) -> Result<bool> {
        let version = self.lives_of(manifest) / 2;
        let object = resources::object(manifest, version, shape)?;
        self.apply(manifest, &object).await
    }

    async fn apply(&mut self, manifest: Manifest, object: &DynamicObject) -> Result<bool> {
        let tasks = &self.world.place(manifest.site).tasks;
        let Some(created) = taken(tasks.create(&PostParams::default(), object).await)? else {
            return Ok(false);
        };
        *self.lives.entry(manifest).or_default() += 1;
        self.ledger.touches(&name(manifest));
        self.note_orders(manifest, &created);
        Ok(true)
    }

    pub(crate) async fn edit(&mut self, manifest: Manifest) -> Result<bool> {
        self.edits += 1;
        let audit = format!("{:032x}", self.edits);
        self.patch(manifest, &json!({ "spec": { "target": { "auditTaskId": audit } } }))
            .await
    }

    pub(crate) async fn suspend(&mut self, manifest: Manifest, suspend: bool) -> Result<bool> {
        self.patch(manifest, &json!({ "spec": { "suspend": suspend } })).await
    }

    pub(crate) async fn cancel(&mut self, manifest: Manifest) -> Result<bool> {
        self.patch(manifest, &json!({ "spec": { "cancel": true } })).await
    }

    pub(crate) async fn strip(&mut self, manifest: Manifest) -> Result<bool> {
        self.patch(manifest, &json!({ "metadata": { "finalizers": null } }))
            .await
    }

    async fn patch(&mut self, manifest: Manifest, patch: &Value) -> Result<bool> {
        let tasks = &self.world.place(manifest.site).tasks;
        let patched = tasks
            .patch(&name(manifest), &PatchParams::default(), &Patch::Merge(patch))
            .await;
        let Some(patched) = taken(patched)? else {
            return Ok(false);
        };
        self.ledger.touches(&name(manifest));
        self.note_orders(manifest, &patched);
        Ok(true)
    }

    pub(crate) async fn delete(&mut self, manifest: Manifest) -> Result<bool> {
        let tasks = &self.world.place(manifest.site).tasks;
        let Some(found) = taken(tasks.get(&name(manifest)).await)? else {
            return Ok(false);
        };
        let deleted = tasks.delete(&name(manifest), &DeleteParams::default()).await;
        if taken(deleted)?.is_none() {
            return Ok(false);
        }
        self.ledger.touches(&name(manifest));
        let uid = found.uid().unwrap_or_default();
        self.ledger.wants(&uid, None);
        if text(&found, "/spec/deletionPolicy") != Some("Orphan") {
            self.ledger.may_be_canceled.insert(uid);
        }
        Ok(true)
    }

    /// What is wanted of a resource from now on.
    fn note_orders(&mut self, manifest: Manifest, object: &DynamicObject) {
        self.versions.insert(manifest, version(object));
        let uid = object.uid().unwrap_or_default();
        let is_set = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_bool) == Some(true);
        if is_set("/spec/cancel") {
            self.ledger.may_be_canceled.insert(uid.clone());
        }
        let is_held_back =
            is_set("/spec/suspend") || is_set("/spec/cancel") || object.metadata.deletion_timestamp.is_some();
        let request = object.data.get("spec").filter(|_| !is_held_back);
        self.ledger.wants(&uid, request.cloned());
    }

    /// From a backup of the resource that had this name last, with its status or without.
    pub(crate) async fn restore(&mut self, manifest: Manifest, with_status: bool) -> Result<bool> {
        let backup = {
            let told = self.world.history.told();
            told.newest(manifest.site, &name(manifest))
                .map(|story| story.latest.clone())
        };
        let Some(backup) = backup else { return Ok(false) };
        if let Some(id) = text(&backup, "/spec/taskId") {
            self.ledger.restored.insert(id.to_owned(), Timestamp::now());
        }
        let new = resources::from_backup(&backup);
        if !self.apply(manifest, &new).await? {
            return Ok(false);
        }
        let Some(status) = backup.data.get("status").filter(|_| with_status) else {
            return Ok(true);
        };
        let patch = Patch::Merge(json!({ "status": status }));
        let tasks = &self.world.place(manifest.site).tasks;
        let patched = tasks
            .patch_status(&name(manifest), &PatchParams::default(), &patch)
            .await;
        Ok(taken(patched)?.is_some())
    }

    /// A resource whose record says that its task was started before the service's memory begins.
    pub(crate) async fn restore_forgotten(&mut self, manifest: Manifest) -> Result<bool> {
        let Some(id) = task_id(manifest, 0) else {
            return Ok(false);
        };
        let mut object = resources::object(manifest, 0, Shape::Plain)?;
        let record = json!({
            "taskId": id,
            "token": "u",
            "requestHash": resources::request_hash(&object),
            "region": REGION,
            "uid": "u",
            "time": Timestamp::now() - LONG_AGO,
        });
        object.annotations_mut().insert(RECORD.to_owned(), record.to_string());
        self.ledger.restored.insert(id, Timestamp::now());
        self.apply(manifest, &object).await
    }

    pub(crate) async fn stranger(&mut self, manifest: Manifest, same_request: bool) -> Result<bool> {
        // Of a version that is still to come, or they would always be too late.
        let version = self.lives_of(manifest).div_ceil(2);
        let action = if same_request { ACTION } else { OTHER_ACTION };
        match task_id(manifest, version) {
            Some(id) => self.world.stranger.start(&id, AUDIT, action).await,
            None => Ok(false),
        }
    }

    fn lives_of(&self, manifest: Manifest) -> usize {
        self.lives.get(&manifest).copied().unwrap_or_default()
    }
}

/// What the API server says to a request that it took. That it refuses one is part of the game, that it doesn't answer
/// isn't.
pub(crate) fn taken<T>(answer: Result<T, kube::Error>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
