//! The form of kept values on the disk: bincode behind a format byte. Nobody else knows bincode.

use serde::{Serialize, de::DeserializeOwned};

use super::BoxError;

const FORMAT: u8 = 1;
/// More than any value takes: a damaged length must not ask for more memory than there is, which ends the process.
const MOST_BYTES: usize = 1 << 30;

/// The bytes that keep `value`.
pub(super) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bincode::serde::encode_into_std_write(value, &mut bytes, bincode::config::standard())
        .expect("kept types have no maps with computed length, and a Vec takes every write");
    bytes
}

/// The value that `bytes` keep.
pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BoxError> {
    let Some((&FORMAT, body)) = bytes.split_first() else {
        return Err("its format is not this build's".into());
    };
    let config = bincode::config::standard().with_limit::<MOST_BYTES>();
    let (value, _) = bincode::serde::decode_from_slice(body, config)?;
    Ok(value)
}
