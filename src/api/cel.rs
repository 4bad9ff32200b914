//! CEL for rules at the root of a resource, which never end with an error, whatever is stored.
//!
//! A typed access (`self.spec.target`) to a stored value of another type is an error, CEL has nothing that catches one,
//! and a rule that ends with an error refuses every write, also of what is unchanged. A chain of optionals that begins
//! with `optional.of(self)`, or with an optional `oldSelf`, reads the stored JSON as it is, whatever the schema says. (Seen
//! on Kubernetes 1.30 and 1.36. From 1.37 on it is read by the schema, and ends with an error where it isn't of its type:
//! such an object is only let go by a definition without rules.)

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::schema::{MAX_CHECK_NAME_LENGTH, MAX_REASON_CODE_LENGTH};

/// The object as it is to be stored.
pub(super) const NEW: &str = "optional.of(self)";

/// The object as it is stored, in [`transition`]: an update.
pub(super) const STORED: &str = "optional.of(oldSelf)";

/// The object as it is stored, in [`manifest`]; none when it is created.
pub(super) const OLD: &str = "oldSelf";

/// A rule: what a manifest must be like, or what an edit may not change.
pub(super) struct Rule {
    /// What it is about, as in `spec.target`.
    path: String,
    /// What has to hold. In a rule of the manifest it knows nothing of the stored object.
    holds: String,
    /// What lets it pass all the same: it was stored like that.
    was_stored: Option<String>,
    /// What a person reads when it is broken.
    message: String,
}

impl Rule {
    /// A rule that holds whatever is stored.
    pub(super) fn new(path: impl Into<String>, holds: String, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            holds,
            was_stored: None,
            message: message.into(),
        }
    }

    /// Also passes what was stored like this.
    pub(super) fn or_stored(self, was_stored: String) -> Self {
        Self {
            was_stored: Some(was_stored),
            ..self
        }
    }
}

/// The rules of every manifest, new or edited; all of them are one for the API server, and so is its answer: see
/// [`all_of`].
pub(super) fn manifest(rules: &[Rule]) -> ValidationRule {
    ValidationRule {
        // In the message `oldSelf` would not be the optional that the rule knows: it is told without.
        optional_old_self: Some(true),
        ..all_of(rules, &unchanged("spec"))
    }
}

/// The rules of edits, as one.
pub(super) fn transition(rules: &[Rule]) -> ValidationRule {
    all_of(rules, &unchanged_stored("spec"))
}

/// One rule for the API server instead of many, which tells every mistake nevertheless. It says first that an unchanged
/// spec passes, which is so at each write of the status or of the metadata, and it says so once: to find that out, the
/// API server copies the schema of all members of each object that it compares (Kubernetes 1.37).
fn all_of(rules: &[Rule], unchanged: &str) -> ValidationRule {
    let passes = rules.iter().map(|rule| match &rule.was_stored {
        Some(was_stored) => format!("({} || {was_stored})", rule.holds),
        None => format!("({})", rule.holds),
    });
    let mistakes = rules.iter().map(|rule| {
        let told = format!("{}: {}. ", rule.path, rule.message);
        format!("(({}) ? '' : {told:?})", rule.holds)
    });
    ValidationRule {
        rule: format!("{unchanged} || ({})", passes.collect::<Vec<_>>().join(" && ")),
        message: Some("the spec breaks a rule, and the API server couldn't tell which: see kubectl explain".to_owned()),
        message_expression: Some(mistakes.collect::<Vec<_>>().join(" + ")),
        field_path: Some(".spec".to_owned()),
        ..ValidationRule::default()
    }
}

/// The value at a path, as in `spec.target`: an optional. By `orValue` it is a text or a number that may have any type.
///
/// Each step stands within the one before it, not behind it: what stands before `optFlatMap` is copied, and the CEL of
/// Kubernetes 1.30 refuses a copy that has an `optFlatMap` of its own ("incompatible type already exists").
pub(super) fn at(object: &str, path: &str) -> String {
    match path.split_once('.') {
        None => format!("{object}.?{path}"),
        // To select a member of a list is an error; of anything else that has no members it is none.
        Some((first, rest)) => format!(
            "{object}.?{first}.optFlatMap(o, type(dyn(o)) == map ? {} : optional.none())",
            at("optional.of(o)", rest)
        ),
    }
}

/// Whether there is a value at a path.
pub(super) fn has(object: &str, path: &str) -> String {
    format!("{}.hasValue()", at(object, path))
}

/// Whether an optional holds a value of a CEL type.
pub(super) fn is(value: &str, type_: &str) -> String {
    format!("({value}.hasValue() && type(dyn({value}.value())) == {type_})")
}

/// Whether an optional holds a value of another CEL type.
pub(super) fn is_not(value: &str, type_: &str) -> String {
    format!("({value}.hasValue() && type(dyn({value}.value())) != {type_})")
}

/// Whether an update leaves what is at a path as it is stored, whatever that is. The lists around both give the API
/// server a size; without them it takes the comparison for unbounded, and the rule for too expensive.
pub(super) fn unchanged(path: &str) -> String {
    format!("(oldSelf.hasValue() && {})", same(OLD, path))
}

/// The same in a [`transition`].
pub(super) fn unchanged_stored(path: &str) -> String {
    same(STORED, path)
}

fn same(stored: &str, path: &str) -> String {
    format!("[{}] == [{}]", at(NEW, path), at(stored, path))
}

/// Whether there was nothing at a path in what is stored, in a rule of the [`manifest`].
pub(super) fn was_missing(path: &str) -> String {
    format!("(oldSelf.hasValue() && !{})", has(OLD, path))
}

/// Rules of a map at `path` from checks to lists of `what` (actions, reason codes). Names are measured in bytes: what
/// they cost must not depend on the characters that somebody chooses.
pub(super) fn check_map(path: &str, what: &str) -> Vec<Rule> {
    // The list is nullable in the schema only so that the last rule gets to see the null.
    let is_null = is(&format!("{}[?check]", at(NEW, path)), "null_type");
    vec![
        each_check(
            path,
            "check != ''",
            "the name of an audit check is empty: write the name, as in LOGGING_DISABLED_CHECK".to_owned(),
        ),
        each_check(
            path,
            &format!("size(bytes(check)) <= {MAX_CHECK_NAME_LENGTH}"),
            format!(
                "the name of an audit check is longer than {MAX_CHECK_NAME_LENGTH} characters (in bytes): \
                 write the name, as in LOGGING_DISABLED_CHECK"
            ),
        ),
        each_check(
            path,
            &format!("!{is_null}"),
            format!("the {what} of an audit check are null: list at least one, or remove the check"),
        ),
    ]
}

/// The length in bytes of the reason codes in the map at `path`; the schema bounds their characters.
pub(super) fn reason_codes_fit(path: &str) -> Rule {
    let is_list = is(&format!("{}[?check]", at(NEW, path)), "list");
    each_check(
        path,
        &format!("!{is_list} || self.{path}[check].all(code, size(bytes(code)) <= {MAX_REASON_CODE_LENGTH})"),
        format!(
            "a reason code is longer than {MAX_REASON_CODE_LENGTH} characters (in bytes): \
             write the code, as in CERTIFICATE_PAST_EXPIRATION"
        ),
    )
}

/// A rule for each `check` of the map at `path`.
fn each_check(path: &str, good: &str, message: String) -> Rule {
    let holds = format!("!{} || self.{path}.all(check, {good})", is(&at(NEW, path), "map"));
    Rule::new(path, holds, message).or_stored(unchanged(path))
}
