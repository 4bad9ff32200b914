//! A way to the API server that a test can cut, or hold up.

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::World;

/// A way to the API server. What it reads and doesn't pass on is neither refused nor answered.
pub(super) struct Proxy {
    pub(super) kubeconfig: NamedTempFile,
    cut: CancellationToken,
    way: watch::Sender<Way>,
}

/// The way of requests; answers and watches always come through.
#[derive(Clone, Copy, Default)]
struct Way {
    is_held: bool,
    /// How many connections have a request that was read and not passed on yet.
    waiting: usize,
}

impl Proxy {
    pub(super) async fn start(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = world.cluster.url().trim_start_matches("https://").to_owned();
        let (cut, way) = (CancellationToken::new(), watch::Sender::default());
        tokio::spawn(serve(listener, server, cut.clone(), way.clone()));
        let text = std::fs::read_to_string(world.cluster.kubeconfig()).unwrap();
        let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
        kubeconfig["clusters"][0]["cluster"]["server"] = json!(format!("https://{address}"));
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), kubeconfig.to_string()).unwrap();
        Self {
            kubeconfig: file,
            cut,
            way,
        }
    }

    /// Cuts it like a cable.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Holds requests up from now on, or lets them go.
    pub(super) fn hold(&self, is_held: bool) {
        self.way.send_modify(|way| way.is_held = is_held);
    }

    /// How many connections have a request that is held up.
    pub(super) fn held(&self) -> usize {
        let way = self.way.borrow();
        if way.is_held { way.waiting } else { 0 }
    }
}

async fn serve(listener: TcpListener, server: String, cut: CancellationToken, way: watch::Sender<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, cut, way) = (server.clone(), cut.clone(), way.clone());
        tokio::spawn(async move {
            let upstream = TcpStream::connect(&server).await?;
            let (mut answers, mut requests) = upstream.into_split();
            let (mut client, mut back) = client.into_split();
            let forward = async {
                let mut buffer = [0; 8192];
                loop {
                    let count = client.read(&mut buffer).await?;
                    if count == 0 {
                        return requests.shutdown().await;
                    }
                    way.send_modify(|way| way.waiting += 1);
                    // Fails only when the proxy is gone.
                    let _ = way.subscribe().wait_for(|way| !way.is_held).await;
                    way.send_modify(|way| way.waiting -= 1);
                    requests.write_all(&buffer[..count]).await?;
                }
            };
            let backward = async {
                copy(&mut answers, &mut back).await?;
                back.shutdown().await
            };
            let both = async { tokio::join!(forward, backward) };
            if cut.run_until_cancelled(Box::pin(both)).await.is_none() {
                // Held open: whoever waits for an answer has to have a limit of its own.
                std::future::pending::<()>().await;
            }
            std::io::Result::Ok(())
        });
    }
}
