//! The sample catalogue: audits over every check, their findings, and mitigation actions to choose from.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::catalogue::{Action, Audit, Catalogue, CatalogueError, Finding};
use crate::clock;
use crate::model::Model;

/// Every check: its name, severity, the type of its resources, and its reason codes.
pub(crate) const CHECKS: &[(&str, &str, &str, &[&str])] = &[
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

/// One finding for every reason code of every check; the last of each check with several is suppressed.
pub const AUDIT_OF_EVERYTHING: &str = "a3aea009955e501a31b764abe1bebd3d";
/// 120 findings of two checks of device certificates.
pub const AUDIT_OF_DEVICES: &str = "5c0ffee0c0ffee0c0ffee0c0ffee0c0f";
/// Still in progress, without findings.
pub const AUDIT_IN_PROGRESS: &str = "1deadbeef1deadbeef1deadbeef1dead";

/// The sample catalogue, as of a time.
pub(crate) fn catalogue(model: &Model, now: Timestamp) -> Result<Catalogue, CatalogueError> {
    let mut catalogue = Catalogue::default();
    let ago = |hours| now.checked_sub(Duration::from_hours(hours)).unwrap_or(Timestamp::MIN);
    let all = CHECKS.iter().map(|check| check.0.to_owned()).collect::<Vec<_>>();
    let devices = ["DEVICE_CERTIFICATE_EXPIRING_CHECK", "DEVICE_CERTIFICATE_SHARED_CHECK"];
    for (id, status, hours, schedule, checks) in [
        (AUDIT_OF_EVERYTHING, "COMPLETED", 24, Some("DailyAudit"), all.clone()),
        (
            AUDIT_OF_DEVICES,
            "COMPLETED",
            12,
            None,
            devices.iter().map(|check| (*check).to_owned()).collect(),
        ),
        (AUDIT_IN_PROGRESS, "IN_PROGRESS", 0, None, all),
    ] {
        let task_type = if schedule.is_some() {
            "SCHEDULED_AUDIT_TASK"
        } else {
            "ON_DEMAND_AUDIT_TASK"
        };
        let audit = Audit {
            task_id: id.to_owned(),
            task_status: status.to_owned(),
            task_type: task_type.to_owned(),
            start: Some(ago(hours)),
            scheduled_audit_name: schedule.map(str::to_owned),
            checks,
        };
        catalogue.add_audit(model, audit, now)?;
    }
    for (index, check) in CHECKS.iter().enumerate() {
        for (reason, code) in check.3.iter().enumerate() {
            let suppressed = reason > 0 && reason.saturating_add(1) == check.3.len();
            let id = format!("all-{:02}-{}", index.saturating_add(1), reason.saturating_add(1));
            catalogue.add_finding(
                model,
                finding(&id, AUDIT_OF_EVERYTHING, check, code, suppressed, ago(24)),
            )?;
        }
    }
    for (index, name) in devices.iter().cycle().take(120).enumerate() {
        if let Some(check) = CHECKS.iter().find(|check| check.0 == *name)
            && let Some(code) = check.3.first()
        {
            let id = format!("device-{:03}", index.saturating_add(1));
            catalogue.add_finding(model, finding(&id, AUDIT_OF_DEVICES, check, code, false, ago(12)))?;
        }
    }
    for (name, kind, params) in [
        (
            "Deactivate",
            "UPDATE_DEVICE_CERTIFICATE",
            json!({"updateDeviceCertificateParams": {"action": "DEACTIVATE"}}),
        ),
        (
            "UpdateCA",
            "UPDATE_CA_CERTIFICATE",
            json!({"updateCACertificateParams": {"action": "DEACTIVATE"}}),
        ),
        (
            "Quarantine",
            "ADD_THINGS_TO_THING_GROUP",
            json!({"addThingsToThingGroupParams": {"thingGroupNames": ["Quarantine"]}}),
        ),
        (
            "BlankPolicy",
            "REPLACE_DEFAULT_POLICY_VERSION",
            json!({"replaceDefaultPolicyVersionParams": {"templateName": "BLANK_POLICY"}}),
        ),
        (
            "EnableLogging",
            "ENABLE_IOT_LOGGING",
            json!({"enableIoTLoggingParams": {"roleArnForLogging": "arn:aws:iam::123456789012:role/IoTLogging", "logLevel": "ERROR"}}),
        ),
        (
            "Notify",
            "PUBLISH_FINDING_TO_SNS",
            json!({"publishFindingToSnsParams": {"topicArn": "arn:aws:sns:eu-west-1:123456789012:findings"}}),
        ),
    ] {
        catalogue.add_action(model, action(name, kind, params, ago(48)))?;
    }
    Ok(catalogue)
}

/// A definition; also made up for an action that isn't in the catalogue.
pub(crate) fn action(name: &str, kind: &str, params: Value, time: Timestamp) -> Action {
    Action {
        action_name: name.to_owned(),
        action_id: format!("id-of-{name}"),
        action_type: kind.to_owned(),
        role_arn: format!("arn:aws:iam::123456789012:role/Mitigation{name}"),
        action_params: params,
        creation_date: clock::epoch(time),
        last_modified_date: clock::epoch(time),
    }
}

fn finding(
    id: &str,
    audit: &str,
    (check, severity, resource, _): &(&str, &str, &str, &[&str]),
    code: &str,
    suppressed: bool,
    time: Timestamp,
) -> Finding {
    // Recognisable and of the right form: the id's bytes in hexadecimal, filled up.
    let hex = data_encoding::HEXLOWER.encode(id.as_bytes());
    let certificate = format!("{hex:0<64}");
    let identifier = match *resource {
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
    };
    let mut rest = Map::new();
    rest.insert("taskStartTime".to_owned(), json!(clock::epoch(time)));
    rest.insert("severity".to_owned(), json!(severity));
    rest.insert(
        "nonCompliantResource".to_owned(),
        json!({"resourceType": resource, "resourceIdentifier": identifier}),
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
