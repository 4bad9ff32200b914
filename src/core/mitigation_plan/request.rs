//! What a plan is made for.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Target;

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct PlanRequest<'a> {
    /// The AWS region.
    pub region: &'a str,
    /// `spec.target`
    pub target: &'a Target,
    /// `spec.auditCheckToActionsMapping`
    pub mapping: &'a BTreeMap<String, Vec<String>>,
}

impl<'a> PlanRequest<'a> {
    /// Each action once, by name.
    pub(super) fn actions(&self) -> BTreeSet<&'a str> {
        self.mapping.values().flatten().map(String::as_str).collect()
    }

    /// The findings that are named one by one.
    pub(super) fn findings(&self) -> BTreeSet<&'a str> {
        self.target.finding_ids.iter().flatten().map(String::as_str).collect()
    }

    /// The reason codes that are meant of a check; `None` for all.
    pub(super) fn reason_codes(&self, check: &str) -> Option<&'a Vec<String>> {
        self.target.audit_check_to_reason_code_filter.as_ref()?.get(check)
    }
}
