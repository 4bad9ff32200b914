//! One mitigation task: its plan, and what can be seen of it at a time. Nothing ticks; everything follows from the time.

mod executions;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::Action;
use crate::clock::plus;
use crate::outcome::{CheckStatistics, Outcome};

/// Check name to ordered action names.
pub(crate) type Mapping = BTreeMap<String, Vec<String>>;

/// What a task is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_task_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding_ids: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_check_to_reason_code_filter: Option<BTreeMap<String, Vec<String>>>,
}

/// A finding that a task works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetFinding {
    pub id: String,
    pub check: String,
    pub suppressed: bool,
}

#[derive(Clone, Debug)]
struct Planned {
    finding: TargetFinding,
    skipped: bool,
    /// The position of the action that fails, its error code and message.
    failure: Option<(usize, String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// At work on the action of this position.
    Working(usize),
    Ended,
    Canceled,
}

#[derive(Clone, Debug)]
pub(crate) struct TaskState {
    pub id: String,
    pub token: String,
    /// The body of the request that started it, as received.
    pub request: Value,
    pub target: Target,
    pub mapping: Mapping,
    pub start: Timestamp,
    /// How long its work takes.
    window: Duration,
    /// Its end if nobody cancels it; None while it is held.
    natural_end: Option<Timestamp>,
    /// When it was cancelled, and when that took effect.
    canceled: Option<(Timestamp, Timestamp)>,
    plan: Vec<Planned>,
    outcome: Outcome,
    /// Its actions, as they were defined at its start.
    pub definitions: BTreeMap<String, Action>,
}

impl TaskState {
    #[allow(clippy::too_many_arguments, reason = "each is a part of the request or of its plan")]
    pub(crate) fn new(
        id: String,
        token: String,
        request: Value,
        target: Target,
        mapping: Mapping,
        start: Timestamp,
        usual: Duration,
        findings: Vec<TargetFinding>,
        outcome: Outcome,
    ) -> Self {
        let mut task = Self {
            id,
            token,
            request,
            target,
            mapping,
            start,
            window: usual,
            natural_end: None,
            canceled: None,
            plan: Vec::new(),
            outcome: Outcome::default(),
            definitions: BTreeMap::new(),
        };
        task.replan(usual, findings, outcome, start);
        task
    }

    /// Gives the task another outcome. Its end is never before now.
    pub(crate) fn replan(&mut self, usual: Duration, findings: Vec<TargetFinding>, outcome: Outcome, now: Timestamp) {
        self.window = outcome.duration.unwrap_or(usual);
        self.natural_end = (!outcome.held).then(|| plus(self.start, self.window).max(now));
        let mut forced = outcome.status.as_deref() == Some("FAILED") && outcome.failures.is_empty();
        self.plan = findings
            .into_iter()
            .map(|finding| {
                let skipped = finding.suppressed || outcome.skips(&finding.id);
                let mut failure = None;
                for (index, action) in self.mapping.get(&finding.check).into_iter().flatten().enumerate() {
                    if failure.is_some() || skipped {
                        break;
                    }
                    let found = outcome.failure(&finding.id, &finding.check, action).cloned();
                    let found = found.or_else(|| std::mem::take(&mut forced).then(Default::default));
                    failure = found.map(|found: crate::Failure| (index, found.error_code, found.message));
                }
                Planned {
                    finding,
                    skipped,
                    failure,
                }
            })
            .collect();
        self.outcome = outcome;
    }

    /// Ends the task now, as its outcome says. False if it has ended already.
    pub(crate) fn finish(&mut self, now: Timestamp) -> bool {
        let running = self.is_running(now);
        if running {
            self.natural_end = Some(now);
            self.window = Duration::try_from(now.duration_since(self.start)).unwrap_or_default();
        }
        running
    }

    /// Cancels a running task. A second time changes nothing.
    pub(crate) fn cancel(&mut self, now: Timestamp, takes: Duration) {
        self.canceled.get_or_insert((now, plus(now, takes)));
    }

    /// The findings that it mitigates: all but those that are left out.
    pub(crate) fn mitigates(&self) -> impl Iterator<Item = &str> {
        let worked_on = self.plan.iter().filter(|planned| !planned.skipped);
        worked_on.map(|planned| planned.finding.id.as_str())
    }

    /// The findings whose cause it has removed by a time: those with an action of a type that does that.
    pub(crate) fn mended(&self, at: Timestamp, mends: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        let is_mended = move |(index, planned): &(usize, &Planned)| {
            let actions = self
                .actions(*index)
                .iter()
                .filter_map(|name| self.definitions.get(name));
            !planned.skipped
                && planned.failure.is_none()
                && self.stage(*index, at) == Stage::Ended
                && actions.into_iter().any(|action| mends(&action.action_type))
        };
        let planned = self.plan.iter().enumerate().filter(is_mended);
        planned.map(|(_, planned)| planned.finding.id.as_str())
    }

    /// When it ends; the end of time while it is held.
    pub(crate) fn end(&self) -> Timestamp {
        let natural = self.natural_end.unwrap_or(Timestamp::MAX);
        self.canceled.map_or(natural, |(_, end)| end.min(natural))
    }

    pub(crate) fn is_running(&self, now: Timestamp) -> bool {
        now < self.end()
    }

    pub(crate) fn has_finding(&self, id: &str) -> bool {
        self.plan.iter().any(|planned| planned.finding.id == id)
    }

    /// The moment of the cancellation, unless the natural end came before it took effect.
    fn cancellation(&self) -> Option<Timestamp> {
        let (asked, end) = self.canceled?;
        self.natural_end.is_none_or(|natural| end < natural).then_some(asked)
    }

    pub(crate) fn status(&self, now: Timestamp) -> &str {
        if self.is_running(now) {
            return "IN_PROGRESS";
        }
        if self.cancellation().is_some() {
            return "CANCELED";
        }
        let derived = if self.plan.iter().any(|planned| planned.failure.is_some()) {
            "FAILED"
        } else {
            "COMPLETED"
        };
        self.outcome.status.as_deref().unwrap_or(derived)
    }

    /// When the work on a part of the plan begins: position 1.5 is half-way through the second finding.
    fn moment(&self, position: f64) -> Timestamp {
        let share = self.window.as_secs_f64() * position / count(self.plan.len()).max(1.0);
        plus(self.start, Duration::try_from_secs_f64(share).unwrap_or(Duration::MAX))
    }

    fn stage(&self, index: usize, now: Timestamp) -> Stage {
        let ended = !self.is_running(now);
        let asked = self.cancellation();
        let total = self.plan.len();
        if ended && asked.is_none() {
            let left = self.outcome.status.as_deref() == Some("CANCELED") && index >= total / 2;
            return if left { Stage::Canceled } else { Stage::Ended };
        }
        // A cancellation stops the work at once, though the status may follow later.
        let at = asked.map_or(now, |asked| asked.min(now));
        let held_back = self.natural_end.is_none() && index.saturating_add(1) == total;
        if self.moment(count(index) + 1.0) <= at && !held_back {
            return Stage::Ended;
        }
        if ended {
            return Stage::Canceled;
        }
        if self.moment(count(index)) > at {
            return Stage::Waiting;
        }
        let actions = self.actions(index).len();
        let working = (0..actions)
            .rev()
            .find(|action| self.moment(self.position(index, *action)) <= at);
        Stage::Working(working.unwrap_or(0))
    }

    fn actions(&self, index: usize) -> &[String] {
        let check = self.plan.get(index).map(|planned| planned.finding.check.as_str());
        check
            .and_then(|check| self.mapping.get(check))
            .map_or(&[], Vec::as_slice)
    }

    /// Where in the plan an action begins: a finding's actions share its time equally.
    fn position(&self, index: usize, action: usize) -> f64 {
        count(index) + count(action) / count(self.actions(index).len()).max(1.0)
    }

    pub(crate) fn statistics(&self, now: Timestamp) -> BTreeMap<String, CheckStatistics> {
        if let Some(statistics) = self.outcome.statistics.as_ref().filter(|_| !self.is_running(now)) {
            return statistics.clone();
        }
        let mut statistics: BTreeMap<String, CheckStatistics> = self
            .mapping
            .keys()
            .map(|check| (check.clone(), CheckStatistics::default()))
            .collect();
        for (index, planned) in self.plan.iter().enumerate() {
            let entry = statistics.entry(planned.finding.check.clone()).or_default();
            entry.total_findings_count = entry.total_findings_count.saturating_add(1);
            let counter = match self.stage(index, now) {
                Stage::Waiting | Stage::Working(_) => continue,
                Stage::Canceled => &mut entry.canceled_findings_count,
                Stage::Ended if planned.skipped => &mut entry.skipped_findings_count,
                Stage::Ended if planned.failure.is_some() => &mut entry.failed_findings_count,
                Stage::Ended => &mut entry.succeeded_findings_count,
            };
            *counter = counter.saturating_add(1);
        }
        statistics
    }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of findings and actions are small")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
