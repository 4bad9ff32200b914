//! Which findings a task works on.

use jiff::Timestamp;

use crate::audits::Audit;
use crate::catalogue::Finding;
use crate::clock::{epoch, plus};
use crate::outcome::Outcome;
use crate::readings::Suppressed;
use crate::state::State;
use crate::task::{Mapping, Target, TargetFinding};

impl State {
    /// An audit that hasn't been forgotten.
    pub(crate) fn audit(&self, now: Timestamp, id: &str) -> Option<&Audit> {
        let retention = self.config.settings.readings.retention;
        self.catalogue
            .audits
            .get(id)
            .filter(|audit| audit.start.is_none_or(|start| now < plus(start, retention)))
    }

    /// A finding that hasn't been forgotten.
    pub(crate) fn finding(&self, now: Timestamp, id: &str) -> Option<&Finding> {
        self.catalogue
            .findings
            .get(id)
            .filter(|finding| self.is_kept(now, finding) && self.is_told(now, finding))
    }

    pub(crate) fn is_kept(&self, now: Timestamp, finding: &Finding) -> bool {
        epoch(now) - finding.finding_time < self.config.settings.readings.retention.as_secs_f64()
    }

    /// The findings of a target, in the order in which they are worked on. Findings of checks that the mapping has no
    /// actions for are no part of the task.
    pub(crate) fn target_findings(
        &self,
        now: Timestamp,
        target: &Target,
        mapping: &Mapping,
        outcome: &Outcome,
    ) -> Vec<TargetFinding> {
        let audit = target.audit_task_id.as_deref();
        let filter = target
            .audit_check_to_reason_code_filter
            .as_ref()
            .filter(|filter| !filter.is_empty());
        let passes = |finding: &&Finding| {
            let code = finding.reason_for_non_compliance_code.as_ref();
            self.is_kept(now, finding)
                && self.is_told(now, finding)
                && mapping.contains_key(&finding.check_name)
                && filter.is_none_or(|filter| {
                    filter
                        .get(&finding.check_name)
                        .is_some_and(|codes| code.is_some_and(|code| codes.contains(code)))
                })
        };
        let mut found: Vec<TargetFinding> = if let Some(number) = outcome.findings_per_check {
            made_up(audit.unwrap_or("made-up"), mapping.keys(), number)
        } else if let Some(ids) = &target.finding_ids {
            ids.iter()
                .zip(mapping.keys().cycle())
                .map(|(id, check)| self.named(now, id, check))
                .collect()
        } else if let Some(id) = audit.filter(|id| self.audit(now, id).is_none()) {
            let checks = mapping
                .keys()
                .filter(|check| filter.is_none_or(|filter| filter.contains_key(*check)));
            made_up(id, checks, self.config.settings.findings_per_check)
        } else if let Some(id) = audit {
            self.catalogue
                .of_audit(id)
                .filter(passes)
                .map(|finding| self.known(finding))
                .collect()
        } else {
            self.catalogue
                .findings
                .values()
                .filter(passes)
                .map(|finding| self.known(finding))
                .collect()
        };
        let omitted = self.config.settings.readings.suppressed == Suppressed::Omitted;
        found.retain(|finding| mapping.contains_key(&finding.check) && !(omitted && finding.suppressed));
        found
    }

    /// A finding of the catalogue, or one made up for a check.
    fn named(&self, now: Timestamp, id: &str, check: &str) -> TargetFinding {
        let made_up = || TargetFinding {
            id: id.to_owned(),
            check: check.to_owned(),
            suppressed: false,
        };
        self.finding(now, id)
            .map_or_else(made_up, |finding| self.known(finding))
    }

    fn known(&self, finding: &Finding) -> TargetFinding {
        TargetFinding {
            id: finding.finding_id.clone(),
            check: finding.check_name.clone(),
            suppressed: self.is_left_out(finding),
        }
    }
}

/// Findings of an audit that nobody has told the simulator about: always the same for the same audit.
fn made_up<'a>(audit: &str, checks: impl Iterator<Item = &'a String>, number: u32) -> Vec<TargetFinding> {
    let allowed = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            letter
        } else {
            '-'
        }
    };
    checks
        .flat_map(|check| (1..=number).map(move |index| (check, index)))
        .map(|(check, index)| TargetFinding {
            id: format!("{audit}-{index}-{check}")
                .chars()
                .map(allowed)
                .take(128)
                .collect(),
            check: check.clone(),
            suppressed: false,
        })
        .collect()
}
