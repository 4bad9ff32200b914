//! The metadata of an object as it is read from the API server.

use std::fmt;

use kube::api::ObjectMeta;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads metadata without `managedFields`. Nothing reads those, and parsed they are the larger part of most objects: some
/// 10 kB of a task that runs.
pub(super) fn without_managed_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    deserializer.deserialize_map(MetadataVisitor)
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = ObjectMeta;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ObjectMeta, A::Error> {
        ObjectMeta::deserialize(MapAccessDeserializer::new(WithoutManagedFields(map)))
    }
}

/// A map that doesn't show its `managedFields`.
struct WithoutManagedFields<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutManagedFields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.0.next_key::<String>()? {
            if key != "managedFields" {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            self.0.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_but_the_managed_fields_is_read() {
        let mut metadata = json!({
            "name": "one",
            "namespace": "fleet",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": "2026-01-02T00:00:00Z",
            "deletionGracePeriodSeconds": 0,
            "managedFields": [{ "manager": "kubectl", "fieldsV1": { "f:spec": { "f:target": {} } } }],
            "finalizers": ["devicedefender.dev/task"],
            "annotations": { "a": "b" },
            "labels": { "c": "d" },
            "ownerReferences": [{ "apiVersion": "v1", "kind": "K", "name": "n", "uid": "o", "controller": true }],
            "unknownToThisVersion": { "of": "the API" },
        });
        let read = without_managed_fields(metadata.clone()).unwrap();
        let text = metadata.to_string();
        let streamed = without_managed_fields(&mut serde_json::Deserializer::from_str(&text)).unwrap();
        metadata.as_object_mut().unwrap().remove("managedFields");
        let expected: ObjectMeta = serde_json::from_value(metadata).unwrap();
        assert_eq!(read, expected);
        assert_eq!(streamed, expected);
        assert_eq!(read.owner_references.unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_metadata_is_an_error() {
        for wrong in [json!(null), json!("text"), json!({ "name": 1 })] {
            assert!(without_managed_fields(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
