//! The name becomes part of the task's id, where the spec names none.

use serde_json::json;

use super::{Failures, Server, spec_with, task};

#[tokio::test]
async fn a_long_name_needs_a_task_id() {
    let server = Server::shared("names").await;
    let mut failures = Failures::default();
    let (fits, long, longest) = ("n".repeat(52), "n".repeat(53), "n".repeat(253));
    let without = spec_with(&json!({}));
    let with = spec_with(&json!({"taskId": "my-task"}));
    let message = "without spec.taskId the name may have at most 52 characters, since it becomes part of the task's id: \
                   shorten the name or set spec.taskId";
    failures.accepted("52", server.try_create(&task(&fits, &without)).await);
    failures.refused("53", server.try_create(&task(&long, &without)).await, message);
    failures.refused("253", server.try_create(&task(&longest, &without)).await, message);
    failures.accepted("53 with a taskId", server.try_create(&task(&long, &with)).await);
    failures.accepted("253 with a taskId", server.try_create(&task(&longest, &with)).await);

    let mut generated = task("", &without);
    generated["metadata"] = json!({ "generateName": "n".repeat(60) });
    failures.refused("generated", server.try_create(&generated).await, message);

    server.create(&long, &with).await;
    let removal = json!({"spec": {"taskId": null}});
    failures.refused(
        "the taskId of a long name removed",
        server.try_edit(&long, &removal).await,
        message,
    );
    server.create(&fits, &with).await;
    failures.accepted(
        "the taskId of a short name removed",
        server.try_edit(&fits, &removal).await,
    );
}
