//! What the service says of audits, findings, actions and schedules: the reads that change nothing.
//!
//! Every member is optional in the service's model, so what is missing is `None` and never a default.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::failure::Failure;

/// The answer to a question about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadAnswer<T> {
    /// It exists.
    Found(T),
    /// `ResourceNotFoundException`.
    NotFound,
    /// Anything else.
    Failed(Failure),
}

/// An audit, by `DescribeAuditTask`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// `taskStatus`
    pub state: AuditState,
    /// `taskStartTime`, with milliseconds.
    pub start_time: Option<Timestamp>,
    /// `scheduledAuditName`: of a scheduled audit only.
    pub scheduled_audit_name: Option<String>,
    /// `auditDetails`, by check.
    pub checks: BTreeMap<String, AuditedCheck>,
}

/// `taskStatus` of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditState {
    /// `IN_PROGRESS`
    InProgress,
    /// `COMPLETED`
    Completed,
    /// `FAILED`
    Failed,
    /// `CANCELED`
    Canceled,
    /// One that this version doesn't know, or none at all.
    Other(String),
}

/// What an audit says of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedCheck {
    /// `checkRunStatus`
    pub state: CheckState,
    /// `totalResourcesCount`
    pub resources: Option<i64>,
    /// `nonCompliantResourcesCount`
    pub non_compliant: Option<i64>,
    /// `suppressedNonCompliantResourcesCount`
    pub suppressed: Option<i64>,
    /// `errorCode`
    pub error_code: Option<String>,
}

/// `checkRunStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// `IN_PROGRESS` or `WAITING_FOR_DATA_COLLECTION`
    InProgress,
    /// `COMPLETED_COMPLIANT`
    Compliant,
    /// `COMPLETED_NON_COMPLIANT`
    NonCompliant,
    /// `FAILED`
    Failed,
    /// `CANCELED`
    Canceled,
    /// One that this version doesn't know, or none at all.
    Other(String),
}

/// A finding, by `ListAuditFindings` or `DescribeAuditFinding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `findingId`
    pub id: String,
    /// `checkName`
    pub check: String,
    /// `reasonForNonComplianceCode`
    pub reason_code: Option<String>,
    /// The resource that doesn't comply, as in `deviceCertificateId/…`.
    pub resource: Option<String>,
    /// `isSuppressed`
    pub is_suppressed: bool,
}

/// A page of `ListAuditFindings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingsPage {
    /// The findings, in the service's order.
    pub findings: Vec<Finding>,
    /// Whether there were findings without an id or a check: then nobody can count them.
    pub is_incomplete: bool,
    /// Where the next page begins, if there is one.
    pub next_token: Option<String>,
}

/// A mitigation action as it is defined, by `DescribeMitigationAction`, or as it was applied (`actionsDefinition`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionDefinition {
    /// `actionName`
    pub name: String,
    /// `actionId`
    pub id: Option<String>,
    /// `actionType`; not told of one that was applied.
    pub type_: Option<String>,
    /// `roleArn`
    pub role_arn: Option<String>,
    /// The leaves of `actionParams` by their own names: lists joined by commas in the service's order, booleans as `true`
    /// and `false`.
    pub parameters: BTreeMap<String, String>,
    /// `lastModifiedDate`
    pub last_modified: Option<Timestamp>,
}

/// A scheduled audit, by `DescribeScheduledAudit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledAudit {
    /// `frequency`, where this version knows it.
    pub frequency: Option<Frequency>,
    /// `targetCheckNames`
    pub checks: Vec<String>,
}

/// How often a scheduled audit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// `DAILY`
    Daily,
    /// `WEEKLY`
    Weekly,
    /// `BIWEEKLY`
    Biweekly,
    /// `MONTHLY`
    Monthly,
}

impl Frequency {
    /// Every frequency that this version knows.
    pub const ALL: [Self; 4] = [Self::Daily, Self::Weekly, Self::Biweekly, Self::Monthly];
}

/// One audit of a page of `ListAuditTasks`, which tells no more of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAudit {
    /// `taskId`
    pub id: String,
    /// `taskStatus`
    pub state: AuditState,
}

/// A page of `ListAuditTasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditsPage {
    /// The audits, in the service's order.
    pub audits: Vec<ListedAudit>,
    /// Where the next page begins, if there is one.
    pub next_token: Option<String>,
}
