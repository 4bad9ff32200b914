//! What Argo CD should make of each state, and the test files of its layout that say so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// A kind, with the scripts that Argo CD gets for it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// For kubectl.
    pub(crate) short_name: &'static str,
    /// Every state.
    pub(crate) states: &'static [Expected],
    /// In the order in which Argo CD shows them.
    pub(crate) actions: &'static [Action],
}

/// An action that a person can click on.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    icon: &'static str,
    /// What it changes in an object.
    pub(crate) patch: fn(&Value) -> Value,
}

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

const SUSPEND: Action = Action {
    name: "suspend",
    icon: "fa fa-fw fa-pause",
    patch: |_| json!({ "spec": { "suspend": true } }),
};

const RESUME: Action = Action {
    name: "resume",
    icon: "fa fa-fw fa-play",
    patch: |_| json!({ "spec": { "suspend": false } }),
};

/// The tasks. Icons are Argo CD's own for batch/Job, where it has the action.
pub(crate) const TASK: Kind = Kind {
    name: "AuditMitigationTask",
    short_name: "amt",
    states: &TASK_STATES,
    actions: &[
        Action {
            name: "approve",
            icon: "fa fa-fw fa-check",
            patch: |task| json!({ "spec": { "approval": { "plan": task["status"]["plan"]["hash"] } } }),
        },
        SUSPEND,
        RESUME,
        Action {
            name: "cancel",
            icon: "fa fa-fw fa-stop",
            patch: |_| json!({ "spec": { "cancel": true } }),
        },
    ],
};

/// The policies. There is no approve: whoever approves has to see a plan, and each task shows its own.
pub(crate) const POLICY: Kind = Kind {
    name: "AuditMitigationPolicy",
    short_name: "amp",
    states: &POLICY_STATES,
    actions: &[SUSPEND, RESUME],
};

/// Both.
pub(crate) const KINDS: [&Kind; 2] = [&TASK, &POLICY];

const TASK_STATES: [Expected; 26] = [
    row("new", "Progressing", &["suspend", "cancel"])
        .saying(Message::Words("Waiting for the operator to look at this resource")),
    row("edited", "Progressing", &["suspend", "cancel"])
        .saying(Message::Words("Waiting for the operator to look at the edited spec")),
    row("pending", "Progressing", &["suspend", "cancel"]),
    // Whether it was started nobody knows, so it can't be held back any more.
    row("pending-unanswered", "Progressing", &["cancel"]),
    row("queued", "Progressing", &["suspend", "cancel"]),
    row("suspended", "Suspended", &["resume", "cancel"]),
    row("awaiting-approval", "Suspended", &["approve", "cancel"]),
    row("plan-changed", "Suspended", &["approve", "cancel"]),
    // The plan that is shown may not be the one of the spec.
    row("approved", "Progressing", &["suspend", "cancel"])
        .saying(Message::Words("Waiting for the operator to look at the edited spec")),
    row("running", "Progressing", &["cancel"]),
    // The operator doesn't cancel what others started.
    row("running-other", "Progressing", &[]),
    row("canceling", "Progressing", &[]),
    row("completed", "Healthy", &[]),
    row("completed-without-findings", "Healthy", &[]),
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

const POLICY_STATES: [Expected; 10] = [
    row("new", "Progressing", &["suspend"]).saying(Message::Words("Waiting for the operator to look at this resource")),
    row("edited", "Progressing", &["suspend"])
        .saying(Message::Words("Waiting for the operator to look at the edited spec")),
    row("watching", "Healthy", &["suspend"]),
    row("compliant", "Healthy", &["suspend"]),
    row("findings-left", "Healthy", &["suspend"]),
    row("task-awaiting-approval", "Healthy", &["suspend"]),
    row("suspended", "Healthy", &["resume"]),
    row("access-denied", "Progressing", &["suspend"]),
    row("schedule-not-found", "Degraded", &["suspend"]),
    // A deletion counts as a new generation. Argo CD itself says that it is pending, and doesn't ask the script.
    row("deleting", "Progressing", &[]).saying(Message::Words("Waiting for the operator to look at the edited spec")),
];

impl Kind {
    /// Where its scripts are, in the layout of Argo CD's repository.
    pub(crate) fn folder(&self) -> String {
        format!("gitops/argocd/resource_customizations/devicedefender.dev/{}", self.name)
    }

    /// Each state with each action that is offered in it.
    pub(crate) fn offered(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.states
            .iter()
            .flat_map(|state| state.actions.iter().map(|action| (state.name, *action)))
    }

    /// How many tests its files have.
    pub(crate) fn tests(&self) -> usize {
        2 * self.states.len() + self.offered().count()
    }

    pub(crate) fn action(&self, name: &str) -> &Action {
        self.actions.iter().find(|action| action.name == name).unwrap()
    }

    /// `health_test.yaml` for these objects.
    pub(crate) fn health_test(&self, objects: &BTreeMap<&str, Value>) -> String {
        let mut text = String::from("tests:\n");
        for Expected {
            name, health, message, ..
        } in self.states
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
    pub(crate) fn action_test(&self) -> String {
        let mut text = String::from("discoveryTests:\n");
        for Expected { name, actions, .. } in self.states {
            writeln!(text, "  - inputPath: ../testdata/{name}.yaml").unwrap();
            if actions.is_empty() {
                writeln!(text, "    result: []").unwrap();
                continue;
            }
            writeln!(text, "    result:").unwrap();
            for action in self.actions.iter().filter(|action| actions.contains(&action.name)) {
                writeln!(text, "      - name: {}", action.name).unwrap();
                writeln!(text, "        iconClass: '{}'", action.icon).unwrap();
            }
        }
        text.push_str("\nactionTests:\n");
        for (name, action) in self.offered() {
            writeln!(text, "  - action: {action}").unwrap();
            writeln!(text, "    inputPath: ../testdata/{name}.yaml").unwrap();
            writeln!(text, "    expectedOutputPath: testdata/{name}-{action}.yaml").unwrap();
        }
        text
    }
}
