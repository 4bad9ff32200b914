//! The handle of a running simulator.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::catalogue::CatalogueError;
use crate::config::{Config, Quotas, Settings};
use crate::fault::Fault;
use crate::outcome::Outcome;
use crate::readings::Readings;
use crate::state::State;
use crate::view::{Counters, Task};
use crate::{Call, http};

/// Why a simulator doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not this machine's.
    #[error("can't listen on {address}; choose another address or port")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No thread or runtime.
    #[error("can't start the simulator's thread")]
    Thread(#[source] std::io::Error),
    /// The model that is built in is broken.
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    /// The samples that are built in are broken.
    #[error(transparent)]
    Samples(#[from] CatalogueError),
}

/// The state, as the server's thread and the handle share it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// The state as of now. A panic elsewhere doesn't make it useless for what a test still wants to see.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Before anything is changed, what was due before the change runs as things were.
        let now = state.clock.now(Timestamp::now());
        state.run_due_audits(now);
        state
    }
}

/// A running simulator. It stops, and its port is free again, when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    pub(crate) state: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[allow(
    clippy::must_use_candidate,
    reason = "what these do matters more than what they tell"
)]
impl Server {
    /// Starts a simulator on a thread and a runtime of its own, so that it works under any runtime, or none.
    ///
    /// # Errors
    /// When it can't listen on the address.
    pub fn start(config: Config) -> Result<Self, Error> {
        let asked = config.listen;
        let failed = |source| Error::Listen { address: asked, source };
        let listener = std::net::TcpListener::bind(asked).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Shared(Arc::new(Mutex::new(State::new(config, Timestamp::now())?)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let shared = state.clone();
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || runtime.block_on(http::serve(listener, shared, stopped)))
            .map_err(Error::Thread)?;
        Ok(Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for `AWS_ENDPOINT_URL_IOT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.iter().cloned().collect()
    }

    /// The calls after the one of this number, oldest first.
    pub fn calls_after(&self, seq: u64) -> Vec<Call> {
        let state = self.state.lock();
        let later = state.calls.iter().rev().take_while(|call| call.seq > seq);
        let mut later: Vec<_> = later.cloned().collect();
        later.reverse();
        later
    }

    /// Forgets the calls so far; their numbers go on.
    pub fn clear_calls(&self) {
        self.state.lock().calls.clear();
    }

    /// Every task that isn't forgotten, by account and region, oldest first.
    pub fn tasks(&self) -> Vec<Task> {
        self.state.lock().tasks(Timestamp::now())
    }

    /// The first task of an id, in whatever account and region.
    pub fn task(&self, task_id: &str) -> Option<Task> {
        self.tasks().into_iter().find(|task| task.task_id == task_id)
    }

    /// The tasks that were started on an audit.
    pub fn tasks_of_audit(&self, audit: &str) -> Vec<Task> {
        let mut tasks = self.tasks();
        tasks.retain(|task| task.audit() == Some(audit));
        tasks
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.state.lock().counters.clone()
    }

    /// How often a task of this id was ever started.
    pub fn starts(&self, task_id: &str) -> u64 {
        self.state
            .lock()
            .counters
            .starts
            .get(task_id)
            .copied()
            .unwrap_or_default()
    }

    /// Puts a fault in force; gives its id.
    pub fn inject(&self, fault: Fault) -> u64 {
        self.state.lock().faults.inject(fault)
    }

    /// Removes one fault; false if it isn't in force any more.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.state.lock().faults.remove(id)
    }

    /// Removes all faults. Calls that hang go on hanging.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// Sets what becomes of the tasks whose id matches a glob, those that run included; the newest pattern that
    /// matches a task counts.
    pub fn set_outcome(&self, pattern: &str, outcome: Outcome) {
        self.state.lock().set_outcome(Timestamp::now(), pattern, outcome);
    }

    /// Forgets all outcomes, for the tasks to come.
    pub fn clear_outcomes(&self) {
        self.state.lock().outcomes.clear();
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.state.lock().config.settings.clone()
    }

    /// Changes settings.
    pub fn set_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.lock().config.settings);
    }

    /// Changes the readings of what the service's documents leave open.
    pub fn set_readings(&self, change: impl FnOnce(&mut Readings)) {
        self.set_settings(|settings| change(&mut settings.readings));
    }

    /// Changes the quotas.
    pub fn set_quotas(&self, change: impl FnOnce(&mut Quotas)) {
        self.set_settings(|settings| change(&mut settings.quotas));
    }

    /// The simulator's time.
    pub fn now(&self) -> Timestamp {
        self.state.lock().clock.now(Timestamp::now())
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.state.lock().clock.advance(by);
    }

    /// Sets the clock wrong: ahead of everybody else's by so much, or behind. Signatures are judged by it.
    pub fn skew(&self, by: SignedDuration) {
        self.state.lock().clock.set_skew(by);
    }

    /// Stops the clock; it can still be moved.
    pub fn stop_clock(&self) {
        self.state.lock().clock.stop(Timestamp::now());
    }

    /// Lets a stopped clock go on.
    pub fn resume_clock(&self) {
        self.state.lock().clock.resume(Timestamp::now());
    }

    /// Ends the running tasks of this id now, as their outcome says, in every account and region; tells how many.
    pub fn finish(&self, task_id: &str) -> usize {
        self.state.lock().finish(Timestamp::now(), task_id)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the simulator's thread was printed there; there is nothing left to do here.
            drop(thread.join());
        }
    }
}
