//! Protections of the shell that cargo-mutants can't take out: each is marked in the source by `// mutant: NAME` on the
//! line above it, and has one row here.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    checkout::Checkout,
    marker::{self, Rule},
    trial::{self, Verdict},
};
use crate::step::root;

/// Which mutants.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only those whose name contains one of these; without any, all.
    names: Vec<String>,
    /// Print the list and run nothing.
    #[arg(long)]
    list: bool,
}

/// A seeded bug.
#[derive(Debug)]
struct Mutant {
    /// As the marker in the source has it.
    name: &'static str,
    /// What protection it takes out.
    without: &'static str,
    rule: Rule,
    /// The test program that has to notice, as arguments of `cargo test`.
    program: &'static [&'static str],
    /// Parts of the names of its tests.
    tests: &'static [&'static str],
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "it-writes-without-a-look",
        without: "after a call whose fate isn't known the lease is read before it is written",
        rule: Rule::Skip,
        program: &["--lib"],
        tests: &["lease::"],
    },
    Mutant {
        name: "an-answer-after-the-end-counts",
        without: "an answer that comes when the lease was given up changes nothing",
        rule: Rule::Never,
        program: &["--lib"],
        tests: &["lease::"],
    },
    Mutant {
        name: "a-token-of-the-sdks-own",
        without: "the token that is sent is the record's",
        rule: Rule::Skip,
        program: &["--test", "aws"],
        tests: &[],
    },
    Mutant {
        name: "the-sdk-tries-again",
        without: "one attempt by the SDK: one that it makes again hides an answer that nobody saw",
        rule: Rule::Skip,
        program: &["--test", "aws"],
        tests: &[],
    },
    Mutant {
        name: "a-plan-with-suppressed-findings",
        without: "findings that the service would not mitigate are not listed for a plan",
        rule: Rule::Skip,
        program: &["--test", "aws"],
        tests: &["reads::"],
    },
    Mutant {
        name: "audits-that-nobody-scheduled",
        without: "an audit that somebody ran by hand is not listed for a policy",
        rule: Rule::Skip,
        program: &["--test", "aws"],
        tests: &["reads::"],
    },
    Mutant {
        name: "an-answer-without-a-bound",
        without: "an answer is read up to a bound",
        rule: Rule::Value("256 << 20"),
        program: &["--test", "fuzz"],
        tests: &[],
    },
    Mutant {
        name: "a-refusal-is-a-sign-of-life",
        without: "what a refusal says is no sign of a watch's life",
        rule: Rule::Always,
        program: &["--lib"],
        tests: &["controller::api_server_monitor"],
    },
    Mutant {
        name: "it-acts-while-it-may-not-lead",
        without: "only who surely holds the lease writes, starts and cancels",
        rule: Rule::Never,
        program: &["--test", "cluster"],
        tests: &[
            "guards::nothing_is_written_while_the_lease_is_not_surely_held",
            "guards::nothing_is_started_while_the_lease_is_not_surely_held",
        ],
    },
    Mutant {
        name: "a-refused-write-holds-back-no-start",
        without: "a Start waits for the status that it rests on",
        rule: Rule::Never,
        program: &["--test", "cluster"],
        tests: &["guards::nothing_is_started_whose_status_is_refused"],
    },
    Mutant {
        name: "what-was-read-before-a-slow-answer-is-fresh",
        without: "before a Start the resource is read again, if an answer came in between",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["guards::a_replay_is_not_sent_on_what_was_read_before_a_slow_answer"],
    },
    Mutant {
        name: "a-policy-acts-while-it-may-not-lead",
        without: "only who surely holds the lease makes and deletes tasks of policies",
        rule: Rule::Never,
        program: &["--test", "cluster"],
        tests: &["policies::guards::no_task_is_made_while_the_lease_is_not_surely_held"],
    },
    Mutant {
        name: "a-policy-that-has-not-seen-its-tasks",
        without: "a policy waits until all tasks are listed, for one of them might run",
        rule: Rule::Value("std::future::ready(())"),
        program: &["--test", "cluster"],
        tests: &["policies::guards::no_task_is_made_before_all_tasks_are_listed"],
    },
    Mutant {
        name: "a-taken-name-is-not-looked-at",
        without: "who has the name of a task that can't be made is remembered",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["policies::verdict::a_name_that_is_taken_by_something_else_is_told"],
    },
    Mutant {
        name: "any-policy-approves-a-plan",
        without: "only the policy that owns a task approves its plan",
        rule: Rule::Never,
        program: &["--lib"],
        tests: &["controller::policy_directory::"],
    },
    Mutant {
        name: "a-status-over-another",
        without: "a status is written over the version that was seen",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["guards::a_status_is_not_written_over_another_one"],
    },
    Mutant {
        name: "metadata-over-what-has-changed",
        without: "record and finalizer are written over the version that was seen",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["guards::a_record", "guards::a_finalizer"],
    },
    Mutant {
        name: "a-deletion-of-what-has-changed",
        without: "the time to live deletes the version that was seen",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["guards::a_ttl_does_not_delete_what_has_changed"],
    },
    Mutant {
        name: "a-panic-loses-nothing",
        without: "after a panic an attempt may have been sent until then",
        rule: Rule::Skip,
        program: &["--lib"],
        tests: &["controller::task::states"],
    },
    Mutant {
        name: "an-orphan-that-the-watch-finds-runs-on",
        without: "a task that runs is cancelled when its resource is gone although the finalizer was on it",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["orphaned::a_running_task_whose_resource_is_gone_is_cancelled"],
    },
    Mutant {
        name: "an-orphan-that-its-reconcile-finds-runs-on",
        without: "so is one whose resource goes while it is started",
        rule: Rule::Skip,
        program: &["--test", "cluster"],
        tests: &["orphaned::a_task_whose_resource_went_while_it_was_started_is_cancelled"],
    },
];

/// Tries each by its tests.
pub(super) fn run(copy: impl FnOnce() -> Result<Checkout>, arguments: &Arguments) -> Result<()> {
    let is_chosen =
        |mutant: &&Mutant| arguments.names.is_empty() || arguments.names.iter().any(|name| mutant.name.contains(name));
    let mutants: Vec<_> = MUTANTS.iter().filter(is_chosen).collect();
    ensure!(
        !mutants.is_empty(),
        "no mutant has such a name; `cargo xtask mutants shell --list` prints them"
    );
    let files = marked(&root().join("src"))?;
    if arguments.list {
        for Mutant { name, without, .. } in mutants {
            let file = files.get(*name).map(|file| file.display().to_string());
            println!("{name:32} {without} (src/{})", file.unwrap_or_default());
        }
        return Ok(());
    }
    let checkout = copy()?;
    let mut survivors = Vec::new();
    for mutant in mutants {
        let began = Instant::now();
        let file = files.get(mutant.name);
        let file = file.with_context(|| format!("no file has the marker `// mutant: {}`", mutant.name))?;
        let file = checkout.folder().join("src").join(file);
        let original = fs::read_to_string(&file)?;
        // A test that fails anyway notices nothing.
        ensure_it_passes(&checkout, mutant)?;
        let changed = marker::apply(&original, mutant.name, mutant.rule).with_context(|| mutant.name.to_owned())?;
        fs::write(&file, changed)?;
        let verdict = trial::run(&checkout, mutant.program, mutant.tests);
        fs::write(&file, original)?;
        let shown = match verdict? {
            Verdict::Noticed(by) => format!("noticed by {by}"),
            Verdict::Endless => format!("noticed by the limit of {} minutes", trial::LIMIT.as_secs() / 60),
            Verdict::Survived => {
                survivors.push(mutant.name);
                "SURVIVED".to_owned()
            }
            Verdict::NotRun(why) => bail!("{} could not be tried: {why}", mutant.name),
        };
        println!("{:32} {:>5.0} s  {shown}", mutant.name, began.elapsed().as_secs_f64());
    }
    ensure!(
        survivors.is_empty(),
        "no test noticed: {}. Write the test that does, or take the marker away if it protects nothing",
        survivors.join(", ")
    );
    Ok(())
}

fn ensure_it_passes(checkout: &Checkout, mutant: &Mutant) -> Result<()> {
    match trial::run(checkout, mutant.program, mutant.tests)? {
        Verdict::Survived => Ok(()),
        other => bail!("the unchanged checkout doesn't pass: {other:?}"),
    }
}

/// The markers below a folder, and the file that each stands in.
fn marked(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for name in fs::read_to_string(&path)?.lines().filter_map(marker::name) {
                let file = path.strip_prefix(folder)?.to_owned();
                let other = found.insert(name.to_owned(), file);
                ensure!(other.is_none(), "the marker `// mutant: {name}` stands in two places");
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cheap, so that a change of the code that leaves a mutant behind is noticed at once.
    #[test]
    fn each_mutant_has_one_marker_that_its_rule_fits_and_each_marker_a_mutant() {
        let mut files = marked(&root().join("src")).unwrap();
        for mutant in MUTANTS {
            let file = files.remove(mutant.name);
            let file = file.unwrap_or_else(|| panic!("no marker `// mutant: {}`", mutant.name));
            let source = fs::read_to_string(root().join("src").join(file)).unwrap();
            marker::apply(&source, mutant.name, mutant.rule).expect(mutant.name);
        }
        assert!(files.is_empty(), "markers without a mutant: {files:?}");
    }
}
