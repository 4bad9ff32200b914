//! How much of large resources is worked on at a time, whatever else waits.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How many KiB of large resources are worked on at a time. Each takes several times its size: the answer of the API
/// server, what is parsed of it, and the request that is made of that.
const BUDGET_KIB: u32 = 2 << 10;

/// How often one that waits says that it isn't forgotten.
const TOUCH_INTERVAL: Duration = Duration::from_secs(30);

/// The memory for large resources.
pub(super) struct LargeBudget {
    kib: Semaphore,
    touch_interval: Duration,
}

impl Default for LargeBudget {
    fn default() -> Self {
        Self {
            kib: Semaphore::new(BUDGET_KIB as usize),
            touch_interval: TOUCH_INTERVAL,
        }
    }
}

impl LargeBudget {
    /// Waits until so many bytes are free. `touch` is called now and then, meanwhile.
    pub(super) async fn reserve(&self, bytes: usize, touch: impl Fn()) -> Option<SemaphorePermit<'_>> {
        // One that is larger than all of it is alone in it.
        let kib = u32::try_from(bytes.div_ceil(1 << 10))
            .unwrap_or(BUDGET_KIB)
            .min(BUDGET_KIB);
        let mut permit = pin!(self.kib.acquire_many(kib));
        loop {
            touch();
            if let Ok(permit) = timeout(self.touch_interval, &mut permit).await {
                // Nobody closes it.
                return permit.ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::mpsc;

    use super::*;

    const ALL: usize = (BUDGET_KIB as usize) << 10;

    #[tokio::test]
    async fn no_more_is_worked_on_than_there_is_room_for() {
        let budget = LargeBudget::default();
        let first = budget.reserve(ALL / 2, || {}).await;
        let second = budget.reserve(ALL / 2, || {}).await;
        assert!(budget.reserve(1, || {}).now_or_never().is_none());
        drop(first);
        assert!(budget.reserve(1, || {}).now_or_never().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn what_is_larger_than_all_the_room_has_its_turn() {
        let budget = LargeBudget::default();
        let alone = budget.reserve(usize::MAX, || {}).now_or_never();
        assert!(alone.is_some());
        assert!(budget.reserve(1, || {}).now_or_never().is_none());
    }

    /// Who waits for others is not stuck.
    #[tokio::test]
    async fn who_waits_for_room_is_not_forgotten() {
        let budget = LargeBudget {
            touch_interval: Duration::from_millis(1),
            ..LargeBudget::default()
        };
        let _full = budget.reserve(ALL, || {}).await;
        let (send, mut touched) = mpsc::unbounded_channel();
        let waiting = budget.reserve(1, || send.send(()).unwrap());
        let thrice = async {
            for _ in 0..3 {
                timeout(Duration::from_mins(1), touched.recv()).await.unwrap();
            }
        };
        tokio::select! {
            _ = waiting => panic!("there is none"),
            () = thrice => {}
        }
    }
}
