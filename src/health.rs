//! What the probes tell.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Whether the operator is at work, and what it waits for if it isn't. Clones share one state.
#[derive(Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
    readiness: Arc<OnceLock<Question>>,
    liveness: Arc<OnceLock<Question>>,
    remarks: Arc<OnceLock<Remarks>>,
}

/// Says what is wrong, if anything is.
type Question = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// Says what somebody should know although the operator is ready.
type Remarks = Box<dyn Fn() -> Vec<String> + Send + Sync>;

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
    pub fn waits_for(&self) -> Option<String> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Waiting(what) => Some(what.clone()),
            State::Ready => self.readiness.get().and_then(|check| check()),
        }
    }

    /// From now on this is asked whether the work, once it has begun, waits for a watch to come back. Only the first
    /// call counts: there is one controller.
    pub fn set_readiness_check(&self, check: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let _ = self.readiness.set(Box::new(check));
    }

    /// From now on this is asked whether the work is stuck. Only the first call counts: there is one controller.
    pub fn set_liveness_check(&self, check: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let _ = self.liveness.set(Box::new(check));
    }

    /// From now on this is asked what somebody should know although the operator is ready. Only the first call counts.
    pub fn set_remarks(&self, remarks: impl Fn() -> Vec<String> + Send + Sync + 'static) {
        let _ = self.remarks.set(Box::new(remarks));
    }

    /// What somebody should know although the operator is ready.
    pub fn remarks(&self) -> Vec<String> {
        self.remarks.get().map(|remarks| remarks()).unwrap_or_default()
    }

    /// What is stuck and would not be in a new process. Before the work begins there is nothing.
    pub fn stuck(&self) -> Option<String> {
        self.liveness.get().and_then(|check| check())
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
