//! What an API server does with one resource: versions, generations, finalizers, the rules that freeze the request;
//! and what backups do with it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{AuditMitigationTaskStatus, FINALIZER, START_RECORD_ANNOTATION, StartRecord, StoredTask};
use crate::core::task::observed::ObservedTask;

pub(crate) const UID: &str = "0b7cfc5e-4a0f-4d1c-9d53-9a2f4e1f7d11";

/// The write carried a resourceVersion that is not the present one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// A write of the operator's, guarded by the resourceVersion of the resource that it was decided on.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) seen: StoredTask,
    pub(crate) change: Change,
}

/// What a write changes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Status(Box<AuditMitigationTaskStatus>),
    Record { record: StartRecord, with_finalizer: bool },
    AddFinalizer,
    RemoveFinalizer,
}

/// One resource, as JSON, so that everything written is read back as the API server would give it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    object: Option<Value>,
    /// Every version there was, the present one included. A version is never given twice.
    history: Vec<Value>,
    version: u64,
    /// A field of the status that an older CRD doesn't know, and drops at each write.
    drops: Option<&'static str>,
}

impl Store {
    pub(crate) fn create(spec: &Value, now: Timestamp) -> Self {
        let mut store = Self::empty();
        store.create_as(UID, spec, now);
        store
    }

    /// Without a resource yet.
    pub(crate) const fn empty() -> Self {
        Self {
            object: None,
            history: Vec::new(),
            version: 0,
            drops: None,
        }
    }

    /// An older CRD is installed, which doesn't know this field of the status.
    pub(crate) const fn drop_field(&mut self, field: &'static str) {
        self.drops = Some(field);
    }

    /// Somebody applies the manifest: nothing is there yet, or nothing any more.
    pub(crate) fn create_as(&mut self, uid: &str, spec: &Value, now: Timestamp) {
        self.object = Some(json!({
            "metadata": {
                "name": "fix",
                "namespace": "fleet",
                "uid": uid,
                "generation": 1,
                "creationTimestamp": to_the_second(now),
                "annotations": {},
                "finalizers": [],
            },
            "spec": spec,
            "status": { "observedGeneration": -1 },
        }));
        self.bump();
    }

    /// A backup tool puts a resource back, with its annotations and, if asked for, its status: it gets a new uid.
    pub(crate) fn restore(&mut self, backup: &Value, uid: &str, with_status: bool, now: Timestamp) {
        let mut object = backup.clone();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("deletionTimestamp");
        metadata.insert("uid".to_owned(), uid.into());
        metadata.insert("generation".to_owned(), 1.into());
        metadata.insert("creationTimestamp".to_owned(), to_the_second(now).into());
        if !with_status {
            object["status"] = json!({ "observedGeneration": -1 });
        }
        self.object = Some(object);
        self.bump();
    }

    /// The whole API server goes back to what it stored before: the same uid, everything later forgotten.
    pub(crate) fn roll_back(&mut self, backup: &Value) {
        self.object = Some(backup.clone());
        self.bump();
    }

    /// The version that was stored this many changes ago, if there was one.
    pub(crate) fn past(&self, changes_ago: usize) -> Option<&Value> {
        self.history.iter().rev().nth(changes_ago)
    }

    /// The resource as it is now; `None` when it is gone.
    pub(crate) fn read(&self) -> Option<StoredTask> {
        self.object
            .clone()
            .map(|object| serde_json::from_value(object).unwrap())
    }

    pub(crate) fn observed(&self) -> ObservedTask {
        ObservedTask::parse(&self.read().expect("the resource is there"))
    }

    pub(crate) fn json(&self) -> &Value {
        self.object.as_ref().expect("the resource is there")
    }

    /// Somebody edits the spec: a new generation if it differs. False when the rules of the CRD refuse it.
    pub(crate) fn edit(&mut self, patch: &Value) -> bool {
        let object = self.object.as_mut().expect("the resource is there");
        let mut spec = object["spec"].clone();
        merge(&mut spec, patch);
        if spec == object["spec"] {
            return true;
        }
        let frozen = [
            "taskId",
            "target",
            "auditCheckToActionsMapping",
            "clientRequestToken",
            "region",
            "approval",
        ];
        let started = object["status"]["taskId"].is_string() || object["status"]["attempt"].is_object();
        let is_frozen = started && object["status"]["phase"] != "Conflict";
        let touches_frozen = frozen.into_iter().any(|field| spec[field] != object["spec"][field]);
        let suspends = spec["suspend"] == true && object["spec"]["suspend"] != true;
        let uncancels = spec["cancel"] != true && object["spec"]["cancel"] == true;
        if is_frozen && (touches_frozen || suspends) || uncancels {
            return false;
        }
        object["spec"] = spec;
        let generation = object["metadata"]["generation"].as_i64().unwrap() + 1;
        object["metadata"]["generation"] = generation.into();
        self.bump();
        true
    }

    /// Puts anything anywhere, past all rules.
    pub(crate) fn force(&mut self, patch: &Value) {
        merge(self.object.as_mut().expect("the resource is there"), patch);
        self.bump();
    }

    pub(crate) fn delete(&mut self, now: Timestamp) {
        let Some(object) = self.object.as_mut() else { return };
        if object["metadata"]["finalizers"].as_array().unwrap().is_empty() {
            self.object = None;
        } else if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = to_the_second(now).into();
            self.bump();
        }
    }

    pub(crate) fn write_status(
        &mut self,
        seen: &StoredTask,
        status: &AuditMitigationTaskStatus,
    ) -> Result<(), Conflict> {
        self.apply(seen, &Change::Status(Box::new(status.clone())))
    }

    pub(crate) fn write_record(
        &mut self,
        seen: &StoredTask,
        record: &StartRecord,
        with_finalizer: bool,
    ) -> Result<(), Conflict> {
        let record = record.clone();
        self.apply(seen, &Change::Record { record, with_finalizer })
    }

    pub(crate) fn add_finalizer(&mut self, seen: &StoredTask) -> Result<(), Conflict> {
        self.apply(seen, &Change::AddFinalizer)
    }

    pub(crate) fn remove_finalizer(&mut self, seen: &StoredTask) -> Result<(), Conflict> {
        self.apply(seen, &Change::RemoveFinalizer)
    }

    /// Changes the resource, if it is still the one that was seen.
    pub(crate) fn apply(&mut self, seen: &StoredTask, change: &Change) -> Result<(), Conflict> {
        let drops = self.drops;
        let object = self.guarded(seen)?;
        match change {
            Change::Status(status) => {
                object["status"] = serde_json::to_value(status).unwrap();
                if let Some(field) = drops {
                    object["status"].as_object_mut().unwrap().remove(field);
                }
            }
            Change::Record { record, with_finalizer } => {
                object["metadata"]["annotations"][START_RECORD_ANNOTATION] =
                    serde_json::to_string(record).unwrap().into();
                if *with_finalizer {
                    object["metadata"]["finalizers"] = json!([FINALIZER]);
                }
            }
            Change::AddFinalizer => object["metadata"]["finalizers"] = json!([FINALIZER]),
            Change::RemoveFinalizer => {
                object["metadata"]["finalizers"] = json!([]);
                if !object["metadata"]["deletionTimestamp"].is_null() {
                    self.object = None;
                }
            }
        }
        self.bump();
        Ok(())
    }

    fn guarded(&mut self, seen: &StoredTask) -> Result<&mut Value, Conflict> {
        let object = self.object.as_mut().ok_or(Conflict)?;
        let is_present = object["metadata"]["resourceVersion"].as_str() == seen.metadata.resource_version.as_deref();
        if is_present { Ok(object) } else { Err(Conflict) }
    }

    fn bump(&mut self) {
        let Some(object) = self.object.as_mut() else { return };
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.history.push(object.clone());
    }
}

fn to_the_second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap().to_string()
}

/// RFC 7386: null removes.
fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let into = into.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            merge(into.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
