//! `check`: says what would keep an operator with these flags, these variables and this account from working.
//!
//! All of it at once, one line each. It is what `helm test` runs: the image has no shell, and nothing else in the
//! cluster has the operator's rights. It changes nothing, neither in the cluster nor in AWS.

pub mod rights;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, ListParams};
use tokio::time::timeout;

use self::rights::MissingRights;
use crate::api::StoredTask;
use crate::aws::Service;
use crate::causes::explain_kube;
use crate::cli::RunArgs;
use crate::cluster;
use crate::controller::ApiServerMonitor;
use crate::core::answer::Operation;
use crate::core::rate_limiter::Rates;
use crate::metrics::Metrics;

/// How long the API server may take for all its answers together.
const CLUSTER_LIMIT: Duration = Duration::from_secs(30);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is as it should be.
    Good(String),
    /// It is wrong, and keeps the operator from a part of its work only.
    Warning(String),
    /// It could not be looked at, which the operator can live with.
    Skipped(String),
    /// The operator can't work like that.
    Problem(String),
}

impl Finding {
    /// Whether the operator can't work like that.
    pub const fn is_problem(&self) -> bool {
        matches!(self, Self::Problem(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(text) => write!(formatter, "ok: {text}"),
            Self::Warning(text) => write!(formatter, "warning: {text}"),
            Self::Skipped(text) => write!(formatter, "skipped: {text}"),
            Self::Problem(text) => write!(formatter, "problem: {text}"),
        }
    }
}

/// Looks at the flags, the cluster and AWS.
pub async fn check(args: &RunArgs) -> Vec<Finding> {
    let mut findings: Vec<Finding> = args.problems().into_iter().map(Finding::Problem).collect();
    if findings.is_empty() {
        findings.push(Finding::Good("the flags".to_owned()));
    }
    findings.extend(cluster(args).await);
    // The SDK's futures are large.
    findings.extend(Box::pin(aws(args.rates())).await);
    findings
}

async fn cluster(args: &RunArgs) -> Vec<Finding> {
    let client = match cluster::client(&ApiServerMonitor::default()).await {
        Ok(client) => client,
        Err(error) => return vec![Finding::Problem(error.to_string())],
    };
    timeout(CLUSTER_LIMIT, answers(&client, args)).await.unwrap_or_else(|_| {
        let seconds = CLUSTER_LIMIT.as_secs();
        vec![Finding::Problem(format!(
            "the API server gave no answer within {seconds} seconds: see whether a NetworkPolicy lets this pod reach it"
        ))]
    })
}

async fn answers(client: &Client, args: &RunArgs) -> Vec<Finding> {
    let unreachable = |error: kube::Error| {
        let cause = explain_kube(&error);
        vec![Finding::Problem(format!("the API server can't be asked: {cause}"))]
    };
    let namespaces = args.namespaces();
    let mut findings = Vec::new();
    // Asks for the definition and, unlike a review of rights, sees that it is served.
    let one = ListParams::default().limit(1);
    let first: Api<StoredTask> = match namespaces.first() {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    match first.list_metadata(&one).await {
        Ok(_) => findings.push(Finding::Good(format!("the API server serves {}", rights::definition()))),
        Err(kube::Error::Api(status)) if status.code == 404 => findings.push(Finding::Problem(format!(
            "the API server serves no {}: install it with the chart (crds.install), or apply the output of \
             `audit-mitigation-operator crd`",
            rights::definition()
        ))),
        // The rights below say it better.
        Err(kube::Error::Api(status)) if status.code == 403 => {}
        Err(error) => return unreachable(error),
    }
    match rights::missing(client, &namespaces, args.lease().await.as_ref()).await {
        Ok(missing) if missing.is_empty() => findings.push(Finding::Good("the rights in the cluster".to_owned())),
        Ok(missing) => findings.extend(of_missing_rights(&missing, namespaces.len())),
        Err(error) => return unreachable(error),
    }
    findings
}

/// A namespace that can't be listed, while another one can, is told and holds up no other.
fn of_missing_rights(missing: &[MissingRights], namespaces: usize) -> Vec<Finding> {
    let unlisted: BTreeSet<&str> = missing.iter().filter_map(MissingRights::unlisted_namespace).collect();
    missing
        .iter()
        .map(|rights| match rights.namespace.as_deref() {
            Some(namespace) if unlisted.contains(namespace) && unlisted.len() < namespaces && !rights.is_of_lease() => {
                Finding::Warning(format!("{rights}. The other namespaces are served without it"))
            }
            _ => Finding::Problem(rights.to_string()),
        })
        .collect()
}

/// What an operation is needed for, where the operator works without it as long as nobody wants that.
const fn only_for(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Start
        | Operation::Describe
        | Operation::Cancel
        | Operation::ListExecutions
        | Operation::ListFindings => None,
        Operation::DescribeAudit => Some("approval of plans and for policies"),
        Operation::DescribeFinding | Operation::DescribeAction => Some("approval of plans"),
        Operation::ListAudits | Operation::DescribeSchedule => Some("policies"),
    }
}

async fn aws(rates: Rates) -> Vec<Finding> {
    let (metrics, _) = Metrics::new();
    let service = Service::from_environment(rates, metrics).await;
    if let Some(problem) = service.problem().await {
        return vec![Finding::Problem(problem)];
    }
    let Some(region) = service.default_region() else {
        return vec![Finding::Skipped(
            "AWS, because there is no default region (AWS_REGION, the chart's aws.region): only tasks that name a \
             region can start"
                .to_owned(),
        )];
    };
    let mut findings: Vec<Finding> = service
        .try_reads(&region)
        .await
        .into_iter()
        .map(|(operation, tried)| match (tried, only_for(operation)) {
            (Ok(()), _) => Finding::Good(format!("AWS IoT in {region} answers {}", operation.name())),
            (Err(failure), None) => Finding::Problem(format!("AWS IoT in {region}: {}", failure.message)),
            (Err(failure), Some(purpose)) => Finding::Warning(format!(
                "AWS IoT in {region}: {} (only needed for {purpose})",
                failure.message
            )),
        })
        .collect();
    let untried = [Operation::Start, Operation::Cancel].map(Operation::name).join(" and ");
    findings.push(Finding::Skipped(format!(
        "{untried}, which can't be tried without an effect: see that the operator's role is allowed them"
    )));
    findings
}
