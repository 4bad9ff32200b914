//! Policies with the statuses that the core writes.

use std::collections::BTreeMap;
use std::time::Instant;

use audit_mitigation_operator::api::{AuditMitigationPolicyStatus, Reason, StoredPolicy};
use audit_mitigation_operator::core::answer::{
    Audit, AuditState, AuditedCheck, CheckState, Effect, ErrorClass, Failure, Frequency, ReadAnswer, ScheduledAudit,
};
use audit_mitigation_operator::core::policy::memory::PolicyMemory;
use audit_mitigation_operator::core::policy::observation::PolicyObservation;
use audit_mitigation_operator::core::policy::observed::ObservedPolicy;
use audit_mitigation_operator::core::policy::region_audits::RegionSnapshot;
use audit_mitigation_operator::core::policy::status::status_to_write;
use audit_mitigation_operator::core::policy::verdict::verdict;
use audit_mitigation_operator::core::timing::Now;
use serde_json::{Value, json};

use crate::judge::Judged;
use crate::table::POLICIES;

const CHECK: &str = "LOGGING_DISABLED_CHECK";
const SCHEDULE: &str = "Nightly";

/// A whole policy as the API server stores it.
pub(crate) fn object(status: &Value) -> Value {
    stored(&spec(), status)
}

fn stored(spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationPolicy",
        "metadata": {
            "name": "nightly",
            "namespace": "security",
            "uid": "6f1c0f0e-0d6a-4f5e-9a53-6ad1a2c5b0d1",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec,
        "status": status,
    })
}

fn spec() -> Value {
    json!({
        "scheduledAuditName": SCHEDULE,
        "auditCheckToActionsMapping": { CHECK: ["EnableLogging"] },
        "approval": {},
    })
}

/// What the core writes for this reason over what was written before.
fn rendered(reason: Reason, before: Option<AuditMitigationPolicyStatus>) -> AuditMitigationPolicyStatus {
    let now = Now {
        wall: "2026-01-01T12:00:00Z".parse().unwrap(),
        monotonic: Instant::now(),
    };
    let (mut spec, mut region, mut memory) = (spec(), Some("eu-central-1"), PolicyMemory::default());
    let mut answer = ReadAnswer::Found(ScheduledAudit {
        frequency: Some(Frequency::Daily),
        checks: vec![CHECK.to_owned()],
    });
    let mut audits = BTreeMap::new();
    let mut before = before;
    match reason {
        Reason::Watching => {}
        Reason::Suspended => spec["suspend"] = json!(true),
        Reason::InvalidSpec => spec["approval"] = Value::Null,
        Reason::RegionMissing => region = None,
        Reason::ScheduledAuditNotFound => answer = ReadAnswer::NotFound,
        Reason::TaskRefused => {
            // No audit is looked at before the status says since when.
            before = Some(rendered(Reason::Watching, before));
            audits.insert("audit".to_owned(), audit());
            memory.task_refused("audit", "the quota is full".to_owned(), 1, "uid", now.monotonic);
        }
        reason => {
            let class = ErrorClass::ALL.into_iter().find(|class| class.reason() == reason);
            answer = ReadAnswer::Failed(Failure {
                class: class.unwrap_or_else(|| panic!("nothing makes a policy {reason}")),
                effect: Effect::None,
                message: "the read failed".to_owned(),
            });
        }
    }
    memory.schedule_described(1, answer, "uid", now.monotonic);
    let policy: StoredPolicy = serde_json::from_value(stored(&spec, &json!(before))).unwrap();
    let observation = PolicyObservation {
        now,
        policy: &ObservedPolicy::parse(&policy),
        is_fresh: true,
        memory: &memory,
        audits: Some(&RegionSnapshot {
            audits: Some(audits),
            failure: None,
        }),
        tasks: &[],
        default_region: region,
        altered_status: None,
    };
    let written = status_to_write(&observation, &verdict(&observation));
    written.or(before).unwrap()
}

/// An audit with findings of the check.
fn audit() -> Audit {
    let check = AuditedCheck {
        state: CheckState::NonCompliant,
        resources: Some(100),
        non_compliant: Some(12),
        suppressed: None,
        error_code: None,
    };
    Audit {
        state: AuditState::Completed,
        start_time: Some("2026-01-01T11:00:00Z".parse().unwrap()),
        scheduled_audit_name: Some(SCHEDULE.to_owned()),
        checks: BTreeMap::from([(CHECK.to_owned(), check)]),
    }
}

/// Every reason of the table, each written over none and over every other.
pub(crate) fn statuses() -> Vec<(Reason, Judged, AuditMitigationPolicyStatus)> {
    let rows = || {
        POLICIES
            .iter()
            .flat_map(|(judged, reasons)| reasons.iter().map(|reason| (*judged, *reason)))
    };
    let mut before = vec![None];
    before.extend(rows().map(|(_, reason)| Some(rendered(reason, None))));
    let mut all = Vec::new();
    for (judged, reason) in rows() {
        let over = before.iter().map(|before| rendered(reason, before.clone()));
        all.extend(over.map(|status| (reason, judged, status)));
    }
    all
}
