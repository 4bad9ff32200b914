//! `cargo xtask release publish`: what goes to a registry.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::{VERSION, files};
use crate::{
    binaries::PLATFORMS,
    image::BINARY,
    step::{check_status, succeed, target},
};

/// Where it goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The registry and the folder in it, such as `ghcr.io/OWNER`. Log in first: what `docker login` keeps is used.
    #[arg(long)]
    registry: String,
    /// For cosign: `--key FILE`, or what else it is to sign with. Without it, it asks for an identity (keyless).
    #[arg(last = true)]
    cosign: Vec<String>,
}

/// Takes what `cargo xtask image` and `cargo xtask release files` have built.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    for (name, install) in [
        ("buildah", "install buildah (Debian: buildah)"),
        ("cosign", "install cosign (docs/releasing.md has the version)"),
    ] {
        if Command::new(name).arg("version").output().is_err() {
            bail!("{name} is missing: {install}");
        }
    }
    // Names in a registry have no capitals, those of whom it belongs to may have.
    let registry = arguments.registry.to_ascii_lowercase();
    let image = format!("{registry}/{BINARY}");
    let digest = push_image(&image)?;
    sign(&image, &digest, &arguments.cosign)?;
    let sbom = files::folder()?.join(files::sbom_name(BINARY));
    let mut cosign = Command::new("cosign");
    cosign
        .args(["attest", "--yes", "--type", "cyclonedx", "--predicate"])
        .arg(sbom);
    succeed(cosign.args(&arguments.cosign).arg(format!("{image}@{digest}")))?;
    let charts = format!("{registry}/charts");
    sign(&format!("{charts}/{BINARY}"), &push_chart(&charts)?, &arguments.cosign)
}

/// Pushes the images of all architectures under one tag, and returns the digest.
fn push_image(image: &str) -> Result<String> {
    let folder = target()?.join("image");
    let list = format!("{BINARY}-{VERSION}");
    let buildah = |arguments: &[&str]| {
        let mut command = Command::new("buildah");
        // As `cargo xtask image` stores them.
        command.args(arguments).env("STORAGE_DRIVER", "vfs");
        command
    };
    // Of an earlier try, if there was one.
    _ = buildah(&["manifest", "rm", &list]).stderr(Stdio::null()).status();
    succeed(&mut buildah(&["manifest", "create", &list]))?;
    for platform in PLATFORMS {
        let archive = folder.join(format!("{BINARY}-{VERSION}-{}.tar", platform.architecture));
        let archive = format!("oci-archive:{}", archive.display());
        succeed(&mut buildah(&["manifest", "add", &list, &archive]))?;
    }
    let digest = folder.join("digest");
    let to = format!("docker://{image}:{VERSION}");
    succeed(
        buildah(&["manifest", "push", "--all", "--digestfile"])
            .arg(&digest)
            .args([&list, &to]),
    )?;
    let digest = fs::read_to_string(&digest).context("buildah wrote no digest")?;
    Ok(digest.trim().to_owned())
}

/// Pushes the chart's package, with its provenance if that stands beside it, and returns the digest.
fn push_chart(charts: &str) -> Result<String> {
    let package = files::folder()?.join(format!("{BINARY}-{VERSION}.tgz"));
    let said = helm_push(&package, charts)?;
    let digest = said.lines().find_map(|line| line.strip_prefix("Digest: "));
    Ok(digest.context("helm named no digest")?.trim().to_owned())
}

fn helm_push(package: &Path, charts: &str) -> Result<String> {
    let mut helm = Command::new(tools::HELM_3.path()?);
    helm.arg("push").arg(package).arg(format!("oci://{charts}"));
    let output = helm.output().context("cannot run helm")?;
    // It tells the digest on either, depending on its version.
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = said.concat();
    println!("{said}");
    check_status(Ok(output.status), &helm)?;
    Ok(said)
}

/// Signs what has this digest: a tag could be moved in between.
fn sign(name: &str, digest: &str, options: &[String]) -> Result<()> {
    let mut cosign = Command::new("cosign");
    cosign
        .args(["sign", "--yes"])
        .args(options)
        .arg(format!("{name}@{digest}"));
    succeed(&mut cosign)
}
