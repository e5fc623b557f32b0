//! Keeps the policy as its file says.
//!
//! What a start would do is done at every change; where a start would fail, the last good policy stays.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Error, Policy, Rules, Settings, file, settings::Place};
use crate::{clock::Clock, telemetry::Chain};

/// How often the file is looked at. It counts as changed when it stays as it is from one look to the next, so that
/// neither half a file is read nor the moment without one while it is replaced.
const LOOK: Duration = Duration::from_millis(300);

/// Reads the policy file again when it changes.
#[derive(Debug)]
pub struct Follower {
    policy: Policy,
    place: Option<Place>,
    read: Mark,
}

/// What changes when a file does: another file, also through a link, or another state of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    File {
        device: u64,
        inode: u64,
        bytes: u64,
        changed: [i64; 4],
    },
    Missing,
    Unreadable(io::ErrorKind),
}

impl Mark {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(file) => Self::File {
                device: file.dev(),
                inode: file.ino(),
                bytes: file.len(),
                changed: [
                    file.mtime(),
                    file.mtime_nsec(),
                    file.ctime(),
                    file.ctime_nsec(),
                ],
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

impl Follower {
    pub(super) fn begin(settings: &Settings) -> Result<(Policy, Self), Error> {
        let place = settings.place();
        let policy = Policy::default();
        let mut read = Mark::Missing;
        if let Some(place) = &place {
            // Before it is read: what changes meanwhile is read again.
            read = Mark::of(&place.path);
            policy.replace(load(place)?);
        }
        let follower = Self {
            policy: policy.clone(),
            place,
            read,
        };
        Ok((policy, follower))
    }

    /// Looks at the file until `stop`.
    pub async fn run(mut self, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let Some(place) = self.place.take() else {
            return;
        };
        let mut seen = self.read.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep(LOOK) => {}
            }
            let path = place.path.clone();
            let Ok(mark) = off_thread(move || Mark::of(&path)).await else {
                continue;
            };
            if mark == seen && mark != self.read {
                self.read = mark.clone();
                let again = place.clone();
                match off_thread(move || load(&again)).await {
                    Ok(Ok(rules)) => self.policy.replace(rules),
                    Ok(Err(err)) => {
                        error!(error = %Chain(&err), "the policy file is not used, and the last good policy stays");
                    }
                    Err(err) => error!(error = %err, "the policy file was not read"),
                }
            }
            seen = mark;
        }
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}

/// The rules that hold with the file as it is; logs what is hardly meant.
fn load(place: &Place) -> Result<Rules, Error> {
    let path: &PathBuf = &place.path;
    match file::read(path) {
        Ok(rules) => {
            info!(path = %path.display(), "the policy is as its file says");
            for warning in rules.warnings() {
                warn!(path = %path.display(), "{warning}");
            }
            Ok(rules)
        }
        Err(err) if err.is_missing() && !place.is_named => {
            info!(path = %path.display(), "there is no policy file, and the defaults hold");
            Ok(Rules::default())
        }
        Err(err) => Err(err),
    }
}
