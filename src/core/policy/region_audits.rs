//! The scheduled audits of one region, as they are listed and described: what all its policies share.
//!
//! A list tells ids and states only, so each audit is described when it is first seen, and once more when it has ended.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::answer::{Audit, AuditState, ErrorClass, Failure, ListedAudit, ReadAnswer};

/// What is known of the audits of one region, while it is being found out.
#[derive(Clone, Debug, Default)]
pub struct RegionAudits {
    /// By id. `None`: the service lists it and doesn't know it.
    described: BTreeMap<String, Option<Audit>>,
    /// What policies see.
    snapshot: RegionSnapshot,
    /// How often in a row the look failed.
    failures: u32,
    /// How often it has failed since anything was found out: what counts for the wait.
    fruitless: u32,
}

/// What policies see of the audits of a region: always a whole look, never half of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionSnapshot {
    /// The audits by id; `None` before the first look.
    pub audits: Option<BTreeMap<String, Audit>>,
    /// Why the last look failed.
    pub failure: Option<(ErrorClass, String)>,
}

impl RegionAudits {
    /// The list of all audits in the window. Which of them are to be described now: those that were not seen before, and
    /// those of these schedules that have ended since.
    pub fn listed(&mut self, listed: &[ListedAudit], schedules: &BTreeSet<String>) -> Vec<String> {
        let ids: BTreeSet<&str> = listed.iter().map(|audit| audit.id.as_str()).collect();
        self.described.retain(|id, _| ids.contains(id.as_str()));
        let is_due = |listed: &&ListedAudit| match self.described.get(&listed.id) {
            None => true,
            Some(None) => false,
            Some(Some(audit)) => {
                let is_watched = audit
                    .scheduled_audit_name
                    .as_ref()
                    .is_some_and(|name| schedules.contains(name));
                is_watched && !has_ended(&audit.state) && has_ended(&listed.state)
            }
        };
        listed.iter().filter(is_due).map(|audit| audit.id.clone()).collect()
    }

    /// What the service says of one.
    ///
    /// # Errors
    /// When it couldn't say: the look has failed.
    pub fn described(&mut self, id: &str, answer: ReadAnswer<Audit>) -> Result<(), Failure> {
        let audit = match answer {
            ReadAnswer::Found(audit) => Some(audit),
            ReadAnswer::NotFound => None,
            ReadAnswer::Failed(failure) => return Err(failure),
        };
        self.described.insert(id.to_owned(), audit);
        self.fruitless = 0;
        Ok(())
    }

    /// The look is complete: policies see it from now on.
    pub fn completed(&mut self) {
        self.failures = 0;
        self.fruitless = 0;
        let audits = self.described.iter();
        self.snapshot = RegionSnapshot {
            audits: Some(
                audits
                    .filter_map(|(id, audit)| Some((id.clone(), audit.clone()?)))
                    .collect(),
            ),
            failure: None,
        };
    }

    /// The look has failed. A failure that may pass by itself is told when it is the second in a row.
    ///
    /// A new process has every audit of the window to describe, and what was described isn't asked again: a look that got
    /// some of them is followed by the next one soon, however often it has failed, or some calls of many that fail would hold
    /// an audit up for as long as those of a service that is gone.
    pub fn failed(&mut self, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        self.fruitless = self.fruitless.saturating_add(1);
        let may_pass = matches!(failure.class, ErrorClass::Throttled | ErrorClass::ServiceUnavailable);
        if !may_pass || self.failures > 1 {
            self.snapshot.failure = Some((failure.class, failure.message));
        }
    }

    /// How often the look has failed since anything was found out.
    pub const fn fruitless(&self) -> u32 {
        self.fruitless
    }

    /// What policies see.
    pub const fn snapshot(&self) -> &RegionSnapshot {
        &self.snapshot
    }
}

impl RegionSnapshot {
    /// Whether the policies of this schedule see the same in both.
    pub fn is_same_for(&self, other: &Self, schedule: &str) -> bool {
        let of_schedule = |snapshot: &Self| {
            let audits = snapshot.audits.as_ref()?;
            let ours = audits
                .iter()
                .filter(|(_, audit)| audit.scheduled_audit_name.as_deref() == Some(schedule));
            Some(ours.map(|(id, audit)| (id.clone(), audit.clone())).collect::<Vec<_>>())
        };
        self.failure == other.failure && of_schedule(self) == of_schedule(other)
    }
}

/// Whether nothing about an audit changes any more.
pub fn has_ended(state: &AuditState) -> bool {
    match state {
        AuditState::Completed | AuditState::Failed | AuditState::Canceled => true,
        AuditState::InProgress | AuditState::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(rows: &[(&str, AuditState)]) -> Vec<ListedAudit> {
        let of = |(id, state): &(&str, AuditState)| ListedAudit {
            id: (*id).to_owned(),
            state: state.clone(),
        };
        rows.iter().map(of).collect()
    }

    fn audit(schedule: &str, state: AuditState) -> ReadAnswer<Audit> {
        ReadAnswer::Found(Audit {
            state,
            start_time: None,
            scheduled_audit_name: Some(schedule.to_owned()),
            checks: BTreeMap::new(),
        })
    }

    fn failure(class: ErrorClass) -> Failure {
        Failure {
            class,
            effect: crate::core::answer::Effect::None,
            message: "no".to_owned(),
        }
    }

    #[test]
    fn an_audit_is_described_when_it_is_first_seen_and_once_when_it_has_ended() {
        let schedules = BTreeSet::from(["ours".to_owned()]);
        let mut audits = RegionAudits::default();
        let running = listed(&[("a", AuditState::InProgress), ("b", AuditState::InProgress)]);
        assert_eq!(audits.listed(&running, &schedules), ["a", "b"]);
        audits.described("a", audit("ours", AuditState::InProgress)).unwrap();
        audits.described("b", audit("theirs", AuditState::InProgress)).unwrap();
        audits.completed();
        assert!(audits.listed(&running, &schedules).is_empty());
        // Of a schedule that nobody watches no more need be known.
        let ended = listed(&[
            ("a", AuditState::Completed),
            ("b", AuditState::Completed),
            ("gone", AuditState::Completed),
        ]);
        assert_eq!(audits.listed(&ended, &schedules), ["a", "gone"]);
        audits.described("a", audit("ours", AuditState::Completed)).unwrap();
        audits.described("gone", ReadAnswer::NotFound).unwrap();
        assert!(audits.listed(&ended, &schedules).is_empty());
        audits.completed();
        let seen: Vec<_> = audits.snapshot().audits.as_ref().unwrap().keys().collect();
        assert_eq!(seen, ["a", "b"]);
        // What is no longer listed is forgotten.
        assert!(audits.listed(&[], &schedules).is_empty());
        audits.completed();
        assert_eq!(audits.snapshot().audits, Some(BTreeMap::new()));
    }

    /// A newer audit might be the one that is missing.
    #[test]
    fn half_a_look_is_never_shown() {
        let mut audits = RegionAudits::default();
        let rows = listed(&[("a", AuditState::Completed), ("b", AuditState::Completed)]);
        assert_eq!(audits.listed(&rows, &BTreeSet::new()), ["a", "b"]);
        audits.described("a", audit("ours", AuditState::Completed)).unwrap();
        let failed = audits.described("b", ReadAnswer::Failed(failure(ErrorClass::AccessDenied)));
        audits.failed(failed.unwrap_err());
        assert_eq!(audits.snapshot().audits, None);
        assert!(audits.snapshot().failure.is_some());
        assert_eq!(audits.listed(&rows, &BTreeSet::new()), ["b"]);
    }

    #[test]
    fn what_may_pass_by_itself_is_told_the_second_time() {
        for (class, first) in [
            (ErrorClass::AccessDenied, true),
            (ErrorClass::CredentialsRejected, true),
            (ErrorClass::Throttled, false),
            (ErrorClass::ServiceUnavailable, false),
        ] {
            let mut audits = RegionAudits::default();
            audits.failed(failure(class));
            assert_eq!(audits.snapshot().failure.is_some(), first, "{class:?}");
            audits.failed(failure(class));
            assert!(audits.snapshot().failure.is_some());
            audits.completed();
            assert!(audits.snapshot().failure.is_none());
            assert_eq!(audits.fruitless(), 0);
        }
    }

    /// A window of many audits, of which a call here and there fails: the waits grow only while nothing is found out.
    #[test]
    fn a_look_that_finds_something_out_before_it_fails_is_followed_by_the_next_one_soon() {
        let rows = listed(&[
            ("a", AuditState::Completed),
            ("b", AuditState::Completed),
            ("c", AuditState::Completed),
        ]);
        let mut audits = RegionAudits::default();
        let mut look = |described: &[&str]| {
            audits.listed(&rows, &BTreeSet::new());
            for id in described {
                audits.described(id, audit("ours", AuditState::Completed)).unwrap();
            }
            audits.failed(failure(ErrorClass::ServiceUnavailable));
            audits.fruitless()
        };
        assert_eq!(
            [&[][..], &[], &["a"], &["b"], &[], &[]].map(&mut look),
            [1, 2, 1, 1, 2, 3]
        );
        // It is told all the same: policies see no audits meanwhile.
        assert!(audits.snapshot().failure.is_some());
    }

    #[test]
    fn a_policy_is_woken_by_its_own_schedule_only() {
        let mut audits = RegionAudits::default();
        audits.completed();
        let before = audits.snapshot().clone();
        audits.described("a", audit("ours", AuditState::Completed)).unwrap();
        audits.completed();
        let after = audits.snapshot().clone();
        assert!(!after.is_same_for(&before, "ours"));
        assert!(after.is_same_for(&before, "theirs"));
        audits.failed(failure(ErrorClass::AccessDenied));
        assert!(!audits.snapshot().is_same_for(&after, "theirs"));
    }
}
