//! Canonical JSON, and the hashes of it.
//!
//! Hashes are kept (in ids of tasks in AWS, in annotations, in Git) and compared with later ones, so what they are made
//! of must never change: the tests hold literal values.

use std::collections::BTreeMap;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::Target;

/// The first characters, 5 bits each, of the lower-case, unpadded base32 (RFC 4648) of the SHA-256 of the canonical JSON
/// (RFC 8785) of `value`.
pub fn base32_hash(value: &Value, length: usize) -> String {
    base32(&sha256(canonical(value)), length)
}

/// The first characters of the same of a text as it is.
pub fn base32_hash_of_text(text: &str, length: usize) -> String {
    base32(&sha256(text), length)
}

/// The SHA-256 of the canonical JSON of `value`, in hexadecimal.
pub fn hex_hash(value: &Value) -> String {
    HEXLOWER.encode(&sha256(canonical(value)))
}

/// The SHA-256 of a text as it is, in hexadecimal.
pub fn hex_hash_of_text(text: &str) -> String {
    HEXLOWER.encode(&sha256(text))
}

/// The target with its sets sorted bytewise and without members that are absent or empty.
pub fn target_json(target: &Target) -> Value {
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

fn base32(digest: &[u8], length: usize) -> String {
    let mut hash = BASE32_NOPAD.encode(digest).to_ascii_lowercase();
    hash.truncate(length);
    hash
}

fn canonical(value: &Value) -> Vec<u8> {
    // Only numbers that are no integers can have no canonical form, and there are none in here. The plain text, were it
    // ever needed, would still tell different values apart.
    serde_json_canonicalizer::to_vec(value).unwrap_or_else(|_| value.to_string().into_bytes())
}

fn sha256(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
