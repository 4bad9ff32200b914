//! Whether a task does what the spec asks.

use serde_json::{Value, json};

use super::bench::start_of_time;
use super::store::Store;
use crate::core::answer::{Described, TaskState};
use crate::core::task::compare::{Difference, difference};

fn compared(asked: &Value, existing: &Value) -> Option<Difference> {
    let desired = Store::create(asked, start_of_time()).observed().desired.unwrap();
    let parse = |field: &str| existing.get(field).cloned();
    let task = Described {
        state: TaskState::InProgress,
        start_time: None,
        end_time: None,
        statistics: std::collections::BTreeMap::new(),
        target: parse("target").map(|target| serde_json::from_value(target).unwrap()),
        mapping: parse("auditCheckToActionsMapping").map(|mapping| serde_json::from_value(mapping).unwrap()),
        actions: None,
    };
    difference(&task, &desired)
}

#[expect(clippy::needless_pass_by_value, reason = "each row makes its own")]
fn request(target: Value, mapping: Value) -> Value {
    json!({ "target": target, "auditCheckToActionsMapping": mapping })
}

#[test]
fn each_row() {
    let mapping = || json!({ "A_CHECK": ["One", "Two"] });
    let audit = || json!({ "auditTaskId": "a1" });
    let filter = |filter: Value| json!({ "auditTaskId": "a1", "auditCheckToReasonCodeFilter": filter });
    let findings = |ids: Value| json!({ "findingIds": ids });
    let member = |name| Some(Difference::Member(name));
    let rows = [
        (
            "the same",
            request(audit(), mapping()),
            request(audit(), mapping()),
            None,
        ),
        (
            "the order of actions counts",
            request(audit(), mapping()),
            request(audit(), json!({ "A_CHECK": ["Two", "One"] })),
            member("auditCheckToActionsMapping"),
        ),
        (
            "a check more",
            request(audit(), mapping()),
            request(audit(), json!({ "A_CHECK": ["One", "Two"], "B_CHECK": ["One"] })),
            member("auditCheckToActionsMapping"),
        ),
        (
            "another audit",
            request(audit(), mapping()),
            request(json!({ "auditTaskId": "a2" }), mapping()),
            member("target.auditTaskId"),
        ),
        (
            "the order of findings does not count",
            request(findings(json!(["f-1", "f-2"])), mapping()),
            request(findings(json!(["f-2", "f-1"])), mapping()),
            None,
        ),
        (
            "a finding less",
            request(findings(json!(["f-1", "f-2"])), mapping()),
            request(findings(json!(["f-1"])), mapping()),
            member("target.findingIds"),
        ),
        (
            "the order of reason codes does not count",
            request(filter(json!({ "A_CHECK": ["X", "Y"] })), mapping()),
            request(filter(json!({ "A_CHECK": ["Y", "X"] })), mapping()),
            None,
        ),
        (
            "a reason code more",
            request(filter(json!({ "A_CHECK": ["X"] })), mapping()),
            request(filter(json!({ "A_CHECK": ["Y", "X"] })), mapping()),
            member("target.auditCheckToReasonCodeFilter"),
        ),
        (
            "empty equals absent",
            request(audit(), mapping()),
            request(
                json!({ "auditTaskId": "a1", "findingIds": [], "auditCheckToReasonCodeFilter": {} }),
                mapping(),
            ),
            None,
        ),
        (
            "an empty audit equals none",
            request(findings(json!(["f-1"])), mapping()),
            request(json!({ "auditTaskId": "", "findingIds": ["f-1"] }), mapping()),
            None,
        ),
        (
            "findings instead of an audit",
            request(audit(), mapping()),
            request(findings(json!(["f-1"])), mapping()),
            member("target.auditTaskId"),
        ),
        (
            "no target shown",
            request(audit(), mapping()),
            json!({ "auditCheckToActionsMapping": mapping() }),
            Some(Difference::NotShown("target")),
        ),
        (
            "no mapping shown",
            request(audit(), mapping()),
            json!({ "target": audit() }),
            Some(Difference::NotShown("auditCheckToActionsMapping")),
        ),
    ];
    for (row, asked, existing, expected) in rows {
        assert_eq!(compared(&asked, &existing), expected, "{row}");
    }
}
