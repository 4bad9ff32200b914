//! The start record: the intent to start, which stands in an annotation before the effect.

use jiff::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// The version that is written. It changes when an operator that reads only this one would misread the new record.
const VERSION: u64 = 1;

/// The longest text about a record that can't be read: it quotes what anybody may have written.
const MAX_ERROR_LENGTH: usize = 200;

/// What was, or is about to be, sent to the service.
///
/// It only ever holds a start back; it proves nothing else, since anybody who may edit the resource can write it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRecord {
    /// The task id.
    pub task_id: String,
    /// The client request token.
    pub token: String,
    /// The hash of the whole request, see [`crate::core::task::identity::request_hash`].
    pub request_hash: String,
    /// The AWS region.
    pub region: String,
    /// The uid of the resource that it was written for: a copied resource has another.
    pub uid: String,
    /// When it was written, by the operator's clock.
    pub time: Timestamp,
}

impl StartRecord {
    /// Reads the text of the annotation. A record without a version is of the first.
    ///
    /// # Errors
    /// What is wrong, when this operator can't read it. Such a record says that something may have been started, so it
    /// is not the same as none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| short(&format!("it is no JSON: {error}")))?;
        match value.get("version").map(Value::as_u64) {
            None | Some(Some(VERSION)) => {}
            Some(Some(other)) => return Err(format!("its version is {other}, and this operator reads {VERSION}")),
            Some(None) => return Err("its version is no number".to_owned()),
        }
        serde_json::from_value(value).map_err(|error| short(&error.to_string()))
    }
}

impl Serialize for StartRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // No `..`: a new member doesn't compile until it is written.
        let Self {
            task_id,
            token,
            request_hash,
            region,
            uid,
            time,
        } = self;
        let mut record = serializer.serialize_struct("StartRecord", 7)?;
        record.serialize_field("version", &VERSION)?;
        record.serialize_field("taskId", task_id)?;
        record.serialize_field("token", token)?;
        record.serialize_field("requestHash", request_hash)?;
        record.serialize_field("region", region)?;
        record.serialize_field("uid", uid)?;
        record.serialize_field("time", time)?;
        record.end()
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_ERROR_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> StartRecord {
        StartRecord {
            task_id: "task".to_owned(),
            token: "token".to_owned(),
            request_hash: "hash".to_owned(),
            region: "eu-central-1".to_owned(),
            uid: "uid".to_owned(),
            time: "2026-01-02T03:04:05Z".parse().unwrap(),
        }
    }

    /// The record as it is written, with one member changed; null takes it away.
    fn with(member: &str, value: Value) -> String {
        let mut record = serde_json::to_value(record()).unwrap();
        let members = record.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(member);
        } else {
            members.insert(member.to_owned(), value);
        }
        record.to_string()
    }

    /// Frozen: records stand in clusters while operators come and go.
    #[test]
    fn the_text_is_what_it_was_and_has_a_version() {
        let text = r#"{"version":1,"taskId":"task","token":"token","requestHash":"hash","region":"eu-central-1","uid":"uid","time":"2026-01-02T03:04:05Z"}"#;
        assert_eq!(serde_json::to_string(&record()).unwrap(), text);
        assert_eq!(StartRecord::parse(text), Ok(record()));
    }

    #[test]
    fn a_record_without_a_version_is_of_the_first() {
        assert_eq!(StartRecord::parse(&with("version", Value::Null)), Ok(record()));
        assert_eq!(
            StartRecord::parse(&with("more", json!("of a later operator"))),
            Ok(record())
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let says = |text: &str| StartRecord::parse(text).unwrap_err();
        for version in [json!(0), json!(2), json!(u64::MAX)] {
            let error = says(&with("version", version.clone()));
            assert_eq!(error, format!("its version is {version}, and this operator reads 1"));
        }
        for version in [json!("1"), json!(1.5), json!(-1), json!([1])] {
            assert_eq!(says(&with("version", version)), "its version is no number");
        }
        for member in ["taskId", "token", "requestHash", "region", "uid", "time"] {
            assert!(says(&with(member, Value::Null)).contains(&format!("missing field `{member}`")));
            assert!(says(&with(member, json!(5))).contains("invalid type"), "{member}");
        }
        assert!(!says(&with("time", json!("yesterday"))).is_empty());
        for text in ["", "{", "task", "\u{0}"] {
            assert!(says(text).starts_with("it is no JSON: "), "{text:?}");
        }
        for text in ["null", "[]", "5", "\"task\"", "{}"] {
            assert!(!says(text).is_empty(), "{text}");
        }
    }

    /// A version is judged before the members: a later one may have others.
    #[test]
    fn a_later_version_is_said_to_be_one() {
        assert!(
            StartRecord::parse(r#"{"version":2,"tasks":[]}"#)
                .unwrap_err()
                .contains("version is 2")
        );
    }

    #[test]
    fn the_reason_is_short_whatever_is_written() {
        for text in [
            with("time", json!("é".repeat(9_000))),
            with("taskId", json!(vec![1; 9_000])),
            "é".repeat(9_000),
        ] {
            assert!(StartRecord::parse(&text).unwrap_err().chars().count() <= MAX_ERROR_LENGTH);
        }
    }
}
