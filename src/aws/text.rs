//! Texts that came from outside: one line, bounded, and the same at each attempt.

use std::sync::LazyLock;

use regex_lite::Regex;

/// The longest message of the service that is passed on.
pub(super) const MAX_MESSAGE: usize = 512;

/// What differs at each attempt would make each attempt another status and another event.
static CHANGING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // `(Service: Iot, Status Code: 400, Request ID: 1b2c, Extended Request ID: null)`, `RequestId: 1b2c`, `request id = 1b2c`
    let request_id =
        r#"(?:(?:extended|aws|amz)[ -]?)*request[ _-]?id\s*[:=]?\s*["']?(?:null|[\w/+-]*\d[\w/+=-]*)["']?"#;
    Regex::new(&format!(r"(?i)[\s,;(]*\(?\b{request_id}(?:[\s,;]+{request_id})*\)?")).ok()
});

/// The session of an assumed role: `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION`.
static SESSION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(arn:[\w-]+:sts::\d*:assumed-role/[\w+=,.@-]+)/[\w+=,.@-]+").ok());

/// Makes one line of a text, leaves out the ids that differ at each attempt, and cuts it.
pub(super) fn stable(text: &str) -> String {
    let line = cut_to(text, 8 * MAX_MESSAGE);
    let line = replace(&CHANGING, &line, "");
    let line = replace(&SESSION, &line, "$1");
    let words: Vec<&str> = line.split_whitespace().collect();
    cut(&words.join(" "))
}

fn replace(pattern: &LazyLock<Option<Regex>>, text: &str, by: &str) -> String {
    let pattern: &Option<Regex> = pattern;
    pattern
        .as_ref()
        .map_or_else(|| text.to_owned(), |pattern| pattern.replace_all(text, by).into_owned())
}

/// Cuts a text that came from outside, and makes one line of it.
pub(super) fn cut(text: &str) -> String {
    cut_to(text, MAX_MESSAGE)
}

/// Cuts a text to this many characters, and makes one line of it.
pub(super) fn cut_to(text: &str, limit: usize) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limit)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_at_each_attempt_is_left_out() {
        let id = "6f3b2c1d-0a9b-4c8d-9e7f-112233445566";
        for (text, expected) in [
            (format!("no such audit (RequestId: {id})"), "no such audit"),
            (format!("no such audit; request id: {id}"), "no such audit"),
            (
                format!("no such audit, AWS Request ID = {id}, Extended Request ID: null"),
                "no such audit",
            ),
            (
                format!("denied (Service: Iot, Status Code: 403, Request ID: {id})"),
                "denied (Service: Iot, Status Code: 403",
            ),
            (
                "User: arn:aws:sts::123456789012:assumed-role/audit/botocore-session-17 is not authorized".to_owned(),
                "User: arn:aws:sts::123456789012:assumed-role/audit is not authorized",
            ),
            ("a request identifies itself".to_owned(), "a request identifies itself"),
            // The ids of findings look like this, and are what the message is about.
            (format!("finding {id} not found"), &format!("finding {id} not found")),
            ("two\nlines".to_owned(), "two lines"),
        ] {
            assert_eq!(stable(&text), expected);
        }
        assert_eq!(stable(&"long ".repeat(1_000)).chars().count(), MAX_MESSAGE);
    }
}
