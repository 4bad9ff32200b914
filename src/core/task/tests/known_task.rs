//! What the condition Started says of a task.

use super::bench::{REGION, TASK};
use crate::api::{Reason, StartedBy};
use crate::core::task::known_task::KnownTask;

#[test]
fn it_says_whose_the_task_is() {
    for (started_by, reason, said, not_said) in [
        (StartedBy::This, Reason::Started, "by this resource", "never cancelled"),
        (
            StartedBy::This,
            Reason::AlreadyExists,
            "by this resource",
            "never cancelled",
        ),
        (
            StartedBy::Other,
            Reason::Started,
            "was started, but its token",
            "existed already",
        ),
        (StartedBy::Other, Reason::AlreadyExists, "existed already", "its token"),
    ] {
        let task = KnownTask {
            task_id: TASK.to_owned(),
            region: REGION.to_owned(),
            token: "token".to_owned(),
            started_by,
            reason,
        };
        let sentence = task.sentence();
        assert!(sentence.starts_with(&format!("task {TASK} in {REGION} ")), "{sentence}");
        assert!(sentence.contains(said) && !sentence.contains(not_said), "{sentence}");
    }
}
