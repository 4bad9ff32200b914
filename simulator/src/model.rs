//! The service's published model: the one table from which requests are routed and checked.
//!
//! `model.json` is cut from the model that botocore ships; a test compares the two, so it can't drift.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

/// The part of the AWS IoT service model that the simulator implements.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// Operations by name.
    pub operations: BTreeMap<String, OperationModel>,
    /// Shapes by name.
    pub shapes: BTreeMap<String, Shape>,
    #[serde(skip)]
    patterns: HashMap<String, Regex>,
}

/// How an operation is called, and what it takes and gives.
#[derive(Debug, Deserialize)]
pub struct OperationModel {
    /// Method and path template.
    pub http: HttpModel,
    /// Name of the request's shape.
    pub input: String,
    /// Name of the answer's shape.
    #[cfg(test)]
    pub output: String,
    /// Names of the errors that it declares.
    #[cfg(test)]
    pub errors: Vec<String>,
}

/// An operation's place in HTTP.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpModel {
    /// The HTTP method.
    pub method: String,
    /// The path, with `{label}` segments.
    pub request_uri: String,
}

/// A type of the model with its constraints.
#[derive(Debug, Deserialize)]
pub struct Shape {
    /// `structure`, `map`, `list`, `string`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Members that a structure must have.
    #[serde(default)]
    pub required: Vec<String>,
    /// Members of a structure.
    #[serde(default)]
    pub members: BTreeMap<String, Reference>,
    /// Keys of a map.
    pub key: Option<Reference>,
    /// Values of a map.
    pub value: Option<Reference>,
    /// Members of a list.
    pub member: Option<Reference>,
    /// Least length or value.
    pub min: Option<i64>,
    /// Greatest length or value.
    pub max: Option<i64>,
    /// What a string must match, as a whole.
    pub pattern: Option<String>,
    /// The values that a string can have.
    #[serde(rename = "enum", default)]
    pub values: Vec<String>,
    /// Set for errors.
    #[cfg(test)]
    pub error: Option<ErrorModel>,
}

/// How an error is put into HTTP.
#[cfg(test)]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorModel {
    /// The status code.
    pub http_status_code: u16,
}

/// A use of a shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// The shape's name.
    pub shape: String,
    /// `uri` or `querystring`; in the body without it.
    pub location: Option<String>,
    /// The label or parameter, where `location` is set.
    pub location_name: Option<String>,
}

/// The committed model is unusable: a mistake of the build, not of the user.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not the JSON that is expected.
    #[error("model.json does not parse; generate it again with tests/boto3/extract_model.py")]
    Json(#[from] serde_json::Error),
    /// A pattern that the regex crate doesn't know.
    #[error("a pattern of model.json is not understood; translate it in model.rs")]
    Pattern(#[from] regex::Error),
}

impl Model {
    /// Parses the model that is built in.
    ///
    /// # Errors
    /// When the committed file is broken.
    pub fn load() -> Result<Self, ModelError> {
        // Made once in a process: the classes of all of Unicode take a while.
        static PATTERNS: OnceLock<HashMap<String, Regex>> = OnceLock::new();
        let mut model: Self = serde_json::from_str(include_str!("model.json"))?;
        model.patterns = if let Some(patterns) = PATTERNS.get() {
            patterns.clone()
        } else {
            let patterns = patterns(&model)?;
            PATTERNS.get_or_init(|| patterns).clone()
        };
        Ok(model)
    }

    /// The operation that a method and a path mean, with the values of the path's labels, still percent-encoded.
    #[must_use]
    pub fn route<'a>(&'a self, method: &str, path: &str) -> Option<(&'a str, Vec<(String, String)>)> {
        self.operations
            .iter()
            .filter(|(_, operation)| operation.http.method == method)
            .find_map(|(name, operation)| Some((name.as_str(), labels(&operation.http.request_uri, path)?)))
    }

    /// Whether a whole string matches a pattern of the model.
    #[must_use]
    pub fn matches(&self, pattern: &str, text: &str) -> bool {
        self.patterns.get(pattern).is_some_and(|regex| regex.is_match(text))
    }

    /// What is wrong with a value of a shape, in the service's words, and the members that the shape doesn't know.
    #[must_use]
    pub fn check(&self, shape: &str, value: &Value) -> crate::validate::Verdict {
        crate::validate::check(self, shape, value)
    }
}

fn patterns(model: &Model) -> Result<HashMap<String, Regex>, regex::Error> {
    let patterns = model.shapes.values().filter_map(|shape| shape.pattern.as_ref());
    patterns
        .map(|pattern| {
            // Java's name for the class of visible characters.
            let translated = pattern.replace(r"\p{Graph}", "[:graph:]");
            // The service matches the whole string, whether or not the pattern says so, and `\w` is ASCII to it. Only
            // tags have classes of all of Unicode.
            let regex = RegexBuilder::new(&format!("^(?:{translated})$"))
                .unicode(translated.contains(r"\p{L}"))
                .build()?;
            Ok((pattern.clone(), regex))
        })
        .collect()
}

/// The labels' values, where the path fits the template.
fn labels(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(part), Some(text)) => match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(label) if !text.is_empty() => found.push((label.to_owned(), text.to_owned())),
                None if part == text => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_by_method_and_path() {
        let model = Model::load().unwrap();
        let task = "/audit/mitigationactions/tasks/t-1";
        let (name, labels) = model.route("POST", task).unwrap();
        assert_eq!(name, "StartAuditMitigationActionsTask");
        assert_eq!(labels, [("taskId".to_owned(), "t-1".to_owned())]);
        assert_eq!(
            model.route("GET", task).unwrap().0,
            "DescribeAuditMitigationActionsTask"
        );
        assert_eq!(
            model.route("PUT", &format!("{task}/cancel")).unwrap().0,
            "CancelAuditMitigationActionsTask"
        );
        assert!(model.route("PUT", task).is_none());
        assert!(model.route("GET", "/audit/mitigationactions/tasks/").is_none());
    }

    #[test]
    fn patterns_match_whole_strings() {
        let model = Model::load().unwrap();
        assert!(model.matches("[a-zA-Z0-9_-]+", "a_B-9"));
        assert!(!model.matches("[a-zA-Z0-9_-]+", "a.b"));
        assert!(!model.matches("[a-zA-Z0-9_-]+", "a\n"));
        assert!(model.matches("^[a-zA-Z0-9-_]+$", "a-_9"));
        assert!(model.matches(r"[\w+=,.@-]+", "a=b"));
        assert!(!model.matches(r"[\w+=,.@-]+", "é"));
    }
}
