//! Which resources claim a task: those that started it, or are about to.
//!
//! An index over the watch caches, so that each pass can ask it. The key is a hash of region and task id, not the text
//! itself: with thousands of finished resources an entry costs a few words beside the object that the cache keeps
//! anyway. Tasks that happen to share a hash are told apart by what the objects say.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use jiff::Timestamp;

use super::cached::CachedTask;

/// The claims of all resources in the watch caches.
#[derive(Default)]
pub(super) struct Claims {
    hasher: RandomState,
    /// By task; the oldest claimant first.
    by_task: HashMap<u64, Vec<Arc<CachedTask>>>,
}

impl Claims {
    /// Whether a resource that is older than this one, by creation time and then uid, claims this task.
    pub(super) fn claimed_by_older(&self, uid: &str, created: Timestamp, region: &str, task_id: &str) -> bool {
        self.older(uid, created, region, task_id)
            .any(|claimant| claimant.claims(region, task_id))
    }

    /// Whether a resource that is older than this one says that it has started this task. One that only names it, in a
    /// Conflict or because it has adopted it, takes it from nobody.
    pub(super) fn owned_by_older(&self, uid: &str, created: Timestamp, region: &str, task_id: &str) -> bool {
        self.older(uid, created, region, task_id)
            .any(|claimant| claimant.owns(region, task_id))
    }

    fn older<'a>(
        &'a self,
        uid: &'a str,
        created: Timestamp,
        region: &str,
        task_id: &str,
    ) -> impl Iterator<Item = &'a Arc<CachedTask>> {
        let claimants = self.by_task.get(&self.key(region, task_id));
        claimants
            .into_iter()
            .flatten()
            .take_while(move |claimant| age(claimant) < (created, uid))
    }

    /// Enters the claims of a resource that the cache has got.
    pub(super) fn insert(&mut self, object: &Arc<CachedTask>) {
        for (region, task_id) in object.claimed() {
            let claimants = self.by_task.entry(self.key(region, task_id)).or_default();
            let at = claimants.partition_point(|claimant| age(claimant) < age(object));
            if !claimants.get(at).is_some_and(|claimant| Arc::ptr_eq(claimant, object)) {
                claimants.reserve_exact(1);
                claimants.insert(at, Arc::clone(object));
            }
        }
    }

    /// Takes out the claims of an object that the cache has dropped.
    pub(super) fn remove(&mut self, object: &Arc<CachedTask>) {
        for (region, task_id) in object.claimed() {
            let key = self.key(region, task_id);
            if let Some(claimants) = self.by_task.get_mut(&key) {
                claimants.retain(|claimant| !Arc::ptr_eq(claimant, object));
                if claimants.is_empty() {
                    self.by_task.remove(&key);
                }
            }
        }
    }

    /// Begins anew with these resources.
    pub(super) fn rebuild(&mut self, objects: &[Arc<CachedTask>]) {
        self.by_task.clear();
        for object in objects {
            self.insert(object);
        }
    }

    fn key(&self, region: &str, task_id: &str) -> u64 {
        self.hasher.hash_one((region, task_id))
    }
}

fn age(object: &CachedTask) -> (Timestamp, &str) {
    let created = object.metadata.creation_timestamp.as_ref();
    (
        created.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        object.metadata.uid.as_deref().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claimant(uid: &str, second: u32, task_id: &str) -> Arc<CachedTask> {
        let object = json!({
            "metadata": {
                "name": uid, "namespace": "fleet", "uid": uid,
                "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
            },
            "status": { "taskId": task_id, "region": "eu-west-1" },
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn at(second: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(second)
    }

    #[test]
    fn the_older_one_claims_the_task() {
        let mut claims = Claims::default();
        let (first, second) = (claimant("b", 1, "t"), claimant("a", 2, "t"));
        // The order in which the watch brings them says nothing.
        claims.insert(&second);
        claims.insert(&first);
        for (uid, created, expected) in [
            ("b", 1, false),
            ("a", 2, true),
            ("c", 9, true),
            // In the same second the uid decides.
            ("a", 1, false),
            ("c", 1, true),
        ] {
            let older = claims.claimed_by_older(uid, at(created), "eu-west-1", "t");
            assert_eq!(older, expected, "{uid} of second {created}");
        }
        assert!(!claims.claimed_by_older("c", at(9), "eu-west-1", "other"));
        assert!(!claims.claimed_by_older("c", at(9), "us-east-1", "t"));
    }

    #[test]
    fn a_claim_ends_with_the_object_that_made_it() {
        let mut claims = Claims::default();
        let (before, after) = (claimant("a", 1, "t"), claimant("a", 1, "another"));
        claims.insert(&before);
        claims.insert(&before);
        claims.remove(&before);
        claims.insert(&after);
        let claimed = |claims: &Claims, task_id| claims.claimed_by_older("z", at(9), "eu-west-1", task_id);
        assert!(!claimed(&claims, "t") && claimed(&claims, "another"));
        claims.rebuild(&[claimant("c", 3, "third")]);
        assert!(!claimed(&claims, "another") && claimed(&claims, "third"));
        claims.rebuild(&[]);
        assert!(claims.by_task.is_empty());
    }

    /// Two tasks may share a hash; here they are made to.
    #[test]
    fn tasks_that_share_a_hash_are_told_apart() {
        let mut claims = Claims::default();
        let key = claims.key("eu-west-1", "t");
        claims.by_task.insert(key, vec![claimant("a", 1, "another")]);
        assert!(!claims.claimed_by_older("z", at(9), "eu-west-1", "t"));
    }
}
