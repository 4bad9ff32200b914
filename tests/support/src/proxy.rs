//! A proxy in front of the API server or the service, which can hold up or cut each request: before it is forwarded, or
//! after its effect and before its answer.

use std::{
    fmt,
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use futures::future::AbortHandle;
use http::{Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{net::TcpListener, sync::Notify};

use crate::Cluster;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Error>;

/// A request on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// Its query, without the question mark.
    pub query: String,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// When something is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before it is forwarded: it has no effect.
    Before,
    /// When its answer has come: it had its effect, and whoever asked doesn't know.
    After,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is forwarded, and so is its answer.
    Pass,
    /// Its connection is closed without an answer.
    Cut(Side),
    /// It waits until the pause is over.
    Hold(Side, Arc<Pause>),
}

/// Where a request waits.
#[derive(Debug, Default)]
pub struct Pause {
    reached: Notify,
    over: Notify,
}

impl Pause {
    /// Waits until a request is held.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the request go on.
    pub fn end(&self) {
        self.over.notify_one();
    }

    /// Holds a request: says that it is here, and waits until the pause is over.
    pub(crate) async fn hold(&self) {
        self.reached.notify_one();
        self.over.notified().await;
    }
}

/// A request that was answered, with the status of the answer.
pub type Answered = (Asked, u16);

/// A proxy, until it is dropped. It belongs to the runtime that it was started in.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    upstream: Upstream,
    fate: Box<dyn Fn(&Asked) -> Fate + Send + Sync>,
    answered: Mutex<Vec<Answered>>,
}

enum Upstream {
    /// The client knows address, TLS and credentials.
    Kubernetes(kube::Client),
    Plain(Box<Client<HttpConnector, Full<Bytes>>>, String),
}

impl Proxy {
    /// A proxy in front of the cluster's API server: whoever comes through it is the administrator.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn of_cluster(cluster: &Cluster, fate: impl Fn(&Asked) -> Fate + Send + Sync + 'static) -> Result<Self> {
        Self::start(Upstream::Kubernetes(cluster.client().await?), Box::new(fate)).await
    }

    /// A proxy in front of a server that talks plain HTTP, as in `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn of_endpoint(endpoint: &str, fate: impl Fn(&Asked) -> Fate + Send + Sync + 'static) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self::start(Upstream::Plain(Box::new(client), endpoint.to_owned()), Box::new(fate)).await
    }

    async fn start(upstream: Upstream, fate: Box<dyn Fn(&Asked) -> Fate + Send + Sync>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            fate,
            answered: Mutex::default(),
        });
        let (serving, server) = futures::future::abortable(serve(listener, Arc::clone(&shared)));
        tokio::spawn(serving);
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Its address, as an endpoint URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig that leads through it, in a file that ends with its owner.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn kubeconfig(&self) -> Result<NamedTempFile> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "proxy", "cluster": { "server": self.endpoint() } }],
            "users": [{ "name": "user", "user": {} }],
            "contexts": [{ "name": "proxy", "context": { "cluster": "proxy", "user": "user" } }],
            "current-context": "proxy",
        });
        let mut file = NamedTempFile::new()?;
        file.write_all(config.to_string().as_bytes())?;
        Ok(file)
    }

    /// What was answered so far, oldest first.
    #[must_use]
    pub fn answered(&self) -> Vec<Answered> {
        self.shared
            .answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { shared.forward(request).await }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // Its errors are those of the two sides, who see them themselves.
        tokio::spawn(connection);
    }
}

impl Shared {
    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let asked = Asked {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        };
        let fate = (self.fate)(&asked);
        let body = body.collect().await?.to_bytes();
        suffer(&fate, Side::Before).await?;
        let response = self.upstream.send(Request::from_parts(parts, body)).await?;
        self.answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((asked, response.status().as_u16()));
        suffer(&fate, Side::After).await?;
        Ok(response)
    }
}

async fn suffer(fate: &Fate, now: Side) -> Result<(), Error> {
    match fate {
        Fate::Cut(side) if *side == now => Err("the proxy cuts this connection".into()),
        Fate::Hold(side, pause) if *side == now => {
            pause.hold().await;
            Ok(())
        }
        Fate::Pass | Fate::Cut(_) | Fate::Hold(..) => Ok(()),
    }
}

impl Upstream {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Error> {
        let (mut parts, body) = request.into_parts();
        match self {
            Self::Kubernetes(client) => {
                parts.headers.remove(header::HOST);
                let request = Request::from_parts(parts, kube::client::Body::from(body));
                let response = client.send(request).await?;
                Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
            }
            Self::Plain(client, endpoint) => {
                let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                parts.uri = Uri::try_from(format!("{endpoint}{path}"))?;
                let response = client.request(Request::from_parts(parts, Full::new(body))).await?;
                Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
            }
        }
    }
}
