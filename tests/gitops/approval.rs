//! The run to copy that waits for approval.

use serde_json::Value;

/// The first commit.
pub(crate) const WAITS: &str = include_str!("../../gitops/tasks/approval/2026-01-enable-logging.yaml");
/// Its name.
pub(crate) const RUN: &str = "2026-01-enable-logging";
/// The hash of another plan.
pub(crate) const ANOTHER: &str = "aaaaaaaaaaaaaaaa";

/// The second commit, which approves a plan.
pub(crate) fn approving(plan: &str) -> String {
    let approved = WAITS.replace("  approval: {}\n", &format!("  approval:\n    plan: {plan}\n"));
    assert_ne!(approved, WAITS);
    approved
}

/// The hash of the plan that a task shows.
pub(crate) fn hash(task: &Value) -> String {
    task["status"]["plan"]["hash"].as_str().unwrap().to_owned()
}
