//! Opens the store's folder: private, locked against other processes, of a layout that this build knows.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use sled::Tree;

use super::{
    SledStore, jobs, keys,
    writer::{self, Writer},
};
use crate::store::Error;

/// The layout of keys and values that this build reads and writes.
const LAYOUT: u32 = 5;

/// How often the folder's lock is tried, and how long each time is waited.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why the embedded store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the store in {0} is in use by another process: stop that one, or set store.path to another folder"
    )]
    InUse(PathBuf),
    /// Another version of the host wrote it.
    #[error(
        "the store in {folder} has layout {found}, and this version of zonda reads layout {known}: run the version that wrote it, or set store.path to another folder"
    )]
    OtherLayout {
        /// Its folder.
        folder: PathBuf,
        /// Its layout.
        found: u32,
        /// The layout that this build reads and writes.
        known: u32,
    },
    /// The folder cannot be made, locked or made private.
    #[error("the store's folder {folder} cannot be used: check store.path, its owner and its disk")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is in the folder cannot be read.
    #[error(
        "the store in {folder} cannot be read: restore it from a backup, or set store.path to another folder"
    )]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: Error,
    },
}

impl SledStore {
    /// Opens the store in `folder`, which nobody else uses, with a cache of `cache_mib` MiB; makes it where there is
    /// none. The leases of earlier processes end, so that what they left can be claimed at once.
    ///
    /// Blocks while it reads the log's end.
    ///
    /// # Errors
    /// When another process has it, a later version wrote it, or the disk refuses.
    pub fn open(folder: &Path, cache_mib: u32) -> Result<Self, OpenError> {
        let fail = |source| OpenError::Folder {
            folder: folder.to_path_buf(),
            source,
        };
        let unreadable = |source| OpenError::Unreadable {
            folder: folder.to_path_buf(),
            source,
        };
        make_private(folder).map_err(fail)?;
        let lock = lock(folder)?;
        let database = sled::Config::new()
            .path(folder.join("sled"))
            .cache_capacity(u64::from(cache_mib.max(1)) << 20)
            // The writer flushes what it applies; a timer would add nothing.
            .flush_every_ms(None)
            .open()
            .map_err(|error| unreadable(super::unavailable(error)))?;
        let tree = Tree::clone(&database);
        check_layout(&tree, folder)?;
        let job_counts = Arc::new(jobs::release_all(&tree).map_err(unreadable)?);
        let file = File::open(folder.join("sled/db")).map_err(fail)?;
        writer::flush(&tree, &file).map_err(|error| unreadable(super::unavailable(error)))?;
        settle(folder).map_err(fail)?;
        Ok(Self {
            writer: Writer::start(tree.clone(), Arc::clone(&job_counts), file).map_err(fail)?,
            tree,
            job_counts,
            _lock: lock,
        })
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    narrow(folder, 0o700)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join("lock"));
    let fail = |source| OpenError::Folder {
        folder: folder.to_path_buf(),
        source,
    };
    let file = file.map_err(fail)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A child that is about to become another program has what its parent had open, for a moment.
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
    }
    Err(OpenError::InUse(folder.to_path_buf()))
}

fn check_layout(tree: &Tree, folder: &Path) -> Result<(), OpenError> {
    let unreadable = |source| OpenError::Unreadable {
        folder: folder.to_path_buf(),
        source,
    };
    let kept = tree
        .get(keys::LAYOUT)
        .map_err(|error| unreadable(super::unavailable(error)))?;
    let Some(kept) = kept else {
        return tree
            .insert(keys::LAYOUT, &LAYOUT.to_be_bytes())
            .map(drop)
            .map_err(|error| unreadable(super::unavailable(error)));
    };
    let found = <[u8; 4]>::try_from(kept.as_ref())
        .map(u32::from_be_bytes)
        .map_err(|error| unreadable(Error::Unavailable(error.into())))?;
    if found != LAYOUT {
        return Err(OpenError::OtherLayout {
            folder: folder.to_path_buf(),
            found,
            known: LAYOUT,
        });
    }
    Ok(())
}

/// Narrows the modes of what sled made, and makes the names of its files durable.
fn settle(folder: &Path) -> io::Result<()> {
    let inner = folder.join("sled");
    narrow(&inner, 0o700)?;
    for entry in fs::read_dir(&inner)? {
        let path = entry?.path();
        // Files that sled makes later are behind the folder's own mode.
        narrow(&path, if path.is_dir() { 0o700 } else { 0o600 })?;
    }
    File::open(&inner)?.sync_all()?;
    File::open(folder)?.sync_all()?;
    folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn narrow(path: &Path, mode: u32) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}
