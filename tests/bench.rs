//! The benchmark still works, and what it counts is right. What it times is nobody's business here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use bench::{Options, Report, Scenario};
use clap::{Parser as _, ValueEnum as _};

const OPERATOR: &str = env!("CARGO_BIN_EXE_audit-mitigation-operator");

async fn run(arguments: &[&str]) -> Report {
    let options = Options::parse_from([&["bench", "--quick", "--operator", OPERATOR], arguments].concat());
    bench::run(&options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scenario_is_measured() {
    let report = run(&[]).await;
    let table = report.table();
    let value = |scenario, figure: &str| {
        report
            .value(scenario, figure)
            .unwrap_or_else(|| panic!("{scenario} has no {figure}:\n{table}"))
    };
    for scenario in Scenario::value_variants() {
        assert!(
            table.contains(&format!("| {scenario} ")),
            "{scenario} is missing:\n{table}"
        );
    }
    for (scenario, figure) in [
        (Scenario::Simulator, "starts by 16 callers"),
        (Scenario::Latency, "apply to start / necessary, medians"),
        (Scenario::Burst, "resident, most"),
        (Scenario::Makespan, "makespan / ideal"),
        (Scenario::Shared, "makespan / ideal"),
        (Scenario::Finished, "50 resources: resident"),
        (Scenario::Policies, "10 policies: resident between audits"),
        (Scenario::Policies, "between audits: AWS calls, ListAuditTasks"),
        (
            Scenario::Policies,
            "1 audits of each schedule: AWS calls, StartAuditMitigationActionsTask",
        ),
    ] {
        assert!(value(scenario, figure) > 0.0, "{figure}:\n{table}");
    }
    for scenario in [Scenario::Burst, Scenario::Makespan] {
        let tasks = value(scenario, "tasks");
        let refused = report.value(scenario, "AWS calls refused").unwrap();
        let starts = value(scenario, "AWS calls, StartAuditMitigationActionsTask");
        assert!(starts >= tasks && starts - refused <= tasks, "{table}");
        assert!(value(scenario, "API requests, patch tasks") >= 2.0 * tasks, "{table}");
        assert!(
            value(scenario, "API requests, patch tasks/status") >= 2.0 * tasks,
            "{table}"
        );
    }
    for (scenario, figure) in [
        (Scenario::Finished, "50 resources: AWS calls"),
        (Scenario::Policies, "between audits: writes to the API server"),
    ] {
        assert!(value(scenario, figure).abs() < 0.5, "{figure}:\n{table}");
    }
    assert_eq!(
        report.value(Scenario::Finished, "50 resources: API requests, patch tasks"),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_binaries_are_compared_in_turn() {
    let report = run(&["--only", "latency", "--rounds", "2", "--against", OPERATOR]).await;
    for measured in &report.figures {
        assert_eq!(measured.operator.len(), 2, "{measured:?}");
        assert_eq!(measured.against.len(), 2, "{measured:?}");
    }
    assert!(!report.figures.is_empty());
}
