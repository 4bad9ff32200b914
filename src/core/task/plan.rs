//! What a stage of life makes of an observation: what the status should say, and two tracks that wait for each other
//! in nothing. One observes (Describe), the other commands (Start, Cancel); each has its own time.

use std::time::Instant;

use super::observation::Observation;
use super::status::draft::StatusDraft;
use super::step::Step;

/// What a stage of life makes of an observation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What the status is to say; `None` leaves it as it is.
    draft: Option<StatusDraft>,
    /// What has to be done about the resource itself: its finalizer, its deletion.
    housekeeping: Option<Step>,
    /// A Start or a Cancel, or what prepares it.
    command: Option<Scheduled>,
    /// A Describe.
    observe: Option<Scheduled>,
    /// When to look again in any case.
    timer: Option<Instant>,
}

/// A step, and when it is due; `None` for at once.
#[derive(Clone, Debug, PartialEq)]
struct Scheduled {
    step: Step,
    at: Option<Instant>,
}

/// What is to be done now, the first first, and when to look again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The steps that are due. The shell does one and decides again; it goes on to the next only where the one before
    /// has to wait for the call budget, or is a write that was refused.
    pub due: Vec<Step>,
    /// When to look again, if nothing changes before.
    pub wake_up: Option<Instant>,
}

impl Decision {
    /// The first step that is due, else the wait.
    pub fn next_step(self) -> Step {
        let wait = Step::Wait(self.wake_up);
        self.due.into_iter().next().unwrap_or(wait)
    }
}

impl Plan {
    /// Says this.
    pub(super) fn say(draft: StatusDraft) -> Self {
        Self {
            draft: Some(draft),
            ..Self::default()
        }
    }

    /// Leaves the status as it is.
    pub(super) fn keep_status() -> Self {
        Self::default()
    }

    /// Says this where there is something to say.
    pub(super) fn say_if(draft: Option<StatusDraft>) -> Self {
        Self {
            draft,
            ..Self::default()
        }
    }

    /// Changes what it says.
    pub(super) fn map_draft(mut self, change: impl FnOnce(Option<StatusDraft>) -> Option<StatusDraft>) -> Self {
        self.draft = change(self.draft);
        self
    }

    /// Does this before any call.
    pub(super) fn first(mut self, step: Step) -> Self {
        self.housekeeping = Some(step);
        self
    }

    /// Commands this, at once or at that time.
    pub(super) fn command(mut self, step: Step, at: Option<Instant>) -> Self {
        self.command = Some(Scheduled { step, at });
        self
    }

    /// Observes by this, at once or at that time.
    pub(super) fn observe(mut self, step: Step, at: Option<Instant>) -> Self {
        self.observe = Some(Scheduled { step, at });
        self
    }

    /// Looks again at that time in any case; the earliest of several counts.
    pub(super) fn wake_up_at(mut self, at: Option<Instant>) -> Self {
        self.timer = self.timer.into_iter().chain(at).min();
        self
    }

    /// The steps that are due: first the status says what comes, then it is done.
    pub(super) fn decide(self, o: &Observation<'_>) -> Decision {
        let Self {
            draft,
            housekeeping,
            command,
            observe,
            timer,
        } = self;
        let status = draft.and_then(|draft| draft.status_to_write(o.observed, o.altered_status, o.now.wall));
        let mut due: Vec<Step> = status
            .map(|status| Step::WriteStatus(Box::new(status)))
            .into_iter()
            .chain(housekeeping)
            .collect();
        let mut tracks: Vec<Scheduled> = command.into_iter().chain(observe).collect();
        // Whoever is due longer comes first, so the two alternate.
        tracks.sort_by_key(|track| track.at);
        let mut wake_up = timer;
        for Scheduled { step, at } in tracks {
            match at {
                Some(at) if at > o.now.monotonic => wake_up = wake_up.into_iter().chain([at]).min(),
                _ => due.push(step),
            }
        }
        Decision { due, wake_up }
    }
}
