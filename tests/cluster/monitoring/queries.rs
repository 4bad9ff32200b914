//! The queries of alerts and dashboard, and what they ask for.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::{self, AggregateExpr, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::file;

/// The alerts of the chart.
pub(super) const ALERTS: &str = "charts/audit-mitigation-operator/files/alerts.yaml";
/// The dashboard of the chart.
const DASHBOARD: &str = "charts/audit-mitigation-operator/files/dashboard.json";

/// Labels that come from the scrape and from Prometheus, not from the operator.
const TARGET_LABELS: [&str; 5] = ["cluster", "namespace", "job", "pod", "instance"];

/// A query, and where it stands.
pub(super) struct Query {
    pub(super) place: String,
    pub(super) expr: String,
}

/// The rules of the alerts.
pub(super) fn alerts() -> Vec<Value> {
    let text = std::fs::read_to_string(file(ALERTS)).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    rules["groups"][0]["rules"].as_array().unwrap().clone()
}

/// The dashboard.
pub(super) fn dashboard() -> Value {
    serde_json::from_str(&std::fs::read_to_string(file(DASHBOARD)).unwrap()).unwrap()
}

/// The queries of the alerts.
pub(super) fn of_alerts() -> Vec<Query> {
    alerts()
        .iter()
        .map(|alert| Query {
            place: alert["alert"].as_str().unwrap().to_owned(),
            expr: alert["expr"].as_str().unwrap().to_owned(),
        })
        .collect()
}

/// The queries of the dashboard, with Grafana's variables filled in as Grafana would.
pub(super) fn of_dashboard() -> Vec<Query> {
    let dashboard = dashboard();
    let query = |place: &Value, expr: &str| Query {
        place: place.as_str().unwrap().to_owned(),
        expr: expr.replace("$__rate_interval", "5m"),
    };
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let mut queries: Vec<Query> = panels
        .filter_map(|panel| Some((panel, panel["targets"].as_array()?)))
        .flat_map(|(panel, targets)| {
            targets
                .iter()
                .map(move |target| query(&panel["title"], target["expr"].as_str().unwrap()))
        })
        .collect();
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(text) = variable["query"]["query"].as_str() {
            let inner = text.strip_prefix("label_values(").unwrap();
            let (metric, label) = inner.strip_suffix(')').unwrap().split_once(", ").unwrap();
            queries.push(query(&variable["name"], &format!("count by ({label}) ({metric})")));
        }
    }
    queries
}

/// What was scraped: the names of the samples, each with its labels and their values.
pub(super) type Scraped = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What of a query no operator could ever answer: metrics, labels, and values that don't exist.
pub(super) fn problems(query: &Query, scraped: &Scraped, values: &BTreeSet<String>) -> Vec<String> {
    let expr = parser::parse(&query.expr).unwrap_or_else(|error| panic!("{}: {error}", query.place));
    let mut check = Check {
        scraped,
        values,
        labels: TARGET_LABELS.iter().map(ToString::to_string).collect(),
        grouped_by: BTreeSet::new(),
        problems: Vec::new(),
    };
    walk_expr(&mut check, &expr).unwrap();
    for label in check.grouped_by.difference(&check.labels) {
        check.problems.push(format!("no metric of it has the label {label}"));
    }
    check
        .problems
        .iter()
        .map(|problem| format!("{}: {problem}", query.place))
        .collect()
}

struct Check<'a> {
    scraped: &'a Scraped,
    values: &'a BTreeSet<String>,
    labels: BTreeSet<String>,
    grouped_by: BTreeSet<String>,
    problems: Vec<String>,
}

impl ExprVisitor for Check<'_> {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Aggregate(AggregateExpr {
                modifier: Some(modifier),
                ..
            }) => self.grouped_by.extend(modifier.labels().labels.iter().cloned()),
            _ => {}
        }
        Ok(true)
    }
}

impl Check<'_> {
    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.as_deref().unwrap_or_default();
        let Some(labels) = self.scraped.get(name) else {
            self.problems.push(format!("no metric is called {name:?}"));
            return;
        };
        self.labels.extend(labels.keys().cloned());
        for matcher in &selector.matchers.matchers {
            if TARGET_LABELS.contains(&matcher.name.as_str()) {
                continue;
            }
            if !labels.contains_key(&matcher.name) {
                self.problems.push(format!("{name} has no label {}", matcher.name));
            }
            for value in matcher.value.split('|').filter(|value| !self.values.contains(*value)) {
                self.problems.push(format!("{} is never {value}", matcher.name));
            }
        }
    }
}
