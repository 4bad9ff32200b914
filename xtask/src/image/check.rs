//! What is in an image: the few files that are meant, and the settings that clusters rely on.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Everything below the image's root, sorted.
const FILES: [&str; 5] = [
    "audit-mitigation-operator",
    "etc/",
    "etc/ssl/",
    "etc/ssl/certs/",
    "etc/ssl/certs/ca-certificates.crt",
];

/// Reads an OCI archive and compares it with what it should be.
pub(super) fn check(archive: &Path, architecture: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    tar(
        &["--extract", "--file"],
        archive,
        &["--directory".as_ref(), folder.path()],
    )?;
    let index = json_file(&folder.path().join("index.json"))?;
    let manifest = json_file(&blob(folder.path(), at(&index, "/manifests/0"))?)?;
    let config = json_file(&blob(folder.path(), at(&manifest, "/config"))?)?;
    let found = json!({
        "architecture": at(&config, "/architecture"), "os": at(&config, "/os"), "user": at(&config, "/config/User"),
        "entrypoint": at(&config, "/config/Entrypoint"), "command": at(&config, "/config/Cmd"),
    });
    let expected = json!({
        "architecture": architecture, "os": "linux", "user": "65532:65532",
        "entrypoint": ["/audit-mitigation-operator"], "command": ["run"],
    });
    ensure!(
        found == expected,
        "the image's settings are {found} instead of {expected}"
    );
    let version = at(&config, "/config/Labels/org.opencontainers.image.version");
    ensure!(
        version == env!("CARGO_PKG_VERSION"),
        "the image's label says version {version}"
    );

    let mut files = Vec::new();
    for layer in at(&manifest, "/layers").as_array().context("a manifest has layers")? {
        let listed = tar(&["--list", "--file"], &blob(folder.path(), layer)?, &[])?;
        files.extend(listed.lines().map(str::to_owned));
    }
    files.sort();
    ensure!(files == FILES, "the image holds {files:?} instead of {FILES:?}");
    Ok(())
}

/// Where an archive keeps what a descriptor names.
fn blob(folder: &Path, descriptor: &Value) -> Result<std::path::PathBuf> {
    let digest = at(descriptor, "/digest")
        .as_str()
        .context("a descriptor has a digest")?;
    Ok(folder.join("blobs").join(digest.replace(':', "/")))
}

/// What a JSON pointer names; null if there is nothing.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn json_file(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// Runs tar, which also unpacks what is compressed.
fn tar(arguments: &[&str], archive: &Path, further: &[&Path]) -> Result<String> {
    let output = Command::new("tar").args(arguments).arg(archive).args(further).output();
    let output = output.context("cannot run tar")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tar can't read {}: {said}", archive.display());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
