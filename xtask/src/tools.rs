//! `cargo xtask tools`

use anyhow::Result;
use tools::Prerequisite;

/// Builds what isn't in the cache yet, and names where each tool is.
pub(crate) fn run() -> Result<()> {
    tools::require(&[Prerequisite::GO])?;
    for tool in tools::ALL {
        println!("{}: {}", tool.name, tool.path()?.display());
    }
    let deny = tools::CARGO_DENY;
    println!("{}: {}", deny.name, deny.path()?.display());
    Ok(())
}
