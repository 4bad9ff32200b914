//! Puts an operation's input together from the path, the query and the body, as the model says where each member is.

use serde_json::{Map, Number, Value};

use crate::answer::ServiceError;
use crate::model::Model;

/// An input that was read, with the query parameters that the operation doesn't have.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub members: Map<String, Value>,
    /// The body's JSON as it came.
    pub body: Value,
    pub unknown: Vec<String>,
}

/// Reads an input; what can't even be read is told in the second part, and the rest is there for the log.
pub(crate) fn read(
    model: &Model,
    operation: &str,
    labels: Vec<(String, String)>,
    query: &str,
    body: &[u8],
) -> (Input, Option<ServiceError>) {
    let mut input = Input::default();
    let mut problem = None;
    let Some(shape) = model
        .operations
        .get(operation)
        .and_then(|found| model.shapes.get(&found.input))
    else {
        return (input, Some(ServiceError::internal()));
    };
    // The body first: a member of the path can't be replaced by one of the body.
    if !body.is_empty() {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => {
                input.body = Value::Object(members.clone());
                for (name, value) in members {
                    if shape.members.get(&name).is_some_and(|member| member.location.is_some()) {
                        input.unknown.push(name);
                    } else {
                        input.members.insert(name, value);
                    }
                }
            }
            Ok(other) => {
                input.body = other;
                problem = Some(ServiceError::invalid("The request body must be a JSON object."));
            }
            Err(error) => {
                problem = Some(ServiceError::invalid(format!(
                    "The request body is not valid JSON: {error}"
                )));
            }
        }
    }
    for (label, text) in labels {
        match percent_encoding::percent_decode_str(&text).decode_utf8() {
            Ok(decoded) => drop(input.members.insert(label, Value::String(decoded.into_owned()))),
            Err(_) => problem = Some(ServiceError::invalid(format!("'{label}' in the path is not UTF-8."))),
        }
    }
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let member = shape.members.iter().find(|(_, member)| {
            member.location.as_deref() == Some("querystring") && member.location_name.as_deref() == Some(&name)
        });
        match member {
            Some((member, reference)) => {
                let kind = model
                    .shapes
                    .get(&reference.shape)
                    .map_or("string", |shape| shape.kind.as_str());
                input.members.insert(member.clone(), typed(kind, &text));
            }
            None => input.unknown.push(format!("?{name}")),
        }
    }
    (input, problem)
}

/// A text of an input that the model has checked.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// A list of texts of an input that the model has checked.
pub(crate) fn texts(input: &Value, member: &str) -> Vec<String> {
    let list = input.get(member).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// A query parameter as JSON of its type. What isn't of the type stays a string, and the model's check refuses it.
fn typed(kind: &str, text: &str) -> Value {
    let value = match kind {
        "integer" | "long" => text.parse::<i64>().ok().map(Value::from),
        "boolean" => text.parse::<bool>().ok().map(Value::from),
        "timestamp" => text
            .parse()
            .ok()
            .and_then(|time| Number::from_f64(crate::clock::epoch(time)))
            .map(Value::from),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(operation: &str, labels: &[(&str, &str)], query: &str, body: &str) -> (Input, Option<ServiceError>) {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        super::read(&Model::load().unwrap(), operation, labels, query, body.as_bytes())
    }

    #[test]
    fn members_come_from_where_the_model_says() {
        let query = "startTime=2026-01-01T00%3A00%3A00Z&maxResults=5&taskStatus=FAILED&colour=red&endTime=soon";
        let (input, problem) = read("ListAuditMitigationActionsTasks", &[], query, "");
        assert_eq!(problem, None);
        assert_eq!(
            Value::Object(input.members),
            json!({"startTime": 1_767_225_600.0, "maxResults": 5, "taskStatus": "FAILED", "endTime": "soon"})
        );
        assert_eq!(input.unknown, ["?colour"]);
    }

    #[test]
    fn the_path_wins_over_the_body() {
        let body = r#"{"taskId": "other", "target": {}}"#;
        let (input, problem) = read("StartAuditMitigationActionsTask", &[("taskId", "a%2Db")], "", body);
        assert_eq!(problem, None);
        assert_eq!(Value::Object(input.members), json!({"taskId": "a-b", "target": {}}));
        assert_eq!(input.unknown, ["taskId"]);
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for body in ["{", "[]", "7"] {
            let (_, problem) = read("StartAuditMitigationActionsTask", &[("taskId", "a")], "", body);
            assert_eq!(problem.unwrap().code, "InvalidRequestException", "{body}");
        }
    }
}
