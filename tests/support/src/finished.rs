//! Many finished resources, made without running their tasks.

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::json;

/// Requests at a time.
const CONCURRENCY: usize = 16;

/// Makes copies of a resource, with its annotations, spec and status, named `finished-0` and so on.
///
/// # Errors
/// When the API server refuses one of them.
pub async fn copies(tasks: &Api<DynamicObject>, template: &DynamicObject, count: usize) -> Result<()> {
    let copy = async |number: usize| {
        let mut object = DynamicObject {
            types: template.types.clone(),
            metadata: kube::api::ObjectMeta {
                name: Some(format!("finished-{number}")),
                annotations: Some(template.annotations().clone()),
                ..Default::default()
            },
            data: template.data.clone(),
        };
        let status = object
            .data
            .as_object_mut()
            .and_then(|data| data.remove("status"))
            .context("the template has no status")?;
        let name = object.name_any();
        tasks.create(&PostParams::default(), &object).await?;
        // Only by a request of its own can a status be written.
        let patch = Patch::Merge(json!({ "status": status }));
        tasks.patch_status(&name, &PatchParams::default(), &patch).await?;
        anyhow::Ok(())
    };
    stream::iter(0..count)
        .map(copy)
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}
