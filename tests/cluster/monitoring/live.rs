//! What a live operator shows.

use std::collections::BTreeSet;

use audit_mitigation_operator::api::{Phase, Reason};
use simulator::{Fault, FaultKind, Operation, Problem, Schedule};
use support::{eventually, http_get};

use super::queries::{Query, Scraped, of_alerts, of_dashboard, problems};
use super::{file, promtool, succeeds};
use crate::operator::{LIMIT, World, spec, until_older_than};

/// A policy that only counts.
const POLICY: &str = r"
apiVersion: devicedefender.dev/v1alpha1
kind: AuditMitigationPolicy
metadata: {name: nightly}
spec:
  scheduledAuditName: Nightly
  suspend: true
  auditCheckToActionsMapping: {LOGGING_DISABLED_CHECK: [EnableLogging]}
  approval: {}
";

/// Everything that can be shown, after a life with a throttled start and a failed action, and an audit of a policy.
#[tokio::test]
async fn the_metrics_are_what_promtool_the_alerts_the_dashboard_and_the_docs_expect() {
    let flags = ["--leader-elect", "--audit-poll-interval=200ms"];
    let mut world = World::without_operator("metrics", &flags, |_| {}).await;
    let checks = ["LOGGING_DISABLED_CHECK"];
    world.aws.add_schedule(Schedule::new("Nightly", checks)).unwrap();
    world.aws.add_problem(&Problem::new(checks[0])).unwrap();
    world.flags.push(format!("--lease-namespace={}", world.namespace));
    world.start_operator();
    world
        .aws
        .inject(Fault::new(FaultKind::Throttle).on(Operation::START).times(1));
    world.create("one", &spec("one")).await;
    world.phase("one", Phase::Completed).await;
    world.apply(POLICY).await;
    // An audit counts that begins more than a second after the policy.
    until_older_than(jiff::Timestamp::now(), 3).await;
    world.aws.run_schedule("Nightly").unwrap();
    let expected = [
        r#"aws_calls_total{operation="StartAuditMitigationActionsTask",region="eu-central-1",outcome="Throttled"} 1"#,
        r#"aws_calls_total{operation="StartAuditMitigationActionsTask",region="eu-central-1",outcome="Answered"} 1"#,
        r#"aws_call_duration_seconds_count{operation="StartAuditMitigationActionsTask",region="eu-central-1"} 2"#,
        r#"retries_total{reason="Throttled"} 1"#,
        r#"retries_total{reason="ApiServer"} 0"#,
        r#"task_transitions_total{phase="Completed"} 1"#,
        r#"task_transitions_total{phase="Failed"} 0"#,
        r#"tasks{phase="Completed",region="eu-central-1"} 1"#,
        r#"tasks{phase="Running",region="eu-central-1"} 0"#,
        r#"tasks{phase="AwaitingApproval",region="eu-central-1"} 0"#,
        r#"approval_oldest_waiting_seconds{region="eu-central-1"} 0"#,
        r#"policies{ready="True",region="eu-central-1"} 1"#,
        r#"policies_compliant{status="False",region="eu-central-1"} 1"#,
        r#"audits_total{outcome="Skipped",region="eu-central-1"} 1"#,
        r#"queue_length{region="eu-central-1"} 0"#,
        r#"slots_in_use{region="eu-central-1"} 0"#,
        r#"reconciles_total{outcome="Error"} 0"#,
        "leader 1",
        "cancels_abandoned_total 0",
        concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ];
    let text = eventually(LIMIT, "the metrics show it", async || {
        let (_, text) = http_get(world.port, "/metrics")
            .await
            .map_err(|error| error.to_string())?;
        let lines: BTreeSet<&str> = text.lines().collect();
        let missing: Vec<_> = expected
            .iter()
            .filter(|line| !lines.contains(format!("audit_mitigation_operator_{line}").as_str()))
            .collect();
        if missing.is_empty() {
            Ok(text)
        } else {
            Err(format!("{missing:?} in {text}"))
        }
    })
    .await
    .unwrap();

    succeeds(&promtool(&["check", "metrics"], &text));
    let scraped = parse(&text);
    let values = values();
    let queries = of_alerts().into_iter().chain(of_dashboard());
    let wrong: Vec<String> = queries.flat_map(|query| problems(&query, &scraped, &values)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (expr, problem) in [
        ("audit_mitigation_operator_workers", "no metric is called"),
        (
            "sum by (phase) (audit_mitigation_operator_leader)",
            "has the label phase",
        ),
        (
            "audit_mitigation_operator_leader{phase=\"Failed\"}",
            "has no label phase",
        ),
        (
            "audit_mitigation_operator_tasks{phase=~\"Failed|Lost\"}",
            "is never Lost",
        ),
    ] {
        let query = Query {
            place: String::new(),
            expr: expr.to_owned(),
        };
        let found = problems(&query, &scraped, &values).concat();
        assert!(found.contains(problem), "the check can fail: {found}");
    }
    documented(&text);
}

/// The table of metrics in the docs names each metric with its type, and no other.
fn documented(text: &str) {
    let docs = std::fs::read_to_string(file("docs/operating.md")).unwrap();
    let rows = |line: &str| {
        let mut cells = line.strip_prefix("| `audit_mitigation_operator_")?.split('|');
        let name = cells.next()?.trim().trim_end_matches('`').to_owned();
        Some((name, cells.next()?.trim().to_owned()))
    };
    let table: BTreeSet<(String, String)> = docs.lines().filter_map(rows).collect();
    let types = |line: &str| {
        let (name, kind) = line
            .strip_prefix("# TYPE audit_mitigation_operator_")?
            .split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    };
    assert_eq!(table, text.lines().filter_map(types).collect());
    for alert in of_alerts() {
        let row = format!("| `{}` |", alert.place);
        assert!(docs.contains(&row), "docs/operating.md has no row {row}");
    }
}

/// Everything that labels with a closed set can be, as far as queries may name it.
fn values() -> BTreeSet<String> {
    let phases = Phase::ALL.iter().map(|phase| format!("{phase:?}"));
    let reasons = Reason::ALL.iter().map(ToString::to_string);
    let others = ["Answered", "Success", "Error", "True", "False"].map(str::to_owned);
    phases.chain(reasons).chain(others).collect()
}

fn parse(text: &str) -> Scraped {
    let mut scraped = Scraped::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let metric = scraped.entry(name.to_owned()).or_default();
        // No value of ours has a comma or a quote.
        for label in labels
            .trim_end_matches('}')
            .split(',')
            .filter(|label| !label.is_empty())
        {
            let (label, value) = label.split_once('=').unwrap();
            metric
                .entry(label.to_owned())
                .or_default()
                .insert(value.trim_matches('"').to_owned());
        }
    }
    scraped
}
