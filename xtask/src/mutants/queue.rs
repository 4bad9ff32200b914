//! Protections of the queue.

use super::{Mutant, Tests, mutant, unit};

const QUEUE: &str = "src/core/queue/mod.rs";
const LANE: &str = "src/core/queue/lane.rs";
const LIMIT: &str = "src/core/queue/limit.rs";
const PLACE: &str = "src/core/queue/place.rs";
const BEFORE_START: &str = "src/core/stage/before_start.rs";

const TESTS: Tests = unit(&["core::tests::queue", "core::tests::contention"]);

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "more-slots-than-the-quota",
        "no more tasks at a time than the quota",
        QUEUE,
        "            slots,\n            lanes",
        "            slots: slots + 1,\n            lanes",
    )
    .by(TESTS),
    mutant(
        "nobody-is-called",
        "a slot that frees calls the next",
        QUEUE,
        "            self.called.extend(lane.call(self.slots));",
        "            let _ = lane.call(self.slots);",
    )
    .by(TESTS),
    mutant(
        "not-only-the-head-is-let-in",
        "first come, first served: only the head is let in",
        QUEUE,
        "        if ahead > 0 {\n            let until",
        "        if ahead > usize::MAX - 1 {\n            let until",
    )
    .by(TESTS),
    mutant(
        "a-probe-of-another-clock",
        "a probe that lies further ahead than any is due",
        QUEUE,
        " && until > now && until <= timing::after(now, timing::MAX_PROBE_WAIT) => {",
        " && until > now => {",
    )
    .by(TESTS),
    mutant(
        "let-in-and-put-out",
        "who was let in stays in, though an older one comes",
        QUEUE,
        "LetIn { region, task_id, .. } if region == to && task_id == task))",
        "LetIn { region, task_id, .. } if region == to && task_id == task && false))",
    )
    .by(TESTS),
    mutant(
        "who-can-t-go-on-holds-others-up",
        "who can't go on holds nobody up",
        QUEUE,
        "        if let Some(Spot::Waiting { .. } | Spot::LetIn { .. }) = self.spots.get(uid) {",
        "        if let Some(Spot::Waiting { .. }) = self.spots.get(uid) {",
    )
    .by(TESTS),
    mutant(
        "what-runs-steps-aside",
        "what runs holds its slot whatever the API server does",
        QUEUE,
        "        if let Some(Spot::Waiting { .. } | Spot::LetIn { .. }) = self.spots.get(uid) {",
        "        if self.spots.contains_key(uid) {",
    )
    .by(TESTS),
    mutant(
        "a-refused-start-keeps-its-slot",
        "a start that was refused goes back to its place",
        QUEUE,
        "                    self.put(uid, Some(Spot::Waiting { region, order }));\n                }",
        "                    let _ = (region, order);\n                }",
    )
    .by(TESTS),
    mutant(
        "what-is-gone-keeps-its-slot",
        "what is gone is forgotten",
        QUEUE,
        "            self.set(&uid, Place::None);",
        "            let _ = (&uid, Place::None);",
    )
    .by(TESTS),
    mutant(
        "a-limit-is-no-limit",
        "after LimitExceeded no more are let in than run",
        QUEUE,
        "                lane.refused(uid, region, now);\n",
        "",
    )
    .by(TESTS),
    mutant(
        "a-shared-slot-is-free-when-one-goes",
        "two resources of one task hold its slot until both are gone",
        LANE,
        "            uids.remove(uid);\n            uids.is_empty()",
        "            uids.remove(uid)",
    )
    .by(TESTS),
    mutant(
        "a-slot-that-is-left-stays-taken",
        "a slot that nobody holds is free",
        LANE,
        "        if is_free {\n            self.holders.remove(task_id);\n        }",
        "        let _ = is_free;",
    )
    .by(TESTS),
    mutant(
        "a-probe-that-vanishes-stops-all-others",
        "a probe that comes to nothing makes room for the next",
        LANE,
        "            self.holders.remove(task_id);\n        }\n        self.not_told(uid);",
        "            self.holders.remove(task_id);\n        }",
    )
    .by(TESTS),
    mutant(
        "who-is-gone-still-waits",
        "who is gone holds nobody up",
        LANE,
        "        self.waiting.remove(order);",
        "        let _ = order;",
    )
    .by(TESTS),
    mutant(
        "a-probe-isn-t-noted",
        "one probe at a time: who was let in for it is noted",
        LANE,
        "            limit.probe = Some(uid.to_owned());",
        "            limit.probe = None.or_else(|| Some(uid.to_owned())).filter(|_| false);",
    )
    .by(TESTS),
    mutant(
        "the-refused-counts-as-running",
        "only as many as ran when a start was refused are ours",
        LANE,
        "uids.iter().any(|holder| holder != uid);",
        "uids.iter().any(|holder| holder != uid || holder == uid);",
    )
    .by(TESTS),
    mutant(
        "called-again-and-again",
        "who is next is called once",
        LANE,
        "filter(|_| is_news).map(",
        "filter(|_| is_news || true).map(",
    )
    .by(TESTS),
    mutant(
        "two-probes-at-once",
        "one probe at a time: while one is under way there is no other",
        LIMIT,
        "            0 if self.probe.is_some() => Room::None,\n",
        "",
    )
    .by(TESTS),
    mutant(
        "the-pace-never-comes-back",
        "a probe that was taken raises what is ours",
        LIMIT,
        "        self.ours = self.ours.saturating_add(1);\n",
        "",
    )
    .by(TESTS),
    mutant(
        "the-next-probe-waits-as-long",
        "after a probe that was taken the next hardly waits",
        LIMIT,
        "        self.until = timing::after(now, AFTER_SUCCESS);\n",
        "        let _ = timing::after(now, AFTER_SUCCESS);\n",
    )
    .by(TESTS),
    mutant(
        "probes-without-growing-waits",
        "each refused probe waits longer",
        LIMIT,
        "|limit| limit.refusals).saturating_add(1);",
        "|limit| limit.refusals.min(0)).saturating_add(1);",
    )
    .by(TESTS),
    mutant(
        "probes-without-a-wait",
        "a probe waits",
        LIMIT,
        "            until: timing::probe_at(now, refusals, region),",
        "            until: timing::probe_at(now, refusals, region).min(now),",
    )
    .by(TESTS),
    mutant(
        "own-slots-are-probed",
        "an own slot that frees is taken at once while others hold the rest",
        LIMIT,
        "        let own = held.saturating_sub(usize::from(self.probe.is_some()));",
        "        let own = held.max(self.ours);",
    )
    .by(TESTS),
    mutant(
        "no-order-of-age",
        "first come, first served by creation time",
        PLACE,
        "        created: o.facts.created,",
        "        created: o.facts.created.min(jiff::Timestamp::UNIX_EPOCH),",
    )
    .by(TESTS),
    mutant(
        "an-open-attempt-holds-no-slot",
        "an open attempt holds a slot, and so comes first after a restart",
        QUEUE,
        "            Spot::Open { task_id, order, .. } => {\n                lane.hold(task_id, uid);\n",
        "            Spot::Open { order, .. } => {\n",
    )
    .by(TESTS),
    mutant(
        "open-attempts-need-no-slot",
        "of more open attempts than slots only as many are sent again",
        QUEUE,
        "        if ahead >= room {",
        "        if ahead >= room && room > self.slots {",
    )
    .by(TESTS),
    mutant(
        "a-slot-is-awaited-by-nobody",
        "an open attempt is sent again only when the queue lets it",
        "src/core/stage/open_attempt.rs",
        "wants_a_start(o) && has_a_slot(o) && !needs_a_look",
        "wants_a_start(o) && !needs_a_look",
    )
    .by(unit(&["core::tests::attempts"])),
    mutant(
        "an-open-attempt-is-not-called",
        "a slot that frees calls the next open attempt at once",
        LANE,
        "        let call = open.or_else(waiting)",
        "        let call = open.filter(|_| false).or_else(waiting)",
    )
    .by(TESTS),
    mutant(
        "what-was-seen-to-run-holds-no-slot",
        "a task that is known to run holds a slot, whoever started it",
        PLACE,
        "            if runs {",
        "            if runs && identity.started_by == crate::api::StartedBy::This {",
    )
    .by(TESTS),
    mutant(
        "a-deleted-resource-waits",
        "what is being deleted waits for no slot",
        PLACE,
        "            let wants = o.facts.deleting_since.is_none() && before_start",
        "            let wants = before_start",
    )
    .by(TESTS),
    mutant(
        "a-backoff-holds-others-up",
        "who waits in a backoff holds nobody up",
        BEFORE_START,
        "&& !invalid && held_back(o).is_none()",
        "&& !invalid",
    )
    .by(TESTS),
];
