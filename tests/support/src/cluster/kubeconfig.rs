//! Kubeconfig files, in JSON, which is YAML.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::pki::Identity;

/// What a kubeconfig proves its user by.
///
/// Not by impersonation: kube ignores it in a kubeconfig, so that the user would silently be the
/// administrator.
pub(super) enum Credentials<'a> {
    Certificate(&'a Identity),
    Token(&'a str),
}

/// Writes the kubeconfig of a user of the API server at `url`.
pub(super) fn write(path: &Path, url: &str, authority: &Path, credentials: &Credentials<'_>) -> Result<PathBuf> {
    let user: Value = match credentials {
        Credentials::Certificate(identity) => json!({
            "client-certificate": identity.certificate,
            "client-key": identity.key,
        }),
        Credentials::Token(token) => json!({ "token": token }),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": { "server": url, "certificate-authority": authority },
        }],
        "users": [{ "name": "user", "user": user }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "user" } }],
        "current-context": "test",
    });
    fs::write(path, format!("{config:#}")).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}
