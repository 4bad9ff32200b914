//! The checks that the service documents, and findings as they make them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::audits::Problem;
use crate::catalogue::Finding;
use crate::clock;

/// A check: its name, severity, the type of its resources, and its reason codes.
pub(crate) type Check = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// Every check.
pub(crate) const CHECKS: &[Check] = &[
    (
        "AUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK",
        "CRITICAL",
        "COGNITO_IDENTITY_POOL",
        &[
            "ALLOWS_BROAD_ACCESS_TO_IOT_THING_ADMIN_READ_ACTIONS",
            "ALLOWS_ACCESS_TO_IOT_NON_THING_ADMIN_ACTIONS",
            "ALLOWS_ACCESS_TO_IOT_THING_ADMIN_WRITE_ACTIONS",
        ],
    ),
    (
        "UNAUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK",
        "CRITICAL",
        "COGNITO_IDENTITY_POOL",
        &[
            "ALLOWS_ACCESS_TO_IOT_ADMIN_ACTIONS",
            "ALLOWS_BROAD_ACCESS_TO_IOT_DATA_PLANE_ACTIONS",
        ],
    ),
    (
        "CA_CERTIFICATE_EXPIRING_CHECK",
        "MEDIUM",
        "CA_CERTIFICATE",
        &["CERTIFICATE_APPROACHING_EXPIRATION", "CERTIFICATE_PAST_EXPIRATION"],
    ),
    (
        "CA_CERTIFICATE_KEY_QUALITY_CHECK",
        "CRITICAL",
        "CA_CERTIFICATE",
        &[
            "CERTIFICATE_KEY_VULNERABILITY_CVE-2017-15361",
            "CERTIFICATE_KEY_VULNERABILITY_CVE-2008-0166",
        ],
    ),
    (
        "CONFLICTING_CLIENT_IDS_CHECK",
        "HIGH",
        "CLIENT_ID",
        &["DUPLICATE_CLIENT_ID_ACROSS_CONNECTIONS"],
    ),
    (
        "DEVICE_CERTIFICATE_EXPIRING_CHECK",
        "MEDIUM",
        "DEVICE_CERTIFICATE",
        &["CERTIFICATE_APPROACHING_EXPIRATION", "CERTIFICATE_PAST_EXPIRATION"],
    ),
    (
        "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK",
        "CRITICAL",
        "DEVICE_CERTIFICATE",
        &[
            "CERTIFICATE_KEY_VULNERABILITY_CVE-2017-15361",
            "CERTIFICATE_KEY_VULNERABILITY_CVE-2008-0166",
        ],
    ),
    (
        "DEVICE_CERTIFICATE_SHARED_CHECK",
        "CRITICAL",
        "DEVICE_CERTIFICATE",
        &["CERTIFICATE_SHARED_BY_MULTIPLE_DEVICES"],
    ),
    (
        "DEVICE_CERTIFICATE_AGE_CHECK",
        "LOW",
        "DEVICE_CERTIFICATE",
        &["CERTIFICATE_PAST_AGE_THRESHOLD"],
    ),
    (
        "INTERMEDIATE_CA_REVOKED_FOR_ACTIVE_DEVICE_CERTIFICATES_CHECK",
        "CRITICAL",
        "ISSUER_CERTIFICATE",
        &["INTERMEDIATE_CA_REVOKED_BY_ISSUER"],
    ),
    (
        "IOT_POLICY_OVERLY_PERMISSIVE_CHECK",
        "CRITICAL",
        "IOT_POLICY",
        &["ALLOWS_BROAD_ACCESS_TO_IOT_DATA_PLANE_ACTIONS"],
    ),
    (
        "IOT_POLICY_POTENTIAL_MISCONFIGURATION_CHECK",
        "MEDIUM",
        "IOT_POLICY",
        &[
            "POLICY_CONTAINS_MQTT_WILDCARDS_IN_DENY_STATEMENT",
            "TOPIC_FILTERS_INTENDED_TO_DENY_ALLOWED_USING_WILDCARDS",
        ],
    ),
    (
        "IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK",
        "CRITICAL",
        "ROLE_ALIAS",
        &[
            "ALLOWS_BROAD_ACCESS_TO_USED_SERVICES",
            "ALLOWS_ACCESS_TO_SECURITY_AUDITING_SERVICES",
            "ALLOWS_BROAD_ACCESS_TO_IOT_THING_ADMIN_READ_ACTIONS",
            "ALLOWS_ACCESS_TO_IOT_NON_THING_ADMIN_ACTIONS",
            "ALLOWS_ACCESS_TO_IOT_THING_ADMIN_WRITE_ACTIONS",
            "ALLOWS_BROAD_ACCESS_TO_IOT_DATA_PLANE_ACTIONS",
        ],
    ),
    (
        "IOT_ROLE_ALIAS_ALLOWS_ACCESS_TO_UNUSED_SERVICES_CHECK",
        "MEDIUM",
        "ROLE_ALIAS",
        &["ALLOWS_ACCESS_TO_UNUSED_SERVICES"],
    ),
    (
        "LOGGING_DISABLED_CHECK",
        "LOW",
        "ACCOUNT_SETTINGS",
        &["LOGGING_DISABLED"],
    ),
    (
        "REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK",
        "CRITICAL",
        "CA_CERTIFICATE",
        &["CERTIFICATE_REVOKED_BY_ISSUER"],
    ),
    (
        "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
        "MEDIUM",
        "DEVICE_CERTIFICATE",
        &["CERTIFICATE_REVOKED_BY_ISSUER"],
    ),
];

/// What is taken for a check that nobody knows: the list grows.
const OTHER: Check = ("", "MEDIUM", "DEVICE_CERTIFICATE", &["UNKNOWN"]);

/// What an audit finds of a problem. The resource is the same in each audit.
pub(crate) fn found(problem: &Problem, audit: &str, time: Timestamp) -> Finding {
    let check = CHECKS.iter().find(|check| check.0 == problem.check_name);
    let check = check.unwrap_or(&OTHER);
    let code = problem.reason_for_non_compliance_code.as_deref();
    let code = code.or(check.3.first().copied()).unwrap_or_default();
    let resource = problem.resource_identifier.clone();
    let resource = resource.unwrap_or_else(|| identifier(check.2, &problem.problem_id));
    let mut finding = finding(
        &format!("{audit}-{}", problem.problem_id),
        audit,
        check,
        (code, resource),
        problem.is_suppressed,
        time,
    );
    finding.check_name.clone_from(&problem.check_name);
    finding
}

/// A resource of a type, named after an id.
pub(crate) fn identifier(resource_type: &str, id: &str) -> Value {
    // Recognisable and of the right form: the id's bytes in hexadecimal, filled up.
    let hex = data_encoding::HEXLOWER.encode(id.as_bytes());
    let end = hex.get(hex.len().saturating_sub(64)..).unwrap_or_default();
    let certificate = format!("{end:0<64}");
    match resource_type {
        "DEVICE_CERTIFICATE" => json!({"deviceCertificateId": certificate}),
        "CA_CERTIFICATE" => json!({"caCertificateId": certificate}),
        "IOT_POLICY" => {
            json!({"policyVersionIdentifier": {"policyName": format!("policy-{id}"), "policyVersionId": "1"}})
        }
        "COGNITO_IDENTITY_POOL" => json!({"cognitoIdentityPoolId": format!("eu-west-1:{id}")}),
        "CLIENT_ID" => json!({"clientId": format!("client-{id}")}),
        "ROLE_ALIAS" => json!({"roleAliasArn": format!("arn:aws:iot:eu-west-1:123456789012:rolealias/{id}")}),
        "ISSUER_CERTIFICATE" => json!({"issuerCertificateIdentifier": {"issuerId": certificate}}),
        _ => json!({"account": "123456789012"}),
    }
}

/// A finding of a check, for a reason and a resource.
pub(crate) fn finding(
    id: &str,
    audit: &str,
    (check, severity, resource_type, _): &Check,
    (code, resource): (&str, Value),
    suppressed: bool,
    time: Timestamp,
) -> Finding {
    let mut rest = Map::new();
    rest.insert("taskStartTime".to_owned(), json!(clock::epoch(time)));
    rest.insert("severity".to_owned(), json!(severity));
    rest.insert(
        "nonCompliantResource".to_owned(),
        json!({"resourceType": resource_type, "resourceIdentifier": resource}),
    );
    rest.insert(
        "reasonForNonCompliance".to_owned(),
        json!(code.to_lowercase().replace('_', " ")),
    );
    Finding {
        finding_id: id.to_owned(),
        task_id: audit.to_owned(),
        check_name: (*check).to_owned(),
        finding_time: clock::epoch(time),
        reason_for_non_compliance_code: Some(code.to_owned()),
        is_suppressed: suppressed,
        rest,
    }
}
