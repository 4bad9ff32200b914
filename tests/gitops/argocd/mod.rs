//! Health and actions in Argo CD, and the Applications.

mod capture;
mod config_map;
mod expectations;
mod live;
mod patterns;
mod runner;
mod scripts;
mod sync;
mod waves;

pub(crate) use expectations::STATES;
pub(crate) use runner::{FOLDER, scratch};
