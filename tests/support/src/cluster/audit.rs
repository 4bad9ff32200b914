//! Which requests somebody made of the API server, from its own audit log.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use k8s_openapi::api::{
    core::v1::Namespace,
    rbac::v1::{ClusterRoleBinding, RoleRef, Subject},
};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api,
    api::{ListParams, ObjectMeta, PostParams},
};
use serde_json::{Value, json};

use super::{Cluster, START_LIMIT, access::unique};
use crate::eventually;

/// Whoever is in this group may do everything, and each of their requests is logged.
const GROUP: &str = "audited";

/// So are those of service accounts, which may do what they were granted; nobody else's are.
const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";

const LOG: &str = "audit.log";

/// An administrator whose requests can be told apart.
#[derive(Clone, Debug)]
pub struct AuditedUser {
    /// The user's name, which is in the log.
    pub name: String,
    /// Whoever uses it is that user.
    pub kubeconfig: PathBuf,
}

/// A request that was answered; a watch counts once its answer has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedRequest {
    /// When it was received.
    pub time: Timestamp,
    /// Such as `get`, `list`, `watch`, `create`, `patch`.
    pub verb: String,
    /// The plural, with a slash and the subresource where one is meant, as in RBAC: `pods/status`.
    pub resource: String,
    /// The namespace; empty for all.
    pub namespace: String,
    /// The object's name; empty where the request names none.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

/// The arguments of an API server that logs the requests of [`GROUP`] and of [`SERVICE_ACCOUNTS`].
pub(super) fn arguments(folder: &Path) -> Result<Vec<String>> {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{ "level": "Metadata", "userGroups": [GROUP, SERVICE_ACCOUNTS] }, { "level": "None" }],
    });
    let path = folder.join("audit-policy.json");
    fs::write(&path, policy.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(vec![
        format!("--audit-policy-file={}", path.display()),
        format!("--audit-log-path={}", folder.join(LOG).display()),
    ])
}

impl Cluster {
    /// A new administrator whose requests are logged.
    ///
    /// # Errors
    /// When the certificate can't be made, or the API server refuses the rights.
    pub async fn audited_user(&self) -> Result<AuditedUser> {
        let name = unique("audited");
        let rights = ClusterRoleBinding {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                ..Default::default()
            },
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "ClusterRole".to_owned(),
                name: "cluster-admin".to_owned(),
            },
            subjects: Some(vec![Subject {
                kind: "User".to_owned(),
                name: name.clone(),
                ..Default::default()
            }]),
        };
        Api::all(self.client().await?)
            .create(&PostParams::default(), &rights)
            .await?;
        let kubeconfig = self.kubeconfig_for(&name, Some(GROUP))?;
        let namespaces: Api<Namespace> = Api::all(self.client_from(&kubeconfig).await?);
        eventually(START_LIMIT, "the rights are known to the API server", async || {
            namespaces.list_metadata(&ListParams::default().limit(1)).await
        })
        .await?;
        Ok(AuditedUser { name, kubeconfig })
    }

    /// The requests of an audited user that have been answered so far, oldest first.
    ///
    /// A line may come a moment after its answer: wait for what is expected, and end with a request of one's own
    /// before saying that nothing else was asked.
    ///
    /// # Errors
    /// When the log can't be read.
    pub fn requests_of(&self, user: &AuditedUser) -> Result<Vec<AuditedRequest>> {
        self.requests_by(&user.name)
    }

    /// The same of a service account, by its user's name: `system:serviceaccount:NAMESPACE:NAME`.
    ///
    /// # Errors
    /// When the log can't be read.
    pub fn requests_by(&self, user: &str) -> Result<Vec<AuditedRequest>> {
        let path = self.supervisor.folder().join(LOG);
        let log = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        Ok(lines.filter_map(|line: Value| request(&line, user)).collect())
    }
}

fn request(line: &Value, user: &str) -> Option<AuditedRequest> {
    let text = |pointer: &str| line.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let verb = text("/verb");
    // The answer of a watch ends with the watch: it counts when it begins.
    let counts = text("/stage")
        == if verb == "watch" {
            "ResponseStarted"
        } else {
            "ResponseComplete"
        };
    if !counts || text("/user/username") != user {
        return None;
    }
    let (resource, subresource) = (text("/objectRef/resource"), text("/objectRef/subresource"));
    Some(AuditedRequest {
        time: text("/requestReceivedTimestamp").parse().ok()?,
        verb: verb.to_owned(),
        resource: if subresource.is_empty() {
            resource.to_owned()
        } else {
            format!("{resource}/{subresource}")
        },
        namespace: text("/objectRef/namespace").to_owned(),
        name: text("/objectRef/name").to_owned(),
        code: line
            .pointer("/responseStatus/code")
            .and_then(Value::as_u64)
            .and_then(|code| code.try_into().ok())
            .unwrap_or_default(),
    })
}
