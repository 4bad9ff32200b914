//! A policy on a bench: what decisions are made from, to be set up by hand.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{AuditMitigationPolicyStatus, Phase, StoredPolicy};
use crate::core::answer::{Audit, AuditState, AuditedCheck, CheckState, Frequency, ReadAnswer, ScheduledAudit};
use crate::core::policy::decide::{Decision, decide};
use crate::core::policy::memory::PolicyMemory;
use crate::core::policy::observation::PolicyObservation;
use crate::core::policy::observed::ObservedPolicy;
use crate::core::policy::own_task::OwnTask;
use crate::core::policy::region_audits::RegionSnapshot;
use crate::core::policy::step::Step;
use crate::core::policy::verdict::{Row, verdict};
use crate::core::timing::Now;

pub(super) const SCHEDULE: &str = "Daily";
pub(super) const REGION: &str = "eu-central-1";
pub(super) const EXPIRING: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
pub(super) const REVOKED: &str = "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn spec() -> Value {
    json!({
        "scheduledAuditName": SCHEDULE,
        "auditCheckToActionsMapping": { EXPIRING: ["Quarantine"], REVOKED: ["Deactivate", "Tell"] },
        "auditCheckToReasonCodeFilter": { EXPIRING: ["CERTIFICATE_PAST_EXPIRATION"] },
        "approval": { "requiredAbove": { "findings": 50 } },
    })
}

pub(super) struct Bench {
    pub(super) now: Now,
    pub(super) spec: Value,
    pub(super) generation: i64,
    pub(super) status: Option<AuditMitigationPolicyStatus>,
    pub(super) memory: PolicyMemory,
    pub(super) snapshot: Option<RegionSnapshot>,
    pub(super) tasks: Vec<OwnTask>,
    pub(super) default_region: Option<&'static str>,
    pub(super) is_fresh: bool,
}

impl Bench {
    /// A policy from midnight, at noon, whose schedule was not read yet.
    pub(super) fn new() -> Self {
        Self {
            now: Now {
                wall: at("2026-05-01T12:00:00Z"),
                monotonic: Instant::now(),
            },
            spec: spec(),
            generation: 1,
            status: None,
            memory: PolicyMemory::default(),
            snapshot: None,
            tasks: Vec::new(),
            default_region: Some(REGION),
            is_fresh: true,
        }
    }

    /// One that watches, and has seen no audit.
    pub(super) fn watching() -> Self {
        let mut bench = Self::new();
        bench.describe_schedule();
        bench.snapshot = Some(RegionSnapshot {
            audits: Some(BTreeMap::new()),
            failure: None,
        });
        bench.write_status();
        assert_eq!(bench.row(), Row::NothingNew);
        bench
    }

    pub(super) fn describe_schedule(&mut self) {
        let schedule = ScheduledAudit {
            frequency: Some(Frequency::Daily),
            checks: vec![REVOKED.to_owned(), EXPIRING.to_owned()],
        };
        self.answer_schedule(ReadAnswer::Found(schedule));
    }

    pub(super) fn answer_schedule(&mut self, answer: ReadAnswer<ScheduledAudit>) {
        let (generation, now) = (self.generation, self.now.monotonic);
        self.memory.schedule_described(generation, answer, "uid", now);
    }

    pub(super) fn observed(&self) -> ObservedPolicy {
        let mut object = json!({
            "metadata": {
                "name": "nightly", "namespace": "fleet", "uid": "uid", "generation": self.generation,
                "creationTimestamp": "2026-05-01T00:00:00Z", "labels": { "app": "mine" },
            },
            "spec": self.spec,
        });
        if let Some(status) = &self.status {
            object["status"] = serde_json::to_value(status).unwrap();
        }
        let stored: StoredPolicy = serde_json::from_value(object).unwrap();
        ObservedPolicy::parse(&stored)
    }

    pub(super) fn see<T>(&self, look: impl FnOnce(&PolicyObservation<'_>) -> T) -> T {
        let policy = self.observed();
        let mut memory = self.memory.clone();
        let tasks = memory.tasks(self.tasks.clone(), self.now.monotonic);
        look(&PolicyObservation {
            now: self.now,
            policy: &policy,
            is_fresh: self.is_fresh,
            memory: &memory,
            audits: self.snapshot.as_ref(),
            tasks: &tasks,
            default_region: self.default_region,
            altered_status: None,
        })
    }

    pub(super) fn row(&self) -> Row {
        self.see(|o| verdict(o).row)
    }

    pub(super) fn decide(&self) -> Decision {
        self.see(decide)
    }

    /// The names of the steps that are due.
    pub(super) fn due(&self) -> Vec<&'static str> {
        self.decide().due.iter().map(Step::name).collect()
    }

    /// Writes the status that is due, and says what became of it.
    pub(super) fn write_status(&mut self) -> &AuditMitigationPolicyStatus {
        let due = self.decide().due;
        let written = due.into_iter().find_map(|step| match step {
            Step::WriteStatus(status) => Some(*status),
            _ => None,
        });
        if let Some(status) = written {
            self.status = Some(status);
        }
        self.status.as_ref().unwrap()
    }

    pub(super) fn edit(&mut self, field: &str, value: Value) {
        self.spec[field] = value;
        self.generation += 1;
        self.describe_schedule();
    }

    pub(super) fn add(&mut self, id: &str, start: &str, state: AuditState, checks: &[(&str, CheckState)]) {
        let checked = |(check, state): &(&str, CheckState)| {
            let audited = AuditedCheck {
                state: state.clone(),
                resources: Some(100),
                non_compliant: (*state == CheckState::NonCompliant).then_some(12),
                suppressed: None,
                error_code: (*state == CheckState::Failed).then(|| "INTERNAL".to_owned()),
            };
            ((*check).to_owned(), audited)
        };
        let audit = Audit {
            state,
            start_time: Some(at(start)),
            scheduled_audit_name: Some(SCHEDULE.to_owned()),
            checks: checks.iter().map(checked).collect(),
        };
        let snapshot = self.snapshot.as_mut().unwrap();
        snapshot.audits.as_mut().unwrap().insert(id.to_owned(), audit);
    }

    /// A completed audit with findings of one check.
    pub(super) fn add_completed(&mut self, id: &str, start: &str) {
        let checks = [(EXPIRING, CheckState::NonCompliant), (REVOKED, CheckState::Compliant)];
        self.add(id, start, AuditState::Completed, &checks);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.wall += time;
        self.now.monotonic += time;
    }
}

/// A task of the policy, for an audit.
pub(super) fn task(name: &str, audit: &str, start: &str, phase: Option<Phase>) -> OwnTask {
    OwnTask {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        version: Some("7".to_owned()),
        created: at(start),
        phase,
        audit_id: Some(audit.to_owned()),
        audit_start: Some(at(start)),
        is_deleting: false,
        may_be_starting: false,
    }
}
