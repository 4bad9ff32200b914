//! The real helm, of each major version.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::tools::{self, GoTool};

use crate::chart;

/// Each helm that the chart has to work with.
pub(crate) const EACH: [Helm; 2] = [Helm(tools::HELM_3), Helm(tools::HELM_4)];

/// A helm that knows nothing of whoever runs the tests: neither their cluster nor their plugins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Helm(GoTool);

impl Helm {
    pub(crate) fn name(self) -> &'static str {
        self.0.name
    }

    /// Runs it, and returns whatever it ends with.
    pub(crate) fn run(self, args: &[&str]) -> Output {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.name());
        let mut command = Command::new(self.0.path().unwrap());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("HELM_") || text.starts_with("KUBE") {
                command.env_remove(name);
            }
        }
        for folder in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(folder, home.join(folder));
        }
        // Nothing is there, so that no command reaches a cluster by mistake.
        command.env("KUBECONFIG", home.join("none"));
        command.args(args).output().unwrap()
    }

    /// Runs it where it has to succeed, and returns what it prints.
    pub(crate) fn ok(self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = both(&output);
        assert!(output.status.success(), "{} {args:?}: {text}", self.name());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it where it has to fail, and returns all it prints.
    pub(crate) fn refused(self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = both(&output);
        assert!(!output.status.success(), "{} {args:?}: {text}", self.name());
        text
    }

    /// What the chart makes of these arguments, in this namespace.
    pub(crate) fn template(self, namespace: &str, args: &[&str]) -> String {
        let folder = chart();
        let fixed = ["template", "amo", path(&folder), "--namespace", namespace];
        self.ok(&[&fixed, args].concat())
    }

    /// The same as objects.
    pub(crate) fn objects(self, namespace: &str, args: &[&str]) -> Vec<Value> {
        objects(&self.template(namespace, args))
    }
}

/// The objects of a stream of YAML documents.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().filter(Value::is_object).collect()
}

/// The one object of this kind.
pub(crate) fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
    let [object] = found.as_slice() else {
        panic!("{} objects of kind {kind}", found.len())
    };
    object
}

/// The definition of the kind with this plural.
pub(crate) fn definition<'a>(objects: &'a [Value], plural: &str) -> &'a Value {
    let mut definitions = objects
        .iter()
        .filter(|object| object["kind"] == "CustomResourceDefinition");
    let found = definitions.find(|definition| definition["spec"]["names"]["plural"] == plural);
    found.unwrap_or_else(|| panic!("no definition of {plural}"))
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn both(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
