//! What people asked for and when: what the operator did is judged by it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulator::Operation;

/// From an edit to the last call that may still rest on what was before: a read, a call, and a machine that is busy.
const REACTION: SignedDuration = SignedDuration::from_secs(5);

/// What was asked for since a time.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    since: Timestamp,
    /// The request to be started; none where nothing is to be started.
    request: Option<Value>,
}

/// The orders of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By uid, oldest first.
    wanted: BTreeMap<String, Vec<Wanted>>,
    /// The uids of resources that were deleted or cancelled: only their tasks may be cancelled.
    pub(crate) may_be_canceled: BTreeSet<String>,
    /// From backups: their uids start nothing, and nobody starts these ids again.
    pub(crate) restored: BTreeMap<String, Timestamp>,
    /// What was called, and for which task.
    pub(crate) called: BTreeSet<(Operation, String)>,
    /// How often something was done to a resource of this name.
    pub(crate) touched: BTreeMap<String, usize>,
}

impl Ledger {
    /// Something was asked for, and the API server took it.
    pub(crate) fn wants(&mut self, uid: &str, request: Option<Value>) {
        let since = Timestamp::now();
        self.wanted
            .entry(uid.to_owned())
            .or_default()
            .push(Wanted { since, request });
    }

    /// Whether a task that a resource has started was wanted when its request was signed. Signatures are in whole
    /// seconds.
    pub(crate) fn wanted(&self, uid: &str, request: &Value, signed: Timestamp) -> bool {
        let orders = self.wanted.get(uid).map(Vec::as_slice).unwrap_or_default();
        let ends = orders.iter().skip(1).map(|next| next.since);
        let ends = ends.chain([Timestamp::MAX]);
        orders.iter().zip(ends).any(|(order, end)| {
            let could_be_known = signed.duration_since(end) < REACTION;
            could_be_known
                && order
                    .request
                    .as_ref()
                    .is_some_and(|wanted| asks_the_same(wanted, request))
        })
    }

    /// Whether it is known who asked for this.
    pub(crate) fn knows(&self, uid: &str) -> bool {
        self.wanted.contains_key(uid)
    }

    pub(crate) fn touches(&mut self, name: &str) {
        *self.touched.entry(name.to_owned()).or_default() += 1;
    }
}

fn asks_the_same(spec: &Value, request: &Value) -> bool {
    crate::resources::asks_for(request, spec)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_start_is_judged_by_what_was_wanted_a_moment_before() {
        let mut ledger = Ledger::default();
        let request = json!({ "target": { "auditTaskId": "a" } });
        ledger.wants("u", Some(request.clone()));
        ledger.wants("u", None);
        let now = Timestamp::now();
        assert!(ledger.wanted("u", &request, now));
        assert!(!ledger.wanted("u", &request, now + REACTION + SignedDuration::from_secs(1)));
        assert!(!ledger.wanted("u", &json!({ "target": { "auditTaskId": "b" } }), now));
        assert!(!ledger.wanted("other", &request, now));
        ledger.wants("u", Some(request.clone()));
        assert!(ledger.wanted("u", &request, now + SignedDuration::from_hours(1)));
    }
}
