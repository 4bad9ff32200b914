//! Sentences that several stages share.

/// The way to another run while the spec can be edited.
pub(in crate::core::task) const ANOTHER_ID: &str = "set another spec.taskId";

/// The way to another run when the spec is frozen.
pub(in crate::core::task) const ANOTHER_RESOURCE: &str = "create another resource, with another spec.taskId";

/// What a person reads of a request whose task the service doesn't know any more, with the way to another run.
pub(in crate::core::task) fn forgotten(task_id: &str, way_out: &str) -> String {
    format!(
        "task {task_id} was started for this request before, and the service doesn't know it any more (it keeps tasks for \
         90 days). It is never started again under this id; to run the mitigation once more, {way_out}"
    )
}
