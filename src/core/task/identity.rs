//! What makes a task the same task: its default id and the hash of its request.
//!
//! Both hashes are kept (in ids of tasks in AWS, in annotations) and compared with later ones, so what they are made
//! of must never change: the tests hold literal values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::{AuditMitigationTaskSpec, Target};
use crate::core::canonical::{base32_hash, hex_hash, target_json};

/// How many characters of the content hash are kept: 50 bits.
const HASH_LENGTH: usize = 10;

/// The hash of what a task does: the end of the default task id.
///
/// The first 10 characters of the lower-case, unpadded base32 of the SHA-256 of the canonical JSON of target and
/// mapping. The order of findings and reason codes doesn't count, the order of actions does.
pub fn content_hash(target: &Target, mapping: &BTreeMap<String, Vec<String>>) -> String {
    let effects = json!({ "auditCheckToActionsMapping": mapping, "target": target_json(target) });
    base32_hash(&effects, HASH_LENGTH)
}

/// The task id of a resource that names none: `<namespace>_<name>_<hash>`.
///
/// A dot of the name is not valid in a task id and written `_`. That is one-to-one: a Kubernetes name has no `_`.
pub fn default_task_id(
    namespace: &str,
    name: &str,
    target: &Target,
    mapping: &BTreeMap<String, Vec<String>>,
) -> String {
    format!(
        "{namespace}_{}_{}",
        name.replace('.', "_"),
        content_hash(target, mapping)
    )
}

/// The id that the task of a resource is started under: `spec.taskId`, or the default one.
pub fn task_id(namespace: &str, name: &str, spec: &AuditMitigationTaskSpec) -> String {
    spec.task_id
        .clone()
        .unwrap_or_else(|| default_task_id(namespace, name, &spec.target, &spec.audit_check_to_actions_mapping))
}

/// The hash of the whole request of a start: the SHA-256 in hexadecimal of its canonical JSON.
///
/// Token and region count as the spec writes them, and are left out where it doesn't: a changed default of the
/// operator doesn't make it another request.
pub fn request_hash(task_id: &str, spec: &AuditMitigationTaskSpec) -> String {
    let mut request = Map::new();
    request.insert("taskId".to_owned(), json!(task_id));
    request.insert("target".to_owned(), target_json(&spec.target));
    request.insert(
        "auditCheckToActionsMapping".to_owned(),
        json!(spec.audit_check_to_actions_mapping),
    );
    if let Some(token) = &spec.client_request_token {
        request.insert("clientRequestToken".to_owned(), json!(token));
    }
    if let Some(region) = &spec.region {
        request.insert("region".to_owned(), json!(region));
    }
    hex_hash(&Value::Object(request))
}

#[cfg(test)]
mod tests;
