//! What this process has read for the plan of one resource.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::retry::{Moment, Retries};
use crate::core::mitigation_plan::{PlanAnswer, PlanOutcome, PlanRead, PlanReading, PlanRequest};
use crate::core::timing;

/// What this process has read for the plan of one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanMemory {
    reading: Option<Begun>,
    planned: Option<Planned>,
}

/// A plan that is being read.
#[derive(Clone, Debug, PartialEq)]
struct Begun {
    generation: i64,
    began: Instant,
    began_at: Timestamp,
    reading: PlanReading,
}

/// What came of the last reading.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    /// The generation of the spec that it was made for.
    generation: i64,
    /// When the first of its calls was sent: what it says may have changed since.
    pub(super) began: Instant,
    /// What it was.
    pub(super) outcome: PlanOutcome,
}

impl PlanMemory {
    /// What came of the last reading for this generation.
    pub(super) fn of(&self, generation: i64) -> Option<&Planned> {
        self.planned.as_ref().filter(|planned| planned.generation == generation)
    }

    /// The next call for the plan of this generation; `None` when there is nothing to read.
    pub(super) fn next(&self, request: &PlanRequest<'_>, generation: i64) -> Option<PlanRead> {
        match self.reading_of(generation) {
            Some(begun) => begun.reading.next(request),
            None => PlanReading::default().next(request),
        }
    }

    fn reading_of(&self, generation: i64) -> Option<&Begun> {
        self.reading.as_ref().filter(|begun| begun.generation == generation)
    }

    /// The answer to the next call, which took that long. After a failure all is read anew: half a plan grows old, and a
    /// page token with it.
    pub(super) fn answered(
        &mut self,
        request: &PlanRequest<'_>,
        read: &PlanRead,
        answer: PlanAnswer,
        took: Duration,
        moment: Moment<'_>,
        retries: &mut Retries,
    ) {
        let begun = self
            .reading
            .take()
            .filter(|begun| begun.generation == moment.generation);
        let mut begun = begun.unwrap_or_else(|| Begun {
            generation: moment.generation,
            began: moment.now.monotonic.checked_sub(took).unwrap_or(moment.now.monotonic),
            began_at: moment.now.wall,
            reading: PlanReading::default(),
        });
        match begun.reading.take_in(request, read, answer, took) {
            Err(failure) => retries.failed(read.operation(), failure, moment),
            Ok(outcome) => {
                retries.succeeded(read.operation());
                match outcome {
                    Some(outcome) => self.planned = Some(begun.ended(outcome)),
                    None => self.reading = Some(begun),
                }
            }
        }
    }
}

impl Begun {
    fn ended(self, mut outcome: PlanOutcome) -> Planned {
        if let PlanOutcome::Made(plan) = &mut outcome {
            plan.time = Some(Time(timing::whole_seconds(self.began_at)));
        }
        Planned {
            generation: self.generation,
            began: self.began,
            outcome,
        }
    }
}
