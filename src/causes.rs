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

/// The same of a request: also that it is the API server that did not answer.
pub fn explain_request(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(_) => explain_kube(error),
        error => format!("the API server did not answer: {}", explain_kube(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] io::Error);

    /// As hyper and kube wrap what the system says.
    #[test]
    fn the_innermost_cause_is_told_and_nothing_twice() {
        let too_many = io::Error::from_raw_os_error(24);
        let kube = kube::Error::Service(Box::new(Outer("client error (Connect)", too_many)));
        assert_eq!(
            explain_kube(&kube),
            "ServiceError: client error (Connect): Too many open files (os error 24)"
        );
        let said_already = Outer("lookup failed: no such\nhost", io::Error::other("no such host"));
        assert_eq!(explain(&said_already), "lookup failed: no such host");
    }

    #[test]
    fn an_explanation_is_bounded() {
        let long = io::Error::other("long ".repeat(1_000));
        assert_eq!(explain(&Outer("it failed", long)).chars().count(), MAX_LENGTH);
    }
}
