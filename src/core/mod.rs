//! Decisions: functions of what was observed and the time. No client, runtime, clock or environment in here.

pub mod answer;
pub mod canonical;
pub mod condition;
pub mod event;
pub mod mitigation_plan;
pub mod policy;
pub mod queue;
pub mod rate_limiter;
pub mod task;
pub mod timing;
