//! What the probes tell.

use std::sync::{Arc, Mutex, PoisonError};

/// Whether the operator is at work, and what it waits for if it isn't. Clones share one state.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting(String),
    Ready,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State::Waiting("starting".to_owned()))))
    }
}

impl Health {
    /// The operator waits for something.
    pub fn is_waiting(&self, what: &str) {
        self.set(State::Waiting(what.to_owned()));
    }

    /// The operator is at work.
    pub fn is_ready(&self) {
        self.set(State::Ready);
    }

    /// What the operator waits for, if it does.
    #[must_use]
    pub fn waits_for(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Waiting(what) => Some(what.clone()),
            State::Ready => None,
        }
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
