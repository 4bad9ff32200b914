//! What a [`Server`] offers about audits, findings, problems, schedules and mitigation actions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::actions::{Action, Redefinition};
use crate::audits::{Audit, CheckResult, Problem, Schedule};
use crate::catalogue::{CatalogueError, Finding};
use crate::server::Server;
use crate::state::State;

#[allow(
    clippy::must_use_candidate,
    reason = "what these do matters more than what they tell"
)]
impl Server {
    fn change<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = self.state.lock();
        let now = state.clock.now(Timestamp::now());
        change(&mut state, now)
    }

    /// Adds an audit, or replaces it. Its findings are those that are added: see [`Server::run_audit`] for others.
    ///
    /// # Errors
    /// When it isn't valid by the service's model.
    pub fn add_audit(&self, audit: Audit) -> Result<(), CatalogueError> {
        self.change(|state, now| state.catalogue.add_audit(&state.model, audit, now))
    }

    /// Runs an audit, which finds the problems that there are; gives its id.
    ///
    /// With the status `IN_PROGRESS` it runs until [`Server::complete_audit`], else for `settings.audit_duration`.
    ///
    /// # Errors
    /// When it isn't valid by the service's model, or its schedule isn't there.
    pub fn run_audit(&self, audit: Audit) -> Result<String, CatalogueError> {
        self.change(|state, now| state.run_audit(now, audit))
    }

    /// Runs an audit of a schedule now; gives its id.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub fn run_schedule(&self, name: &str) -> Result<String, CatalogueError> {
        self.run_audit(Audit {
            scheduled_audit_name: Some(name.to_owned()),
            ..Audit::default()
        })
    }

    /// Begins an audit of a schedule that is in progress until it is completed; gives its id.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub fn begin_schedule(&self, name: &str) -> Result<String, CatalogueError> {
        self.run_audit(Audit {
            scheduled_audit_name: Some(name.to_owned()),
            task_status: "IN_PROGRESS".to_owned(),
            ..Audit::default()
        })
    }

    /// Ends an audit that is in progress with COMPLETED, FAILED or CANCELED. Of checks that don't complete nothing is
    /// found.
    ///
    /// # Errors
    /// When it isn't in progress, or a status or result isn't the model's.
    pub fn complete_audit(
        &self,
        id: &str,
        status: &str,
        results: BTreeMap<String, CheckResult>,
    ) -> Result<(), CatalogueError> {
        self.change(|state, now| state.complete_audit(now, id, status, results))
    }

    /// The audits that there are, oldest first.
    pub fn audits(&self) -> Vec<Audit> {
        let mut audits: Vec<Audit> = self.change(|state, _| state.catalogue.audits.values().cloned().collect());
        audits.sort_by_key(|audit| audit.start);
        audits
    }

    /// Removes the audits whose id matches a glob, with their findings, as if their time had passed; tells how many.
    pub fn remove_audits(&self, glob: &str) -> usize {
        self.change(|state, _| state.catalogue.remove_audits(glob))
    }

    /// Adds a finding, or replaces it.
    ///
    /// # Errors
    /// When it isn't valid by the service's model.
    pub fn add_finding(&self, finding: Finding) -> Result<(), CatalogueError> {
        self.change(|state, _| state.catalogue.add_finding(&state.model, finding))
    }

    /// The findings of an audit, as they are now.
    pub fn findings(&self, audit: &str) -> Vec<Finding> {
        self.change(|state, _| state.catalogue.of_audit(audit).cloned().collect())
    }

    /// Suppresses the findings whose id matches a glob, or ends that; tells how many.
    ///
    /// The audits to come find suppressed what they tell of. What it means for the audit that found them is a reading.
    pub fn suppress(&self, glob: &str, suppressed: bool) -> usize {
        self.change(|state, _| state.catalogue.suppress(glob, suppressed))
    }

    /// Adds something that the audits to come find until it is mended; gives an id for each resource.
    ///
    /// # Errors
    /// When its findings would not be valid by the service's model.
    pub fn add_problem(&self, problem: &Problem) -> Result<Vec<String>, CatalogueError> {
        self.change(|state, _| state.catalogue.add_problem(&state.model, problem))
    }

    /// Removes the problems whose id matches a glob; tells how many.
    pub fn remove_problems(&self, glob: &str) -> usize {
        self.change(|state, _| state.catalogue.problems.remove(glob))
    }

    /// The problems that no task has mended by now.
    pub fn problems(&self) -> Vec<Problem> {
        self.change(|state, now| {
            state.mend(now);
            state.catalogue.problems.iter().cloned().collect()
        })
    }

    /// Adds a schedule, or replaces it.
    ///
    /// # Errors
    /// When it isn't valid by the service's model.
    pub fn add_schedule(&self, schedule: Schedule) -> Result<(), CatalogueError> {
        self.change(|state, now| state.catalogue.add_schedule(&state.model, schedule, now))
    }

    /// Removes a schedule; its audits stay. False if there is none.
    pub fn remove_schedule(&self, name: &str) -> bool {
        self.change(|state, _| state.catalogue.schedules.remove(name).is_some())
    }

    /// Adds a mitigation action, or replaces it.
    ///
    /// # Errors
    /// When it isn't valid by the service's model.
    pub fn add_action(&self, action: Action) -> Result<(), CatalogueError> {
        self.change(|state, now| state.catalogue.add_action(&state.model, action, now))
    }

    /// Changes an action from now on; what has started keeps the definition that it started with.
    ///
    /// # Errors
    /// When there is no such action, or it isn't valid any more.
    pub fn redefine_action(&self, name: &str, change: Redefinition) -> Result<Action, CatalogueError> {
        self.change(|state, now| state.redefine_action(now, name, change))
    }

    /// Removes an action. False if there is none.
    pub fn remove_action(&self, name: &str) -> bool {
        self.change(|state, _| state.catalogue.actions.remove(name).is_some())
    }
}
