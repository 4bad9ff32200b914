//! Resources that are too large to be kept in the watch cache: each is read when it is reconciled, and only so many at a
//! time, whatever else waits.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::SemaphorePermit;

use super::cached::CachedTask;
use super::context::Context;
use super::task_client::TaskClient;
use crate::api::StoredTask;
use crate::controller::error::Error;
use crate::controller::lanes::Slot;

/// A large resource as it is now, and the part of the budget that it takes as long as this lives.
pub(super) struct Large<'a> {
    pub(super) object: Arc<StoredTask>,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Context {
    /// Reads a resource that isn't kept, once there is memory for it; until then others are at work.
    ///
    /// # Errors
    /// When it can't be read; with an error for which [`Error::is_gone`] holds when it doesn't exist any more.
    pub(super) async fn read_large(&self, cached: &CachedTask, slot: &mut Slot) -> Result<Large<'_>, Error> {
        let reference = ObjectRef::from_obj(cached);
        let room = async {
            let permit = slot.leave_if_slow(self.large_budget.reserve(cached.size)).await;
            slot.rejoin().await;
            permit
        };
        let permit = self.liveness.while_in_line(&reference, room).await;
        let object = TaskClient::named(self.shared.client.clone(), cached).read().await?;
        if object.uid() != cached.uid() {
            return Err(Error::replaced());
        }
        Ok(Large {
            object: Arc::new(object),
            _permit: permit,
        })
    }
}
