//! A watch that is begun anew whenever it ends.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    Api,
    api::{DynamicObject, ListParams, WatchEvent, WatchParams},
};
use tokio::time::sleep;

const RETRY: Duration = Duration::from_millis(200);

/// A watch is begun anew so often at least.
const WATCH_SECONDS: u32 = 290;

/// What a watch tells.
pub(crate) enum News {
    /// All that there are; versions before may have been missed.
    Listed(Vec<DynamicObject>),
    Is(DynamicObject),
    Gone(DynamicObject),
}

/// Tells everything until it is dropped.
pub(crate) async fn watch(api: Api<DynamicObject>, mut tell: impl FnMut(News) + Send + 'static) {
    loop {
        // An API server that is down is part of the game: the next list shows what became of all.
        drop(once(&api, &mut tell).await);
        sleep(RETRY).await;
    }
}

async fn once(api: &Api<DynamicObject>, tell: &mut (impl FnMut(News) + Send)) -> Result<(), kube::Error> {
    let list = api.list(&ListParams::default()).await?;
    let version = list.metadata.resource_version.unwrap_or_default();
    tell(News::Listed(list.items));
    let parameters = WatchParams::default().timeout(WATCH_SECONDS);
    let mut events = api.watch(&parameters, &version).await?.boxed();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => tell(News::Is(object)),
            WatchEvent::Deleted(object) => tell(News::Gone(object)),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(_) => return Ok(()),
        }
    }
    Ok(())
}
