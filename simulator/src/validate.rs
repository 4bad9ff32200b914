//! Checks a JSON value against a shape of the model: types, required members, lengths, ranges, patterns, enums.

use serde_json::Value;

use crate::model::{Model, Shape};

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Violated constraints, in the service's words.
    pub violations: Vec<String>,
    /// Paths of members that the model doesn't know. The service ignores them; the call log keeps them.
    pub unknown: Vec<String>,
}

impl Verdict {
    /// The message of an `InvalidRequestException`, unless all is well.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let count = self.violations.len();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| {
            format!(
                "{count} validation error{plural} detected: {}",
                self.violations.join("; ")
            )
        })
    }

    fn violated(&mut self, value: &Value, path: &str, constraint: &str) {
        let shown = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.violations.push(format!(
            "Value '{shown}' at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }
}

/// Checks a value; null members of structures count as absent, as they do for the service.
pub(crate) fn check(model: &Model, shape: &str, value: &Value) -> Verdict {
    let mut verdict = Verdict::default();
    visit(model, shape, value, "", &mut verdict);
    verdict
}

fn visit(model: &Model, name: &str, value: &Value, path: &str, verdict: &mut Verdict) {
    let Some(shape) = model.shapes.get(name) else {
        verdict.violated(value, path, &format!("have a shape that the simulator knows ({name})"));
        return;
    };
    match (shape.kind.as_str(), value) {
        ("structure", Value::Object(_)) => visit_structure(model, shape, value, path, verdict),
        ("map", Value::Object(entries)) => {
            check_length(shape, entries.len(), value, path, verdict);
            for (key, inner) in entries {
                let inner_path = join(path, key);
                if let Some(reference) = &shape.key {
                    visit(
                        model,
                        &reference.shape,
                        &Value::String(key.clone()),
                        &inner_path,
                        verdict,
                    );
                }
                if let Some(reference) = &shape.value {
                    visit(model, &reference.shape, inner, &inner_path, verdict);
                }
            }
        }
        ("list", Value::Array(items)) => {
            check_length(shape, items.len(), value, path, verdict);
            if let Some(reference) = &shape.member {
                for (index, item) in items.iter().enumerate() {
                    let inner_path = format!("{path}.{}.member", index.saturating_add(1));
                    visit(model, &reference.shape, item, &inner_path, verdict);
                }
            }
        }
        ("string", Value::String(text)) => check_string(model, shape, text, path, verdict),
        ("integer" | "long", Value::Number(number)) => match number.as_i64() {
            Some(integer) => check_range(shape, integer, value, path, verdict),
            None => verdict.violated(value, path, "be an integer"),
        },
        ("timestamp", Value::Number(_)) | ("boolean", Value::Bool(_)) => {}
        (kind, _) => verdict.violated(value, path, &format!("be a {kind}")),
    }
}

fn visit_structure(model: &Model, shape: &Shape, value: &Value, path: &str, verdict: &mut Verdict) {
    for name in &shape.required {
        if value.get(name).is_none_or(Value::is_null) {
            verdict.violated(&Value::Null, &join(path, name), "not be null");
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        match shape.members.get(name) {
            Some(_) if inner.is_null() => {}
            Some(reference) => visit(model, &reference.shape, inner, &join(path, name), verdict),
            None => verdict.unknown.push(join(path, name)),
        }
    }
}

fn check_string(model: &Model, shape: &Shape, text: &str, path: &str, verdict: &mut Verdict) {
    let value = Value::String(text.to_owned());
    check_length(shape, text.chars().count(), &value, path, verdict);
    if let Some(pattern) = &shape.pattern
        && !model.matches(pattern, text)
    {
        verdict.violated(&value, path, &format!("satisfy regular expression pattern: {pattern}"));
    }
    if !shape.values.is_empty() && !shape.values.iter().any(|known| known == text) {
        verdict.violated(
            &value,
            path,
            &format!("satisfy enum value set: [{}]", shape.values.join(", ")),
        );
    }
}

fn check_length(shape: &Shape, length: usize, value: &Value, path: &str, verdict: &mut Verdict) {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    if let Some(min) = shape.min.filter(|min| length < *min) {
        verdict.violated(value, path, &format!("have length greater than or equal to {min}"));
    }
    if let Some(max) = shape.max.filter(|max| length > *max) {
        verdict.violated(value, path, &format!("have length less than or equal to {max}"));
    }
}

fn check_range(shape: &Shape, number: i64, value: &Value, path: &str, verdict: &mut Verdict) {
    if let Some(min) = shape.min.filter(|min| number < *min) {
        verdict.violated(value, path, &format!("have value greater than or equal to {min}"));
    }
    if let Some(max) = shape.max.filter(|max| number > *max) {
        verdict.violated(value, path, &format!("have value less than or equal to {max}"));
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: &str = "StartAuditMitigationActionsTaskRequest";

    fn good() -> Value {
        json!({
            "taskId": "t-1",
            "clientRequestToken": "token",
            "target": {"auditTaskId": "a3aea009955e501a31b764abe1bebd3d"},
            "auditCheckToActionsMapping": {"LOGGING_DISABLED_CHECK": ["EnableLogging"]},
        })
    }

    /// The good request with one change, and what the model says to it.
    fn with(pointer: &str, value: Value) -> Verdict {
        let mut request = good();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[name] = value;
        check(&Model::load().unwrap(), START, &request)
    }

    #[test]
    fn a_good_request_passes() {
        assert_eq!(check(&Model::load().unwrap(), START, &good()), Verdict::default());
    }

    #[test]
    fn each_kind_of_violation_is_found_once() {
        let ids: Vec<String> = (0..26).map(|index| format!("f-{index}")).collect();
        for (pointer, value, says) in [
            (
                "/taskId",
                json!("a.b"),
                "'taskId' failed to satisfy constraint: Member must satisfy regular",
            ),
            ("/taskId", json!("x".repeat(129)), "less than or equal to 128"),
            (
                "/taskId",
                Value::Null,
                "'taskId' failed to satisfy constraint: Member must not be null",
            ),
            ("/clientRequestToken", json!("x".repeat(65)), "less than or equal to 64"),
            ("/clientRequestToken", json!(7), "be a string"),
            (
                "/clientRequestToken",
                Value::Null,
                "'clientRequestToken' failed to satisfy constraint: Member must not",
            ),
            ("/target", json!([]), "be a structure"),
            ("/target/auditTaskId", json!("x".repeat(41)), "less than or equal to 40"),
            ("/target/findingIds", json!([]), "greater than or equal to 1"),
            ("/target/findingIds", json!(ids), "less than or equal to 25"),
            ("/target/findingIds", json!([null]), "'target.findingIds.1.member'"),
            (
                "/target/auditCheckToReasonCodeFilter",
                json!({"X": []}),
                "greater than or equal to 1",
            ),
            ("/target/auditCheckToReasonCodeFilter", json!({"X": null}), "be a list"),
            (
                "/auditCheckToActionsMapping",
                json!({"X": []}),
                "greater than or equal to 1",
            ),
            (
                "/auditCheckToActionsMapping",
                json!({"X": ["a", "a", "a", "a", "a", "a"]}),
                "less than or equal to 5",
            ),
            ("/auditCheckToActionsMapping", json!({"X": ["a b"]}), "satisfy regular"),
        ] {
            let verdict = with(pointer, value.clone());
            assert_eq!(verdict.violations.len(), 1, "{pointer} {value}: {verdict:?}");
            assert!(
                verdict.message().unwrap().contains(says),
                "{pointer} {value}: {verdict:?}"
            );
        }
    }

    #[test]
    fn unknown_members_are_told_apart_from_violations() {
        let verdict = with("/target/colour", json!("red"));
        assert_eq!(
            verdict,
            Verdict {
                violations: vec![],
                unknown: vec!["target.colour".to_owned()]
            }
        );
    }

    #[test]
    fn enums_ranges_and_types_are_checked() {
        let model = Model::load().unwrap();
        let list = |request: Value| {
            check(&model, "ListAuditMitigationActionsTasksRequest", &request)
                .violations
                .len()
        };
        assert_eq!(
            list(json!({"startTime": 1, "endTime": 2.5, "taskStatus": "FAILED", "maxResults": 250})),
            0
        );
        assert_eq!(
            list(json!({"startTime": 1, "endTime": 2, "taskStatus": "CANCELLED"})),
            1
        );
        assert_eq!(list(json!({"startTime": 1, "endTime": 2, "maxResults": 251})), 1);
        assert_eq!(list(json!({"startTime": 1, "endTime": 2, "maxResults": 0})), 1);
        assert_eq!(list(json!({"startTime": 1, "endTime": 2, "maxResults": 1.5})), 1);
        assert_eq!(list(json!({"startTime": "2020-01-01T00:00:00Z"})), 2);
    }
}
