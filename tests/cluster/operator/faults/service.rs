//! A service that refuses for a long time.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation};
use support::AuditedUser;
use tokio::time::sleep;

use super::World;
use super::bounds::Bounds;

/// Resources that all want to start.
const CROWD: usize = 40;

/// How long the fault lasts: long enough for a hot loop to show. Nothing waits for its end.
const STORM: Duration = Duration::from_secs(25);

struct Storm {
    world: World,
    user: AuditedUser,
    order: Vec<String>,
}

impl Storm {
    /// A crowd that meets these faults from the beginning; they are over when this returns.
    async fn of(prefix: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut world = World::without_operator(prefix, &[], |_| {}).await;
        let user = world.audit().await;
        for fault in faults {
            world.aws.inject(fault);
        }
        world.apply_crowd(CROWD).await;
        let order = world.in_order().await;
        world.start_operator();
        world.until_called(Operation::START, 1).await;
        sleep(STORM).await;
        world.aws.clear_faults();
        Self { world, user, order }
    }

    /// All of them start, once each, well within the longest backoff, which is five minutes.
    async fn passes(mut self, bounds: Bounds) {
        let Self { world, user, order } = &mut self;
        world.until_all_are_completed(order).await;
        for id in order {
            assert_eq!(world.aws.starts(id), 1, "{id}");
        }
        let operator = world.operator.as_mut().unwrap();
        assert!(operator.ended().unwrap().is_none(), "{}", operator.log());
        bounds.assert_kept(world, user);
    }
}

#[tokio::test]
async fn a_storm_of_throttling_passes() {
    let storm = Storm::of("throttling", [Fault::new(FaultKind::Throttle)]).await;
    let refused = storm.world.refused().len();
    // Seconds of halving from eight a second, then one call in two seconds.
    assert!((10..=50).contains(&refused), "{refused} calls were throttled");
    storm
        .passes(Bounds {
            calls: 260,
            requests: 830,
            requests_a_second: 170,
        })
        .await;
}

#[tokio::test]
async fn a_limit_that_others_hold_for_long_passes() {
    let storm = Storm::of("limit", [Fault::new(FaultKind::Limit).on(Operation::START)]).await;
    let refused = storm.world.refused().len();
    // What was sent before the first answer came, then a probe after 3, 6 and 12 seconds.
    assert!((2..=20).contains(&refused), "{refused} calls were refused");
    storm
        .passes(Bounds {
            calls: 260,
            requests: 830,
            requests_a_second: 170,
        })
        .await;
}

/// The service's errors say nothing about what it did: half of the starts take effect.
#[tokio::test]
async fn a_storm_of_server_errors_passes() {
    let taken = ["t?0", "t?2", "t?4", "t?6", "t?8"].map(|ids| {
        let fault = Fault::new(FaultKind::Internal).on(Operation::START);
        fault.task(ids).after_work()
    });
    let storm = Storm::of("errors", taken.into_iter().chain([Fault::new(FaultKind::Unavailable)])).await;
    let refused = storm.world.refused().len();
    // The ten open attempts hold all slots, and each is sent again after 1, 2, 4, 8 and 16 seconds.
    assert!((10..=80).contains(&refused), "{refused} calls failed");
    storm
        .passes(Bounds {
            calls: 260,
            requests: 830,
            requests_a_second: 170,
        })
        .await;
}
