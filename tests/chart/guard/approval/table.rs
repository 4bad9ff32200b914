//! The table of docs/tenants.md: each change of an approval, and whether it needs the verb.

use serde_json::{Map, Value, json};

use super::{Guard, PLAN, dry_run, said};

const PAGE: &str = include_str!("../../../../docs/tenants.md");

/// A change of `spec.approval`: null is none.
struct Row {
    before: Value,
    after: Value,
    needs_the_verb: bool,
}

fn rows() -> Vec<Row> {
    let (_, table) = PAGE.split_once("| `spec.approval` before |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().skip(2);
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [before, after, verb] = cells.as_slice() else {
            panic!("{line}")
        };
        let approval = |cell: &str| match cell {
            "none" => Value::Null,
            cell => serde_saphyr::from_str(cell.trim_matches('`')).unwrap(),
        };
        let needs_the_verb = verb.starts_with("**yes**");
        assert!(needs_the_verb || verb.starts_with("no"), "{line}");
        Row {
            before: approval(before),
            after: approval(after),
            needs_the_verb,
        }
    })
    .collect()
}

/// The merge patch that makes one value of another.
fn merge(before: &Value, after: &Value) -> Value {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        return after.clone();
    };
    let removed = old
        .keys()
        .filter(|key| !new.contains_key(*key))
        .map(|key| (key.clone(), Value::Null));
    let changed = new
        .iter()
        .map(|(key, value)| (key.clone(), merge(old.get(key).unwrap_or(&Value::Null), value)));
    Value::Object(removed.chain(changed).collect::<Map<String, Value>>())
}

#[tokio::test]
async fn each_row_of_the_page_is_as_it_says() {
    let rows = rows();
    for guard in Guard::new("table", &json!({})).await.of_each_kind() {
        let mut tried = 0;
        for row in &rows {
            if !guard.knows(&row.before) || !guard.knows(&row.after) {
                continue;
            }
            let name = format!("row-{tried}");
            guard.given(&guard.object(&name, &row.before)).await;
            let patch = json!({ "spec": { "approval": merge(&row.before, &row.after) } });
            if row.needs_the_verb {
                guard.needs_the_verb(&name, &patch).await;
            } else {
                guard.is_free(&name, &patch).await;
            }
            tried += 1;
        }
        assert!(tried > 10);
    }
}

/// What comes approved is approved by whoever creates it; any other creation is free.
#[tokio::test]
async fn what_is_new_is_approved_by_who_may_approve() {
    for guard in Guard::new("creation", &json!({})).await.of_each_kind() {
        let approved = guard.object("approved", &json!({ "plan": PLAN }));
        let answer = guard.objects(&guard.editor).create(&dry_run(), &approved).await;
        let text = said(answer.unwrap_err());
        assert!(text.contains(&format!("spec.approval.plan {}", guard.verb())), "{text}");
        let by_approver = guard.objects(&guard.approver).create(&dry_run(), &approved).await;
        by_approver.unwrap();
        for approval in [
            Value::Null,
            json!({}),
            json!({ "requiredAbove": { "percent": 100 } }),
            json!({ "requiredAbove": { "findings": i64::MAX } }),
        ] {
            if guard.knows(&approval) {
                let free = guard.object("free", &approval);
                let answer = guard.objects(&guard.editor).create(&dry_run(), &free).await;
                assert!(answer.is_ok(), "{approval}: {answer:?}");
            }
        }
    }
}
