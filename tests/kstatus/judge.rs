//! The real kstatus, and what it says.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// What kstatus says, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Judged {
    InProgress,
    Failed,
    Current,
    Terminating,
}

/// What kstatus says of one object.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) status: Judged,
    pub(crate) message: String,
    pub(crate) conditions: Vec<Computed>,
}

/// A condition that kstatus makes of the resource's own.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Computed {
    #[serde(rename = "type")]
    pub(crate) type_: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Runs the real kstatus over these objects.
pub(crate) fn kstatus(name: &str, objects: &[Value]) -> Vec<Verdict> {
    let program = support::tools::KSTATUS.path().unwrap();
    // A file and not a pipe: nobody has to read and write at once.
    let input = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kstatus-{name}.json"));
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    fs::write(&input, lines.join("\n")).unwrap();
    let output = Command::new(program)
        .stdin(File::open(&input).unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "kstatus failed over {}: {}",
        input.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let verdicts: Vec<Verdict> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(verdicts.len(), objects.len(), "one verdict for each object");
    verdicts
}

/// A condition that is True.
pub(crate) fn computed(type_: &str, reason: &str, message: &str) -> Computed {
    Computed {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}
