//! Names and ids of the tasks of a policy.
//!
//! The mapping is no part of them: after an edit, or in a second cluster with a newer commit, one audit still means one
//! task. They are kept in AWS and must never change: the tests hold literal values.

use crate::core::canonical::base32_hash_of_text;

/// The longest id of a task in AWS.
const MAX_TASK_ID_LENGTH: usize = 128;

/// How many characters of a hash are kept: 50 bits.
const HASH_LENGTH: usize = 10;

/// How many characters of a policy's name are kept where it is cut.
const CUT_NAME_LENGTH: usize = 12;

/// The name of the resource: `<policy>-<audit>`. An audit id that can't be part of a name is replaced by its hash.
pub fn task_name(policy: &str, audit_id: &str) -> String {
    if is_name_part(audit_id) {
        format!("{policy}-{audit_id}")
    } else {
        format!("{policy}-{}", base32_hash_of_text(audit_id, HASH_LENGTH))
    }
}

/// The id in AWS: `<namespace>_<policy>_<audit>`. Where that is too long, the policy's name is cut and its hash added.
pub fn task_id(namespace: &str, policy: &str, audit_id: &str) -> String {
    let whole = format!("{namespace}_{policy}_{audit_id}");
    if whole.len() <= MAX_TASK_ID_LENGTH {
        return whole;
    }
    let beginning: String = policy.chars().take(CUT_NAME_LENGTH).collect();
    let hash = base32_hash_of_text(policy, HASH_LENGTH);
    format!("{namespace}_{beginning}-{hash}_{audit_id}")
}

/// `[a-z0-9]([a-z0-9-]*[a-z0-9])?`
fn is_name_part(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    is_end(text.chars().next())
        && is_end(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = "3f2ad1c09e6b4d7f8a5012c3b4d5e6f7";

    #[test]
    fn a_task_is_named_for_its_policy_and_its_audit() {
        for (audit, name) in [
            (AUDIT, "nightly-3f2ad1c09e6b4d7f8a5012c3b4d5e6f7"),
            ("a", "nightly-a"),
            ("a-1", "nightly-a-1"),
            // What no name may have: the hash of the text.
            ("3F2AD1C09E6B4D7F8A5012C3B4D5E6F7", "nightly-6z5kksb4yi"),
            ("-a", "nightly-yj2isf4qgr"),
            ("a-", "nightly-toxuibzafz"),
        ] {
            assert_eq!(task_name("nightly", audit), name, "{audit}");
        }
        assert!(task_name(&"p".repeat(52), &"a".repeat(40)).len() <= 253);
    }

    #[test]
    fn its_id_has_the_namespace_and_fits_the_service() {
        assert_eq!(
            task_id("fleet", "nightly", AUDIT),
            "fleet_nightly_3f2ad1c09e6b4d7f8a5012c3b4d5e6f7"
        );
        let (namespace, policy, audit) = ("n".repeat(63), "p".repeat(52), "a".repeat(40));
        let id = task_id(&namespace, &policy, &audit);
        assert_eq!(
            id,
            format!("{namespace}_pppppppppppp-{}_{audit}", base32_hash_of_text(&policy, 10))
        );
        assert_eq!(id.len(), 128);
        assert!(id.ends_with(&format!("_pppppppppppp-uu27lo4vya_{audit}")), "{id}");
        // The longest that isn't cut.
        let longest = task_id("n", "p", &"a".repeat(124));
        assert_eq!(longest, format!("n_p_{}", "a".repeat(124)));
        assert!(task_id("n", "p", &"a".repeat(125)).contains("p-"));
    }
}
