//! Protections of the shell: they need a real API server to be noticed.

use super::Mutant;

const WRITE: &str = "src/controller/write.rs";
const PASS: &str = "src/controller/pass.rs";

const fn shell(
    name: &'static str,
    without: &'static str,
    file: &'static str,
    (search, replacement): (&'static str, &'static str),
    tests: &'static [&'static str],
) -> Mutant {
    Mutant {
        name,
        without,
        file,
        search,
        replacement,
        tests,
    }
}

const GUARDS: &[&str] = &["--test", "cluster", "operator::guards"];

pub(super) const MUTANTS: &[Mutant] = &[
    shell(
        "an-unguarded-record",
        "the record is written only over what was seen",
        WRITE,
        (
            "            \"resourceVersion\": version(seen),\n            \"annotations\"",
            "            \"annotations\"",
        ),
        GUARDS,
    ),
    shell(
        "an-unguarded-status",
        "a status is written only over what was seen",
        WRITE,
        (
            "                path: pointer([\"metadata\", \"resourceVersion\"]),\n                value: version(seen),",
            "                path: pointer([\"metadata\", \"generation\"]),\n                value: json!(seen.metadata.generation),",
        ),
        GUARDS,
    ),
    shell(
        "an-unguarded-finalizer",
        "the finalizer is taken off only from what was seen",
        WRITE,
        (
            "json!({ \"resourceVersion\": version(seen), \"finalizers\": others })",
            "json!({ \"finalizers\": others })",
        ),
        GUARDS,
    ),
    shell(
        "an-unguarded-delete",
        "a TTL deletes exactly the resource that was seen",
        WRITE,
        (
            "                uid: seen.uid(),\n                resource_version: seen.resource_version(),",
            "                uid: None,\n                resource_version: None,",
        ),
        GUARDS,
    ),
    shell(
        "acts-without-the-lease",
        "nothing is changed while the lease isn't surely held",
        PASS,
        (
            "if is_the_leaders(&step) && !self.context.leadership.is_surely_held(Instant::now()) {",
            "if is_the_leaders(&step) && !self.context.leadership.is_surely_held(Instant::now()) && false {",
        ),
        GUARDS,
    ),
    shell(
        "a-claim-is-overlooked",
        "an older resource's claim to the id counts",
        PASS,
        (
            "let unclaimed = !self.context.is_claimed_by_older(facts, &record.region, &record.task_id);",
            "let unclaimed = true;",
        ),
        &["--test", "cluster", "operator::existing"],
    ),
];
