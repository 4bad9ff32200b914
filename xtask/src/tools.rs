//! `cargo xtask tools`

use anyhow::Result;
use tools::Prerequisite;

/// Builds what isn't in the cache yet, and names where each tool is.
pub(crate) fn run() -> Result<()> {
    tools::require(&[Prerequisite::GO])?;
    for tool in tools::ALL {
        println!("{}: {}", tool.name, tool.path()?.display());
    }
    // What is run on the oldest Kubernetes in each run of all tests.
    for tool in [tools::KUBE_APISERVER, tools::KUBE_CONTROLLER_MANAGER] {
        let path = tool.path_for(tools::kubernetes::OLDEST)?;
        println!("{} of the oldest Kubernetes: {}", tool.name, path.display());
    }
    for tool in [tools::CARGO_DENY, tools::CARGO_CYCLONEDX] {
        println!("{}: {}", tool.name, tool.path()?.display());
    }
    Ok(())
}
