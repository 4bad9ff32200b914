//! The operator's main job, to be watched: a real API server, the simulated service, the operator, the examples.
//!
//! Started by `cargo xtask demo`, which builds everything first.

#![allow(
    clippy::indexing_slicing,
    reason = "JSON that is read by index is null where there is nothing"
)]

mod approval;
mod examples;
mod nights;
mod scene;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Parser;

use crate::{
    examples::{Example, State},
    scene::Scene,
    watch::Watch,
};

/// How the demo is run.
#[derive(Debug, Parser)]
struct Arguments {
    /// End when all has been shown, with exit code 0 only if each example and each night ended as it should.
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
    for example in examples.iter().filter(|example| example.asks) {
        approval::show_and_approve(&mut scene, &example.namespace, &example.name).await?;
    }
    nights::play(&mut scene).await?;
    if arguments.once {
        until_ended(&mut scene, &examples).await
    } else {
        println!("\nwatching until you press Ctrl-C …\n");
        scene.until_something_dies().await
    }
}

/// Waits for each example's end, and judges it.
async fn until_ended(scene: &mut Scene, examples: &[Example]) -> Result<()> {
    let judged = scene.until("each example has ended", async |scene: &Scene| {
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
            Ok(wrong)
        } else {
            bail!("{}", open.join(", "))
        }
    });
    let judged = judged.await?;
    let table = scene
        .cluster()
        .kubectl_ok(&["get", examples::RESOURCE, "--all-namespaces", "--output=wide"])
        .await?;
    println!("\n{table}");
    ensure!(judged.is_empty(), "{}", judged.join("\n"));
    println!("each of the {} examples ended as it should", examples.len());
    Ok(())
}
