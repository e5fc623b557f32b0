//! The key ring as text: one key a line, oldest first, in a file that only its owner reads or in a setting.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, Mac};
use rand::{TryRngCore as _, rngs::OsRng};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::Timestamp;

/// Why there is no usable key ring.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// A line that is not a key. The line itself is not shown.
    #[error(
        "line {0} of the key ring is not `id created key`: an id of 16 hexadecimal digits, a time as 2026-11-22T03:59:06Z and 32 bytes in base64, the id being that key's"
    )]
    BadLine(usize),
    /// No line at all.
    #[error("the key ring is empty: remove it so that one is made, or restore it from a backup")]
    Empty,
    /// Others may read the file.
    #[error(
        "the key ring {path} has mode {mode:04o} and others may have read it: run `chmod 600 {path}`, and rotate it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file cannot be read or made.
    #[error("the key ring {path} cannot be used: check its owner and the disk")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A ring that came as a setting cannot be written.
    #[error(
        "the key ring came from a setting: change it there, by adding a line of `zonda keys generate` to its end or by taking one out"
    )]
    NotAFile,
    /// No key has that id.
    #[error("the key ring has no key {0}: `zonda keys list` shows those that it has")]
    NoSuchKey(String),
    /// The newest key seals what is kept from now on.
    #[error("key {0} is the newest, which seals: run `zonda keys rotate` before you drop it")]
    Newest(String),
    /// The machine has no randomness to give.
    #[error("the machine gives no random bytes for a key")]
    NoRandomness,
}

/// One key. It does not print and is zeroed on drop.
#[derive(Clone)]
pub(super) struct Key {
    created_at: Timestamp,
    bytes: Zeroizing<[u8; 32]>,
}

/// The name by which sealed values tell their key.
pub(super) type KeyId = [u8; 8];

impl Key {
    /// A fresh key.
    pub(super) fn generate(now: Timestamp) -> Result<Self, RingError> {
        let mut bytes = Zeroizing::new([0; 32]);
        OsRng
            .try_fill_bytes(&mut *bytes)
            .map_err(|_| RingError::NoRandomness)?;
        Ok(Self {
            created_at: now,
            bytes,
        })
    }

    /// A key for one purpose, from which neither this one nor one for another purpose can be told.
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.bytes).expect("HMAC takes keys of every length");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// When it was made.
    pub(super) const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Its id: made from the key, so that a key which replaced a lost one is never taken for it.
    pub(super) fn id(&self) -> KeyId {
        let derived = self.derive("zonda key id");
        *derived.first_chunk().expect("32 bytes begin with 8")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (id, created, text) = (words.next()?, words.next()?, words.next()?);
        let mut bytes = Zeroizing::new([0; 32]);
        // base64 asks for a buffer of whole groups.
        let mut decoded = Zeroizing::new([0; 36]);
        let length = BASE64.decode_slice(text, &mut *decoded).ok()?;
        bytes.copy_from_slice(decoded.get(..length).filter(|key| key.len() == 32)?);
        let key = Self {
            created_at: Timestamp::parse_rfc3339(created)?,
            bytes,
        };
        (words.next().is_none() && hex(key.id()) == id).then_some(key)
    }
}

/// The keys that `text` holds, oldest first, divided by newlines or commas; a line that begins with `#` is a comment.
pub(super) fn parse(text: &str) -> Result<Vec<Key>, RingError> {
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for key in line.split(',').map(str::trim).filter(|key| !key.is_empty()) {
            keys.push(Key::parse(key).ok_or(RingError::BadLine(index + 1))?);
        }
    }
    if keys.is_empty() {
        return Err(RingError::Empty);
    }
    Ok(keys)
}

/// The keys in the file at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<Key>, RingError> {
    let fail = |source| RingError::File {
        path: path.to_path_buf(),
        source,
    };
    let mut file = File::open(path).map_err(fail)?;
    let mode = file.metadata().map_err(fail)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(RingError::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    // Reserved at once, so that growing leaves no copies behind.
    let mut text = Zeroizing::new(String::with_capacity(64 << 10));
    file.read_to_string(&mut text).map_err(fail)?;
    parse(&text)
}

/// Makes the file at `path` with `keys` unless there is one.
pub(super) fn create(path: &Path, keys: &[Key]) -> Result<(), RingError> {
    save(path, keys, |draft, path| match fs::hard_link(draft, path) {
        // Another process was faster, and its ring holds.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    })
}

/// Replaces the file at `path` by one with `keys`.
pub(super) fn replace(path: &Path, keys: &[Key]) -> Result<(), RingError> {
    save(path, keys, |draft, path| fs::rename(draft, path))
}

/// Writes a draft beside `path`, and lets `publish` give it that name when it is whole and durable.
fn save(
    path: &Path,
    keys: &[Key],
    publish: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> Result<(), RingError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let draft = folder.join(format!(".ring-{}", uuid::Uuid::now_v7()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(text(keys).as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| publish(&draft, path));
        // After a rename there is none.
        let _ = fs::remove_file(&draft);
        written?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| RingError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn text(keys: &[Key]) -> Zeroizing<String> {
    const HEADER: &str = "# Seals what is private in the store. Without this file it cannot be read. Newest key last.\n";
    // Reserved at once, so that growing leaves no copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        HEADER.len() + LINE_BYTES * keys.len(),
    ));
    text.push_str(HEADER);
    for key in keys {
        push_line(&mut text, key);
    }
    text
}

/// More than a line takes.
const LINE_BYTES: usize = 128;

/// The line of `key` in a ring.
pub(super) fn line(key: &Key) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(LINE_BYTES));
    push_line(&mut text, key);
    text
}

fn push_line(text: &mut String, key: &Key) {
    text.push_str(&hex(key.id()));
    text.push(' ');
    text.push_str(&key.created_at.to_string().replace(' ', "T"));
    text.push_str("Z ");
    BASE64.encode_string(*key.bytes, text);
    text.push('\n');
}

/// An id as text.
pub(super) fn hex(id: KeyId) -> String {
    format!("{:016x}", u64::from_be_bytes(id))
}
