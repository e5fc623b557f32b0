//! Components and compiled code by digest, under one directory.
//!
//! A file is there whole or not at all: it is written under another name, flushed and then renamed.

use std::{
    fs::File,
    io::{self, Write as _},
    sync::Arc,
};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use uuid::Uuid;

use crate::domain::Digest;

const TEMPORARY: &str = ".part-";

/// The directory of modules. Its methods block: call them where that is allowed.
#[derive(Clone)]
pub(super) struct Blobs(Arc<Dir>);

impl Blobs {
    /// The blobs in `dir`; drops what an earlier process left unfinished.
    pub(super) fn open(dir: Dir) -> io::Result<Self> {
        for entry in dir.entries()? {
            let name = entry?.file_name();
            if name.to_string_lossy().starts_with(TEMPORARY) {
                dir.remove_file(&name)?;
            }
        }
        Ok(Self(Arc::new(dir)))
    }

    /// The file `name`, where there is one.
    pub(super) fn get(&self, name: &str) -> io::Result<Option<File>> {
        match self.0.open(name) {
            Ok(file) => Ok(Some(file.into_std())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Makes `name` hold what `write` writes, durably.
    pub(super) fn put(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let temporary = temporary_name();
        let written = self.create(&temporary).and_then(|mut file| {
            write(&mut file)?;
            file.flush()?;
            file.sync_all()
        });
        let renamed = written.and_then(|()| self.0.rename(&temporary, &self.0, name));
        if renamed.is_err() {
            let _ = self.0.remove_file(&temporary);
        }
        renamed?;
        self.0.open(".")?.into_std().sync_all()
    }

    /// A file without a name, gone when it is closed.
    pub(super) fn scratch(&self) -> io::Result<File> {
        let name = temporary_name();
        let file = self.create(&name)?;
        self.0.remove_file(&name)?;
        Ok(file)
    }

    /// Drops every file whose name begins with the digest, but for `keep`.
    pub(super) fn sweep(&self, digest: Digest, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        let prefix = digest.hex();
        for entry in self.0.entries()? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(&prefix) && !keep(name) {
                match self.0.remove_file(name) {
                    Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(self.0.open_with(name, &options)?.into_std())
    }
}

/// The name of a component's file.
pub(super) fn component_name(digest: Digest) -> String {
    format!("{}.wasm", digest.hex())
}

fn temporary_name() -> String {
    format!("{TEMPORARY}{}", Uuid::now_v7())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = reopen_of(&dir);
        (dir, blobs)
    }

    fn reopen_of(dir: &tempfile::TempDir) -> Blobs {
        let dir = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        Blobs::open(dir).unwrap()
    }

    #[test]
    fn a_blob_reads_back() {
        let (_dir, blobs) = blobs();
        assert!(blobs.get("a").unwrap().is_none());
        blobs.put("a", |file| file.write_all(b"bytes")).unwrap();
        let mut text = String::new();
        let mut file = blobs.get("a").unwrap().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bytes");
    }

    #[test]
    fn a_blob_that_was_not_finished_leaves_nothing() {
        let (dir, blobs) = blobs();
        let failed = blobs.put("a", |_| Err(io::Error::other("no room")));
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_an_earlier_process_left_unfinished_is_dropped() {
        let (dir, _blobs) = blobs();
        std::fs::write(dir.path().join(temporary_name()), b"half").unwrap();
        reopen_of(&dir);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
