//! A TCP connection's way to a server, which can be slowed, cut and broken.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

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
    /// Nothing passes, nothing is closed or refused, and nothing is lost: a network that is parted.
    Cut,
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
        tokio::spawn(serve(listener, server.to_owned(), watched));
        Ok(Self { address, state })
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

async fn serve(listener: TcpListener, server: String, state: watch::Receiver<State>) {
    let mut ended = state.clone();
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted,
            // The wire is gone.
            _ = ended.wait_for(|_| false) => return,
        };
        if let Ok((client, _)) = client {
            tokio::spawn(connection(client, server.clone(), state.clone()));
        }
    }
}

/// Ends with the first of its directions, with the wire, or with a reset.
async fn connection(client: TcpStream, server: String, mut state: watch::Receiver<State>) {
    let generation = state.borrow().generation;
    let Ok(upstream) = TcpStream::connect(&server).await else {
        return;
    };
    // Latency is what Slow adds, and nothing else.
    if client.set_nodelay(true).is_err() || upstream.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    tokio::select! {
        () = pump(from_client, to_server, state.clone()) => {}
        () = pump(from_server, to_client, state.clone()) => {}
        _ = state.wait_for(|state| state.generation != generation) => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length) = from.read(&mut buffer).await else {
            return;
        };
        // An end of file travels like everything else.
        let Ok(condition) = state
            .wait_for(|state| state.condition != Condition::Cut)
            .await
            .map(|state| state.condition)
        else {
            return;
        };
        if let Condition::Slow(delay) = condition {
            sleep(delay).await;
        }
        let Some(piece) = buffer.get(..length).filter(|piece| !piece.is_empty()) else {
            return;
        };
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn what_a_cut_holds_back_comes_when_it_is_mended_and_a_reset_breaks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Wire::to(&listener.local_addr().unwrap().to_string()).await.unwrap();
        let mut client = TcpStream::connect(wire.address()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        client.write_all(b"1").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        wire.set(Condition::Cut);
        client.write_all(b"2").await.unwrap();
        timeout(Duration::from_millis(100), server.read_exact(&mut byte))
            .await
            .unwrap_err();
        wire.set(Condition::Slow(Duration::from_millis(1)));
        server.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"2");
        wire.reset();
        assert_eq!(client.read(&mut byte).await.unwrap_or(0), 0);
        TcpStream::connect(wire.address()).await.unwrap();
        listener.accept().await.unwrap();
    }
}
