//! One file for each stage of a resource's life: what it plans.

pub(super) mod already_exists;
pub(super) mod copied;
pub(super) mod deletion;
pub(super) mod finished;
pub(super) mod following;
pub(super) mod not_started;
pub(super) mod open_attempt;
pub(super) mod unreadable_record;
