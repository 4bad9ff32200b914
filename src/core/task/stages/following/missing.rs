//! A task that was started, and that the service doesn't show.

use super::View;
use crate::api::{Phase, Reason};
use crate::core::task::memory::LastDescribe;
use crate::core::task::plan::Plan;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::messages::{ANOTHER_RESOURCE, forgotten};
use crate::core::task::status::phase::ConditionType;
use crate::core::task::step::Step;
use crate::core::timing;

impl View<'_> {
    /// The service said "not found".
    pub(super) fn missing(&self, last: &LastDescribe) -> Plan {
        let o = self.o;
        let is_deleted = o.observed.deleting_since.is_some();
        // A deletion only waits for the grace period, whatever was said before.
        if !is_deleted && self.is_past_retention(last.at.wall) {
            let message = forgotten(&self.task.task_id, ANOTHER_RESOURCE);
            let draft = StatusDraft::new(Phase::Unknown, Reason::TaskExpired, message);
            return Plan::say(draft.about(self.subject()));
        }
        let is_in_grace = !o.memory.is_missing_for_good(&self.task.task_id);
        if is_in_grace && (is_deleted || o.observed.phase() != Some(Phase::Unknown)) {
            // A Describe may lag behind a Start.
            return self.pursue(Some(last));
        }
        self.missing_for_good(last)
    }

    fn missing_for_good(&self, last: &LastDescribe) -> Plan {
        let o = self.o;
        let message = format!(
            "task {} was started in {}, and the service doesn't know it: look whether the operator's credentials and \
             endpoint are those of the account it was started in. It is asked for again every hour and when the spec \
             changes, and never started again",
            self.task.task_id, self.task.region
        );
        let mut draft = StatusDraft::new(Phase::Unknown, Reason::TaskNotFound, message).about(self.subject());
        draft.next_attempt = Some(timing::after(last.at.wall, timing::MISSING_POLL));
        let at = match self.describe_retry() {
            Some(retry) => Some(retry.at),
            // An edit is reason to ask at once.
            None if last.generation != o.observed.generation => None,
            None => Some(last.at.monotonic + timing::MISSING_POLL),
        };
        let plan = Plan::say(draft).observe(Step::Describe(self.task.address()), at);
        if o.observed.deleting_since.is_some() && self.may_cancel(None) {
            self.cancel(plan)
        } else {
            plan
        }
    }

    /// Another process found the task missing, and this one has not asked yet.
    pub(super) fn unseen_since_it_was_missing(&self) -> Plan {
        let o = self.o;
        let describe = Step::Describe(self.task.address());
        if let Some(retry) = self.describe_retry() {
            // An Unknown keeps its reason until the service says something about the task.
            return Plan::keep_status().observe(describe, Some(retry.at));
        }
        // An edit is reason to ask at once.
        if !o.observed.is_observed() {
            return Plan::keep_status().observe(describe, None);
        }
        if o.observed.reason_of(ConditionType::Stalled) == Some(Reason::TaskExpired) {
            return Plan::keep_status();
        }
        let next = o.observed.next_look(o.now.wall).map(|time| o.now.instant_of(time));
        Plan::keep_status().observe(describe, next)
    }
}
