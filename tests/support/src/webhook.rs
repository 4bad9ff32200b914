//! A webhook that allows everything: one that takes its time, as policy engines do, and one that changes what is written.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::future::AbortHandle;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::proxy::Pause;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A webhook, until it is dropped. It belongs to the runtime that it was started in.
pub struct Webhook {
    url: String,
    /// Its own certificate, in base64: nobody else signed it.
    ca_bundle: String,
    server: AbortHandle,
}

/// What it does with each request before it allows it.
#[derive(Clone)]
enum Deed {
    Hold(Arc<Pause>),
    /// In base64.
    Patch(String),
}

impl Webhook {
    /// A webhook that holds each request until the pause is over.
    ///
    /// # Errors
    /// When no port is free, or no certificate can be made.
    pub async fn start(pause: Arc<Pause>) -> Result<Self> {
        Self::doing(Deed::Hold(pause)).await
    }

    /// A webhook that changes each object by this JSON patch.
    ///
    /// # Errors
    /// When no port is free, or no certificate can be made.
    pub async fn patching(patch: &Value) -> Result<Self> {
        Self::doing(Deed::Patch(base64(patch.to_string().as_bytes()))).await
    }

    async fn doing(deed: Deed) -> Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(cert.der().to_vec())], key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let url = format!("https://{}/", listener.local_addr()?);
        let (serving, server) = futures::future::abortable(serve(listener, TlsAcceptor::from(Arc::new(tls)), deed));
        tokio::spawn(serving);
        Ok(Self {
            url,
            ca_bundle: base64(cert.pem().as_bytes()),
            server,
        })
    }

    /// The configuration by which the API server asks it about the deletions of these resources in a namespace.
    #[must_use]
    pub fn of_deletions(&self, name: &str, namespace: &str, group: &str, resource: &str) -> Value {
        self.configuration(
            "ValidatingWebhookConfiguration",
            name,
            namespace,
            group,
            resource,
            "DELETE",
        )
    }

    /// The configuration by which the API server lets it change the statuses of these resources in a namespace.
    #[must_use]
    pub fn of_statuses(&self, name: &str, namespace: &str, group: &str, resource: &str) -> Value {
        let statuses = format!("{resource}/status");
        self.configuration(
            "MutatingWebhookConfiguration",
            name,
            namespace,
            group,
            &statuses,
            "UPDATE",
        )
    }

    fn configuration(
        &self,
        kind: &str,
        name: &str,
        namespace: &str,
        group: &str,
        resource: &str,
        operation: &str,
    ) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": name },
            "webhooks": [{
                "name": "webhook.tests.example",
                "clientConfig": { "url": self.url, "caBundle": self.ca_bundle },
                "rules": [{
                    "apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": [operation],
                }],
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 30,
            }],
        })
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, deed: Deed) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, deed) = (tls.clone(), deed.clone());
        tokio::spawn(async move {
            let stream = tls.accept(stream).await?;
            let service = service_fn(move |request| allow(request, deed.clone()));
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await?;
            Ok::<_, Error>(())
        });
    }
}

async fn allow(request: Request<Incoming>, deed: Deed) -> Result<Response<Full<Bytes>>, Error> {
    let review: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
    let of_review = |pointer: &str| review.pointer(pointer).cloned().unwrap_or_default();
    let uid = of_review("/request/uid");
    let allowed = match deed {
        Deed::Hold(pause) => {
            pause.hold().await;
            json!({ "uid": uid, "allowed": true })
        }
        Deed::Patch(patch) => json!({ "uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": patch }),
    };
    let answer = json!({
        "apiVersion": of_review("/apiVersion"),
        "kind": of_review("/kind"),
        "response": allowed,
    });
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Full::from(answer.to_string()))?)
}

/// As Kubernetes writes bytes in JSON.
fn base64(bytes: &[u8]) -> String {
    let value = serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec())).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
