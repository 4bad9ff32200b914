//! Why something failed, in the words of whoever knows: an error of a library is often only the outermost of several.

use std::error::Error;

/// The longest explanation.
const MAX_LENGTH: usize = 1_000;

/// An error, what caused it, what caused that, and so on.
pub fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

/// What an error and its causes say, in one line; what an outer one says already isn't repeated.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut said = String::new();
    for text in sources(error).map(ToString::to_string) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() || said.contains(&text) {
            continue;
        }
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(&text);
    }
    said.chars().take(MAX_LENGTH).collect()
}

/// What the API server refused and why, or what happened to the connection: kube by itself says no more of a closed port,
/// an unknown host, a certificate that isn't trusted and a lack of file descriptors than "client error (Connect)".
#[must_use]
pub fn explain_kube(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!(
            "the API server refused ({}): {}",
            status.code,
            status.message.chars().take(MAX_LENGTH).collect::<String>()
        ),
        error => explain(error),
    }
}
