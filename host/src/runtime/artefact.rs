//! Compiled components on disk; the only `unsafe` allowance of the host.
//!
//! Compiled code is native code, so it is loaded only when this host itself made it: the file begins with an HMAC over
//! its key and all of its bytes. The file is read into memory once, and the same bytes are checked and loaded: a mapping
//! would save a copy, but somebody who can write the file could change it between the check and the first run.

use std::{
    fs::File,
    hash::{Hash as _, Hasher},
    io::{self, Read as _, Write as _},
};

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tracing::{debug, warn};
use wasmtime::{Engine, component::Component};
use zeroize::Zeroizing;

use super::blobs::Blobs;
use crate::domain::Digest;

const MAC_BYTES: usize = 32;

/// The host's key for compiled code. It does not print and is zeroed on drop.
#[derive(Clone)]
pub struct ArtefactKey(Zeroizing<[u8; 32]>);

impl ArtefactKey {
    /// Takes `bytes` out of sight.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for a process that runs the same code.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for ArtefactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The compiled code that this build of the host, with this engine, can run.
pub(super) struct Artefacts {
    blobs: Blobs,
    key: ArtefactKey,
    /// Target, build and engine: what else than the component decides about the code.
    build: String,
}

impl Artefacts {
    pub(super) fn new(blobs: Blobs, key: ArtefactKey, engine: &Engine) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let build = format!(
            "{}-{} {}{} {:016x}",
            std::env::consts::ARCH,
            std::env::consts::OS,
            env!("CARGO_PKG_VERSION"),
            if cfg!(debug_assertions) { "-dev" } else { "" },
            hasher.finish(),
        );
        Self { blobs, key, build }
    }

    /// The compiled code of `digest`, where it is there, whole, ours and fit for this engine.
    pub(super) fn load(&self, engine: &Engine, digest: Digest) -> io::Result<Option<Component>> {
        let Some(mut file) = self.blobs.get(&self.name(digest))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let Some((mac, code)) = bytes.split_at_checked(MAC_BYTES) else {
            warn!(module.digest = %digest, "compiled code is cut off; it is compiled again");
            return Ok(None);
        };
        if !bool::from(self.mac(digest, code).ct_eq(mac)) {
            warn!(module.digest = %digest, "compiled code is not this host's own; it is compiled again");
            return Ok(None);
        }
        Ok(deserialize(engine, digest, code).ok())
    }

    /// Loads compiled code that the compiling child has just made, and its bytes to be kept once it is known to be good.
    pub(super) fn load_fresh(
        &self,
        engine: &Engine,
        digest: Digest,
        mut code: File,
    ) -> io::Result<wasmtime::Result<(Component, Fresh)>> {
        let mut bytes = Vec::new();
        io::Seek::rewind(&mut code)?;
        code.read_to_end(&mut bytes)?;
        Ok(deserialize(engine, digest, &bytes).map(|component| (component, Fresh(bytes))))
    }

    /// Keeps compiled code, and drops what other builds kept for the same component.
    pub(super) fn keep(&self, digest: Digest, fresh: &Fresh) -> io::Result<()> {
        let name = self.name(digest);
        let mac = self.mac(digest, &fresh.0);
        self.blobs.put(&name, |file| {
            file.write_all(&mac)?;
            file.write_all(&fresh.0)
        })?;
        let component = super::blobs::component_name(digest);
        self.blobs
            .sweep(digest, |other| other == name || other == component)
    }

    pub(super) fn name(&self, digest: Digest) -> String {
        let build = Digest::of(self.build.as_bytes()).hex();
        let build = build.get(..16).unwrap_or(&build);
        format!("{}-{build}.cwasm", digest.hex())
    }

    fn mac(&self, digest: Digest, code: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.0.as_slice())
            .expect("an HMAC takes a key of any length");
        mac.update(digest.as_bytes());
        mac.update(&(self.build.len() as u64).to_le_bytes());
        mac.update(self.build.as_bytes());
        mac.update(code);
        mac.finalize().into_bytes().into()
    }
}

/// Compiled code that is not kept yet.
pub(super) struct Fresh(Vec<u8>);

#[expect(
    unsafe_code,
    reason = "loading native code is unsafe unless its origin is certain; both callers make sure of it"
)]
fn deserialize(engine: &Engine, digest: Digest, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were either written by the compiling child into a file without a name that only this process
    // holds, or carry an HMAC under the host's key, checked over these very bytes. wasmtime itself checks that version,
    // features and processor fit.
    let loaded = unsafe { Component::deserialize(engine, code) };
    if let Err(err) = &loaded {
        debug!(module.digest = %digest, error = %format_args!("{err:#}"), "compiled code does not fit");
    }
    loaded
}

/// A hasher whose value is the same in every build and process.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        let mut first = [0; 8];
        first
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        u64::from_be_bytes(first)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::PathBuf};

    use cap_std::{ambient_authority, fs::Dir};

    use super::*;
    use crate::runtime::{Settings, engine};

    /// A folder with the compiled code of one component, and what loads it.
    struct Kept {
        folder: tempfile::TempDir,
        artefacts: Artefacts,
        engine: Engine,
        digest: Digest,
    }

    impl Kept {
        fn new() -> Self {
            let settings = Settings {
                concurrent_runs: 1,
                ..Settings::default()
            };
            let engine = engine::serving(&settings).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let artefacts = artefacts(&folder, [7; 32], &engine);
            let digest = Digest::of(b"component");
            let compiler = engine::compiling(settings.stack_bytes()).unwrap();
            let component = b"\0asm\x0d\0\x01\0";
            let code = compiler.precompile_component(component).unwrap();
            artefacts.keep(digest, &Fresh(code)).unwrap();
            Self {
                folder,
                artefacts,
                engine,
                digest,
            }
        }

        fn file(&self, digest: Digest) -> PathBuf {
            self.folder.path().join(self.artefacts.name(digest))
        }

        fn loads(&self, digest: Digest) -> bool {
            matches!(self.artefacts.load(&self.engine, digest), Ok(Some(_)))
        }
    }

    fn artefacts(folder: &tempfile::TempDir, key: [u8; 32], engine: &Engine) -> Artefacts {
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        Artefacts::new(Blobs::open(dir).unwrap(), ArtefactKey::new(key), engine)
    }

    #[test]
    fn compiled_code_is_loaded_whole_and_unchanged_or_not_at_all() {
        let kept = Kept::new();
        assert!(kept.loads(kept.digest));
        let file = kept.file(kept.digest);
        let good = fs::read(&file).unwrap();
        for at in [0, MAC_BYTES - 1, MAC_BYTES, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, bad).unwrap();
            assert!(!kept.loads(kept.digest), "byte {at} is flipped");
        }
        for length in [0, MAC_BYTES - 1, MAC_BYTES, good.len() - 1] {
            fs::write(&file, &good[..length]).unwrap();
            assert!(!kept.loads(kept.digest), "cut to {length} bytes");
        }
        fs::write(&file, [&good[..], b"\0"].concat()).unwrap();
        assert!(!kept.loads(kept.digest), "a byte longer");
        fs::write(&file, good).unwrap();
        assert!(kept.loads(kept.digest));
    }

    #[test]
    fn compiled_code_of_another_component_is_not_loaded_under_this_ones_name() {
        let kept = Kept::new();
        let other = Digest::of(b"another component");
        fs::copy(kept.file(kept.digest), kept.file(other)).unwrap();
        assert!(!kept.loads(other));
        fs::remove_file(kept.file(other)).unwrap();
        fs::hard_link(kept.file(kept.digest), kept.file(other)).unwrap();
        assert!(!kept.loads(other));
    }

    #[test]
    fn compiled_code_of_another_key_or_build_is_not_loaded() {
        let kept = Kept::new();
        let other_key = artefacts(&kept.folder, [8; 32], &kept.engine);
        assert!(matches!(
            other_key.load(&kept.engine, kept.digest),
            Ok(None)
        ));
        let mut other_build = artefacts(&kept.folder, [7; 32], &kept.engine);
        other_build.build.push('x');
        let renamed = kept.folder.path().join(other_build.name(kept.digest));
        fs::copy(kept.file(kept.digest), renamed).unwrap();
        assert!(matches!(
            other_build.load(&kept.engine, kept.digest),
            Ok(None)
        ));
    }

    #[test]
    fn a_link_out_of_the_folder_is_not_followed() {
        let kept = Kept::new();
        let outside = tempfile::tempdir().unwrap();
        let moved = outside.path().join("code");
        let file = kept.file(kept.digest);
        fs::rename(&file, &moved).unwrap();
        symlink(&moved, &file).unwrap();
        assert!(!kept.loads(kept.digest));
    }

    #[test]
    fn compiled_code_is_for_the_hosts_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let kept = Kept::new();
        let mode = fs::metadata(kept.file(kept.digest)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn the_engine_that_serves_has_no_compiler() {
        let kept = Kept::new();
        let component = b"\0asm\x0d\0\x01\0";
        assert!(kept.engine.precompile_component(component).is_err());
        assert!(Component::new(&kept.engine, component).is_err());
    }
}
