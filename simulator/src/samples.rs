//! The sample catalogue: audits over every check, their findings, and mitigation actions to choose from.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::actions::Action;
use crate::audits::{Audit, Schedule};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::checks::{CHECKS, Check, finding, identifier};
use crate::model::Model;

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
            ..Audit::default()
        };
        catalogue.add_audit(model, audit, now)?;
    }
    let checks = CHECKS.iter().map(|check| check.0);
    catalogue.add_schedule(model, Schedule::new("DailyAudit", checks), now)?;
    let sample = |id: &str, audit: &str, check: &Check, code: &str, suppressed: bool, hours: u64| {
        let resource = identifier(check.2, id);
        finding(id, audit, check, (code, resource), suppressed, ago(hours))
    };
    for (index, check) in CHECKS.iter().enumerate() {
        for (reason, code) in check.3.iter().enumerate() {
            let suppressed = reason > 0 && reason.saturating_add(1) == check.3.len();
            let id = format!("all-{:02}-{}", index.saturating_add(1), reason.saturating_add(1));
            catalogue.add_finding(model, sample(&id, AUDIT_OF_EVERYTHING, check, code, suppressed, 24))?;
        }
    }
    for (index, name) in devices.iter().cycle().take(120).enumerate() {
        if let Some(check) = CHECKS.iter().find(|check| check.0 == *name)
            && let Some(code) = check.3.first()
        {
            let id = format!("device-{:03}", index.saturating_add(1));
            catalogue.add_finding(model, sample(&id, AUDIT_OF_DEVICES, check, code, false, 12))?;
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
        catalogue.add_action(model, Action::made_up(name, kind, params, ago(48)), now)?;
    }
    Ok(catalogue)
}
