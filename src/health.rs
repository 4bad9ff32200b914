//! What the probes tell.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Whether the operator is at work, and what it waits for if it isn't. Clones share one state.
#[derive(Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
    broken: Arc<OnceLock<Question>>,
    watchdog: Arc<OnceLock<Question>>,
}

/// Says what is wrong, if anything is.
type Question = Box<dyn Fn() -> Option<String> + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting(String),
    Ready,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting("starting".to_owned())
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Health {
    /// The operator waits for something.
    pub fn set_waiting(&self, what: &str) {
        self.set(State::Waiting(what.to_owned()));
    }

    /// The operator is at work.
    pub fn set_ready(&self) {
        self.set(State::Ready);
    }

    /// What the operator waits for, if it does.
    #[must_use]
    pub fn waits_for(&self) -> Option<String> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Waiting(what) => Some(what.clone()),
            State::Ready => self.broken.get().and_then(|broken| broken()),
        }
    }

    /// From now on this is asked whether the work, once it has begun, waits for a watch to come back. Only the first
    /// call counts: there is one controller.
    pub fn set_readiness_check(&self, broken: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let _ = self.broken.set(Box::new(broken));
    }

    /// From now on this is asked whether the work is stuck. Only the first call counts: there is one controller.
    pub fn set_liveness_check(&self, watchdog: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let _ = self.watchdog.set(Box::new(watchdog));
    }

    /// What is stuck and would not be in a new process. Before the work begins there is nothing.
    #[must_use]
    pub fn stuck(&self) -> Option<String> {
        self.watchdog.get().and_then(|watchdog| watchdog())
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
