//! Policies: audits that come, tasks that are made of them, and people who approve.

mod check;
mod facts;
mod manifest;
mod people;
mod promises;
mod record;
#[cfg(test)]
mod samples;

pub(crate) use check::{deleted_manifests, figures, look, rest};
pub(crate) use manifest::{add_to, is_of_a_policy, resource, task_name_of};
pub(crate) use people::Books;
pub(crate) use promises::DELETED;
pub(crate) use record::{History, is_garbage};
