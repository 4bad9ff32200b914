//! Looks for audits, one look for all policies of a region.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::context::Context;
use crate::api::StoredPolicy;
use crate::core::answer::{ErrorClass, Failure, ListedAudit, Operation};
use crate::core::policy::observed::ObservedPolicy;
use crate::core::policy::period;
use crate::core::policy::region_audits::{RegionAudits, RegionSnapshot};
use crate::core::timing;

/// More pages than 90 days of the account's few schedules fill.
const MAX_PAGES: usize = 100;

/// What looks.
pub(super) struct PollerWorker(mpsc::UnboundedReceiver<String>);

/// A policy of a region, as far as the look needs it.
struct Watcher {
    namespace: String,
    name: String,
    schedule: String,
    window: Duration,
}

impl PollerWorker {
    /// Looks at the regions that come.
    pub(super) const fn of(regions: mpsc::UnboundedReceiver<String>) -> Self {
        Self(regions)
    }

    /// Looks until the process stops.
    pub(super) async fn run(mut self, context: &Arc<Context>) {
        let mut tasks: HashMap<String, AbortOnDropHandle<()>> = HashMap::new();
        let stop = context.shared.stop.clone();
        while let Some(Some(region)) = stop.run_until_cancelled(self.0.recv()).await {
            tasks.retain(|_, task| !task.is_finished());
            let look = tokio::spawn(poll(Arc::clone(context), region.clone()));
            tasks.insert(region, AbortOnDropHandle::new(look));
        }
    }
}

/// Looks at one region again and again, as long as there are policies in it.
async fn poll(context: Arc<Context>, region: String) {
    let stop = context.shared.stop.clone();
    let mut audits = RegionAudits::default();
    loop {
        let watchers = context.pollers.end_without(&region, || watchers_of(&context, &region));
        if watchers.is_empty() {
            return;
        }
        let began = Instant::now();
        let look = look(&context, &region, &watchers, &mut audits);
        match stop.run_until_cancelled(Box::pin(look)).await {
            None => return,
            Some(Ok(())) => audits.completed(),
            Some(Err(failure)) => {
                let Failure { class, message, .. } = &failure;
                tracing::warn!(region, ?class, message, "the audits can't be read");
                audits.failed(failure);
            }
        }
        tell(&context, &region, audits.snapshot());
        let wait = wait_after(&audits, context.pollers.interval, &region, began);
        let next = tokio::time::sleep_until((began + wait).into());
        if stop.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

/// Jitter only ever lengthens: the shortest wait is a promise to the account. So does what fails.
fn wait_after(audits: &RegionAudits, interval: Duration, region: &str, began: Instant) -> Duration {
    let wait = match (audits.fruitless(), &audits.snapshot().failure) {
        (0, _) => interval,
        (failures, Some((class, _))) => interval.max(timing::backoff(began, *class, failures, region)),
        (failures, None) => interval.max(timing::backoff(began, ErrorClass::ServiceUnavailable, failures, region)),
    };
    timing::lengthened(wait, (region, began))
}

/// One look: the list, and what has to be described of it.
async fn look(context: &Context, region: &str, watchers: &[Watcher], audits: &mut RegionAudits) -> Result<(), Failure> {
    let (service, caller) = (&context.shared.service, format!("audits of {region}"));
    let window = watchers.iter().map(|watcher| watcher.window).max().unwrap_or_default();
    let schedules: BTreeSet<String> = watchers.iter().map(|watcher| watcher.schedule.clone()).collect();
    let now = Timestamp::now();
    let from = now.checked_sub(window).unwrap_or(Timestamp::MIN);
    let mut listed: Vec<ListedAudit> = Vec::new();
    let mut next_token = None;
    for _ in 0..MAX_PAGES {
        service.pace().wait(&caller, Operation::ListAudits, region).await;
        let page = service.list_audits(region, from, now, next_token.as_deref()).await?;
        listed.extend(page.audits);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    for id in audits.listed(&listed, &schedules) {
        service.pace().wait(&caller, Operation::DescribeAudit, region).await;
        let answer = service.describe_audit(region, &id).await;
        audits.described(&id, answer)?;
    }
    Ok(())
}

/// Shows policies what was found, and wakes those for which it is anything new.
fn tell(context: &Context, region: &str, found: &RegionSnapshot) {
    let before = context.pollers.replace(region, found);
    for watcher in watchers_of(context, region) {
        let is_news = before
            .as_ref()
            .is_none_or(|before| !found.is_same_for(before, &watcher.schedule));
        if is_news {
            context.caches.wake(Some((&watcher.namespace, &watcher.name)));
        }
    }
}

/// The policies of a region.
fn watchers_of(context: &Context, region: &str) -> Vec<Watcher> {
    let objects = context.caches.objects();
    objects
        .iter()
        .filter_map(|object| watcher(context, region, object))
        .collect()
}

fn watcher(context: &Context, region: &str, object: &StoredPolicy) -> Option<Watcher> {
    let policy = ObservedPolicy::parse(object);
    let desired = policy.desired.as_ref().ok()?;
    if context.region_of(&policy).as_deref() != Some(region) {
        return None;
    }
    let schedule = policy.status.as_ref().and_then(|status| status.schedule.as_ref());
    let frequency = schedule.and_then(|schedule| period::of_name(schedule.frequency.as_deref()?));
    Some(Watcher {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        window: period::window(desired.deadline, frequency),
        schedule: desired.schedule.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::answer::Effect;

    /// The default of `--audit-poll-interval`.
    const MINUTE: Duration = Duration::from_mins(1);

    /// Whatever comes of a look, two of them begin no closer than that, and none is put off for longer than the backoff.
    #[test]
    fn a_region_is_looked_at_once_a_minute_at_most_and_less_often_while_it_fails() {
        let longest = timing::MAX_RETRY.mul_f64(1.1);
        let mut began = Instant::now();
        let mut audits = RegionAudits::default();
        audits.completed();
        for region in ["eu-central-1", "us-east-1"] {
            for _ in 0..1_000 {
                let wait = wait_after(&audits, MINUTE, region, began);
                assert!((MINUTE..=MINUTE.mul_f64(1.1)).contains(&wait), "{wait:?}");
                began += wait;
            }
        }
        for class in [
            ErrorClass::Throttled,
            ErrorClass::ServiceUnavailable,
            ErrorClass::AccessDenied,
        ] {
            let mut audits = RegionAudits::default();
            for _ in 0..12 {
                audits.failed(Failure {
                    class,
                    effect: Effect::None,
                    message: "no".to_owned(),
                });
                let wait = wait_after(&audits, MINUTE, "eu-central-1", began);
                assert!((MINUTE..=longest).contains(&wait), "{class:?}: {wait:?}");
                began += wait;
            }
            let wait = wait_after(&audits, MINUTE, "eu-central-1", began);
            assert!(wait > MINUTE.mul_f64(3.0), "{class:?}: {wait:?}");
        }
    }
}
