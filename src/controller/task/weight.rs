//! How large a part of an object is that nobody reads.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The bytes of all text in a value of any form: nothing of it is kept, and nothing is built of it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Weight(pub(super) usize);

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Weigher).map(Self)
    }
}

/// A number or the like weighs nothing.
struct Weigher;

impl<'de> Visitor<'de> for Weigher {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_bool<E>(self, _: bool) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_str<E>(self, text: &str) -> Result<usize, E> {
        Ok(text.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut sum = 0;
        while let Some(Weight(weight)) = list.next_element()? {
            sum += weight;
        }
        Ok(sum)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut sum = 0;
        while let Some((Weight(name), Weight(value))) = map.next_entry()? {
            sum += name + value;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_text_is_counted_and_nothing_else() {
        for (json, expected) in [
            ("null", 0),
            ("[true, -1, 1, 1.5]", 0),
            (r#""text""#, 4),
            (
                r#"[{ "manager": "kubectl", "fieldsV1": { "f:spec": { ".": {} } } }, ["a\nb"]]"#,
                32,
            ),
        ] {
            let Weight(weight) = serde_json::from_str(json).unwrap();
            assert_eq!(weight, expected, "{json}");
        }
    }
}
