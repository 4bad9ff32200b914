//! What etcd forgets: the versions before a compaction.

use anyhow::{Context as _, Result, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};

use super::Cluster;

impl Cluster {
    /// Makes etcd forget all versions but the present one, as the API server lets it do every few minutes. A watch
    /// that is to go on from an older one gets 410 Gone, unless the API server's own cache reaches as far back.
    ///
    /// # Errors
    /// When etcd doesn't answer, or refuses.
    pub async fn compact_etcd(&self) -> Result<()> {
        let any = self.ask_etcd("kv/range", &json!({ "key": "AA==", "limit": 1 })).await?;
        let revision = any
            .pointer("/header/revision")
            .with_context(|| format!("no revision in etcd's answer {any}"))?;
        let request = json!({ "revision": revision, "physical": true });
        self.ask_etcd("kv/compaction", &request).await?;
        Ok(())
    }

    /// A call of etcd's JSON gateway.
    async fn ask_etcd(&self, path: &str, request: &Value) -> Result<Value> {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::post(format!("{}/v3/{path}", self.etcd.url())).body(Full::from(request.to_string()))?;
        let response = client.request(request).await.context("etcd does not answer")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "etcd refused ({status}): {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    }
}
