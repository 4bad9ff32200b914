//! The stages of a resource's life, one file each. Each makes a plan of an observation.

pub mod already_exists;
pub mod before_start;
pub mod copied;
pub mod deletion;
pub mod finished;
pub mod following;
pub mod open_attempt;
