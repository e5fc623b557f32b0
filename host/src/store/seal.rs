//! Seals private values before they are kept: each opens only with the key ring, and only in its own place.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::RngCore as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Kind, RingError,
    ring::{self, Key, KeyId},
};
use crate::domain::{Sealed, Timestamp};

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;

/// The field of the record to which a sealed value belongs. Moved to another place, it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The record's kind.
    pub kind: Kind,
    /// The record's id.
    pub id: Uuid,
    /// The field's name, never changed.
    pub field: &'static str,
}

impl Place {
    fn to_bytes(self) -> Vec<u8> {
        // The id's length is fixed and no kind's name holds a zero, so no two places have the same bytes.
        [
            self.kind.as_str().as_bytes(),
            &[0],
            self.id.as_bytes(),
            self.field.as_bytes(),
        ]
        .concat()
    }
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Its key is not in the ring.
    #[error("a value is sealed with key {0}, which is not in the key ring: restore that key")]
    UnknownKey(String),
    /// It was changed, cut short, or moved from another record.
    #[error("a sealed value was changed or belongs to another record")]
    Forged,
}

struct Lock {
    id: KeyId,
    key: Key,
    cipher: XChaCha20Poly1305,
}

impl From<Key> for Lock {
    fn from(key: Key) -> Self {
        Self {
            id: key.id(),
            cipher: XChaCha20Poly1305::new((&*key.derive("zonda seal")).into()),
            key,
        }
    }
}

/// What may be known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is the one that seals: the newest.
    pub seals: bool,
}

/// The keys that seal: the newest seals, all open. It does not print and is zeroed on drop.
pub struct KeyRing {
    oldest: Lock,
    newer: Vec<Lock>,
    file: Option<PathBuf>,
}

impl KeyRing {
    /// The ring in the file at `path`, which is made with one key where there is none.
    ///
    /// # Errors
    /// When others may read the file, it holds no ring, or the disk refuses.
    pub fn load(path: &Path, now: Timestamp) -> Result<Self, RingError> {
        let keys = match ring::read(path) {
            Err(RingError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                ring::create(path, &[Key::generate(now)?])?;
                ring::read(path)?
            }
            keys => keys?,
        };
        Self::of(keys, Some(path.to_path_buf()))
    }

    /// The ring that `text` holds: the lines of a key file, divided by newlines or commas.
    ///
    /// # Errors
    /// When a line is not a key, or there is none.
    pub fn parse(text: &str) -> Result<Self, RingError> {
        Self::of(ring::parse(text)?, None)
    }

    /// A ring of one fresh key that lives in memory only.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate(now: Timestamp) -> Result<Self, RingError> {
        Self::of(vec![Key::generate(now)?], None)
    }

    /// The ring in the file at `path`, which must be there.
    ///
    /// # Errors
    /// When it is not, others may read it, or it holds no ring.
    pub fn read(path: &Path) -> Result<Self, RingError> {
        Self::of(ring::read(path)?, Some(path.to_path_buf()))
    }

    fn of(keys: Vec<Key>, file: Option<PathBuf>) -> Result<Self, RingError> {
        let mut locks = keys.into_iter().map(Lock::from);
        Ok(Self {
            oldest: locks.next().ok_or(RingError::Empty)?,
            newer: locks.collect(),
            file,
        })
    }

    /// Adds a fresh key to the file, which seals from now on; what is sealed already still opens.
    ///
    /// # Errors
    /// When the ring is not a file, the file cannot be replaced, or the machine gives no random bytes.
    pub fn rotate(&mut self, now: Timestamp) -> Result<(), RingError> {
        let path = self.file.as_ref().ok_or(RingError::NotAFile)?;
        let mut keys = ring::read(path)?;
        keys.push(Key::generate(now)?);
        ring::replace(path, &keys)?;
        *self = Self::of(keys, Some(path.clone()))?;
        Ok(())
    }

    /// Takes the key with this id out of the file for good. What it seals does not open from then on: seal all of it
    /// again before ([`KeyRing::reseal`]).
    ///
    /// # Errors
    /// When there is no such key, it is the newest, the ring is not a file, or the file cannot be replaced.
    pub fn drop_key(&mut self, id: &str) -> Result<(), RingError> {
        self.check_droppable(id)?;
        let path = self.file.as_ref().ok_or(RingError::NotAFile)?;
        let mut keys = ring::read(path)?;
        keys.retain(|key| ring::hex(key.id()) != id);
        ring::replace(path, &keys)?;
        *self = Self::of(keys, Some(path.clone()))?;
        Ok(())
    }

    /// Whether [`KeyRing::drop_key`] would know the key with this id and not need it any more.
    ///
    /// # Errors
    /// When there is no such key, or it is the newest.
    pub fn check_droppable(&self, id: &str) -> Result<(), RingError> {
        match self.keys().into_iter().find(|key| key.id == id) {
            None => Err(RingError::NoSuchKey(id.to_owned())),
            Some(key) if key.seals => Err(RingError::Newest(id.to_owned())),
            Some(_) => Ok(()),
        }
    }

    /// What may be known of the keys, oldest first.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyFacts> {
        let newest = self.newest().id;
        self.locks()
            .map(|lock| KeyFacts {
                id: ring::hex(lock.id),
                created_at: lock.key.created_at(),
                seals: lock.id == newest,
            })
            .collect()
    }

    /// A line with a fresh key, for a ring that is a setting.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn fresh_line(now: Timestamp) -> Result<Zeroizing<String>, RingError> {
        Ok(ring::line(&Key::generate(now)?))
    }

    /// Seals with the newest key what another one sealed for `place`; none when the newest did.
    ///
    /// # Errors
    /// As of [`KeyRing::open`].
    pub fn reseal(&self, place: &Place, sealed: &Sealed) -> Result<Option<Sealed>, SealError> {
        let (_, _, id) = parts(&sealed.0).ok_or(SealError::Forged)?;
        if id == self.newest().id {
            return Ok(None);
        }
        let plaintext = self.open(place, sealed)?;
        Ok(Some(self.seal(place, &plaintext)))
    }

    /// Seals `plaintext` with the newest key for `place`.
    #[must_use]
    pub fn seal(&self, place: &Place, plaintext: &[u8]) -> Sealed {
        let lock = self.newest();
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload {
            msg: plaintext,
            aad: &place.to_bytes(),
        };
        let ciphertext = lock
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("only a value of more than 256 GiB is refused");
        Sealed([&[FORMAT], &lock.id[..], &nonce, &ciphertext].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// When its key is not in the ring, or it was changed or sealed for another place.
    pub fn open(&self, place: &Place, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, ciphertext, id) = parts(&sealed.0).ok_or(SealError::Forged)?;
        let lock = self
            .locks()
            .find(|lock| lock.id == id)
            .ok_or_else(|| SealError::UnknownKey(ring::hex(id)))?;
        let payload = Payload {
            msg: ciphertext,
            aad: &place.to_bytes(),
        };
        lock.cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Forged)
    }

    /// A key for `purpose`, made from the oldest key: the same after a rotation, another once that key is taken out.
    ///
    /// Whatever is checked with it must be replaceable: compiled code is compiled again.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.oldest.key.derive(&format!("zonda for {purpose}"))
    }

    fn newest(&self) -> &Lock {
        self.newer.last().unwrap_or(&self.oldest)
    }

    fn locks(&self) -> impl Iterator<Item = &Lock> {
        std::iter::once(&self.oldest).chain(&self.newer)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.newer.len() + 1)
    }
}

fn parts(sealed: &[u8]) -> Option<(&[u8; NONCE_BYTES], &[u8], KeyId)> {
    let (&FORMAT, rest) = sealed.split_first()? else {
        return None;
    };
    let (id, rest) = rest.split_first_chunk()?;
    let (nonce, ciphertext) = rest.split_first_chunk()?;
    Some((nonce, ciphertext, *id))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_763_784_101_000);

    fn place(id: u128) -> Place {
        Place {
            kind: Kind::ActionExecution,
            id: Uuid::from_u128(id),
            field: "custom_context",
        }
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_own_place() {
        let ring = KeyRing::generate(NOW).unwrap();
        let sealed = ring.seal(&place(1), b"private");
        assert_eq!(*ring.open(&place(1), &sealed).unwrap(), b"private");
        let elsewhere = [
            place(2),
            Place {
                kind: Kind::Journal,
                ..place(1)
            },
            Place {
                field: "target",
                ..place(1)
            },
        ];
        for place in elsewhere {
            assert_eq!(ring.open(&place, &sealed), Err(SealError::Forged));
        }
    }

    #[test]
    fn a_changed_value_does_not_open() {
        let ring = KeyRing::generate(NOW).unwrap();
        let sealed = ring.seal(&place(1), b"private");
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert!(ring.open(&place(1), &changed).is_err(), "byte {at}");
            assert!(
                ring.open(&place(1), &Sealed(sealed.0[..at].to_vec()))
                    .is_err()
            );
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_to_the_same_bytes() {
        let ring = KeyRing::generate(NOW).unwrap();
        assert_ne!(ring.seal(&place(1), b"x"), ring.seal(&place(1), b"x"));
    }

    #[test]
    fn a_rotated_ring_opens_what_it_sealed_before_and_derives_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/ring");
        let mut ring = KeyRing::load(&path, NOW).unwrap();
        let before = ring.seal(&place(1), b"before");
        let derived = ring.derive("artefacts");
        ring.rotate(NOW).unwrap();
        let after = ring.seal(&place(1), b"after");

        let reopened = KeyRing::load(&path, NOW).unwrap();
        assert_eq!(*reopened.open(&place(1), &before).unwrap(), b"before");
        assert_eq!(*reopened.open(&place(1), &after).unwrap(), b"after");
        assert_eq!(reopened.derive("artefacts"), derived);
        assert_ne!(reopened.derive("other"), derived);
        assert_ne!(before.0[1..9], after.0[1..9]);
    }

    #[test]
    fn a_key_is_dropped_once_nothing_is_sealed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        let mut ring = KeyRing::load(&path, NOW).unwrap();
        let old = ring.keys()[0].id.clone();
        let sealed = ring.seal(&place(1), b"x");
        assert!(matches!(ring.drop_key(&old), Err(RingError::Newest(_))));
        assert_eq!(ring.reseal(&place(1), &sealed), Ok(None));

        ring.rotate(NOW).unwrap();
        let resealed = ring.reseal(&place(1), &sealed).unwrap().unwrap();
        assert!(ring.reseal(&place(2), &sealed).is_err());
        ring.drop_key(&old).unwrap();
        assert!(matches!(ring.drop_key(&old), Err(RingError::NoSuchKey(_))));

        let reopened = KeyRing::read(&path).unwrap();
        assert_eq!(reopened.keys().len(), 1);
        assert_eq!(*reopened.open(&place(1), &resealed).unwrap(), b"x");
        assert_eq!(
            reopened.open(&place(1), &sealed),
            Err(SealError::UnknownKey(old))
        );
    }

    #[test]
    fn a_fresh_line_is_a_ring() {
        let line = KeyRing::fresh_line(NOW).unwrap();
        let keys = KeyRing::parse(&line).unwrap().keys();
        assert_eq!(
            (keys.len(), keys[0].created_at.unix_ms()),
            (1, 1_763_784_101_000)
        );
    }

    #[test]
    fn another_ring_names_the_key_it_lacks() {
        let sealed = KeyRing::generate(NOW).unwrap().seal(&place(1), b"x");
        let error = KeyRing::generate(NOW).unwrap().open(&place(1), &sealed);
        assert!(matches!(error, Err(SealError::UnknownKey(_))));
    }

    #[test]
    fn the_file_is_its_owners_alone_and_an_exposed_one_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/ring");
        KeyRing::load(&path, NOW).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = KeyRing::load(&path, NOW).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_ring_is_read_from_a_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        let mut ring = KeyRing::load(&path, NOW).unwrap();
        ring.rotate(NOW).unwrap();
        let sealed = ring.seal(&place(1), b"x");
        let text = fs::read_to_string(&path).unwrap();
        let setting = text.lines().skip(1).collect::<Vec<_>>().join(",");
        let mut parsed = KeyRing::parse(&setting).unwrap();
        assert_eq!(*parsed.open(&place(1), &sealed).unwrap(), b"x");
        assert!(matches!(parsed.rotate(NOW), Err(RingError::NotAFile)));
    }

    #[test]
    fn a_bad_line_is_named_and_not_shown() {
        let secret = "c2VjcmV0";
        let error =
            KeyRing::parse(&format!("# ring\nabc 2026-01-01T00:00:00Z {secret}")).unwrap_err();
        assert!(error.to_string().starts_with("line 2"), "{error}");
        assert!(!format!("{error} {error:?}").contains(secret));
        assert!(matches!(KeyRing::parse(" \n"), Err(RingError::Empty)));
    }

    #[test]
    fn a_ring_does_not_print() {
        let ring = KeyRing::generate(NOW).unwrap();
        assert_eq!(format!("{ring:?}"), "KeyRing(1 keys)");
    }
}
