//! Names that Kubernetes takes ("Object Names and IDs").

/// Whether this is a DNS label by RFC 1123, as the names of namespaces are.
pub(super) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether this is a DNS subdomain by RFC 1123, as the names of most objects are.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kubernetes_takes() {
        for good in ["a", "fleet-1", "0", "a".repeat(63).as_str()] {
            assert!(is_label(good) && is_subdomain(good), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a b", "a/b", "ä", "a".repeat(64).as_str()] {
            assert!(!is_label(bad) && !is_subdomain(bad), "{bad}");
        }
        assert!(!is_label("a.b"));
        assert!(is_subdomain("a.b"));
        for bad in ["a..b", ".a", "a."] {
            assert!(!is_subdomain(bad), "{bad}");
        }
    }
}
