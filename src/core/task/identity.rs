//! What makes a task the same task: its default id and the hash of its request.
//!
//! Both hashes are kept (in ids of tasks in AWS, in annotations) and compared with later ones, so what they are made
//! of must never change: the tests hold literal values.

use std::collections::BTreeMap;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::{AuditMitigationTaskSpec, Target};

/// How many characters of the content hash are kept: 50 bits.
const HASH_LENGTH: usize = 10;

/// The hash of what a task does: the end of the default task id.
///
/// The first 10 characters of the lower-case, unpadded base32 of the SHA-256 of the canonical JSON of target and
/// mapping. The order of findings and reason codes doesn't count, the order of actions does.
pub fn content_hash(target: &Target, mapping: &BTreeMap<String, Vec<String>>) -> String {
    let digest = sha256(&json!({ "auditCheckToActionsMapping": mapping, "target": target_json(target) }));
    let mut hash = BASE32_NOPAD.encode(&digest).to_ascii_lowercase();
    hash.truncate(HASH_LENGTH);
    hash
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
    HEXLOWER.encode(&sha256(&Value::Object(request)))
}

/// The target with its sets sorted bytewise and without members that are absent or empty.
fn target_json(target: &Target) -> Value {
    // Without `..`, so that a new member doesn't compile until it is part of the hash.
    let Target {
        audit_task_id,
        finding_ids,
        audit_check_to_reason_code_filter,
    } = target;
    let mut members = Map::new();
    if let Some(id) = audit_task_id {
        members.insert("auditTaskId".to_owned(), json!(id));
    }
    if let Some(ids) = finding_ids.as_ref().filter(|ids| !ids.is_empty()) {
        members.insert("findingIds".to_owned(), json!(sorted(ids)));
    }
    if let Some(filter) = audit_check_to_reason_code_filter
        .as_ref()
        .filter(|filter| !filter.is_empty())
    {
        let filter: BTreeMap<_, _> = filter.iter().map(|(check, codes)| (check, sorted(codes))).collect();
        members.insert("auditCheckToReasonCodeFilter".to_owned(), json!(filter));
    }
    Value::Object(members)
}

fn sorted(set: &[String]) -> Vec<&str> {
    let mut items: Vec<_> = set.iter().map(String::as_str).collect();
    items.sort_unstable();
    items
}

/// The SHA-256 of the canonical JSON (RFC 8785) of `value`.
fn sha256(value: &Value) -> [u8; 32] {
    // Only numbers can have no canonical form, and there are none in here. The plain text, were it ever needed, would
    // still tell different values apart.
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_else(|_| value.to_string().into_bytes());
    Sha256::digest(canonical).into()
}

#[cfg(test)]
mod tests;
