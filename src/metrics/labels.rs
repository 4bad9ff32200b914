//! The labels, each with a closed set of values.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::api::{AuditOutcome, Phase};
use crate::core::answer::ErrorClass;

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReconcileOutcome {
    /// It came to its end.
    Success,
    /// The API server failed.
    Error,
}

impl ReconcileOutcome {
    pub(super) const ALL: [Self; 2] = [Self::Success, Self::Error];
}

/// How an AWS call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// It was answered, and the answer is part of the operation's normal life.
    Answered,
    /// It went wrong.
    ErrorClass(ErrorClass),
}

impl CallOutcome {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Self::Answered]
            .into_iter()
            .chain(ErrorClass::ALL.into_iter().map(Self::ErrorClass))
    }
}

impl EncodeLabelValue for CallOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Answered => EncodeLabelValue::encode(&"Answered", encoder),
            Self::ErrorClass(class) => EncodeLabelValue::encode(&class.reason().as_str(), encoder),
        }
    }
}

/// Why something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryReason {
    /// AWS IoT did not do what it was asked for.
    Aws(ErrorClass),
    /// The API server refused a request, or could not be reached.
    ApiServer,
}

impl RetryReason {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        ErrorClass::ALL.into_iter().map(Self::Aws).chain([Self::ApiServer])
    }
}

impl EncodeLabelValue for RetryReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Aws(class) => EncodeLabelValue::encode(&class.reason().as_str(), encoder),
            Self::ApiServer => EncodeLabelValue::encode(&"ApiServer", encoder),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReconcileLabels {
    pub(super) outcome: ReconcileOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    pub(super) operation: &'static str,
    pub(super) region: String,
    pub(super) outcome: CallOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationLabels {
    pub(super) operation: &'static str,
    pub(super) region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RetryLabels {
    pub(super) reason: RetryReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PhaseLabels {
    phase: String,
}

impl From<Phase> for PhaseLabels {
    fn from(phase: Phase) -> Self {
        Self {
            phase: format!("{phase:?}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BuildLabels {
    version: &'static str,
}

impl Default for BuildLabels {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What became of an audit, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AuditLabels {
    outcome: &'static str,
    region: String,
}

impl AuditLabels {
    pub(super) const fn new(outcome: AuditOutcome, region: String) -> Self {
        Self {
            outcome: outcome.as_str(),
            region,
        }
    }
}
