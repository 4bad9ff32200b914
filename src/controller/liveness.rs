//! Whether due work stays untouched, which is what `/livez` tells.
//!
//! A resource is due from a change on (a newcomer from its turn on), or from the end of its wait; it is touched by each
//! step of its reconcile. Every step has a time-out and every failure ends in a wait, so neither an API server nor a
//! service that is silent leaves a resource untouched: what does is a fault of this process, and a new process is the
//! cure.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::api_server_monitor::ApiServerMonitor;
use super::lock::lock;
use super::requeue::Requeue;

/// How long due work may stay untouched.
const PATIENCE: Duration = Duration::from_mins(2);

/// A watch is heard of about every minute, and taken up again after 295 seconds of silence. From then on it is due.
const WATCH_IS_DUE_AFTER: Duration = Duration::from_mins(5);

/// How often one that waits in line says that it isn't forgotten.
const TOUCH_INTERVAL: Duration = Duration::from_secs(30);

/// Whether this process does its work: what `/livez` asks.
pub(super) struct Liveness<K> {
    schedule: Mutex<Schedule<K>>,
    api_server: ApiServerMonitor,
    touch_interval: Duration,
}

impl<K: Hash + Eq + Clone> Liveness<K> {
    pub(super) fn new(api_server: ApiServerMonitor) -> Self {
        Self {
            schedule: Mutex::default(),
            api_server,
            touch_interval: TOUCH_INTERVAL,
        }
    }

    /// Something has changed, or the turn of the resource has come.
    pub(super) fn mark_due(&self, resource: K) {
        lock(&self.schedule).mark_due(resource, Instant::now());
    }

    /// A step of its reconcile is taken.
    pub(super) fn mark_touched(&self, resource: &K) {
        lock(&self.schedule).mark_touched(resource, Instant::now());
    }

    /// Waits for others to make room: who does so is not stuck, however many they are.
    pub(super) async fn while_in_line<T>(&self, resource: &K, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        loop {
            if let Ok(done) = timeout(self.touch_interval, &mut wait).await {
                return done;
            }
            self.mark_touched(resource);
        }
    }

    /// Its reconcile has ended.
    pub(super) fn mark_resting(&self, resource: &K, requeue: Requeue) {
        let now = Instant::now();
        let until = match requeue {
            Requeue::UntilChange => None,
            Requeue::For(time) => now.checked_add(time),
        };
        lock(&self.schedule).mark_resting(resource, until, now);
    }

    /// It was deleted.
    pub(super) fn forget(&self, resource: &K) {
        lock(&self.schedule).forget(resource);
    }

    /// All other resources were deleted.
    pub(super) fn retain(&self, keep: impl Fn(&K) -> bool) {
        lock(&self.schedule).retain(keep);
    }

    /// What is stuck, if anything is.
    pub(super) fn stuck(&self, now: Instant) -> Option<String> {
        let signs = Signs {
            due_since: lock(&self.schedule).due_since(now),
            watch_heard: self
                .api_server
                .silence(now)
                .and_then(|silence| now.checked_sub(silence)),
            api_server_failed: self.api_server.failed_at(),
        };
        signs.stuck(now)
    }
}

/// Since when which work is due.
#[derive(Debug)]
struct Schedule<K>(HashMap<K, Entry>);

#[derive(Debug)]
struct Entry {
    /// When the work is due; while it is being done, when it was touched last.
    at: Instant,
    is_running: bool,
    /// Something has changed while it was being done.
    again: bool,
}

impl<K> Default for Schedule<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Schedule<K> {
    /// Something has changed.
    fn mark_due(&mut self, work: K, now: Instant) {
        let entry = self.0.entry(work).or_insert(Entry {
            at: now,
            is_running: false,
            again: false,
        });
        if entry.is_running {
            entry.again = true;
        } else {
            entry.at = entry.at.min(now);
        }
    }

    /// A step of it is taken.
    fn mark_touched(&mut self, work: &K, now: Instant) {
        let again = self.0.get(work).is_some_and(|entry| entry.is_running && entry.again);
        let entry = Entry {
            at: now,
            is_running: true,
            again,
        };
        self.0.insert(work.clone(), entry);
    }

    /// It rests until then, or until something changes.
    fn mark_resting(&mut self, work: &K, until: Option<Instant>, now: Instant) {
        let again = self.0.remove(work).is_some_and(|entry| entry.again);
        if let Some(at) = if again { Some(now) } else { until } {
            let entry = Entry {
                at,
                is_running: false,
                again: false,
            };
            self.0.insert(work.clone(), entry);
        }
    }

    /// It is gone.
    fn forget(&mut self, work: &K) {
        self.0.remove(work);
    }

    /// All other work is gone.
    fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.0.retain(|work, _| keep(work));
    }

    /// Since when the oldest due work has been untouched.
    fn due_since(&self, now: Instant) -> Option<Instant> {
        self.0.values().map(|entry| entry.at).filter(|at| *at <= now).min()
    }
}

/// What can be seen from outside the work.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// Since when the oldest due work has been untouched.
    due_since: Option<Instant>,
    /// When the quietest watch was heard of last.
    watch_heard: Option<Instant>,
    /// When the API server last failed: until it answers again, waiting is all that can be done.
    api_server_failed: Option<Instant>,
}

impl Signs {
    /// What is stuck, if anything is.
    fn stuck(&self, now: Instant) -> Option<String> {
        let untouched = |since: Option<Instant>| {
            let since = since?.max(self.api_server_failed.unwrap_or(since?));
            let time = now.saturating_duration_since(since);
            (time >= PATIENCE).then_some(time.as_secs())
        };
        if let Some(seconds) = untouched(self.due_since) {
            return Some(format!("stuck: due work has not been touched for {seconds} seconds"));
        }
        let seconds = untouched(self.watch_heard.map(|heard| heard + WATCH_IS_DUE_AFTER))?;
        Some(format!(
            "stuck: the watch should have been taken up again {seconds} seconds ago"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many may be ahead, and each of them slow.
    #[tokio::test]
    async fn who_waits_in_line_is_not_forgotten() {
        let mut liveness = Liveness::new(ApiServerMonitor::default());
        liveness.touch_interval = Duration::from_millis(1);
        liveness.mark_due("one");
        let due_since = || lock(&liveness.schedule).due_since(Instant::now()).unwrap();
        let (was_due, touched) = (due_since(), async {
            let began = Instant::now();
            while due_since() <= began {
                tokio::task::yield_now().await;
            }
        });
        timeout(Duration::from_mins(1), liveness.while_in_line(&"one", touched))
            .await
            .unwrap();
        assert!(due_since() > was_due);
    }

    /// Each row: seconds since due work was touched, since the watch was heard of, since the API server failed; stuck?
    #[test]
    fn only_what_this_process_leaves_undone_is_stuck() {
        let now = Instant::now() + Duration::from_hours(1);
        let ago = |seconds: Option<u64>| seconds.map(|seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap());
        for (due, watch, failed, expected) in [
            // A standby, or an operator that waits for the CRD.
            (None, None, None, None),
            (None, None, Some(5), None),
            // Nothing is due, or not for long.
            (None, Some(60), None, None),
            (Some(0), Some(60), None, None),
            (Some(119), Some(60), None, None),
            (Some(120), Some(60), None, Some("due work")),
            (Some(120), None, None, Some("due work")),
            // The API server failed long ago, a moment ago, and ever again since.
            (Some(3_000), Some(60), Some(2_900), Some("due work")),
            (Some(3_000), Some(60), Some(120), Some("due work")),
            (Some(3_000), Some(60), Some(119), None),
            (Some(130), Some(60), Some(3_000), Some("due work")),
            // A watch may be quiet for as long as its client waits; then it is taken up again.
            (None, Some(419), None, None),
            (None, Some(420), None, Some("watch")),
            (Some(1), Some(420), None, Some("watch")),
            (None, Some(3_000), Some(119), None),
            (None, Some(3_000), Some(120), Some("watch")),
        ] {
            let signs = Signs {
                due_since: ago(due),
                watch_heard: ago(watch),
                api_server_failed: ago(failed),
            };
            let stuck = signs.stuck(now);
            let matches = match expected {
                None => stuck.is_none(),
                Some(what) => stuck.as_ref().is_some_and(|stuck| stuck.contains(what)),
            };
            assert!(matches, "{due:?} {watch:?} {failed:?}: {stuck:?}");
        }
    }

    #[test]
    fn work_is_due_from_a_change_or_the_end_of_a_wait_until_it_is_touched() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = Schedule::default();
        assert_eq!(schedule.due_since(at(0)), None);
        schedule.mark_due("a", at(1));
        schedule.mark_due("b", at(2));
        schedule.mark_due("a", at(3));
        assert_eq!(schedule.due_since(at(9)), Some(at(1)), "the first change counts");
        schedule.mark_touched(&"a", at(4));
        assert_eq!(schedule.due_since(at(9)), Some(at(2)));
        schedule.mark_touched(&"b", at(5));
        assert_eq!(
            schedule.due_since(at(9)),
            Some(at(4)),
            "one that never ends is untouched too"
        );
        schedule.mark_touched(&"a", at(6));
        assert_eq!(schedule.due_since(at(9)), Some(at(5)));

        schedule.mark_resting(&"b", None, at(7));
        schedule.mark_resting(&"a", Some(at(20)), at(7));
        assert_eq!(schedule.due_since(at(19)), None, "it rests");
        assert_eq!(schedule.due_since(at(20)), Some(at(20)));
        schedule.mark_due("a", at(10));
        assert_eq!(schedule.due_since(at(19)), Some(at(10)), "a change ends the wait");

        schedule.mark_touched(&"a", at(11));
        schedule.mark_due("a", at(12));
        schedule.mark_touched(&"a", at(13));
        schedule.mark_resting(&"a", None, at(14));
        assert_eq!(
            schedule.due_since(at(19)),
            Some(at(14)),
            "it changed while it was being done"
        );
        schedule.mark_touched(&"a", at(15));
        schedule.mark_resting(&"a", None, at(16));
        assert_eq!(schedule.due_since(at(99)), None);

        schedule.mark_due("a", at(1));
        schedule.mark_due("b", at(2));
        schedule.forget(&"a");
        assert_eq!(schedule.due_since(at(9)), Some(at(2)));
        schedule.retain(|work| *work != "b");
        assert_eq!(schedule.due_since(at(9)), None);
    }
}
