//! Which problems mitigation tasks have made go away.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::config::Mending;
use crate::state::State;

impl State {
    /// Removes the problems that are mended by a time, so that no later audit finds them.
    pub(crate) fn mend(&mut self, at: Timestamp) {
        let mending = self.config.settings.mending;
        let mends = |action: &str| match mending {
            Mending::Never => false,
            Mending::Always => true,
            // A thing in a group, or a message about it, is as wrong as it was.
            Mending::ByType => !matches!(action, "ADD_THINGS_TO_THING_GROUP" | "PUBLISH_FINDING_TO_SNS"),
        };
        let problems = &mut self.catalogue.problems;
        let tasks = self.scopes.values().flat_map(|tasks| tasks.by_id.values());
        let mended: BTreeSet<String> = tasks
            .flat_map(|task| task.mended(at, mends))
            .filter_map(|finding| problems.of(finding).map(str::to_owned))
            .collect();
        for problem in mended {
            problems.remove(&problem);
        }
    }
}
