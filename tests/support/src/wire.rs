//! A TCP connection's way to a server, which can be slowed, held up, cut and broken.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// What a wire does to what goes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Everything passes at once.
    Whole,
    /// Each piece waits so long, both ways.
    Slow(Duration),
    /// So many bytes at a time, each after such a pause, both ways.
    Trickle(usize, Duration),
    /// Each connection ends once so many bytes of answers have passed.
    Breaks(usize),
    /// Requests are read and not passed on; answers and watches come through.
    Held,
    /// Nothing passes, nothing is closed or refused, and nothing is lost: a network that is parted.
    Cut,
}

/// How long the server's end of a connection outlives the client's.
const LINGER: Duration = Duration::from_secs(1);

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Condition {
    fn stops(self, way: Way) -> bool {
        self == Self::Cut || self == Self::Held && way == Way::There
    }
}

#[derive(Clone, Copy, Debug)]
struct State {
    condition: Condition,
    /// Grows with each [`Wire::reset`]: connections of an earlier one are closed.
    generation: u64,
}

/// A local address whose connections lead to a server, for as long as this lives.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    state: watch::Sender<State>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    held: AtomicUsize,
}

impl Wire {
    /// Lays a wire to a server, written `host:port`.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn to(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for a wire")?;
        let address = listener.local_addr().context("a wire without an address")?;
        let (state, watched) = watch::channel(State {
            condition: Condition::Whole,
            generation: 0,
        });
        let counts = Arc::<Counts>::default();
        tokio::spawn(serve(listener, server.to_owned(), watched, Arc::clone(&counts)));
        Ok(Self { address, state, counts })
    }

    /// Where it begins, `host:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes its condition, also for the connections that are open.
    pub fn set(&self, condition: Condition) {
        self.state.send_modify(|state| state.condition = condition);
    }

    /// Breaks the connections that are open; new ones can be made.
    pub fn reset(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// How many connections were ever made to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many connections have something now that was read and isn't passed on.
    #[must_use]
    pub fn held(&self) -> usize {
        self.counts.held.load(Ordering::SeqCst)
    }

    /// A copy of a kubeconfig whose cluster is reached by this wire.
    ///
    /// # Errors
    /// When the kubeconfig can't be read, or the copy not be written.
    pub fn kubeconfig(&self, original: &Path) -> Result<NamedTempFile> {
        let text = fs::read_to_string(original).with_context(|| format!("cannot read {}", original.display()))?;
        let mut kubeconfig: Value = serde_json::from_str(&text).context("a kubeconfig that is no JSON")?;
        *kubeconfig
            .pointer_mut("/clusters/0/cluster/server")
            .context("a kubeconfig without a cluster")? = json!(format!("https://{}", self.address));
        let file = NamedTempFile::new().context("no temporary file")?;
        fs::write(file.path(), kubeconfig.to_string()).context("cannot write a kubeconfig")?;
        Ok(file)
    }
}

async fn serve(listener: TcpListener, server: String, state: watch::Receiver<State>, counts: Arc<Counts>) {
    let mut ended = state.clone();
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted,
            // The wire is gone.
            _ = ended.wait_for(|_| false) => return,
        };
        if let Ok((client, _)) = client {
            counts.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(connection(client, server.clone(), state.clone(), Arc::clone(&counts)));
        }
    }
}

/// Ends with the first of its directions, with the wire, or with a reset.
async fn connection(client: TcpStream, server: String, mut state: watch::Receiver<State>, counts: Arc<Counts>) {
    let generation = state.borrow().generation;
    let Ok(upstream) = TcpStream::connect(&server).await else {
        return;
    };
    // Latency is what the wire adds, and nothing else.
    if client.set_nodelay(true).is_err() || upstream.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = upstream.into_split();
    let pump = |way| Pump {
        way,
        passed: 0,
        state: state.clone(),
        counts: &counts,
    };
    let (mut there, mut back) = (pump(Way::There), pump(Way::Back));
    tokio::select! {
        () = async {
            there.run(from_client, &mut to_server).await;
            // What was sent just before the client went is still worked on, as at the other end of a network: a server
            // that sees the end of what it reads may give up what it does.
            sleep(LINGER).await;
        } => {}
        _ = back.run(from_server, to_client) => {}
        _ = state.wait_for(|state| state.generation != generation) => {}
    }
}

/// One direction of a connection.
struct Pump<'a> {
    way: Way,
    passed: usize,
    state: watch::Receiver<State>,
    counts: &'a Counts,
}

impl Pump<'_> {
    /// `None` at the end of the connection.
    async fn run(&mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Option<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer).await.ok()?;
            // An end of file travels like everything else.
            let condition = self.condition().await?;
            if let Condition::Slow(delay) = condition {
                sleep(delay).await;
            }
            let mut rest = buffer.get(..length).filter(|piece| !piece.is_empty())?;
            while !rest.is_empty() {
                let count = self.passes(rest.len()).await?;
                let (piece, later) = rest.split_at_checked(count)?;
                to.write_all(piece).await.ok()?;
                self.passed += count;
                rest = later;
            }
        }
    }

    /// Waits until something may pass.
    async fn condition(&mut self) -> Option<Condition> {
        let way = self.way;
        let is_stopped = self.state.borrow().condition.stops(way);
        let _held = is_stopped.then(|| Held::new(&self.counts.held));
        let state = self.state.wait_for(|state| !state.condition.stops(way)).await.ok()?;
        Some(state.condition)
    }

    /// How many bytes pass now; `None` when the connection breaks.
    async fn passes(&mut self, length: usize) -> Option<usize> {
        match self.condition().await? {
            Condition::Trickle(count, pause) => {
                sleep(pause).await;
                Some(count.clamp(1, length))
            }
            Condition::Breaks(after) if self.way == Way::Back => {
                let left = after.checked_sub(self.passed).filter(|left| *left > 0)?;
                Some(left.min(length))
            }
            _ => Some(length),
        }
    }
}

/// Counts as long as it lives.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A wire, and a connection through it: the client's end, and the server's.
    async fn connected() -> (Wire, TcpListener, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Wire::to(&listener.local_addr().unwrap().to_string()).await.unwrap();
        let client = TcpStream::connect(wire.address()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (wire, listener, client, server)
    }

    async fn nothing_comes(stream: &mut TcpStream) {
        let mut byte = [0];
        timeout(Duration::from_millis(100), stream.read_exact(&mut byte))
            .await
            .unwrap_err();
    }

    #[tokio::test]
    async fn what_a_cut_holds_back_comes_when_it_is_mended_and_a_reset_breaks() {
        let (wire, listener, mut client, mut server) = connected().await;
        let mut byte = [0];
        client.write_all(b"1").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        wire.set(Condition::Cut);
        client.write_all(b"2").await.unwrap();
        nothing_comes(&mut server).await;
        wire.set(Condition::Slow(Duration::from_millis(1)));
        server.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"2");
        wire.reset();
        assert_eq!(client.read(&mut byte).await.unwrap_or(0), 0);
        TcpStream::connect(wire.address()).await.unwrap();
        listener.accept().await.unwrap();
        assert_eq!(wire.connections(), 2);
    }

    #[tokio::test]
    async fn requests_are_held_and_answers_pass() {
        let (wire, _listener, mut client, mut server) = connected().await;
        let mut byte = [0];
        wire.set(Condition::Held);
        client.write_all(b"?").await.unwrap();
        server.write_all(b"!").await.unwrap();
        client.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"!");
        nothing_comes(&mut server).await;
        assert_eq!(wire.held(), 1);
        wire.set(Condition::Whole);
        server.read_exact(&mut byte).await.unwrap();
        assert_eq!((&byte, wire.held()), (b"?", 0));
    }

    #[tokio::test]
    async fn what_a_client_sent_before_it_went_arrives_and_its_end_later() {
        let (wire, _listener, mut client, mut server) = connected().await;
        wire.set(Condition::Held);
        client.write_all(b"?").await.unwrap();
        drop(client);
        wire.set(Condition::Whole);
        let mut byte = [0];
        server.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"?");
        nothing_comes(&mut server).await;
        assert_eq!(server.read(&mut byte).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn bytes_trickle_and_answers_break_off() {
        let (wire, _listener, mut client, mut server) = connected().await;
        wire.set(Condition::Trickle(1, Duration::from_millis(1)));
        client.write_all(b"question").await.unwrap();
        let mut question = [0; 8];
        server.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"question");
        wire.set(Condition::Breaks(4));
        server.write_all(b"answer").await.unwrap();
        let mut answer = Vec::new();
        // Whether it ends or is reset makes no difference.
        let _ = client.read_to_end(&mut answer).await;
        assert_eq!(answer, b"answ");
    }
}
