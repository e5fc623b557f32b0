//! Values that never print, and what keeps copies of them from staying behind in memory.

use std::{fmt, io, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

/// A token, password or other credential. It does not print; its clones are one copy, zeroed when the last is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes `text` out of sight.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text itself; keep it no longer than the call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(text: Zeroizing<String>) -> Self {
        Self(Arc::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Writes a secret in the clear: for what goes to the one that the secret is for, and nothing else.
#[derive(Clone, Copy)]
pub struct InClear<'a>(pub &'a Secret);

impl Serialize for InClear<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// `value` as JSON in a buffer that is zeroed on drop and never grew, so that there is no other copy.
///
/// # Errors
/// When `value` has no form in JSON.
pub fn private_json<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *bytes, value)?;
    Ok(bytes)
}

struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A JSON object with secrets in it. It does not print, and its texts are zeroed on drop.
#[derive(Default)]
pub struct PrivateObject(Map<String, Value>);

impl PrivateObject {
    /// Takes `members` out of sight.
    #[must_use]
    pub const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// The members.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Takes a member out; whoever takes it answers for it.
    #[must_use]
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }
}

impl Drop for PrivateObject {
    fn drop(&mut self) {
        wipe(Value::Object(std::mem::take(&mut self.0)));
    }
}

impl fmt::Debug for PrivateObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Zeroes every text in `value`. As deep as the parser lets a document be.
pub fn wipe(value: Value) {
    match value {
        Value::String(mut text) => text.zeroize(),
        Value::Array(values) => values.into_iter().for_each(wipe),
        Value::Object(members) => {
            for (mut name, value) in members {
                name.zeroize();
                wipe(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Ciphertext of a sealed value; only the store's key ring opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// Serde for a secret in the clear, named by each field that takes part in a sealed value and nowhere else:
/// `#[serde(with = "plain")]`.
pub mod plain {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    /// Writes the text.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Reads the text.
    ///
    /// # Errors
    /// The deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// As [`plain`], for a secret that may be missing.
pub mod plain_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{InClear, Secret};

    /// Writes the text, or null.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(InClear).serialize(serializer)
    }

    /// Reads the text, or null.
    ///
    /// # Errors
    /// The deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

/// Serde for a secret of a setting: read, and never shown again.
pub mod hidden_option {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    /// Writes three stars, or null.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(_) => serializer.serialize_some("***"),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the text, or null.
    ///
    /// # Errors
    /// The deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("gAAAAA".into())), "***");
        let object = serde_json::json!({ "token": "gAAAAA" });
        let object = PrivateObject::new(object.as_object().unwrap().clone());
        assert_eq!(format!("{object:?}"), "***");
    }

    #[test]
    fn private_json_is_written_without_growing() {
        let secret = Secret::new("a \"quoted\" s\u{e9}cret".into());
        let bytes = private_json(&[InClear(&secret)]).unwrap();
        assert_eq!(bytes.capacity(), bytes.len());
        let read: Vec<String> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read, [secret.expose()]);
    }
}
