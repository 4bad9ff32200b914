//! docs/policy.md: its commands, and its table of what re-creation means.

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::{Action, Problem, Schedule};

use crate::operator::World;

const PAGE: &str = include_str!("../../../../docs/policy.md");
const RECREATION: &str = include_str!("recreation.rs");
/// As in examples/policy.yaml.
const SCHEDULE: &str = "AWSIoTDeviceDefenderDailyAudit";
const REVOKED: &str = "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK";

/// The commands of the page, by the shell that people paste them into.
#[tokio::test]
async fn the_first_policy_of_the_page_watches_makes_its_task_and_sees_that_it_helped() {
    let mut world = World::without_operator("policy-page", &[super::POLL], |_| {}).await;
    let checks = ["DEVICE_CERTIFICATE_EXPIRING_CHECK", REVOKED];
    world.aws.add_schedule(Schedule::new(SCHEDULE, checks)).unwrap();
    let deactivate: Action = serde_json::from_value(json!({
        "actionName": "DeactivateCertificate", "actionId": "a-1", "actionType": "UPDATE_DEVICE_CERTIFICATE",
        "roleArn": "arn:aws:iam::123456789012:role/mitigation",
        "actionParams": { "updateDeviceCertificateParams": { "action": "DEACTIVATE" } },
    }))
    .unwrap();
    world.aws.add_action(deactivate).unwrap();
    world
        .aws
        .add_problem(&Problem::new(REVOKED).count(2).id("cert"))
        .unwrap();
    world.start_operator();
    let blocks: Vec<&str> = PAGE.split("```console\n").skip(1).collect();
    let [apply, look, wait] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    let block = |rest: &&str| rest.split_once("```").unwrap().0.to_owned();
    let table = world.shell(&block(apply)).await;
    assert!(table.contains("COMPLIANT") && table.contains(SCHEDULE), "{table}");
    let since = world.policy_status("nightly").await.watching.unwrap().since.0;
    crate::operator::until_older_than(since, 2).await;

    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    let task = world.noted("nightly", &audit).await.2.unwrap();
    world.phase(&task, Phase::Completed).await;
    let shown = world.shell(&block(look)).await;
    for part in [&*audit, "TaskCreated", &*task, "Completed", "FindingsLeft"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    world.aws.run_schedule(SCHEDULE).unwrap();
    world.shell(&block(wait)).await;
}

#[test]
fn each_row_about_re_creation_names_its_test_and_each_test_has_a_row() {
    let (_, section) = PAGE.split_once("## What re-creation means").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"))
        .map(|(_, test)| test)
        .collect();
    assert!(named.len() > 10, "{named:?}");
    let tests: Vec<&str> = RECREATION
        .split("#[tokio::test]\nasync fn ")
        .skip(1)
        .map(|rest| rest.split_once('(').unwrap().0)
        .collect();
    for test in &named {
        assert!(tests.contains(test), "there is no test {test}");
    }
    for test in tests {
        assert!(named.contains(&test), "docs/policy.md says nothing of {test}");
    }
}
