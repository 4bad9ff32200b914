//! CEL for rules at the root of a resource, which never end with an error, whatever is stored.
//!
//! A typed access (`self.spec.target`) to a stored value of another type is an error, CEL has nothing that catches one,
//! and a rule that ends with an error refuses every write, also of what is unchanged. A chain of optionals that begins
//! with `optional.of(self)`, or with an optional `oldSelf`, reads the stored JSON as it is, whatever the schema says. (Seen
//! on Kubernetes 1.36; read in the CEL of 1.30.)

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

/// The object as it is to be stored.
pub(super) const NEW: &str = "optional.of(self)";

/// The object as it is stored; none when it is created.
pub(super) const OLD: &str = "oldSelf";

/// The value at a path, as in `spec.target`: an optional. By `orValue` it is a text or a number that may have any type.
pub(super) fn at(object: &str, path: &str) -> String {
    let mut members = path.split('.');
    let first = format!("{object}.?{}", members.next().unwrap_or_default());
    // To select a member of a list is an error; of anything else that has no members it is none.
    members.fold(first, |parent, member| {
        format!("{parent}.optFlatMap(o, type(dyn(o)) == map ? optional.of(o).?{member} : optional.none())")
    })
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
    format!("(oldSelf.hasValue() && [{}] == [{}])", at(NEW, path), at(OLD, path))
}

/// A rule of the root. `oldSelf` is an optional in it; `field` is what the message names.
pub(super) fn rule(field: Option<&str>, cel: String, message: impl Into<String>) -> ValidationRule {
    ValidationRule {
        rule: cel,
        message: Some(message.into()),
        field_path: field.map(|field| format!(".{field}")),
        optional_old_self: Some(true),
        ..ValidationRule::default()
    }
}

/// Rules of a map at `path` from checks to lists of `what` (actions, reason codes).
pub(super) fn check_map(path: &str, what: &str, max_name_length: u32) -> Vec<ValidationRule> {
    let value = at(NEW, path);
    let each = |good: &str| {
        format!(
            "!{} || self.{path}.all(check, {good}) || {}",
            is(&value, "map"),
            unchanged(path)
        )
    };
    vec![
        rule(
            Some(path),
            each("check != ''"),
            "the name of an audit check is empty: write the name, as in LOGGING_DISABLED_CHECK",
        ),
        rule(
            Some(path),
            each(&format!("size(check) <= {max_name_length}")),
            format!(
                "the name of an audit check is longer than {max_name_length} characters: \
                 write the name, as in LOGGING_DISABLED_CHECK"
            ),
        ),
        // The list is nullable in the schema only so that this rule gets to see the null.
        rule(
            Some(path),
            each(&is_not(&format!("{value}[?check]"), "null_type")),
            format!("the {what} of an audit check are null: list at least one, or remove the check"),
        ),
    ]
}
