//! Static binaries for each architecture of a release.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use object::{Object as _, elf};

use crate::step::{program, root, succeed, target};

/// What binaries and images are built for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Platform {
    /// As images call it.
    pub(crate) architecture: &'static str,
    /// As Rust calls it.
    pub(crate) target: &'static str,
}

pub(crate) const PLATFORMS: [Platform; 2] = [
    Platform {
        architecture: "amd64",
        target: "x86_64-unknown-linux-musl",
    },
    Platform {
        architecture: "arm64",
        target: "aarch64-unknown-linux-musl",
    },
];

/// The static binary of a package, by cargo's profile. zig is the C compiler and linker, so that no other toolchain is
/// needed.
pub(crate) fn build(platform: Platform, package: &str, profile: &str) -> Result<PathBuf> {
    let python = tools::python::environment(&root().join("deploy/image/requirements.txt"))?;
    let programs = python
        .parent()
        .context("a virtual environment has a folder of programs")?;
    let mut path = OsString::from(programs);
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    succeed(&mut program("rustup".as_ref(), &["target", "add", platform.target]))?;
    let folder = target()?.join("static");
    // One package at a time: together they would share features.
    let build = [
        "zigbuild",
        "--locked",
        "--profile",
        profile,
        "--target",
        platform.target,
        "--package",
        package,
    ];
    let mut zigbuild = program(&programs.join("cargo-zigbuild"), &build);
    succeed(zigbuild.env("PATH", path).env("CARGO_TARGET_DIR", &folder))?;
    let profile = if profile == "dev" { "debug" } else { profile };
    let binary = folder.join(platform.target).join(profile).join(package);
    ensure_static(&binary)?;
    Ok(binary)
}

/// A static binary asks for no loader, which an image of nothing else has not.
fn ensure_static(binary: &Path) -> Result<()> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let parsed = object::File::parse(&*bytes).with_context(|| format!("{} is no binary", binary.display()))?;
    let object::File::Elf64(file) = parsed else {
        anyhow::bail!("{} is no 64-bit ELF binary", binary.display());
    };
    let asks_for_a_loader = file
        .elf_program_headers()
        .iter()
        .any(|header| header.p_type.get(file.endian()) == elf::PT_INTERP);
    ensure!(
        !asks_for_a_loader,
        "{} is not static: it asks for a loader",
        binary.display()
    );
    ensure!(file.is_64(), "{} has not 64 bits", binary.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs of this machine are linked with its C library.
    #[test]
    fn what_asks_for_a_loader_is_refused() {
        let error = ensure_static(&env::current_exe().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("is not static: it asks for a loader"), "{error}");
    }
}
