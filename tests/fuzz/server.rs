//! A server that answers every request with the same bytes, whatever they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What every request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// This head, and then a body that never ends, as fast as it is taken.
    Endless(Vec<u8>),
}

pub(crate) struct Server {
    reply: Arc<Mutex<Reply>>,
    /// How many bytes of endless answers were taken.
    taken: Arc<AtomicUsize>,
    endpoint: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let reply = Arc::new(Mutex::new(Reply::Bytes(Vec::new())));
        let shared = Arc::clone(&reply);
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let reply = shared.lock().unwrap().clone();
                // A client that goes away early is no failure.
                let counter = Arc::clone(&counter);
                tokio::spawn(async move { drop(answer(stream, reply, &counter).await) });
            }
        });
        Self { reply, taken, endpoint }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }
}

async fn answer(mut stream: TcpStream, reply: Reply, taken: &AtomicUsize) -> std::io::Result<()> {
    read_request(&mut stream).await?;
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
        Reply::Endless(head) => {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(&[b' '; 1 << 14]).await?;
                taken.fetch_add(1 << 14, Ordering::Relaxed);
            }
        }
    }
    stream.shutdown().await
}

/// The head, and as much of a body as it announces: a reset before that would hide the answer.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let announced = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(0, |length| length.trim().parse().unwrap());
        if body.len() >= announced {
            return Ok(());
        }
    }
}
