//! Connections from anybody: nobody takes descriptors, memory or answers from the others.
//!
//! A connection is for one request and ends in time, whatever the peer does. There is a bound to how many are open;
//! at the bound an old one gives way to the new one, so that silent connections never keep a probe out.
//!
//! `axum::serve` and `axum::serve::ListenerExt` were weighed: no time for headers, no bound to connections. tower's
//! limits are for requests, which silent connections never send; the crate `axum-server` has hyper's limits but no
//! bound to connections.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The most connections that are open. Two kubelets, a few Prometheus servers and people need ten.
const CONNECTIONS: usize = 64;

/// The largest header of a request; a scrape's has some 300 bytes. Hyper takes no smaller bound than 8 KiB.
const HEADER: usize = 16 * 1024;

/// The longest time from a connection to the end of its request's header.
const HEADER_TIME: Duration = Duration::from_secs(5);

/// The longest life of a connection. Prometheus waits 10 seconds by default, kubelets one.
const LIFE: Duration = Duration::from_secs(30);

/// The wait after a connection could not be accepted: the process, or the node, has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers whoever connects, until the process ends.
pub(super) async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER)
        .keep_alive(false);
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = Open::default();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            open.end_one();
            sleep(PAUSE).await;
            continue;
        };
        if free.available_permits() == 0 {
            open.end_one();
        }
        // The one that gives way is gone before the new one is served.
        let permit = Arc::clone(&free).acquire_owned().await.map_err(io::Error::other)?;
        let (http, router) = (http.clone(), router.clone());
        let connection = tokio::spawn(async move {
            let _permit = permit;
            _ = timeout(LIFE, answer(&http, stream, router)).await;
        });
        open.add(peer.ip(), connection.abort_handle());
    }
}

/// What goes wrong is the peer's business.
async fn answer(http: &http1::Builder, stream: TcpStream, router: Router) {
    _ = http
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

/// The connections that are open, the oldest first.
#[derive(Default)]
struct Open(VecDeque<(IpAddr, AbortHandle)>);

impl Open {
    fn add(&mut self, peer: IpAddr, connection: AbortHandle) {
        self.0.retain(|(_, connection)| !connection.is_finished());
        self.0.push_back((peer.to_canonical(), connection));
    }

    /// Ends the oldest connection of the address that has the most: one that opens many drives out its own.
    fn end_one(&mut self) {
        self.0.retain(|(_, connection)| !connection.is_finished());
        let mut count = HashMap::<_, usize>::new();
        for (peer, _) in &self.0 {
            *count.entry(*peer).or_default() += 1;
        }
        let most = count.values().max().copied();
        let oldest = self.0.iter().position(|(peer, _)| count.get(peer).copied() == most);
        if let Some((_, connection)) = oldest.and_then(|oldest| self.0.remove(oldest)) {
            connection.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// Connections that only end when they are told to.
    fn open(peers: &[u8]) -> (Open, Vec<tokio::task::JoinHandle<()>>) {
        let mut open = Open::default();
        let mut tasks = Vec::new();
        for peer in peers {
            let task = tokio::spawn(std::future::pending());
            open.add(address(*peer), task.abort_handle());
            tasks.push(task);
        }
        (open, tasks)
    }

    #[tokio::test]
    async fn who_has_the_most_gives_way_with_the_oldest() {
        let (mut open, mut tasks) = open(&[1, 2, 2, 3, 2]);
        open.end_one();
        assert!(tasks.remove(1).await.unwrap_err().is_cancelled());
        open.end_one();
        assert!(tasks.remove(1).await.unwrap_err().is_cancelled());
        // One each: the oldest of all.
        open.end_one();
        assert!(tasks.remove(0).await.unwrap_err().is_cancelled());
        assert!(tasks.iter().all(|task| !task.is_finished()));
        let left: Vec<_> = open.0.iter().map(|(peer, _)| *peer).collect();
        assert_eq!(left, [address(3), address(2)]);
    }

    #[tokio::test]
    async fn one_peer_is_one_by_either_family() {
        let (mut open, mut tasks) = open(&[1, 2]);
        let mapped = std::net::Ipv4Addr::new(10, 0, 0, 2).to_ipv6_mapped();
        let task = tokio::spawn(std::future::pending::<()>());
        open.add(mapped.into(), task.abort_handle());
        open.end_one();
        assert!(tasks.remove(1).await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten() {
        let mut open = Open::default();
        let task = tokio::spawn(async {});
        open.add(address(1), task.abort_handle());
        task.await.unwrap();
        open.end_one();
        assert!(open.0.is_empty());
    }
}
