//! `cargo xtask image`: the operator as static binaries, and the image of the Dockerfile around each.

mod check;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tools::Prerequisite;

use crate::{
    binaries::{self, PLATFORMS, Platform},
    step::{program, succeed, target},
};

/// The root certificates of this machine go into the image.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The operator's binary and package.
pub(crate) const BINARY: &str = "audit-mitigation-operator";

/// Builds all binaries; the images too, where buildah is installed.
pub(crate) fn run() -> Result<()> {
    tools::require(&[Prerequisite::RUSTC, Prerequisite::PYTHON])?;
    let output = target()?.join("image");
    for platform in PLATFORMS {
        let root = output.join(platform.architecture).join("rootfs");
        let binary = binaries::build(platform, BINARY, "release")?;
        fill(&root, &binary)?;
        println!("{}", root.join(BINARY).display());
    }
    if Command::new("buildah").arg("--version").output().is_err() {
        println!("no images: install buildah (Debian: buildah), or build the Dockerfile with another tool");
        return Ok(());
    }
    for platform in PLATFORMS {
        let archive = image(platform, &output)?;
        check::check(&archive, platform.architecture)?;
        let size = fs::metadata(&archive).context("cannot read the archive")?.len();
        println!("{} ({size} bytes)", archive.display());
    }
    Ok(())
}

/// Makes the image's root folder: what the Dockerfile's first stage makes.
pub(crate) fn fill(root: &Path, binary: &Path) -> Result<()> {
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    let copy = |from: &Path, to: &str| -> Result<()> {
        let to = root.join(to);
        let folder = to.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        Ok(())
    };
    copy(binary, BINARY)?;
    ensure!(
        Path::new(CERTIFICATES).exists(),
        "{CERTIFICATES} is missing: install the root certificates (Debian: ca-certificates)"
    );
    copy(Path::new(CERTIFICATES), CERTIFICATES.trim_start_matches('/'))
}

/// The image as an OCI archive, built by the last stage of the Dockerfile. Nothing is run or pulled, so neither root
/// nor a daemon is needed.
fn image(platform: Platform, output: &Path) -> Result<PathBuf> {
    let Platform { architecture, .. } = platform;
    let version = env!("CARGO_PKG_VERSION");
    let tag = format!("{BINARY}:{version}-{architecture}");
    let context = format!("build={}", output.join(architecture).display());
    let platform = format!("linux/{architecture}");
    let arguments = [format!("VERSION={version}"), format!("REVISION={}", revision())];
    let mut build = program(
        "buildah".as_ref(),
        &["build", "--isolation", "chroot", "--platform", &platform],
    );
    for argument in &arguments {
        build.args(["--build-arg", argument]);
    }
    build.args(["--build-context", &context, "--tag", &tag, "."]);
    // Works in a container and without root, where others need a kernel module or a daemon.
    succeed(build.env("STORAGE_DRIVER", "vfs"))?;
    let archive = output.join(format!("{BINARY}-{version}-{architecture}.tar"));
    if archive.exists() {
        fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    }
    let to = format!("oci-archive:{}:{version}", archive.display());
    succeed(program("buildah".as_ref(), &["push", "--quiet", &tag, &to]).env("STORAGE_DRIVER", "vfs"))?;
    Ok(archive)
}

/// The commit that is built, if git knows.
fn revision() -> String {
    program("git".as_ref(), &["rev-parse", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}
