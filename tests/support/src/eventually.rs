//! Waiting for a condition, the only way to wait in these tests.

use std::{fmt::Display, time::Duration};

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

const INTERVAL: Duration = Duration::from_millis(100);

/// Asks again and again until `attempt` succeeds, and returns what it found.
///
/// Each failed attempt says what is still wrong; an attempt that hangs is cut off at the limit.
///
/// # Errors
/// When `limit` has passed: with `description` and what the last attempt said.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use std::time::Duration;
/// let mut left = 2;
/// let found = support::eventually(Duration::from_secs(60), "the countdown ends", async || {
///     left -= 1;
///     if left == 0 { Ok("zero") } else { Err(format!("{left} left")) }
/// })
/// .await;
/// assert_eq!(found.unwrap(), "zero");
/// # });
/// ```
pub async fn eventually<T, E: Display>(
    limit: Duration,
    description: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut last = String::from("no attempt was answered");
    loop {
        match timeout_at(deadline, attempt()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = format!("{error:#}"),
            Err(_) => last.push_str(" (and the attempt after that hung)"),
        }
        if Instant::now() + INTERVAL >= deadline {
            return Err(anyhow!("waited {limit:?} until {description}: {last}"));
        }
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failure_carries_the_last_error() {
        let mut count = 0;
        let error = eventually(Duration::from_millis(350), "pigs fly", async || {
            count += 1;
            Err::<(), _>(format!("attempt {count}"))
        })
        .await
        .unwrap_err()
        .to_string();
        assert_eq!(error, format!("waited 350ms until pigs fly: attempt {count}"));
        assert!(count > 1, "it tried only {count} times");
    }

    #[tokio::test]
    async fn a_hanging_attempt_is_cut_off() {
        let error = eventually(Duration::from_millis(200), "an answer comes", async || {
            std::future::pending::<Result<(), String>>().await
        })
        .await
        .unwrap_err()
        .to_string();
        assert_eq!(
            error,
            "waited 200ms until an answer comes: no attempt was answered (and the attempt after that hung)"
        );
    }
}
