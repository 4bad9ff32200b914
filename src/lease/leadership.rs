//! What the rest of the operator sees of the election.

use std::time::Instant;

use tokio::sync::watch;

/// Whether this process may act. Clones share one state.
#[derive(Clone, Debug)]
pub struct Leadership(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Without leader election.
    Always,
    /// Until when calls may begin; nothing before the lease is held.
    Elected(watch::Receiver<Option<Instant>>),
}

impl Leadership {
    /// The only process there is, without leader election.
    pub const fn always() -> Self {
        Self(Kind::Always)
    }

    pub(super) const fn elected(until: watch::Receiver<Option<Instant>>) -> Self {
        Self(Kind::Elected(until))
    }

    /// Whether a call to AWS that begins now will have ended before any other process may make one.
    pub fn is_surely_held(&self, now: Instant) -> bool {
        match &self.0 {
            Kind::Always => true,
            Kind::Elected(until) => is_before(now, *until.borrow()),
        }
    }

    /// Waits until the lease is surely held again; for ever when it is lost, since the process ends then.
    pub async fn surely_held(&self) {
        if let Kind::Elected(until) = &self.0 {
            let mut until = until.clone();
            let held = until.wait_for(|until| is_before(Instant::now(), *until)).await.is_ok();
            if !held {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn is_before(now: Instant, until: Option<Instant>) -> bool {
    until.is_some_and(|until| now < until)
}
