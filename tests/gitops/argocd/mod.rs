//! Health and actions in Argo CD, and the Applications.

mod approval;
mod capture;
mod config_map;
mod expectations;
mod live;
mod patterns;
mod policies;
mod policy_states;
mod runner;
mod scripts;
mod sync;
mod task_states;
mod waves;

pub(crate) use expectations::{POLICY, TASK};
pub(crate) use runner::scratch;
