//! Faults of the parts that the operator stands on: each is made on the real part, and after it everything goes on
//! without a restart, with one task each, and without a hot loop at any time.

mod api_server;
mod bounds;
mod clock;
mod connections;
mod credentials;
mod etcd;
mod replicas;
mod service;

use audit_mitigation_operator::api::StoredTask;
use serde_json::{Value, json};
use support::{Cluster, ClusterOptions};

use super::{World, message, prepare, spec, status};

/// A control plane that a test may harm. It ends with this process, or when it is shut down.
pub(super) async fn own_cluster(arguments: &[&str]) -> &'static Cluster {
    let options = ClusterOptions {
        apiserver_arguments: arguments.iter().map(ToString::to_string).collect(),
    };
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options).await.unwrap()));
    prepare(cluster).await;
    cluster
}

/// The same spec with another member.
fn spec_with(task_id: &str, member: &str, value: impl Into<Value>) -> Value {
    let mut spec = spec(task_id);
    spec[member] = value.into();
    spec
}

/// What makes a resource's task be cancelled.
fn cancel() -> Value {
    json!({ "spec": { "cancel": true } })
}

/// Waits until a condition of the resource has this reason; gives the message.
async fn until_reason(world: &World, name: &str, reason: &str) -> String {
    let is_said = |task: &StoredTask| {
        status(task)
            .conditions
            .iter()
            .any(|condition| condition.reason == reason)
    };
    let task = world.until(name, &format!("{name} says {reason}"), is_said).await;
    message(&status(&task))
}
