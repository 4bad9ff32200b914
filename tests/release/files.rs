//! What `cargo xtask release files` builds, of one architecture and not for release: that takes a tenth of the time.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::tools;

use crate::{VERSION, root, succeed};

/// A key that is thrown away, as `gpg --export-secret-keys` writes it.
fn key(folder: &Path) {
    let home = folder.join("gpg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    let gpg = || {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", &home)
            .args(["--batch", "--quiet", "--passphrase", ""]);
        gpg
    };
    succeed(gpg().args(["--quick-gen-key", "Thrown Away <thrown@example.com>", "rsa3072", "sign"]));
    for (export, file) in [("--export-secret-keys", "secret.gpg"), ("--export", "public.gpg")] {
        succeed(
            gpg()
                .args(["--pinentry-mode", "loopback", "--output"])
                .arg(folder.join(file))
                .arg(export),
        );
    }
    succeed(Command::new("gpgconf").env("GNUPGHOME", &home).args(["--kill", "all"]));
}

#[test]
#[ignore = "builds everything anew for musl, which can take longer than a test may: run it with --ignored"]
fn a_release_has_binaries_sboms_definitions_and_a_signed_chart() {
    let folder = tempfile::tempdir().unwrap();
    key(folder.path());
    let output = folder.path().join("files");
    let mut build = Command::new(env!("CARGO"));
    build
        .args([
            "xtask",
            "release",
            "files",
            "--profile",
            "dev",
            "--architecture",
            "amd64",
            "--output",
        ])
        .arg(&output)
        .args(["--chart-key", "Thrown Away", "--keyring"])
        .arg(folder.path().join("secret.gpg"));
    succeed(build.current_dir(root()));

    let files: BTreeSet<_> = fs::read_dir(&output)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = [
        "SHA256SUMS".to_owned(),
        format!("audit-mitigation-operator-{VERSION}-linux-amd64"),
        format!("audit-mitigation-operator-{VERSION}.cdx.json"),
        format!("audit-mitigation-operator-{VERSION}.tgz"),
        format!("audit-mitigation-operator-{VERSION}.tgz.prov"),
        format!("crds-{VERSION}.yaml"),
        format!("simulator-{VERSION}-linux-amd64"),
        format!("simulator-{VERSION}.cdx.json"),
    ];
    assert_eq!(files, BTreeSet::from(expected));

    let sums = succeed(
        Command::new("sha256sum")
            .args(["--check", "SHA256SUMS"])
            .current_dir(&output),
    );
    assert_eq!(sums.lines().count(), files.len() - 1, "{sums}");
    binaries(&output);
    sboms(&output);
    chart(folder.path(), &output);
    let crds = fs::read_to_string(output.join(format!("crds-{VERSION}.yaml"))).unwrap();
    let crds: Vec<Value> = serde_saphyr::from_multiple(&crds).unwrap();
    assert!(!crds.is_empty() && crds.iter().all(|crd| crd["kind"] == "CustomResourceDefinition"));
}

/// That they are static the command itself sees to; that they run is seen here.
fn binaries(output: &Path) {
    let operator = output.join(format!("audit-mitigation-operator-{VERSION}-linux-amd64"));
    let said = succeed(Command::new(operator).arg("--version"));
    assert_eq!(said.trim(), format!("audit-mitigation-operator {VERSION}"));
    let simulator = output.join(format!("simulator-{VERSION}-linux-amd64"));
    assert!(succeed(Command::new(simulator).arg("--help")).contains("--listen"));
}

fn sboms(output: &Path) {
    let python = tools::python::environment(&root().join("tests/release/requirements.txt")).unwrap();
    let mut validate = Command::new(python);
    validate.arg(root().join("tests/release/validate.py"));
    for package in ["audit-mitigation-operator", "simulator"] {
        let path = output.join(format!("{package}-{VERSION}.cdx.json"));
        validate.arg(&path);
        let sbom: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let product = &sbom["metadata"]["component"];
        assert_eq!(
            (product["name"].as_str(), product["version"].as_str()),
            (Some(package), Some(VERSION))
        );
        let names: BTreeSet<_> = sbom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        assert!(names.contains("tokio"), "{names:?}");
        // What only tests, other systems or other packages need is in no program.
        for absent in ["proptest", "windows-sys", "support"] {
            assert!(!names.contains(absent), "{package}: {absent}");
        }
        assert_eq!(names.contains("aws-sdk-iot"), package == "audit-mitigation-operator");
    }
    succeed(&mut validate);
}

fn chart(folder: &Path, output: &Path) {
    let verify = |name: &str| {
        let mut helm = Command::new(tools::HELM_3.path().unwrap());
        helm.args(["verify", "--keyring"])
            .arg(folder.join("public.gpg"))
            .arg(output.join(name));
        helm
    };
    let name = format!("audit-mitigation-operator-{VERSION}.tgz");
    let said = succeed(&mut verify(&name));
    assert!(said.contains("Signed by: Thrown Away"), "{said}");
    // A package that is another than the one that was signed.
    let path = output.join(&name);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    assert!(!verify(&name).output().unwrap().status.success());
}
