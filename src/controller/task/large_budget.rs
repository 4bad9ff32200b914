//! How much of large resources is worked on at a time, whatever else waits.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many KiB of large resources are worked on at a time. Each takes several times its size: the answer of the API
/// server, what is parsed of it, and the request that is made of that.
const BUDGET_KIB: u32 = 2 << 10;

/// The memory for large resources.
pub(super) struct LargeBudget {
    kib: Semaphore,
}

impl Default for LargeBudget {
    fn default() -> Self {
        Self {
            kib: Semaphore::new(BUDGET_KIB as usize),
        }
    }
}

impl LargeBudget {
    /// Waits until so many bytes are free.
    pub(super) async fn reserve(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        // One that is larger than all of it is alone in it.
        let kib = u32::try_from(bytes.div_ceil(1 << 10))
            .unwrap_or(BUDGET_KIB)
            .min(BUDGET_KIB);
        // Nobody closes it.
        self.kib.acquire_many(kib).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const ALL: usize = (BUDGET_KIB as usize) << 10;

    #[tokio::test]
    async fn no_more_is_worked_on_than_there_is_room_for() {
        let budget = LargeBudget::default();
        let first = budget.reserve(ALL / 2).await;
        let second = budget.reserve(ALL / 2).await;
        assert!(budget.reserve(1).now_or_never().is_none());
        drop(first);
        assert!(budget.reserve(1).now_or_never().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn what_is_larger_than_all_the_room_has_its_turn() {
        let budget = LargeBudget::default();
        let alone = budget.reserve(usize::MAX).now_or_never();
        assert!(alone.is_some());
        assert!(budget.reserve(1).now_or_never().is_none());
    }
}
