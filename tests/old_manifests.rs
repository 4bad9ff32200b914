//! The recipe that finds manifests whose tasks the service is about to forget, on a real git repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/old-manifests/old-manifests.sh");
const MANIFEST: &str = include_str!("../examples/whole-audit.yaml");

struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "--quiet"], 0);
        repository
    }

    /// Runs git as of that many days ago, whatever the settings of whoever runs the test.
    fn git(&self, args: &[&str], days_ago: i64) {
        let date = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
        let output = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.org"])
            .args(args)
            .current_dir(&self.0)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_COMMITTER_DATE", date.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    fn commit(&self, days_ago: i64) {
        self.git(&["add", "--all"], 0);
        self.git(&["commit", "--quiet", "--message=Change"], days_ago);
    }
}

fn old_manifests(folder: &Path, more: &[&str]) -> Output {
    Command::new(SCRIPT).arg(folder).args(more).output().unwrap()
}

fn files(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| line.split_once("  ").unwrap().1.to_owned())
        .collect()
}

#[test]
fn manifests_of_81_days_are_found_under_any_name() {
    let repository = Repository::new();
    repository.file("runs/it's old.yaml", MANIFEST);
    repository.file("renamed.yaml", MANIFEST);
    repository.file(
        "edited.json",
        "{\n  \"kind\": \"AuditMitigationTask\",\n  \"spec\": 1\n}\n",
    );
    repository.file("other.yaml", "kind: Deployment # no AuditMitigationTask\n");
    repository.file("removed.yaml", MANIFEST);
    repository.commit(81);
    repository.git(&["mv", "renamed.yaml", "new-name.yaml"], 0);
    repository.git(&["rm", "--quiet", "removed.yaml"], 0);
    repository.file(
        "edited.json",
        "{\n  \"kind\": \"AuditMitigationTask\",\n  \"spec\": 2\n}\n",
    );
    // Similar to the one that it takes the place of, as the next run's manifest is.
    repository.file("young.yaml", &MANIFEST.replace("whole-audit", "next-audit"));
    repository.commit(79);

    let found = old_manifests(repository.0.path(), &[]);
    assert_eq!(found.status.code(), Some(1));
    assert_eq!(files(&found), ["edited.json", "new-name.yaml", "runs/it's old.yaml"]);
    let folder = repository.0.path().join("runs");
    assert_eq!(files(&old_manifests(&folder, &[])), ["it's old.yaml"], "one folder");
    let none = old_manifests(repository.0.path(), &["82"]);
    assert_eq!((none.status.code(), files(&none).len()), (Some(0), 0));
}

#[test]
fn what_the_history_does_not_tell_is_refused() {
    let repository = Repository::new();
    repository.file("old.yaml", MANIFEST);
    repository.commit(81);
    repository.file("young.yaml", MANIFEST);
    repository.commit(1);
    let folder = tempfile::tempdir().unwrap();
    let outside = old_manifests(folder.path(), &[]);
    assert_eq!(outside.status.code(), Some(2), "{outside:?}");

    let clone = folder.path().join("shallow");
    let url = format!("file://{}", repository.0.path().display());
    repository.git(&["clone", "--quiet", "--depth=1", &url, clone.to_str().unwrap()], 0);
    let shallow = old_manifests(&clone, &[]);
    assert_eq!(shallow.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&shallow.stderr).contains("shallow"),
        "{shallow:?}"
    );
    let days = old_manifests(repository.0.path(), &["many"]);
    assert_eq!(days.status.code(), Some(2));
}
