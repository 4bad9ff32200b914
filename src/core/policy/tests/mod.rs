//! Tests that look at the decisions about a policy as a whole.

mod bench;
mod compliance;
mod events;
mod manifest;
mod model;
mod own_tasks;
mod rest;
mod verdict;
mod world;
