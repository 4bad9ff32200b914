//! A part of an object as it is read from the API server: never undecodable.
//!
//! An object may have been stored before a rule or a field existed, so `spec` and `status` are parsed each by
//! itself. What can't be parsed is kept as a message: such a resource is reported, can be deleted, and stops no other.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// A part of an object that was parsed, or the reason why it could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Parsed<T> {
    /// It is what the types say.
    Good(T),
    /// It isn't; the text says what is wrong.
    Bad(String),
}

impl<T: Default> Default for Parsed<T> {
    fn default() -> Self {
        Self::Good(T::default())
    }
}

impl<T> Parsed<T> {
    /// The parsed value, if there is one.
    pub fn good(&self) -> Option<&T> {
        match self {
            Self::Good(value) => Some(value),
            Self::Bad(_) => None,
        }
    }

    /// In the place of a spec that was never stored.
    pub(super) fn missing_spec() -> Self {
        Self::Bad("there is no spec".to_owned())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(match T::deserialize(value) {
            Ok(value) => Self::Good(value),
            Err(error) => Self::Bad(error.to_string()),
        })
    }
}
