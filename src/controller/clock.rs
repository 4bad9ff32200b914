//! The wall clock, and whether somebody has set it.
//!
//! Times that are kept and compared later would be wrong by as much as the clock is set in between: a request that was
//! sent a moment ago would count as lost for good, or a wait would last for days. So what is noted moves with the clock.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::states::ResourceState;

/// A clock that is set by less is only being adjusted; every limit has a wider margin.
const NOT_WORTH_MOVING: SignedDuration = SignedDuration::from_millis(100);

/// The wall clock since a process may act, beside one that nobody sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    began_at: Timestamp,
}

impl Clock {
    /// From now on only this process may act.
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            began_at: Timestamp::now(),
        }
    }

    /// When it began, by the clock as it goes now.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.began.elapsed()).unwrap_or(Timestamp::MIN)
    }

    /// How far the clock was set ahead of what it would show, all in all.
    pub(super) fn was_set_by(&self, now: Timestamp) -> SignedDuration {
        self.since(now).duration_since(self.began_at)
    }
}

impl ResourceState {
    /// Moves the times in it to a clock that was set by this much, all in all.
    pub(super) fn move_to(&mut self, was_set_by: SignedDuration) {
        let by = was_set_by.saturating_sub(self.clock_was_set_by);
        if by.abs() >= NOT_WORTH_MOVING {
            self.memory.clock_was_set(by);
            self.clock_was_set_by = was_set_by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::task::memory::LastDescribe;

    #[test]
    fn a_clock_that_is_set_moves_what_was_noted_and_its_own_beginning() {
        let now = Timestamp::now();
        let hour = SignedDuration::from_hours(1);
        // An hour ago by the wall clock, and only now by the other one: somebody has set the clock ahead.
        let clock = Clock {
            began: Instant::now(),
            began_at: now - hour,
        };
        assert!(clock.since(now) <= now && now.duration_since(clock.since(now)) < hour);
        let was_set_by = clock.was_set_by(now);
        assert!(was_set_by > SignedDuration::ZERO && was_set_by <= hour, "{was_set_by}");

        let heard = |at| LastDescribe {
            task_id: "one".to_owned(),
            at,
            task: None,
        };
        let mut note = ResourceState::new(Instant::now());
        note.memory.described = Some(heard(now));
        for (was_set_by, expected) in [
            (hour, now + hour),
            (hour, now + hour),
            (hour + SignedDuration::from_millis(99), now + hour),
            (-hour, now - hour),
            (SignedDuration::ZERO, now),
        ] {
            note.move_to(was_set_by);
            assert_eq!(note.memory.described, Some(heard(expected)), "set by {was_set_by}");
        }
    }
}
