//! SIGTERM: what is under way is brought to its end.

use simulator::{Fault, FaultKind, Operation};

use super::{LIMIT, World, spec, status};

/// A start is under way and isn't answered. Its end is awaited, and the status says that the attempt is open, so that
/// the next process knows.
#[tokio::test]
async fn sigterm_waits_for_the_call_that_is_under_way() {
    let mut world = World::new("sigterm").await;
    world
        .aws
        .inject(Fault::new(FaultKind::Hang).on(Operation::START).times(1));
    world.create("one", &spec("one")).await;
    world.until_called(Operation::START, 1).await;
    assert!(status(&world.get("one").await).attempt.is_none());
    let mut operator = world.operator.take().unwrap();
    let ended = operator.stop(LIMIT).await.unwrap();
    assert!(ended.success(), "{ended}\n{}", operator.log());
    assert!(status(&world.get("one").await).attempt.is_some(), "{}", operator.log());
    assert_eq!(world.calls(Operation::START).len(), 1);
}
