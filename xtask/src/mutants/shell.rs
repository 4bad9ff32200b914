//! Protections of the shell. Most need a real API server to be noticed.

use super::{Mutant, Tests, cluster, mutant, unit};

const WRITE: &str = "src/controller/write.rs";
const PASS: &str = "src/controller/pass.rs";
const RECONCILE: &str = "src/controller/reconcile.rs";
const CLOCK: &str = "src/controller/clock.rs";
const CONTEXT: &str = "src/controller/context.rs";
const TRAFFIC: &str = "src/controller/traffic.rs";
const WATCH: &str = "src/controller/watch.rs";
const WATCHDOG: &str = "src/controller/watchdog.rs";
const CONTACT: &str = "src/controller/contact.rs";
const CACHED: &str = "src/controller/cached.rs";
const EVENTS: &str = "src/controller/events.rs";
const RUN: &str = "src/run.rs";

const GUARDS: Tests = cluster(&["operator::guards"]);

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "an-unguarded-record",
        "the record is written only over what was seen",
        WRITE,
        "            \"resourceVersion\": version(seen),\n            \"annotations\"",
        "            \"annotations\"",
    )
    .by(GUARDS),
    mutant(
        "an-unguarded-status",
        "a status is written only over what was seen",
        WRITE,
        "                path: pointer([\"metadata\", \"resourceVersion\"]),\n                value: version(seen),",
        "                path: pointer([\"metadata\", \"generation\"]),\n                value: json!(seen.metadata.generation),",
    )
    .by(GUARDS),
    mutant(
        "an-unguarded-finalizer",
        "the finalizer is taken off only from what was seen",
        WRITE,
        "json!({ \"resourceVersion\": version(seen), \"finalizers\": others })",
        "json!({ \"finalizers\": others })",
    )
    .by(GUARDS),
    mutant(
        "an-unguarded-delete",
        "a TTL deletes exactly the resource that was seen",
        WRITE,
        "                uid: seen.uid(),\n                resource_version: seen.resource_version(),",
        "                uid: None,\n                resource_version: None,",
    )
    .by(GUARDS),
    mutant(
        "an-unguarded-finalizer-put-back",
        "the finalizer is put back only on what was seen",
        WRITE,
        "json!({ \"resourceVersion\": version(seen), \"finalizers\": with_ours(seen) })",
        "json!({ \"finalizers\": with_ours(seen) })",
    )
    .by(GUARDS),
    mutant(
        "the-finalizers-of-others-go",
        "the finalizers of others stay",
        WRITE,
        "    others.chain([FINALIZER]).collect()",
        "    others.filter(|_| false).chain([FINALIZER]).collect()",
    )
    .by(GUARDS),
    mutant(
        "acts-without-the-lease",
        "nothing is changed while the lease isn't surely held",
        PASS,
        "if is_the_leaders(&step) && !self.context.leadership.is_surely_held(Instant::now()) {",
        "if is_the_leaders(&step) && !self.context.leadership.is_surely_held(Instant::now()) && false {",
    )
    .by(GUARDS),
    mutant(
        "a-claim-is-overlooked",
        "an older resource's claim to the id counts",
        PASS,
        "let unclaimed = !self.context.is_claimed_by_older(facts, &record.region, &record.task_id);",
        "let unclaimed = true;",
    )
    .by(cluster(&["operator::existing::an_older"])),
    mutant(
        "a-stale-cache-is-believed",
        "what this process wrote last is newer than what the cache shows",
        RECONCILE,
        "        Some((written, latest)) if written > version(&cached.metadata) => {",
        "        Some((written, latest)) if written > version(&cached.metadata) && false => {",
    )
    .by(cluster(&["operator::requests::the_requests_of_a_task_that_is"])),
    mutant(
        "stale-after-a-slow-answer",
        "what was read before a slow answer is read again before a start",
        PASS,
        "        // The answer may have taken seconds: what was read before it is not fresh any more.\n        self.is_fresh = false;\n",
        "",
    )
    .by(cluster(&["operator::guards::a_replay"])),
    mutant(
        "calls-without-a-turn",
        "a call is made in its turn",
        PASS,
        "            if let Err(until) = self.context.ask_turn(&step, &facts) {",
        "            if let Err(until) = self.context.ask_turn(&step, &facts).or::<Timestamp>(Ok(())) {",
    )
    .by(cluster(&["operator::queue::no_more_calls"])),
    mutant(
        "a-start-after-sigterm",
        "after SIGTERM no call begins",
        PASS,
        "            if step.begins_call() && self.context.stop.is_cancelled() {",
        "            if step.begins_call() && self.context.stop.is_cancelled() && false {",
    )
    .by(cluster(&["operator::shutdown::after_sigterm"])),
    mutant(
        "a-resource-that-is-deleted-meanwhile-keeps-its-slot",
        "a slot isn't lost with a resource that is deleted while it is looked at",
        RECONCILE,
        "    if !context.is_there(&object) {",
        "    if !context.is_there(&object) && false {",
    )
    .by(cluster(&["operator::queue::a_slot_is_not_taken"])),
    mutant(
        "errors-of-the-api-server-without-growing-waits",
        "waits grow with each failure of the API server",
        RECONCILE,
        "        .saturating_mul(1 << errors.clamp(1, 16))",
        "        .saturating_mul(1 << errors.clamp(1, 1))",
    )
    .by(unit(&["controller::reconcile"])),
    mutant(
        "nonsense-is-passed-over-in-silence",
        "where no status can be written an event tells",
        RECONCILE,
        "        && note.errors == 1\n",
        "        && note.errors == 0\n",
    )
    .by(cluster(&["operator::undecodable"])),
    mutant(
        "the-beginning-stays-when-the-clock-is-set",
        "the beginning of the process moves with a clock that is set",
        CLOCK,
        "        now.checked_sub(self.began.elapsed()).unwrap_or(Timestamp::MIN)",
        "        now.checked_sub(self.began.elapsed()).map_or(Timestamp::MIN, |_| self.began_at)",
    )
    .by(unit(&["controller::clock"])),
    mutant(
        "the-notes-stay-when-the-clock-is-set",
        "the notes of a resource move with a clock that is set",
        CLOCK,
        "            self.memory.clock_was_set(by);\n",
        "            let _ = &self.memory;\n",
    )
    .by(unit(&["controller::clock"])),
    mutant(
        "the-finished-are-looked-at-at-each-restart",
        "the finished cost no reconcile at a restart",
        CONTEXT,
        "        if facts.is_some_and(|facts| is_done(&facts, &self.settings, Timestamp::now())) {",
        "        if facts.is_some_and(|facts| is_done(&facts, &self.settings, Timestamp::now())) && false {",
    )
    .by(cluster(&["operator::requests::finished"])),
    mutant(
        "a-younger-claim-counts",
        "only an older resource's claim counts",
        CONTEXT,
        ".find(|object| object.claims(region, task_id) && is_older(object))",
        ".find(|object| object.claims(region, task_id) && (is_older(object) || true))",
    )
    .by(cluster(&["operator::main_job::a_task_that_completes"])),
    mutant(
        "the-queue-is-not-complete",
        "nothing starts before all resources are known",
        TRAFFIC,
        ".wait_for(BTreeSet::is_empty).await;",
        ".wait_for(|unlisted| unlisted.is_empty() || true).await;",
    )
    .by(cluster(&["operator::namespaces::the_operator_is_ready"])),
    mutant(
        "nobody-is-woken",
        "who may start is woken at once",
        TRAFFIC,
        "                let _ = wake.unbounded_send(object.clone());",
        "                let _ = (wake, object.clone());",
    )
    .by(cluster(&["operator::queue::two_slots"])),
    mutant(
        "a-deleted-resource-keeps-its-slot",
        "a slot isn't lost with its resource",
        WATCH,
        "                    context.forget(object.metadata.uid.as_deref().unwrap_or_default());\n",
        "",
    )
    .by(cluster(&["operator::queue::a_slot_is"])),
    mutant(
        "stuck-for-twenty-minutes",
        "work that stays undone is noticed after two minutes",
        WATCHDOG,
        "const PATIENCE: Duration = Duration::from_mins(2);",
        "const PATIENCE: Duration = Duration::from_mins(20);",
    )
    .by(unit(&["controller::watchdog"])),
    mutant(
        "the-silence-of-others-is-a-fault",
        "an API server that fails is no reason to be replaced",
        WATCHDOG,
        "let since = since?.max(self.api_server_failed.unwrap_or(since?));",
        "let since = since?;",
    )
    .by(unit(&["controller::watchdog"])),
    mutant(
        "a-change-in-between-is-lost",
        "what changes while it is worked at is due again",
        WATCHDOG,
        "            entry.again = true;",
        "            entry.again = false;",
    )
    .by(unit(&["controller::watchdog"])),
    mutant(
        "a-refusal-is-a-sign-of-life",
        "what a refusal says is no sign of a watch's life",
        CONTACT,
        "                    if lives {",
        "                    if lives || true {",
    )
    .by(unit(&["controller::contact"])),
    mutant(
        "the-cache-forgets-the-finalizers",
        "a decision sees in the cache what stands in the object",
        CACHED,
        "    #[serde(skip_serializing_if = \"Option::is_none\")]\n    finalizers: Option<Vec<String>>,\n",
        "    #[serde(skip)]\n    finalizers: Option<Vec<String>>,\n",
    )
    .by(unit(&["controller::cached"])),
    mutant(
        "an-event-that-is-too-long",
        "an event that the API server would refuse is cut",
        EVENTS,
        "const MAX_NOTE_BYTES: usize = 1_000;",
        "const MAX_NOTE_BYTES: usize = 2_000;",
    )
    .by(unit(&["controller::events"])),
    mutant(
        "it-goes-on-when-the-lease-is-lost",
        "who has lost the lease ends",
        RUN,
        "        ended = &mut holding => {",
        "        ended = &mut holding, if done.is_cancelled() => {",
    )
    .by(cluster(&["operator::guards::nothing_is_written"])),
];
