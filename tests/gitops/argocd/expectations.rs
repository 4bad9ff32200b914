//! What Argo CD should make of each state, and the test files of its layout that say so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// What is expected of a state: of the object in `testdata/NAME.yaml`.
pub(crate) struct Expected {
    pub(crate) name: &'static str,
    pub(crate) health: &'static str,
    pub(crate) message: Message,
    pub(crate) actions: &'static [&'static str],
}

/// The message of the health.
pub(crate) enum Message {
    /// The one of the condition Ready.
    Ready,
    /// The same, after these words.
    After(&'static str),
    /// Other words.
    Words(&'static str),
}

const fn row(name: &'static str, health: &'static str, actions: &'static [&'static str]) -> Expected {
    Expected {
        name,
        health,
        message: Message::Ready,
        actions,
    }
}

impl Expected {
    const fn saying(self, message: Message) -> Self {
        Self { message, ..self }
    }
}

/// Every state.
pub(crate) const STATES: [Expected; 22] = [
    row("new", "Progressing", &["suspend", "cancel"])
        .saying(Message::Words("Waiting for the operator to look at this resource")),
    row("edited", "Progressing", &["suspend", "cancel"])
        .saying(Message::Words("Waiting for the operator to look at the edited spec")),
    row("pending", "Progressing", &["suspend", "cancel"]),
    // Whether it was started nobody knows, so it can't be held back any more.
    row("pending-unanswered", "Progressing", &["cancel"]),
    row("queued", "Progressing", &["suspend", "cancel"]),
    row("suspended", "Suspended", &["resume", "cancel"]),
    row("running", "Progressing", &["cancel"]),
    // The operator doesn't cancel what others started.
    row("running-other", "Progressing", &[]),
    row("canceling", "Progressing", &[]),
    row("completed", "Healthy", &[]),
    row("completed-other", "Healthy", &[]),
    row("failed", "Degraded", &[]),
    row("canceled", "Degraded", &[]),
    row("canceled-before-start", "Degraded", &[]),
    // The operator's message says so: the same request is tried again by suspend on and off.
    row("rejected", "Degraded", &["suspend"]),
    row("conflict", "Degraded", &[]),
    row("unknown-not-found", "Degraded", &["cancel"]),
    row("unknown-expired", "Degraded", &[]),
    row("unknown-token-in-use", "Degraded", &[]),
    row("deleting", "Progressing", &[]).saying(Message::After("Pending deletion: ")),
    // Argo CD asks for the health of a deleted hook to learn how it ended.
    row("deleted-hook-completed", "Healthy", &[]),
    row("deleted-hook-failed", "Degraded", &[]),
];

/// The actions, with their icons as Argo CD's own for batch/Job.
const ICONS: [(&str, &str); 3] = [
    ("suspend", "fa fa-fw fa-pause"),
    ("resume", "fa fa-fw fa-play"),
    ("cancel", "fa fa-fw fa-stop"),
];

/// What an action changes in the spec.
pub(crate) fn patch(action: &str) -> &'static str {
    match action {
        "suspend" => r#"{"spec":{"suspend":true}}"#,
        "resume" => r#"{"spec":{"suspend":false}}"#,
        "cancel" => r#"{"spec":{"cancel":true}}"#,
        other => panic!("there is no action {other}"),
    }
}

/// `health_test.yaml` for these objects.
pub(crate) fn health_test(objects: &BTreeMap<&str, Value>) -> String {
    let mut text = String::from("tests:\n");
    for Expected {
        name, health, message, ..
    } in &STATES
    {
        let conditions = objects[name]["status"]["conditions"].as_array();
        let ready = conditions
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == "Ready")
            .and_then(|ready| ready["message"].as_str())
            .unwrap_or_default();
        let message = match message {
            Message::Ready => ready.to_owned(),
            Message::After(words) => format!("{words}{ready}"),
            Message::Words(words) => (*words).to_owned(),
        };
        writeln!(text, "  - healthStatus:").unwrap();
        writeln!(text, "      status: {health}").unwrap();
        // A string of JSON is one of YAML.
        writeln!(text, "      message: {}", Value::String(message)).unwrap();
        writeln!(text, "    inputPath: testdata/{name}.yaml").unwrap();
    }
    text
}

/// `actions/action_test.yaml`: what is offered in each state, and what each action that is offered does.
pub(crate) fn action_test() -> String {
    let mut text = String::from("discoveryTests:\n");
    for Expected { name, actions, .. } in &STATES {
        writeln!(text, "  - inputPath: ../testdata/{name}.yaml").unwrap();
        if actions.is_empty() {
            writeln!(text, "    result: []").unwrap();
            continue;
        }
        writeln!(text, "    result:").unwrap();
        for (action, icon) in ICONS.iter().filter(|(action, _)| actions.contains(action)) {
            writeln!(text, "      - name: {action}").unwrap();
            writeln!(text, "        iconClass: '{icon}'").unwrap();
        }
    }
    text.push_str("\nactionTests:\n");
    for (name, action) in offered() {
        writeln!(text, "  - action: {action}").unwrap();
        writeln!(text, "    inputPath: ../testdata/{name}.yaml").unwrap();
        writeln!(text, "    expectedOutputPath: testdata/{name}-{action}.yaml").unwrap();
    }
    text
}

/// Each state with each action that is offered in it.
pub(crate) fn offered() -> impl Iterator<Item = (&'static str, &'static str)> {
    STATES
        .iter()
        .flat_map(|state| state.actions.iter().map(|action| (state.name, *action)))
}
