//! The start-up at a glance.

use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::aws::{self, Service};
use crate::cli::{LogFormat, RunArgs};
use crate::cluster;
use crate::controller::{self, ApiServerMonitor, Limits, Parts};
use crate::core::rate_limiter::Rates;
use crate::core::task::observation::Settings;
use crate::core::timing::PollBounds;
use crate::health::Health;
use crate::http;
use crate::lease::{self, Elector, Leadership, Loss};
use crate::metrics::Metrics;

/// The longest that what is under way may take once the process is stopping: one call of AWS, and after it a write and
/// another read or write, should the resource have changed meanwhile.
const DRAIN_LIMIT: Duration = aws::CALL_TIMEOUT.saturating_add(controller::TIMEOUT.saturating_mul(2));

/// The longest time from SIGTERM to the end of the process. The chart's `terminationGracePeriodSeconds` is longer.
pub const LONGEST_SHUTDOWN: Duration = DRAIN_LIMIT.saturating_add(lease::RELEASE_LIMIT);

/// Why the operator could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What it is started with can't be right: all of it at once, one line each.
    #[error("{}", .0.join("\n"))]
    Configuration(Vec<String>),
    /// There is no client for the cluster.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The probes can't be served.
    #[error("--http-addr can't be listened on: {0}")]
    Listen(#[source] std::io::Error),
    /// Signals can't be received.
    #[error("signals can't be received: {0}")]
    Signals(#[source] std::io::Error),
    /// Another process may work now.
    #[error("the lease was lost, so the work ends here: {0}")]
    LeaseLost(#[from] Loss),
    /// Whether the lease is held isn't known any more.
    #[error("leader election broke down, so the work ends here; please report it as a bug: {0}")]
    Election(#[from] tokio::task::JoinError),
}

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start, or has lost its lease.
pub async fn run(args: RunArgs) -> Result<(), Error> {
    let (metrics, registry) = Metrics::new();
    let api_server = ApiServerMonitor::default();
    let mut problems = args.problems();
    let service = Service::from_environment(args.rates(), metrics.clone()).await;
    problems.extend(service.problem().await);
    let client = noted(cluster::client(&api_server).await.map_err(Error::from), &mut problems);
    let listener = noted(http::listen(args.http_addr).map_err(Error::Listen), &mut problems);
    let filter = args.log_filter();
    let (Some(client), Some(listener), Some(filter), true) = (client, listener, filter, problems.is_empty()) else {
        return Err(Error::Configuration(problems));
    };
    start_log(args.log_format, filter);
    let health = Health::default();
    http::serve(listener, args.http_addr, health.clone(), registry).map_err(Error::Listen)?;
    let stop = stop_on_signal()?;
    // However this ends, also by the loss of the lease: nothing is begun any more.
    let _ended = stop.clone().drop_guard();
    let namespaces = args.namespaces();
    let lease = args.lease().await;
    if let Some(region) = service.default_region() {
        metrics.default_region(&region);
    }
    let settings = Settings {
        default_region: service.default_region(),
        poll: PollBounds {
            min: args.min_poll_interval,
            max: args.max_poll_interval,
        },
        cancel_timeout: args.cancel_timeout,
    };
    let limits = Limits {
        running_tasks: args.max_running_tasks.into(),
        audit_poll_interval: args.audit_poll_interval,
        reconciles: args.max_concurrent_reconciles.into(),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        ?settings,
        ?limits,
        rates = ?args.rates(),
        ?namespaces,
        ?lease,
        "starting"
    );

    tokio::select! {
        () = controller::wait_for_crd(&client, &namespaces, &health) => {}
        () = stop.cancelled() => return Ok(()),
    }
    let (elector, leadership) = match lease {
        None => (None, Leadership::always()),
        Some(lease) => {
            let (mut elector, leadership) = Elector::new(client.clone(), lease);
            tokio::select! {
                () = elector.acquire(&health) => {}
                () = stop.cancelled() => return Ok(()),
            }
            (Some(elector), leadership)
        }
    };
    metrics.leads(true);
    let parts = Parts {
        client,
        service,
        settings,
        limits,
        leadership,
        metrics,
        health,
        api_server,
        stop: stop.clone(),
    };
    let work = in_time(Box::pin(controller::run(parts, &namespaces)), stop);
    match elector {
        None => work.await,
        Some(elector) => while_leading(elector, work).await?,
    }
    tracing::info!("stopped");
    Ok(())
}

/// Brings the work to its end within [`DRAIN_LIMIT`]. What is dropped then are writes, each with a guard of its own.
async fn in_time(work: impl Future<Output = ()>, stop: CancellationToken) {
    let late = async {
        stop.cancelled().await;
        sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        () = work => {}
        () = late => tracing::warn!("the work has not ended in time, and is broken off"),
    }
}

/// Works as long as the lease is held, and gives it back after the work.
async fn while_leading(elector: Elector, work: impl Future<Output = ()>) -> Result<(), Error> {
    let done = CancellationToken::new();
    // A task of its own: however busy the work is, renewals go on.
    let mut holding = tokio::spawn(elector.hold(done.clone()));
    tokio::select! {
        biased;
        ended = &mut holding => {
            return ended.map_err(Error::from).and_then(|held| held.map_err(Error::from));
        }
        () = work => {}
    }
    done.cancel();
    Ok(holding.await??)
}

/// What is wrong with everything but the flags, one line each.
pub async fn problems_around() -> Vec<String> {
    let mut problems = Vec::new();
    let (metrics, _) = Metrics::new();
    problems.extend(
        Service::from_environment(Rates::default(), metrics)
            .await
            .problem()
            .await,
    );
    noted(
        cluster::client(&ApiServerMonitor::default()).await.map_err(Error::from),
        &mut problems,
    );
    problems
}

/// Notes an error, to be said with all others.
fn noted<T>(result: Result<T, Error>, problems: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|error| problems.push(error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))
        .ok()
}

fn start_log(format: LogFormat, filter: EnvFilter) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.init(),
    }
}

fn stop_on_signal() -> Result<CancellationToken, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
        tracing::info!("stopping: no call of AWS begins any more");
    });
    Ok(stop)
}
