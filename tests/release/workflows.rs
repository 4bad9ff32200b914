//! The workflows of GitHub Actions, which nothing here can run: judged by actionlint, and by rules of our own.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use support::tools;

use crate::{list, root, succeed, text};

const FOLDER: &str = ".github/workflows";

fn workflows() -> Vec<(String, Value)> {
    let files = list(FOLDER);
    assert!(files.len() > 2, "{files:?}");
    let parsed = files.iter().map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        (name, serde_saphyr::from_str(&text).unwrap())
    });
    parsed.collect()
}

fn steps(workflow: &Value) -> impl Iterator<Item = &Value> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    jobs.flat_map(|job| job["steps"].as_array().unwrap())
}

#[test]
fn actionlint_has_nothing_against_them() {
    // Without what it would look for on this machine: the same verdict everywhere.
    let mut lint = Command::new(tools::ACTIONLINT.path().unwrap());
    succeed(
        lint.args(["-no-color", "-shellcheck=", "-pyflakes="])
            .args(list(FOLDER))
            .current_dir(root()),
    );
}

/// A tag can be moved to other code, a commit can't.
#[test]
fn each_action_is_pinned_by_its_commit_with_its_version_beside_it() {
    let mut pins = 0;
    for file in list(FOLDER) {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "))
        {
            let (action, version) = line.split_once(" # v").unwrap_or_else(|| panic!("{line}: no version"));
            let (_, commit) = action.split_once('@').unwrap();
            assert!(
                commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
                "{line}"
            );
            assert_eq!(version.split('.').count(), 3, "{line}");
            pins += 1;
        }
    }
    assert!(pins > 3);
}

#[test]
fn each_workflow_may_only_read_and_one_job_more() {
    for (name, workflow) in workflows() {
        assert_eq!(
            workflow["permissions"],
            serde_json::json!({"contents": "read"}),
            "{name}"
        );
        for (job_name, job) in workflow["jobs"].as_object().unwrap() {
            let is_release = name == "release.yml" && job_name == "release";
            assert_eq!(job.get("permissions").is_some(), is_release, "{name}: {job_name}");
            assert!(job["timeout-minutes"].is_u64(), "{name}: {job_name} has no limit");
        }
        for step in steps(&workflow).filter(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("checkout")))
        {
            assert_eq!(step["with"]["persist-credentials"], false, "{name}");
        }
    }
}

/// What a workflow does a person can do by hand, and read how.
#[test]
fn each_command_of_a_workflow_stands_in_the_docs() {
    let docs = text("docs/releasing.md");
    let mut commands = BTreeSet::new();
    for (_, workflow) in workflows() {
        for step in steps(&workflow) {
            let run = step["run"].as_str().unwrap_or_default();
            let own = run.lines().filter_map(|line| line.trim().strip_prefix("cargo xtask "));
            commands.extend(own.map(|line| line.split(" --").next().unwrap().trim().to_owned()));
        }
    }
    assert!(commands.len() > 3, "{commands:?}");
    for command in commands {
        assert!(
            docs.contains(&format!("cargo xtask {command}")),
            "docs/releasing.md has no cargo xtask {command}"
        );
    }
}

/// What is pinned is kept up to date, all but the versions of Kubernetes.
#[test]
fn each_pinned_set_of_dependencies_is_updated_on_a_schedule() {
    let updates: Value = serde_saphyr::from_str(&text(".github/dependabot.yml")).unwrap();
    let folders = |ecosystem: &str| -> BTreeSet<String> {
        let updates = updates["updates"].as_array().unwrap().iter();
        let of = updates.filter(|update| update["package-ecosystem"] == ecosystem);
        let named = of.flat_map(|update| {
            let many = update["directories"].as_array().into_iter().flatten();
            many.chain(update.get("directory"))
                .map(|folder| folder.as_str().unwrap().to_owned())
        });
        named.collect()
    };
    let files = succeed(Command::new("git").args(["ls-files"]).current_dir(root()));
    let with = |name: &str| -> BTreeSet<String> {
        let found = files
            .lines()
            .filter_map(|file| file.strip_suffix(name)?.strip_suffix('/'));
        let kept = found.filter(|folder| !folder.contains("/kubernetes-"));
        kept.map(|folder| format!("/{folder}")).collect()
    };
    assert_eq!(folders("gomod"), with("go.mod"));
    assert_eq!(folders("pip"), with("requirements.txt"));
    for ecosystem in ["cargo", "docker", "github-actions"] {
        assert_eq!(folders(ecosystem), BTreeSet::from(["/".to_owned()]), "{ecosystem}");
    }
}
