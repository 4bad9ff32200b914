//! Resources that are too large to be kept in the watch cache: each is read when it is reconciled, and only so many at a
//! time, whatever else waits.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::cached::CachedTask;
use super::context::Context;
use super::task_client::TaskClient;
use crate::api::StoredTask;
use crate::controller::error::Error;

/// How many KiB of them are worked on at a time. Each takes several times its size: the answer of the API server, what
/// is parsed of it, and the request that is made of that.
const ROOM_KIB: u32 = 2 << 10;

/// How often one that waits for room says that it isn't forgotten.
const TOUCH_INTERVAL: Duration = Duration::from_secs(30);

/// The room for large resources.
pub(super) struct Room {
    kib: Semaphore,
    touch_interval: Duration,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            kib: Semaphore::new(ROOM_KIB as usize),
            touch_interval: TOUCH_INTERVAL,
        }
    }
}

impl Room {
    /// Waits until there is room for so many bytes. `touch` is called now and then, meanwhile.
    async fn enter(&self, bytes: usize, touch: impl Fn()) -> Option<SemaphorePermit<'_>> {
        // One that is larger than all the room is alone in it.
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(ROOM_KIB).min(ROOM_KIB);
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

/// A large resource as it is now, and the room that it takes as long as this lives.
pub(super) struct Large<'a> {
    pub(super) object: Arc<StoredTask>,
    _room: Option<SemaphorePermit<'a>>,
}

impl Context {
    /// Reads a resource that isn't kept, once there is room for it.
    ///
    /// # Errors
    /// When it can't be read; with an error for which [`Error::is_gone`] holds when it doesn't exist any more.
    pub(super) async fn read_large(&self, cached: &CachedTask) -> Result<Large<'_>, Error> {
        let reference = ObjectRef::from_obj(cached);
        let room = self
            .room
            .enter(cached.size, || self.liveness.mark_touched(&reference))
            .await;
        let object = TaskClient::named(self.shared.client.clone(), cached).read().await?;
        if object.uid() != cached.uid() {
            return Err(Error::replaced());
        }
        Ok(Large {
            object: Arc::new(object),
            _room: room,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::mpsc;

    use super::*;

    const ROOM: usize = (ROOM_KIB as usize) << 10;

    #[tokio::test]
    async fn no_more_is_worked_on_than_there_is_room_for() {
        let room = Room::default();
        let first = room.enter(ROOM / 2, || {}).await;
        let second = room.enter(ROOM / 2, || {}).await;
        assert!(room.enter(1, || {}).now_or_never().is_none());
        drop(first);
        assert!(room.enter(1, || {}).now_or_never().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn what_is_larger_than_all_the_room_has_its_turn() {
        let room = Room::default();
        let alone = room.enter(usize::MAX, || {}).now_or_never();
        assert!(alone.is_some());
        assert!(room.enter(1, || {}).now_or_never().is_none());
    }

    /// Who waits for others is not stuck.
    #[tokio::test]
    async fn who_waits_for_room_is_not_forgotten() {
        let room = Room {
            touch_interval: Duration::from_millis(1),
            ..Room::default()
        };
        let _full = room.enter(ROOM, || {}).await;
        let (send, mut touched) = mpsc::unbounded_channel();
        let waiting = room.enter(1, || send.send(()).unwrap());
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
