//! Sums over the statistics of a task: how many findings there are, and how they ended.

use std::collections::BTreeMap;

use crate::api::FindingStatistics;

/// How many findings ended, whatever the ending, and how many there are.
pub(super) fn progress(statistics: &BTreeMap<String, FindingStatistics>) -> (i64, i64) {
    statistics.values().fold((0, 0), |(ended, total), counts| {
        let FindingStatistics {
            total_findings_count,
            failed_findings_count,
            succeeded_findings_count,
            skipped_findings_count,
            canceled_findings_count,
        } = counts;
        let endings = [
            failed_findings_count,
            succeeded_findings_count,
            skipped_findings_count,
            canceled_findings_count,
        ];
        let here = endings
            .into_iter()
            .flatten()
            .fold(0_i64, |sum, count| sum.saturating_add(*count));
        (
            ended.saturating_add(here),
            total.saturating_add(total_findings_count.unwrap_or_default()),
        )
    })
}

/// How many findings failed.
pub fn failed_findings(statistics: &BTreeMap<String, FindingStatistics>) -> i64 {
    sum(statistics, |counts| counts.failed_findings_count)
}

/// How many findings the task covers.
pub fn total_findings(statistics: &BTreeMap<String, FindingStatistics>) -> i64 {
    sum(statistics, |counts| counts.total_findings_count)
}

/// How many findings the request's filter left out.
pub fn skipped_findings(statistics: &BTreeMap<String, FindingStatistics>) -> i64 {
    sum(statistics, |counts| counts.skipped_findings_count)
}

fn sum(statistics: &BTreeMap<String, FindingStatistics>, count: fn(&FindingStatistics) -> Option<i64>) -> i64 {
    statistics.values().filter_map(count).fold(0, i64::saturating_add)
}
