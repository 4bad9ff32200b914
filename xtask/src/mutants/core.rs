//! Protections of the core.

use super::{CORE, Mutant};

const BEFORE_START: &str = "src/core/stage/before_start.rs";
const OPEN_ATTEMPT: &str = "src/core/stage/open_attempt.rs";
const FOLLOWING: &str = "src/core/stage/following/mod.rs";
const CANCELING: &str = "src/core/stage/following/canceling.rs";
const DELETION: &str = "src/core/stage/deletion.rs";
const DECIDE: &str = "src/core/decide.rs";
const MEMORY: &str = "src/core/memory.rs";
const TIMING: &str = "src/core/timing.rs";
const FACTS: &str = "src/core/facts.rs";

const fn core(
    name: &'static str,
    without: &'static str,
    file: &'static str,
    search: &'static str,
    replacement: &'static str,
) -> Mutant {
    Mutant {
        name,
        without,
        file,
        search,
        replacement,
        tests: CORE,
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    core(
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
    core(
        "no-finalizer-with-the-record",
        "the finalizer is put on with the record",
        BEFORE_START,
        "with_finalizer: wish.deletion_policy == DeletionPolicy::Cancel",
        "with_finalizer: false",
    ),
    core(
        "unanswered-record-reused",
        "a record with an unanswered attempt is not taken for one that was refused",
        BEFORE_START,
        "        && !known.unanswered\n",
        "",
    ),
    core(
        "start-on-a-stale-read",
        "a start is sent only on an object that was just read",
        BEFORE_START,
        "            step: if o.is_fresh {",
        "            step: if o.is_fresh || true {",
    ),
    core(
        "replay-on-a-stale-read",
        "a replay is sent only on an object that was just read",
        OPEN_ATTEMPT,
        "        step: if o.is_fresh {",
        "        step: if o.is_fresh || true {",
    ),
    core(
        "replay-with-another-token",
        "a replay carries the same token",
        OPEN_ATTEMPT,
        "Step::Start(known.record.clone())",
        "Step::Start(crate::api::StartRecord { token: format!(\"{}x\", known.record.token), ..known.record.clone() })",
    ),
    core(
        "replay-of-another-request",
        "a replay only while the spec still gives the same request hash",
        OPEN_ATTEMPT,
        "    o.facts.still_asks_for(&known.record)\n        && !is_older",
        "    !is_older",
    ),
    core(
        "replay-of-an-expired-record",
        "a record older than 80 days is never settled by a Start",
        OPEN_ATTEMPT,
        "        && !is_older_than_retention(o, known)\n        && !matches",
        "        && !matches",
    ),
    core(
        "replay-during-a-deletion",
        "a deletion never starts anything",
        OPEN_ATTEMPT,
        "o.facts.deleting_since.is_none() && o.facts.wish",
        "o.facts.wish",
    ),
    core(
        "replay-although-suspended",
        "what is suspended or cancelled is not sent again",
        OPEN_ATTEMPT,
        "is_ok_and(|wish| !wish.suspend && !wish.cancel)",
        "is_ok()",
    ),
    core(
        "no-finalizer-while-open",
        "a missing finalizer is put back while an attempt is open",
        OPEN_ATTEMPT,
        "if needs_finalizer { Step::AddFinalizer } else { step }",
        "if needs_finalizer && false { Step::AddFinalizer } else { step }",
    ),
    core(
        "record-of-another-uid",
        "a record of another uid never starts anything",
        DECIDE,
        "        if record.uid != facts.uid {",
        "        if record.uid != facts.uid && false {",
    ),
    core(
        "expired-record-forgotten",
        "an expired record is not forgotten over a Describe that finds nothing",
        DECIDE,
        "if o.memory.is_open(&known) || asks_the_same && o.memory.may_have_expired(&known, o.now) {",
        "if o.memory.is_open(&known) {",
    ),
    core(
        "rejected-is-tried-again",
        "Rejected is tried again only when the spec changes",
        DECIDE,
        "Some(phase @ (Phase::Rejected | Phase::Conflict)) if facts.is_observed()",
        "Some(phase @ (Phase::Rejected | Phase::Conflict)) if facts.is_observed() && false",
    ),
    core(
        "own-without-own-token",
        "a task is Self only with this resource's own token",
        DECIDE,
        "let own = record.token == facts.uid && *unclaimed;",
        "let own = *unclaimed;",
    ),
    core(
        "own-although-claimed",
        "a task is Self only when no older resource claims its id",
        DECIDE,
        "let own = record.token == facts.uid && *unclaimed;",
        "let own = record.token == facts.uid;",
    ),
    core(
        "own-although-it-existed",
        "a task is Self only when this resource's own Start succeeded",
        "src/core/stage/already_exists.rs",
        "started_by: StartedBy::Other",
        "started_by: StartedBy::This",
    ),
    core(
        "a-copied-status-is-believed",
        "startedBy Self in a copied status proves nothing",
        FACTS,
        "                && status.client_request_token.as_deref() == Some(self.uid.as_str())\n",
        "",
    ),
    core(
        "annotation-is-all",
        "an open attempt survives the removal of its annotation",
        FACTS,
        "            .or_else(|| status.as_ref().and_then(|status| record_of_attempt(&uid, status)));",
        "            .or_else(|| status.as_ref().and_then(|status| record_of_attempt(&uid, status)).filter(|_| false));",
    ),
    core(
        "late-phase-believed",
        "a status that comes late doesn't hide the task that was started",
        DECIDE,
        "    if facts.status.as_ref().is_some_and(|status| status.task_id.is_some()) {\n        return None;",
        "    if facts.status.as_ref().is_some_and(|status| status.task_id.is_some()) || is_at_rest(facts) {\n        return None;",
    ),
    core(
        "already-exists-is-retried",
        "TaskAlreadyExists is never tried again",
        MEMORY,
        "known.answer = Some(Answered::AlreadyExists);",
        "known.answer = Some(Answered::Refused);",
    ),
    core(
        "a-lost-answer-is-a-refusal",
        "an attempt without an answer may have taken effect",
        MEMORY,
        "                        known.unanswered = true;\n                        known.answer = None;",
        "                        known.answer = Some(Answered::Refused);",
    ),
    core(
        "a-found-record-is-unsent",
        "a record that another process wrote may have been sent",
        MEMORY,
        "                unanswered: true,\n                last_sent: self",
        "                unanswered: false,\n                last_sent: self",
    ),
    core(
        "a-refusal-closes-an-open-attempt",
        "a refusal settles nothing while an earlier attempt is unanswered",
        MEMORY,
        "self.unanswered && !matches!(self.answer, Some(Answered::Success { .. } | Answered::AlreadyExists))",
        "self.unanswered && self.answer.is_none()",
    ),
    core(
        "not-found-counts-at-once",
        "Describe settles an attempt only when no request can arrive any more",
        MEMORY,
        "heard.task.is_none() && heard.at.duration_since(known.last_sent) >= timing::SIGNATURE_LIFETIME",
        "heard.task.is_none()",
    ),
    core(
        "fifteen-minutes-are-five",
        "a request may arrive for fifteen minutes",
        TIMING,
        "SIGNATURE_LIFETIME: SignedDuration = SignedDuration::from_mins(15)",
        "SIGNATURE_LIFETIME: SignedDuration = SignedDuration::from_mins(5)",
    ),
    core(
        "eighty-days-are-ninety-five",
        "a record may be replayed only while the service remembers its task",
        TIMING,
        "SignedDuration::from_hours(80 * 24)",
        "SignedDuration::from_hours(95 * 24)",
    ),
    core(
        "no-grace-period",
        "a Describe may lag behind a Start",
        TIMING,
        "GRACE: SignedDuration = SignedDuration::from_secs(60)",
        "GRACE: SignedDuration = SignedDuration::from_secs(1)",
    ),
    core(
        "a-record-of-the-future-is-young",
        "a record that a wrong clock has dated ahead is never replayed",
        TIMING,
        "age >= RECORD_LIFETIME || age <= -RECORD_REUSE",
        "age >= RECORD_LIFETIME",
    ),
    core(
        "looks-without-a-pause",
        "a clock that is set back causes no hot loop",
        OPEN_ATTEMPT,
        "heard.at >= known.last_sent || is_ahead",
        "heard.at >= known.last_sent || is_ahead && false",
    ),
    core(
        "cancels-another-s-task",
        "only what this resource started is cancelled",
        CANCELING,
        "let is_ours = self.identity.started_by == StartedBy::This && ",
        "let is_ours = ",
    ),
    core(
        "cancels-what-took-the-id-later",
        "after the retention an id may be somebody else's",
        CANCELING,
        "is_ours && may_run && !self.is_past_retention(self.o.now) && ",
        "is_ours && may_run && ",
    ),
    core(
        "finalizer-is-not-put-back",
        "a missing finalizer is put back while an own task runs",
        FOLLOWING,
        "            _ if self.needs_finalizer() => Step::AddFinalizer,\n            Some(setback) => ",
        "            Some(setback) => ",
    ),
    core(
        "a-conflict-is-followed",
        "a task that does something else is not followed",
        FOLLOWING,
        "        if let Some(member) = self.conflict(Some(task)) {",
        "        if let Some(member) = self.conflict(Some(task)).filter(|_| false) {",
    ),
    core(
        "finalizer-goes-while-it-runs",
        "the finalizer of a deleted resource stays until its task is cancelled",
        DELETION,
        "    identity.started_by == StartedBy::Other\n        || task",
        "    identity.started_by == StartedBy::Other || o.now >= o.facts.created\n        || task",
    ),
    core(
        "finalizer-goes-while-open",
        "the finalizer of a deleted resource stays while an attempt is open",
        DELETION,
        "        Situation::Open(known) => open_attempt::assess(o, &known),\n",
        "        Situation::Open(_) => return release,\n",
    ),
    core(
        "a-deletion-hangs",
        "a deletion lets go in the end",
        DELETION,
        "Some(deadline) if deadline <= o.now =>",
        "Some(deadline) if deadline <= o.now && false =>",
    ),
    core(
        "cancel-before-it-is-written",
        "Canceling is written before Cancel is called",
        DECIDE,
        "        .map_or(step, |status| Step::WriteStatus(Box::new(status)))",
        "        .filter(|_| !matches!(step, Step::Cancel(_)))
        .map_or(step.clone(), |status| Step::WriteStatus(Box::new(status)))",
    ),
    core(
        "the-same-status-again",
        "a status is written only when it differs",
        "src/core/sketch.rs",
        "(facts.status.is_none() || after != before).then_some(after)",
        "Some(after)",
    ),
    core(
        "ttl-from-the-task-s-end",
        "the TTL counts from Finished, or adopting an old task would loop",
        "src/core/stage/finished.rs",
        "        finished.last_transition_time.0,",
        "        status.completion_time.as_ref().unwrap_or(&finished.last_transition_time).0,",
    ),
    core(
        "the-order-of-actions-is-lost",
        "another order of actions is another task",
        "src/core/compare.rs",
        "(*mapping != wish.mapping)",
        "(filter(Some(mapping)) != filter(Some(&wish.mapping)))",
    ),
    core(
        "more-slots-than-the-quota",
        "no more tasks at a time than the quota",
        "src/core/queue/mod.rs",
        "            slots,\n            lanes",
        "            slots: slots + 1,\n            lanes",
    ),
];
