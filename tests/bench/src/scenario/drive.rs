//! How many calls a second the simulated service takes.

use std::time::{Duration, Instant};

use anyhow::Result;
use aws_sdk_iot::Client;
use tokio::task::JoinSet;

use crate::{process::cpu_of_thread, report::Figure, sdk, stand::Stand};

/// Calls at a time.
const CONCURRENCY: u32 = 16;

/// The task that is asked for.
const TASK: &str = "described";

#[derive(Clone, Copy)]
enum Call {
    Start,
    Describe,
}

pub(super) async fn run(stand: &Stand, duration: Duration) -> Result<Vec<Figure>> {
    stand.set(Stand::without_quotas);
    let client = sdk::client(&stand.aws.endpoint(), "DRIVE");
    sdk::start(&client, TASK).await?;
    let mut figures = Vec::new();
    for (name, call) in [("starts", Call::Start), ("describes", Call::Describe)] {
        let (began, used) = (Instant::now(), cpu_of_thread("simulator")?);
        let calls = drive(&client, call, duration).await?;
        let (took, used) = (began.elapsed(), cpu_of_thread("simulator")?.saturating_sub(used));
        figures.push(Figure::new(
            format!("{name} by {CONCURRENCY} callers"),
            f64::from(calls) / took.as_secs_f64(),
            "/s",
        ));
        figures.push(Figure::new(
            format!("{name}, of which the service works"),
            100.0 * used.as_secs_f64() / took.as_secs_f64(),
            "%",
        ));
    }
    // They are no part of any other scenario.
    stand.aws.clear_calls();
    Ok(figures)
}

async fn drive(client: &Client, call: Call, duration: Duration) -> Result<u32> {
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CONCURRENCY {
        let client = client.clone();
        callers.spawn(async move {
            let mut calls = 0_u32;
            while began.elapsed() < duration {
                match call {
                    Call::Start => sdk::start(&client, &format!("driven-{caller}-{calls}")).await?,
                    Call::Describe => sdk::describe(&client, TASK).await?,
                }
                calls = calls.saturating_add(1);
            }
            anyhow::Ok(calls)
        });
    }
    let mut sum = 0_u32;
    while let Some(calls) = callers.join_next().await {
        sum = sum.saturating_add(calls??);
    }
    Ok(sum)
}
