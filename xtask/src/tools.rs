//! `cargo xtask tools`

use anyhow::Result;
use tools::Prerequisite;

/// Builds what isn't in the cache yet, and names where each tool is.
pub(crate) fn run() -> Result<()> {
    tools::require(&[Prerequisite::GO])?;
    for tool in tools::ALL {
        println!("{}: {}", tool.name, tool.path()?.display());
    }
    Ok(())
}
