//! The operator's main job, to be watched: a real API server, the simulated service, the operator, the examples.
//!
//! Started by `cargo xtask demo`, which builds everything first.

mod examples;
mod scene;
mod watch;

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, bail, ensure};
use clap::Parser;
use support::eventually;

use crate::{
    examples::{Example, State},
    scene::Scene,
    watch::Watch,
};

/// The simulated tasks take seconds; the rest is room for a busy machine.
const LIMIT: Duration = Duration::from_mins(3);

/// How the demo is run.
#[derive(Debug, Parser)]
struct Arguments {
    /// End when the examples have ended, with exit code 0 only if each ended as it should.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = tokio::select! {
        result = show(&arguments) => result,
        // Ends the demo like any other way: all that was started goes with the scene.
        _ = tokio::signal::ctrl_c() => interrupted(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The ordinary end of watching, but not of waiting for the examples.
fn interrupted(arguments: &Arguments) -> Result<()> {
    ensure!(!arguments.once, "interrupted before the examples had ended");
    Ok(())
}

async fn show(arguments: &Arguments) -> Result<()> {
    let mut scene = Scene::set().await?;
    println!("{}", scene.introduction());
    let _watch = Watch::start(&scene)?;
    let examples = examples::apply(scene.cluster()).await?;
    ensure!(!examples.is_empty(), "there are no examples to apply");
    if arguments.once {
        until_ended(&mut scene, &examples).await
    } else {
        println!("\nwatching until you press Ctrl-C …\n");
        scene.until_something_dies().await
    }
}

/// Waits for each example's end, and judges it.
async fn until_ended(scene: &mut Scene, examples: &[Example]) -> Result<()> {
    let judged = eventually(LIMIT, "each example has ended", async || {
        // The outer result ends the wait: nothing moves without the operator.
        if let Err(dead) = scene.alive() {
            return Ok(Err(dead));
        }
        let mut wrong = Vec::new();
        let mut open = Vec::new();
        for example in examples {
            match example.state(scene.cluster()).await? {
                State::AsItShould => {}
                State::Open(phase) => open.push(format!("{example} is {phase}")),
                State::Wrong(phase) => wrong.push(format!("{example} ended as {phase}")),
            }
        }
        if open.is_empty() {
            Ok(Ok(wrong))
        } else {
            bail!("{}", open.join(", "))
        }
    })
    .await??;
    let table = scene
        .cluster()
        .kubectl_ok(&["get", examples::RESOURCE, "--all-namespaces", "--output=wide"])
        .await?;
    println!("\n{table}");
    ensure!(judged.is_empty(), "{}", judged.join("\n"));
    println!("each of the {} examples ended as it should", examples.len());
    Ok(())
}
