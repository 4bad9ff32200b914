//! Bodies of answers: from noise to the service's own with a few values replaced.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Anything that may come instead of an answer's body.
pub(crate) fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..300),
        1 => json_value().prop_map(|value| value.to_string().into_bytes()),
        8 => mutated().prop_map(|value| value.to_string().into_bytes()),
        1 => (mutated(), any::<prop::sample::Index>()).prop_map(|(value, cut)| {
            let mut bytes = value.to_string().into_bytes();
            bytes.truncate(cut.index(bytes.len() + 1));
            bytes
        }),
    ]
}

/// Values that a parser, an addition or a date can stumble over.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        4 => number(),
        4 => text(),
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![i64::MAX, i64::MIN, -1, 0, 253_402_300_800, -99_999_999_999]).prop_map(Value::from),
        prop::sample::select(vec![1e300, -1e300, 1e-300, 253_402_300_799.999]).prop_map(Value::from),
    ]
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,40}".prop_map(Value::from),
        prop::sample::select(vec!["COMPLETED", "FAILED", "IN_PROGRESS", "CANCELED", ""]).prop_map(Value::from),
        (1_usize..4_000).prop_map(|length| Value::from("\u{1F980}\n".repeat(length))),
    ]
}

/// What a value can be replaced by: mostly one of its own kind, since another kind ends the reading at once.
#[derive(Clone, Debug)]
struct Edit {
    place: prop::sample::Index,
    number: Value,
    text: Value,
    any: Option<Value>,
}

fn edit() -> impl Strategy<Value = Edit> {
    let any_kind = prop_oneof![4 => Just(None), 1 => json_value().prop_map(Some)];
    (any::<prop::sample::Index>(), number(), text(), any_kind).prop_map(|(place, number, text, any)| Edit {
        place,
        number,
        text,
        any,
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(".{0,12}", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Something as the service describes it, with up to three of its values replaced.
pub(crate) fn described() -> impl Strategy<Value = Vec<u8>> {
    edited(vec![a_task(), a_read()]).prop_map(|value| value.to_string().into_bytes())
}

fn a_task() -> Value {
    let counts = json!({
        "totalFindingsCount": 4, "failedFindingsCount": 1, "succeededFindingsCount": 1,
        "skippedFindingsCount": 1, "canceledFindingsCount": 1,
    });
    json!({
        "taskStatus": "FAILED",
        "startTime": 1_700_000_000.5,
        "endTime": 1_700_000_100,
        "taskStatistics": { "LOGGING_DISABLED_CHECK": counts, "OTHER_CHECK": counts },
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        "actionsDefinition": [{
            "name": "EnableLogging", "id": "a", "roleArn": "arn:aws:iam::123456789012:role/logging",
            "actionParams": { "enableIoTLoggingParams": { "roleArnForLogging": "arn:l", "logLevel": "ERROR" } },
        }],
    })
}

/// An audit, a finding, an action and a schedule, each as it is described, in one.
fn a_read() -> Value {
    let counts = json!({
        "checkRunStatus": "COMPLETED_NON_COMPLIANT", "totalResourcesCount": 100, "nonCompliantResourcesCount": 4,
        "suppressedNonCompliantResourcesCount": 1, "errorCode": "INSUFFICIENT_PERMISSIONS",
    });
    json!({
        "taskStatus": "COMPLETED", "taskStartTime": 1_700_000_000.123, "scheduledAuditName": "DailyAudit",
        "auditDetails": { "LOGGING_DISABLED_CHECK": counts, "OTHER_CHECK": counts },
        "finding": a_finding(),
        "actionName": "Quarantine", "actionId": "a", "actionType": "ADD_THINGS_TO_THING_GROUP",
        "roleArn": "arn:aws:iam::123456789012:role/quarantine", "lastModifiedDate": 1_700_000_000,
        "actionParams": {
            "addThingsToThingGroupParams": { "thingGroupNames": ["one", "two"], "overrideDynamicGroups": true },
        },
        "frequency": "DAILY", "targetCheckNames": ["LOGGING_DISABLED_CHECK", "OTHER_CHECK"],
    })
}

fn a_finding() -> Value {
    json!({
        "findingId": "f-1", "checkName": "LOGGING_DISABLED_CHECK", "isSuppressed": false,
        "reasonForNonComplianceCode": "LOGGING_DISABLED",
        "nonCompliantResource": { "resourceIdentifier": {
            "policyVersionIdentifier": { "policyName": "p", "policyVersionId": "1" },
        }},
    })
}

/// One answer of each operation, with up to three of its values replaced.
fn mutated() -> impl Strategy<Value = Value> {
    edited(vec![
        a_task(),
        json!({ "taskId": "one" }),
        json!({ "message": "it went wrong", "__type": "InvalidRequestException", "code": "ThrottlingException" }),
        json!({
            "actionsExecutions": [{
                "taskId": "one", "findingId": "f-1", "actionName": "EnableLogging", "actionId": "a", "status": "FAILED",
                "startTime": 1_700_000_000, "endTime": 1_700_000_001, "errorCode": "INSUFFICIENT_PERMISSIONS",
                "message": "no",
            }],
            "findings": [a_finding(), a_finding()],
            "tasks": [{ "taskId": "a-1", "taskStatus": "COMPLETED" }, { "taskId": "a-2", "taskStatus": "FAILED" }],
            "nextToken": "two",
        }),
        a_read(),
    ])
}

/// One of these, with up to three of its values replaced.
fn edited(answers: Vec<Value>) -> impl Strategy<Value = Value> {
    let edits = prop::collection::vec(edit(), 0..4);
    (prop::sample::select(answers), edits).prop_map(|(mut answer, edits)| {
        for Edit {
            place,
            number,
            text,
            any,
        } in edits
        {
            let mut places = Vec::new();
            pointers(&answer, "", &mut places);
            let Some(place) = answer.pointer_mut(&places[place.index(places.len())]) else {
                continue;
            };
            *place = match (any, &*place) {
                (Some(any), _) => any,
                (None, Value::Number(_)) => number,
                (None, _) => text,
            };
        }
        answer
    })
}

/// The JSON pointers of all values in a value.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(inner, &format!("{here}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                pointers(inner, &format!("{here}/{index}"), found);
            }
        }
        _ => {}
    }
}
