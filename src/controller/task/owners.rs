//! Who controls an object, and how large the list of its owners is.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The owner that controls an object; the list may be as long as somebody likes, and is not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owners {
    /// The one that controls it.
    pub(super) controller: Option<OwnerReference>,
    /// The bytes of the others.
    pub(super) others: usize,
}

impl Owners {
    /// Whether nobody controls it.
    pub(super) const fn is_without_controller(&self) -> bool {
        self.controller.is_none()
    }
}

impl Serialize for Owners {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.controller)
    }
}

impl<'de> Deserialize<'de> for Owners {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OwnersVisitor)
    }
}

struct OwnersVisitor;

impl<'de> Visitor<'de> for OwnersVisitor {
    type Value = Owners;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of owners")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Owners, A::Error> {
        let mut owners = Owners::default();
        while let Some(owner) = list.next_element::<OwnerReference>()? {
            if owner.controller == Some(true) && owners.is_without_controller() {
                owners.controller = Some(owner);
            } else {
                let texts = [&owner.api_version, &owner.kind, &owner.name, &owner.uid];
                owners.others += texts.into_iter().map(String::len).sum::<usize>();
            }
        }
        Ok(owners)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_controller_is_kept_and_the_others_are_weighed() {
        let other = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u" });
        let mut controller = other.clone();
        controller["controller"] = json!(true);
        let list = json!([other, controller, other]);
        let owners: Owners = serde_json::from_value(list).unwrap();
        assert_eq!(owners.others, 2 * 13);
        assert_eq!(serde_json::to_value(&owners).unwrap(), json!([controller]));
        assert!(
            serde_json::from_value::<Owners>(json!([]))
                .unwrap()
                .is_without_controller()
        );
    }
}
