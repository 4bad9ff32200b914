//! Protections before the first start, and of what makes a task the same task.

use super::{Mutant, mutant};

const BEFORE_START: &str = "src/core/stage/before_start.rs";
const DECIDE: &str = "src/core/decide.rs";
const ALREADY_EXISTS: &str = "src/core/stage/already_exists.rs";
const FACTS: &str = "src/core/facts.rs";
const COPIED: &str = "src/core/stage/copied.rs";
const IDENTITY: &str = "src/core/identity.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "no-record-before-start",
        "the intent stands before the effect",
        BEFORE_START,
        "    Verdict::act(Step::WriteRecord {\n        record: StartRecord {",
        "    struct At { record: StartRecord, with_finalizer: bool }
    fn once(at: At) -> Verdict {
        let _ = at.with_finalizer;
        Verdict::act(Step::Start(at.record))
    }
    once(At {\n        record: StartRecord {",
    ),
    mutant(
        "no-finalizer-with-the-record",
        "the finalizer is put on with the record",
        BEFORE_START,
        "with_finalizer: wish.deletion_policy == DeletionPolicy::Cancel",
        "with_finalizer: false",
    ),
    mutant(
        "a-settled-attempt-is-open-again",
        "a record whose attempt was settled gives way to a new one, or a refusal would leave it open",
        BEFORE_START,
        "        && !known.unanswered\n",
        "",
    ),
    mutant(
        "start-on-a-stale-read",
        "a start is sent only on an object that was just read",
        BEFORE_START,
        "            step: if o.is_fresh {",
        "            step: if o.is_fresh || true {",
    ),
    mutant(
        "a-record-without-its-finalizer-is-sent",
        "a refused start is sent again only with the finalizer in its place",
        BEFORE_START,
        "        && (o.facts.has_finalizer() || o.facts.deletion_policy() == DeletionPolicy::Orphan)\n",
        "",
    ),
    mutant(
        "a-refused-record-keeps-its-region",
        "what is sent after a restart goes where the status says",
        BEFORE_START,
        "        && record.region == region\n",
        "        && !region.is_empty()\n",
    ),
    mutant(
        "a-start-under-a-status-at-rest",
        "a status that says that nothing is in the air is left before a request is",
        BEFORE_START,
        "        let sketch = leaves_rest.then(about_to_start);",
        "        let sketch = (leaves_rest && false).then(about_to_start);",
    ),
    mutant(
        "a-record-under-an-unknown",
        "an Unknown is left before the next record, or it would take that for the old one",
        BEFORE_START,
        "    if o.facts.phase() == Some(Phase::Unknown) {\n        return Verdict::say(about_to_start(), Step::Read);",
        "    if o.facts.phase() == Some(Phase::Unknown) && false {\n        return Verdict::say(about_to_start(), Step::Read);",
    ),
    mutant(
        "suspend-is-stronger-than-cancel",
        "cancel is stronger than suspend",
        BEFORE_START,
        "    let sketch = if wish.cancel {",
        "    let sketch = if wish.cancel && !wish.suspend {",
    ),
    mutant(
        "suspend-holds-nothing-back",
        "what is suspended is not started",
        BEFORE_START,
        "    } else if wish.suspend {",
        "    } else if wish.suspend && false {",
    ),
    mutant(
        "a-refusal-is-no-reason-to-wait",
        "a start that was refused waits before the next",
        BEFORE_START,
        "        .filter(|setback| setback.trouble != Trouble::LimitExceeded)",
        "        .filter(|setback| setback.trouble != Trouble::LimitExceeded && false)",
    ),
    mutant(
        "an-invalid-request-is-repeated",
        "an invalid request is sent again only when the spec has changed",
        BEFORE_START,
        "        && *generation == o.facts.generation\n    {\n        return rejected(",
        "        && *generation != o.facts.generation\n    {\n        return rejected(",
    ),
    mutant(
        "the-queue-is-jumped",
        "nobody starts who wasn't let in",
        BEFORE_START,
        "        Admission::Behind(ahead) => Verdict::say(queued(wish, region, ahead), Step::Wait(None)),",
        "        Admission::Behind(_) => begin(o, wish, region, refused),",
    ),
    mutant(
        "record-of-another-uid",
        "a record of another uid never starts anything",
        DECIDE,
        "        if record.uid != facts.uid {",
        "        if record.uid != facts.uid && false {",
    ),
    mutant(
        "expired-record-forgotten",
        "an expired record is not forgotten over a Describe that finds nothing",
        DECIDE,
        "if o.memory.is_open(&known) || asks_the_same && o.memory.may_have_expired(&known, o.now) {",
        "if o.memory.is_open(&known) {",
    ),
    mutant(
        "rejected-is-tried-again",
        "Rejected is tried again only when the spec changes",
        DECIDE,
        "Some(phase @ (Phase::Rejected | Phase::Conflict)) if facts.is_observed()",
        "Some(phase @ (Phase::Rejected | Phase::Conflict)) if facts.is_observed() && false",
    ),
    mutant(
        "own-without-own-token",
        "a task is Self only with this resource's own token",
        DECIDE,
        "let own = record.token == facts.uid && *unclaimed;",
        "let own = *unclaimed;",
    ),
    mutant(
        "own-although-claimed",
        "a task is Self only when no older resource claims its id",
        DECIDE,
        "let own = record.token == facts.uid && *unclaimed;",
        "let own = record.token == facts.uid;",
    ),
    mutant(
        "late-phase-believed",
        "a status that comes late doesn't hide the task that was started",
        DECIDE,
        "    if facts.status.as_ref().is_some_and(|status| status.task_id.is_some()) {\n        return None;",
        "    if facts.status.as_ref().is_some_and(|status| status.task_id.is_some()) || is_at_rest(facts) {\n        return None;",
    ),
    mutant(
        "cancel-before-it-is-written",
        "Canceling is written before Cancel is called",
        DECIDE,
        "        .map_or(step, |status| Step::WriteStatus(Box::new(status)))",
        "        .filter(|_| !matches!(step, Step::Cancel(_)))
        .map_or(step.clone(), |status| Step::WriteStatus(Box::new(status)))",
    ),
    mutant(
        "an-edit-opens-what-has-ended",
        "what has ended stays ended, whatever is edited",
        DECIDE,
        "Some(phase) if has_ended(phase) => return",
        "Some(phase) if has_ended(phase) && facts.is_observed() => return",
    ),
    mutant(
        "the-expired-are-asked-for-again",
        "a record whose task has expired is settled for good",
        DECIDE,
        "(Some(Phase::Unknown), Some(Reason::TaskExpired)) if asks_the_same =>",
        "(Some(Phase::Unknown), Some(Reason::TaskExpired)) if asks_the_same && false =>",
    ),
    mutant(
        "an-edit-hides-an-own-task",
        "an attempt that went unanswered may still turn up, though the id exists and the spec was edited",
        DECIDE,
        "if asks_the_same || known.unanswered && !o.memory.shows_nothing_started(&known) =>",
        "if asks_the_same =>",
    ),
    mutant(
        "own-although-it-existed",
        "a task is Self only when this resource's own Start succeeded",
        ALREADY_EXISTS,
        "started_by: StartedBy::Other",
        "started_by: StartedBy::This",
    ),
    mutant(
        "a-late-own-task-is-a-token-in-use",
        "after an unanswered attempt the own task may come a quarter of an hour late",
        ALREADY_EXISTS,
        "    let is_settled = if known.unanswered {",
        "    let is_settled = if known.unanswered && false {",
    ),
    mutant(
        "the-missing-are-asked-for-at-each-restart",
        "what is missing is asked for hourly, also after a restart",
        ALREADY_EXISTS,
        "Some(time) if is_known_missing && o.facts.is_observed() =>",
        "Some(time) if is_known_missing && o.facts.is_observed() && false =>",
    ),
    mutant(
        "a-copied-status-is-believed",
        "startedBy Self in a copied status proves nothing",
        FACTS,
        "                && status.client_request_token.as_deref() == Some(self.uid.as_str())\n",
        "",
    ),
    mutant(
        "annotation-is-all",
        "an open attempt survives the removal of its annotation",
        FACTS,
        "            .or_else(|| status.as_ref().and_then(|status| record_of_attempt(&uid, status)));",
        "            .or_else(|| status.as_ref().and_then(|status| record_of_attempt(&uid, status)).filter(|_| false));",
    ),
    mutant(
        "a-look-is-put-off-by-a-wrong-clock",
        "a look that is put off further than any was put off by a wrong clock",
        FACTS,
        "        (time > now && time <= furthest).then_some(time)",
        "        (time > now && (time <= furthest || time > furthest)).then_some(time)",
    ),
    mutant(
        "a-copy-gives-up-at-once",
        "a copy waits for a Describe that lags",
        COPIED,
        "    if !o.memory.is_missing_for_good(&record.task_id) {",
        "    if !o.memory.is_missing_for_good(&record.task_id) && false {",
    ),
    mutant(
        "a-forgotten-copy-is-asked-for",
        "a copy whose task has expired asks nothing any more",
        COPIED,
        "    if o.facts.phase() == Some(Phase::Unknown) && o.facts.is_observed() {",
        "    if o.facts.phase() == Some(Phase::Unknown) && o.facts.is_observed() && false {",
    ),
    mutant(
        "the-hash-knows-the-order",
        "the order of finding ids means nothing",
        IDENTITY,
        "    items.sort_unstable();\n    items",
        "    items",
    ),
    mutant(
        "the-hash-forgets-the-region",
        "another region is another request",
        IDENTITY,
        "        request.insert(\"region\".to_owned(), json!(region));",
        "        let _ = region;",
    ),
    mutant(
        "the-hash-forgets-the-token",
        "another token is another request",
        IDENTITY,
        "        request.insert(\"clientRequestToken\".to_owned(), json!(token));",
        "        let _ = token;",
    ),
    mutant(
        "two-names-one-id",
        "names that differ have ids that differ",
        IDENTITY,
        "        name.replace('.', \"_\"),",
        "        name.replace('.', \"\"),",
    ),
];
