//! Between audits a policy costs one look a region, and nothing else.

use serde_json::json;
use simulator::Operation;

use super::{SCHEDULE, World};
use crate::operator::http_get;
use crate::operator::requests::requests;

#[tokio::test]
async fn between_audits_nothing_is_written_and_policies_share_one_look() {
    let mut world = World::with_schedule("policy-rest", &["--audit-poll-interval=1s"]).await;
    world.add_problems(2);
    let user = world.audit().await;
    world.start_operator();
    for name in ["nightly", "weekly"] {
        world.watch(name, &json!({ "suspend": true })).await;
    }
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    for name in ["nightly", "weekly"] {
        world.noted(name, &audit).await;
    }
    let before = world.policy_status("nightly").await;
    let looks = world.calls(Operation::ListAuditTasks).len();
    let described = world.calls(Operation::DescribeAuditTask).len();
    world.until_called(Operation::ListAuditTasks, looks + 4).await;
    // One look a second at most for both. The first and the last may have come late, and early.
    let calls = world.calls(Operation::ListAuditTasks);
    let (first, last) = (calls.first().unwrap(), calls.last().unwrap());
    let seconds = last.time.duration_since(first.time).as_secs();
    assert!(
        seconds + 2 >= i64::try_from(calls.len()).unwrap(),
        "{} in {seconds} s",
        calls.len()
    );
    assert_eq!(world.calls(Operation::DescribeAuditTask).len(), described);
    assert_eq!(
        world.calls(Operation::DescribeScheduledAudit).len(),
        2,
        "once for each policy"
    );
    assert_eq!(world.policy_status("nightly").await, before);
    let (_, text) = http_get(world.port, "/metrics").await.unwrap();
    for line in [
        r#"audit_mitigation_operator_policies{ready="True",region="eu-central-1"} 2"#,
        r#"audit_mitigation_operator_policies_compliant{status="False",region="eu-central-1"} 2"#,
        r#"audit_mitigation_operator_audits_total{outcome="Skipped",region="eu-central-1"} 2"#,
        r#"audit_mitigation_operator_audit_age_seconds{region="eu-central-1"}"#,
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    let requests = requests(&mut world, &user).await;
    let writes = requests
        .iter()
        .filter(|request| request.name == "nightly" && !["get", "list", "watch"].contains(&request.verb.as_str()));
    assert_eq!(
        writes.count(),
        2,
        "that it watches, and what it has noted: {requests:?}"
    );
}

/// Tasks work where only their own definition is installed, and policies begin when theirs comes.
#[tokio::test]
async fn policies_wait_for_their_definition_and_tasks_do_not() {
    let cluster = support::Cluster::start(support::ClusterOptions::default())
        .await
        .unwrap();
    let cluster: &'static support::Cluster = Box::leak(Box::new(cluster));
    crate::crd::install(cluster, crate::crd::CRD).await;
    crate::crd::served(cluster, "default").await;
    let mut world = World::in_cluster(cluster, "alone", &[super::POLL], |_| {}).await;
    world.add_schedule(SCHEDULE);
    world.start_operator();
    world.create("one", &crate::operator::spec("alone")).await;
    world
        .phase("one", audit_mitigation_operator::api::Phase::Completed)
        .await;
    assert_eq!(http_get(world.port, "/readyz").await.unwrap().0, 200);
    world
        .until_logged("waiting for the CustomResourceDefinition auditmitigationpolicies", 1)
        .await;
    crate::operator::prepare(cluster).await;
    world.watch("nightly", &json!({})).await;
}
