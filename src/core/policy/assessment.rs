//! What an audit says of the checks of a mapping.

use std::collections::BTreeMap;

use crate::api::Reason;
use crate::core::answer::{Audit, AuditState, CheckState};

/// The most characters of a reason: error codes are the service's own text.
const MAX_REASON_LENGTH: usize = 512;

/// What an audit says of the checks of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// The checks that aren't compliant, with the number of resources.
    pub findings: BTreeMap<String, i64>,
    /// Why it is, or isn't known to be, compliant in all checks: with the checks that it is about.
    pub reason: String,
}

impl Assessment {
    /// What a completed audit says of the checks of this mapping.
    pub fn of(audit: &Audit, mapping: &BTreeMap<String, Vec<String>>) -> Self {
        let (mut findings, mut missing, mut failed) = (BTreeMap::new(), Vec::new(), Vec::new());
        for check in mapping.keys() {
            let Some(audited) = audit.checks.get(check) else {
                missing.push(check.clone());
                continue;
            };
            match audited.state {
                CheckState::Compliant => {}
                // The number may be missing; there is one at least.
                CheckState::NonCompliant => {
                    findings.insert(check.clone(), audited.non_compliant.unwrap_or(1).max(1));
                }
                CheckState::Failed | CheckState::Canceled | CheckState::InProgress | CheckState::Other(_) => {
                    failed.push(with_code(check, audited.error_code.as_deref()));
                }
            }
        }
        let reason = if !missing.is_empty() {
            about(Reason::CheckNotAudited.as_str(), &missing)
        } else if !failed.is_empty() {
            about(Reason::CheckFailed.as_str(), &failed)
        } else {
            Reason::NoFindings.to_string()
        };
        Self { findings, reason }
    }
}

/// Why there is nothing to judge of an audit that failed or was cancelled: its state, and the error codes of its checks.
pub fn failure(audit: &Audit) -> String {
    let state = match &audit.state {
        AuditState::Canceled => "Canceled",
        _ => "Failed",
    };
    let codes = audit.checks.iter().filter_map(|(check, audited)| {
        let code = audited.error_code.as_deref()?;
        Some(with_code(check, Some(code)))
    });
    about(state, &codes.collect::<Vec<_>>())
}

/// A reason with the checks that it is about.
fn about(reason: &str, checks: &[String]) -> String {
    if checks.is_empty() {
        return reason.to_owned();
    }
    let text = format!("{reason}: {}", checks.join(", "));
    text.chars().take(MAX_REASON_LENGTH).collect()
}

fn with_code(check: &str, code: Option<&str>) -> String {
    code.map_or_else(|| check.to_owned(), |code| format!("{check} ({code})"))
}
