//! The recipes of docs/gitops.md for `kubectl wait`, run as they stand there.

use std::process::Output;

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::{Failure, Outcome};
use support::tools;
use tokio::process::Command;

use super::{World, spec};

/// The name that the recipes use.
const NAME: &str = "enable-logging";

/// The commands of the chapter, in their order: Complete, Ready, Finished and Complete, why it failed.
fn recipes() -> Vec<&'static str> {
    let page = include_str!("../../../docs/gitops.md");
    let (_, chapter) = page.split_once("\n## Waiting with kubectl\n").expect("the chapter");
    let chapter = chapter.split("\n## ").next().unwrap();
    let blocks = chapter.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// Runs a recipe in the namespace, with a time-out that ends while the test is young.
async fn run(world: &World, recipe: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::copy(&world.kubeconfig, &kubeconfig).unwrap();
    let namespace = format!("--namespace={}", world.namespace);
    let args = ["config", "set-context", "--current", &namespace];
    let set = world.cluster.kubectl_as(&kubeconfig, &args, "").await.unwrap();
    assert!(set.status.success(), "{set:?}");
    let kubectl = tools::kubectl().unwrap();
    let path = [kubectl.parent().unwrap().to_str().unwrap(), "/usr/bin", "/bin"].join(":");
    Command::new("sh")
        .arg("-ec")
        .arg(recipe.replace("--timeout=1h", "--timeout=2s"))
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("KUBECONFIG", kubeconfig)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn recipes_for_kubectl_wait_tell_success_from_failure() {
    let recipes = recipes();
    assert_eq!(recipes.len(), 4, "{recipes:?}");
    let completed = World::new("wait").await;
    completed.create(NAME, &spec("wait")).await;
    completed.phase(NAME, Phase::Completed).await;
    let failed = World::new("wait-failed").await;
    let failure = Failure {
        finding: "*".to_owned(),
        check: "*".to_owned(),
        action: "*".to_owned(),
        ..Failure::default()
    };
    failed.aws.set_outcome("*", Outcome::failing([failure]));
    failed.create(NAME, &spec("wait-failed")).await;
    failed.phase(NAME, Phase::Failed).await;
    let running = World::new("wait-running").await;
    running.aws.set_outcome("*", Outcome::held());
    running.create(NAME, &spec("wait-running")).await;
    running.phase(NAME, Phase::Running).await;

    for (world, succeeds) in [
        (&completed, [true, true, true, false]),
        (&failed, [false, false, false, true]),
        (&running, [false, false, false, false]),
    ] {
        for (recipe, succeeds) in recipes.iter().zip(succeeds) {
            let output = run(world, recipe).await;
            assert_eq!(output.status.success(), succeeds, "{recipe}\n{output:?}");
        }
    }
    // The end of a failed task is noticed, whatever the end.
    let output = run(&failed, recipes[2]).await;
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("condition met"),
        "{output:?}"
    );
    let output = run(&failed, recipes[3]).await;
    let message = "at least one action failed";
    assert!(String::from_utf8_lossy(&output.stdout).contains(message), "{output:?}");
}

/// A spec that nobody has looked at yet doesn't count as waited for.
#[tokio::test]
async fn a_condition_of_an_older_spec_does_not_count() {
    let mut world = World::new("wait-edit").await;
    world.create(NAME, &spec("wait-edit")).await;
    world.phase(NAME, Phase::Completed).await;
    world.operator.take();
    world
        .edit(NAME, &json!({ "spec": { "ttlSecondsAfterFinished": 86_400 } }))
        .await;
    let output = run(&world, recipes()[0]).await;
    assert!(!output.status.success(), "{output:?}");
    world.start_operator();
    world.phase(NAME, Phase::Completed).await;
    let output = run(&world, recipes()[0]).await;
    assert!(output.status.success(), "{output:?}");
}
