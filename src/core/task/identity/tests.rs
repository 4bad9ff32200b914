use data_encoding::{BASE32_NOPAD, HEXLOWER};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;

fn spec(json: Value) -> AuditMitigationTaskSpec {
    serde_json::from_value(json).unwrap()
}

fn whole_audit() -> AuditMitigationTaskSpec {
    spec(json!({
        "target": {"auditTaskId": "a3aea009955e501a31b764abe1bebd3d"},
        "auditCheckToActionsMapping": {"LOGGING_DISABLED_CHECK": ["EnableLogging"]},
    }))
}

fn findings() -> AuditMitigationTaskSpec {
    spec(json!({
        "target": {"findingIds": ["f-2", "f-1"]},
        "auditCheckToActionsMapping": {
            "CA_CERTIFICATE_EXPIRING_CHECK": ["UpdateCA"],
            "DEVICE_CERTIFICATE_EXPIRING_CHECK": ["Quarantine", "Deactivate"],
        },
    }))
}

fn filtered() -> AuditMitigationTaskSpec {
    spec(json!({
        "target": {
            "auditTaskId": "a3aea009955e501a31b764abe1bebd3d",
            "auditCheckToReasonCodeFilter": {
                "DEVICE_CERTIFICATE_EXPIRING_CHECK":
                    ["CERTIFICATE_PAST_EXPIRATION", "CERTIFICATE_APPROACHING_EXPIRATION"],
            },
        },
        "auditCheckToActionsMapping": {"DEVICE_CERTIFICATE_EXPIRING_CHECK": ["Quarantine"]},
    }))
}

fn hash(spec: &AuditMitigationTaskSpec) -> String {
    content_hash(&spec.target, &spec.audit_check_to_actions_mapping)
}

/// The values must never change: they are parts of ids of tasks that exist in AWS.
#[test]
fn content_hashes_are_frozen() {
    assert_eq!(hash(&whole_audit()), "n42z5k2pgv");
    assert_eq!(hash(&findings()), "o4rnsll7qj");
    assert_eq!(hash(&filtered()), "pq4tziuprz");
}

#[test]
fn default_task_ids_are_frozen() {
    assert_eq!(
        task_id("default", "whole-audit", &whole_audit()),
        "default_whole-audit_n42z5k2pgv"
    );
    assert_eq!(
        task_id("factory-7", "certs.2026.11", &findings()),
        "factory-7_certs_2026_11_o4rnsll7qj"
    );
}

#[test]
fn a_task_id_of_the_spec_wins() {
    let spec = AuditMitigationTaskSpec {
        task_id: Some("mine".to_owned()),
        ..whole_audit()
    };
    assert_eq!(task_id("default", "whole-audit", &spec), "mine");
}

#[test]
fn request_hashes_are_frozen() {
    assert_eq!(
        request_hash("default_whole-audit_n42z5k2pgv", &whole_audit()),
        "d0e7015e47ff795e58c6dc27678d63d8b97b549d3b473470ff44c0cefdb56a9d"
    );
    let spec = AuditMitigationTaskSpec {
        client_request_token: Some("a-token".to_owned()),
        region: Some("eu-central-1".to_owned()),
        ..findings()
    };
    assert_eq!(
        request_hash("mine", &spec),
        "f412736534d63e2f5b231e15036cc9ee87cbd82cdbace5bed39ea6cd56ce5528"
    );
}

/// The canonical JSON written out by hand, so that a change of both hash and test needs more than new literals.
#[test]
fn the_request_hash_is_over_the_json_that_the_documentation_shows() {
    let written = br#"{"auditCheckToActionsMapping":{"CA_CERTIFICATE_EXPIRING_CHECK":["UpdateCA"],"DEVICE_CERTIFICATE_EXPIRING_CHECK":["Quarantine","Deactivate"]},"clientRequestToken":"a-token","region":"eu-central-1","target":{"findingIds":["f-1","f-2"]},"taskId":"mine"}"#;
    let spec = AuditMitigationTaskSpec {
        client_request_token: Some("a-token".to_owned()),
        region: Some("eu-central-1".to_owned()),
        ..findings()
    };
    assert_eq!(request_hash("mine", &spec), HEXLOWER.encode(&Sha256::digest(written)));
}

#[test]
fn every_member_of_the_request_counts() {
    let base = request_hash("a", &whole_audit());
    let changed = [
        request_hash("b", &whole_audit()),
        request_hash("a", &findings()),
        request_hash("a", &filtered()),
        request_hash(
            "a",
            &AuditMitigationTaskSpec {
                region: Some("eu-west-1".to_owned()),
                ..whole_audit()
            },
        ),
        request_hash(
            "a",
            &AuditMitigationTaskSpec {
                client_request_token: Some("t".to_owned()),
                ..whole_audit()
            },
        ),
    ];
    for other in changed {
        assert_ne!(base, other);
    }
}

#[test]
fn what_is_not_sent_does_not_count() {
    let spec = AuditMitigationTaskSpec {
        suspend: Some(true),
        cancel: Some(true),
        deletion_policy: Some(crate::api::DeletionPolicy::Orphan),
        active_deadline_seconds: Some(1),
        ttl_seconds_after_finished: Some(1),
        ..whole_audit()
    };
    assert_eq!(request_hash("a", &spec), request_hash("a", &whole_audit()));
    assert_eq!(hash(&spec), hash(&whole_audit()));
}

#[test]
fn the_longest_names_fit_the_service() {
    let id = task_id(
        &"n".repeat(63),
        &"m".repeat(crate::api::MAX_NAME_LENGTH_WITHOUT_TASK_ID),
        &whole_audit(),
    );
    assert_eq!(id.len(), 127);
}

#[test]
fn empty_members_count_as_absent() {
    let mut spec = whole_audit();
    spec.target.finding_ids = Some(Vec::new());
    spec.target.audit_check_to_reason_code_filter = Some(BTreeMap::new());
    assert_eq!(hash(&spec), hash(&whole_audit()));
    assert_eq!(request_hash("a", &spec), request_hash("a", &whole_audit()));
}

/// RFC 8785 sorts keys by UTF-16 code units, unlike a `BTreeMap`: U+1F600 comes before U+FB33 there.
#[test]
fn keys_are_sorted_as_rfc_8785_says() {
    let mapping = |keys: [&str; 2]| {
        keys.into_iter()
            .map(|key| (key.to_owned(), vec!["a".to_owned()]))
            .collect()
    };
    let written = "{\"auditCheckToActionsMapping\":{\"\u{1F600}\":[\"a\"],\"\u{FB33}\":[\"a\"]},\"target\":{}}";
    let mut expected = BASE32_NOPAD.encode(&Sha256::digest(written)).to_ascii_lowercase();
    expected.truncate(HASH_LENGTH);
    assert_eq!(
        content_hash(&Target::default(), &mapping(["\u{FB33}", "\u{1F600}"])),
        expected
    );
}

proptest! {
    #[test]
    fn the_order_of_findings_and_codes_does_not_count(
        (ids, shuffled) in prop::collection::btree_set("[a-zA-Z0-9_-]{1,12}", 1..25)
            .prop_map(Vec::from_iter)
            .prop_flat_map(|ids| (Just(ids.clone()), Just(ids).prop_shuffle())),
    ) {
        let with = |set: Vec<String>| {
            let mut by_finding = whole_audit();
            by_finding.target = Target { finding_ids: Some(set.clone()), ..Target::default() };
            let mut by_code = whole_audit();
            by_code.target.audit_check_to_reason_code_filter = Some(BTreeMap::from([("CHECK".to_owned(), set)]));
            [hash(&by_finding), hash(&by_code), request_hash("a", &by_finding), request_hash("a", &by_code)]
        };
        prop_assert_eq!(with(ids), with(shuffled));
    }

    #[test]
    fn the_order_of_actions_counts(actions in prop::collection::btree_set("[a-zA-Z0-9_-]{1,12}", 2..5)) {
        let with = |actions: Vec<String>| {
            let mut spec = whole_audit();
            spec.audit_check_to_actions_mapping = BTreeMap::from([("CHECK".to_owned(), actions)]);
            [hash(&spec), request_hash("a", &spec)]
        };
        let there = with(actions.iter().cloned().collect());
        let back = with(actions.into_iter().rev().collect());
        prop_assert_ne!(&there[0], &back[0]);
        prop_assert_ne!(&there[1], &back[1]);
    }

    /// Whatever names Kubernetes allows, the id is one that the service takes, and no two resources share it.
    #[test]
    fn default_task_ids_are_valid_and_distinct(
        namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        (name, other) in ("[a-z0-9]([a-z0-9.-]{0,50}[a-z0-9])?", "[a-z0-9]([a-z0-9.-]{0,50}[a-z0-9])?"),
    ) {
        let id = task_id(&namespace, &name, &whole_audit());
        prop_assert!(id.len() <= 128, "{} characters", id.len());
        prop_assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{}", id);
        prop_assert_eq!(name == other, id == task_id(&namespace, &other, &whole_audit()));
    }
}
