//! What is read of the metadata of a resource.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::owners::Owners;
use super::weight::Weight;
use crate::api::{AUDIT_START_TIME_ANNOTATION, POLICY_LABEL, START_RECORD_ANNOTATION};
use crate::core::task::tracker;

/// What is read of the metadata. Nothing reads the rest: `managedFields` and kubectl's copy of the manifest are the
/// larger part of many objects.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) creation_timestamp: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_timestamp: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finalizers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing)]
    managed_fields: Weight,
    #[serde(default, skip_serializing_if = "Owners::is_without_controller")]
    pub(super) owner_references: Owners,
}

impl Metadata {
    /// Drops the rest, and says how many bytes that is.
    pub(super) fn keep_what_is_read(&mut self) -> usize {
        let mut dropped = self.managed_fields.0 + self.owner_references.others;
        let mut retain = |map: &mut Option<BTreeMap<String, String>>, is_read: fn(&str) -> bool| {
            if let Some(map) = map {
                map.retain(|name, value| {
                    let is_read = is_read(name);
                    dropped += if is_read { 0 } else { name.len() + value.len() };
                    is_read
                });
            }
        };
        retain(&mut self.annotations, |name| {
            [START_RECORD_ANNOTATION, AUDIT_START_TIME_ANNOTATION].contains(&name) || tracker::is_mark(name)
        });
        retain(&mut self.labels, |name| {
            name == POLICY_LABEL || tracker::is_marking_label(name)
        });
        dropped
    }

    /// What kube and the questions about all resources need.
    pub(super) fn identity(&self) -> ObjectMeta {
        ObjectMeta {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
            creation_timestamp: self.creation_timestamp.clone(),
            deletion_timestamp: self.deletion_timestamp.clone(),
            ..ObjectMeta::default()
        }
    }
}
