//! `cargo xtask release files`: what is attached to a release.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tools::Prerequisite;

use super::VERSION;
use crate::{
    binaries::{self, PLATFORMS, Platform},
    image::BINARY,
    step::{cargo, check_status, program, root, succeed, target},
};

/// What has a binary in a release, and a list of what it is made of.
const PACKAGES: [&str; 2] = [BINARY, "simulator"];

/// What is built.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the files go; the folder is emptied first. Default: `release-files` in cargo's target folder.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Cargo's profile of the binaries; `dev` is built sooner, and not for release.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Only for this architecture (amd64, arm64).
    #[arg(long)]
    architecture: Option<String>,
    /// Signs the chart's package with the key of this name, as in `helm package --sign`.
    #[arg(long, value_name = "NAME", requires = "keyring")]
    chart_key: Option<String>,
    /// The file with that secret key, as `gpg --export-secret-keys` writes it.
    #[arg(long, value_name = "FILE", requires = "chart_key")]
    keyring: Option<PathBuf>,
    /// The file with the key's passphrase. Without it the key must have none.
    #[arg(long, value_name = "FILE", requires = "chart_key")]
    passphrase: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&[Prerequisite::RUSTC, Prerequisite::PYTHON, Prerequisite::GO])?;
    let output = match &arguments.output {
        Some(folder) => folder.clone(),
        None => folder()?,
    };
    if output.exists() {
        fs::remove_dir_all(&output).with_context(|| format!("cannot empty {}", output.display()))?;
    }
    fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let output = output.canonicalize().context("cannot find what was just created")?;
    for platform in platforms(arguments.architecture.as_deref())? {
        for package in PACKAGES {
            let binary = binaries::build(platform, package, &arguments.profile)?;
            let name = format!("{package}-{VERSION}-linux-{}", platform.architecture);
            copy(&binary, &output.join(name))?;
        }
    }
    for package in PACKAGES {
        sbom(package, &output)?;
    }
    crds(&output)?;
    chart(arguments, &output)?;
    checksums(&output)?;
    println!("{}", output.display());
    Ok(())
}

/// Where the files go unless told otherwise.
pub(super) fn folder() -> Result<PathBuf> {
    Ok(target()?.join("release-files"))
}

fn platforms(architecture: Option<&str>) -> Result<Vec<Platform>> {
    let Some(architecture) = architecture else {
        return Ok(PLATFORMS.into());
    };
    let found: Vec<_> = PLATFORMS
        .into_iter()
        .filter(|platform| platform.architecture == architecture)
        .collect();
    ensure!(
        !found.is_empty(),
        "nothing is built for {architecture}: choose amd64 or arm64"
    );
    Ok(found)
}

pub(super) fn sbom_name(package: &str) -> String {
    format!("{package}-{VERSION}.cdx.json")
}

/// Lists the crates that a package is built of.
fn sbom(package: &str, output: &Path) -> Result<()> {
    let target = PLATFORMS.map(|platform| platform.target)[0];
    let tool = tools::CARGO_CYCLONEDX.path()?;
    let file = sbom_name(package);
    // To which it adds the ending itself.
    let name = file.trim_end_matches(".json");
    let list = [
        "cyclonedx",
        "--format",
        "json",
        "--spec-version",
        "1.5",
        "--target",
        target,
        "--override-filename",
        name,
    ];
    succeed(&mut program(&tool, &list))?;
    // It writes a file into the folder of each package of the workspace.
    for (name, folder) in packages()? {
        let written = folder.join(&file);
        if name == package {
            copy(&written, &output.join(&file))?;
        }
        fs::remove_file(&written).with_context(|| format!("cannot remove {}", written.display()))?;
    }
    Ok(())
}

/// The names and folders of the workspace's packages.
fn packages() -> Result<Vec<(String, PathBuf)>> {
    let output = cargo(&["metadata", "--no-deps", "--format-version=1"])
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let of = |package: &Value| {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let folder = Path::new(text("manifest_path")?).parent()?;
        Some((text("name")?.to_owned(), folder.to_owned()))
    };
    Ok(packages.filter_map(of).collect())
}

/// The definitions in one file, for `kubectl apply`.
fn crds(output: &Path) -> Result<()> {
    let folder = root().join("crds");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>())
        .with_context(|| format!("cannot list {}", folder.display()))?;
    files.sort();
    let mut all = String::new();
    for file in files {
        all.push_str("---\n");
        all.push_str(&fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    fs::write(output.join(format!("crds-{VERSION}.yaml")), all).context("cannot write the definitions")
}

/// The chart's package, and its provenance where a key is given.
fn chart(arguments: &Arguments, output: &Path) -> Result<()> {
    let chart = root().join("charts/audit-mitigation-operator");
    let mut helm = Command::new(tools::HELM_3.path()?);
    helm.arg("package").arg(chart).arg("--destination").arg(output);
    if let (Some(key), Some(keyring)) = (&arguments.chart_key, &arguments.keyring) {
        helm.args(["--sign", "--key", key]).arg("--keyring").arg(keyring);
        if let Some(passphrase) = &arguments.passphrase {
            helm.arg("--passphrase-file").arg(passphrase);
        }
    }
    succeed(helm.stdin(Stdio::null()))
}

/// As `sha256sum --check` reads it.
fn checksums(output: &Path) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(output)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_, _>>())
        .with_context(|| format!("cannot list {}", output.display()))?;
    files.sort();
    let sums = File::create(output.join("SHA256SUMS")).context("cannot write the checksums")?;
    let mut command = Command::new("sha256sum");
    command.args(files).current_dir(output).stdout(sums);
    check_status(command.status(), &command)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
