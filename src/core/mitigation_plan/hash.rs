//! The hash of a plan's effects.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::counting::CheckFindings;
use super::request::PlanRequest;
use crate::core::answer::ActionDefinition;
use crate::core::canonical::{base32_hash, hex_hash_of_text, target_json};

/// How many characters are kept: 80 bits.
const LENGTH: usize = 16;

/// The first 16 characters of the lower-case, unpadded base32 of the SHA-256 of the canonical JSON of what would be done:
/// actions with their parameters and roles, findings, mapping, target and region. Not in it: times, examples, bounds,
/// names of resources. So an approval changes it as little as an edit that changes nothing.
pub(super) fn of<'a>(
    request: &PlanRequest<'_>,
    actions: impl Iterator<Item = &'a ActionDefinition>,
    findings: &BTreeMap<&str, CheckFindings<'_>>,
) -> String {
    let has_audit = request.target.audit_task_id.is_some();
    // They come sorted by name.
    let actions: Vec<Value> = actions.map(action_json).collect();
    let findings: Map<String, Value> = findings
        .iter()
        .map(|(check, findings)| ((*check).to_owned(), findings_json(findings, has_audit)))
        .collect();
    let effects = json!({
        "actions": actions,
        "auditCheckToActionsMapping": request.mapping,
        "findings": findings,
        "region": request.region,
        "target": target_json(request.target),
    });
    base32_hash(&effects, LENGTH)
}

fn action_json(action: &ActionDefinition) -> Value {
    let ActionDefinition {
        name,
        id,
        type_,
        role_arn,
        parameters,
        last_modified: _,
    } = action;
    present([
        ("id", id.as_ref().map(|id| json!(id))),
        ("name", Some(json!(name))),
        ("parameters", Some(json!(parameters))),
        ("roleArn", role_arn.as_ref().map(|arn| json!(arn))),
        ("type", type_.as_ref().map(|type_| json!(type_))),
    ])
}

fn findings_json(findings: &CheckFindings<'_>, has_audit: bool) -> Value {
    let ids = || {
        // They come sorted bytewise.
        let ids: Vec<&str> = findings.listed.keys().copied().collect();
        json!(hex_hash_of_text(&ids.join("\n")))
    };
    present([
        ("findings", findings.count.map(|count| json!(count))),
        ("ids", (!findings.is_cut).then(ids)),
        (
            "suppressed",
            findings.suppressed.filter(|_| has_audit).map(|count| json!(count)),
        ),
    ])
}

/// An object of the members that are there.
fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let there = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect())
}
