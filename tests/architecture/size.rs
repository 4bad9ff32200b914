//! Files that are read in one go.

use crate::sources::Sources;

/// One line for each file with more than `limit` lines, not counting its tests.
pub(crate) fn problems(sources: &Sources, limit: usize) -> Vec<String> {
    sources
        .files()
        .filter(|file| file.lines > limit)
        .map(|file| {
            format!(
                "too long: {} has {} lines without its tests, more than {limit}",
                file.name, file.lines
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let test = "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        let of = |text: &str| problems(&Sources::of(&[("lib.rs", text)]), 3);
        assert!(of(&format!("fn a() {{}}\n\n\n{test}")).is_empty());
        assert_eq!(
            of(&format!("fn a() {{}}\n\n\n\n{test}")),
            ["too long: lib.rs has 4 lines without its tests, more than 3"]
        );
    }
}
