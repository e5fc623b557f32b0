//! Due work: who holds it until when, in the order of the time from which it may be claimed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sled::Tree;

use super::{changes::Changes, keys, unavailable};
use crate::{
    domain::{HostId, Job, JobId, Timestamp},
    store::{Error, codec},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptJob {
    job: Job,
    lease: Option<Lease>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Lease {
    owner: HostId,
    until: Timestamp,
}

impl KeptJob {
    fn claimable_from(&self) -> Timestamp {
        self.lease.map_or(self.job.due_at, |lease| lease.until)
    }

    fn is_held_by(&self, owner: HostId) -> bool {
        self.lease.is_some_and(|lease| lease.owner == owner)
    }
}

/// Adds a job. One with its id is replaced, and the results of whoever holds that one are refused.
pub(super) fn add(changes: &mut Changes<'_>, job: &Job) -> Result<(), Error> {
    let old = find(changes, job.id)?;
    let mut job = job.clone();
    if let Some(old) = &old {
        job.attempt = job.attempt.max(old.job.attempt);
    }
    put(changes, &KeptJob { job, lease: None }, old.as_ref());
    Ok(())
}

/// Ends a job that `owner` holds at `attempt`.
pub(super) fn finish(
    changes: &mut Changes<'_>,
    id: JobId,
    owner: HostId,
    attempt: u32,
) -> Result<(), Error> {
    match find(changes, id)? {
        Some(kept) if kept.is_held_by(owner) && kept.job.attempt == attempt => {
            remove(changes, &kept);
            Ok(())
        }
        Some(_) | None => Err(Error::LeaseLost(id)),
    }
}

/// Takes a job away, whoever holds it.
pub(super) fn cancel(changes: &mut Changes<'_>, id: JobId) -> Result<(), Error> {
    if let Some(kept) = find(changes, id)? {
        remove(changes, &kept);
    }
    Ok(())
}

/// Leases to `owner` at most `limit` jobs that may be claimed at `now`.
pub(super) fn claim(
    changes: &mut Changes<'_>,
    owner: HostId,
    now: Timestamp,
    lease: Duration,
    limit: usize,
) -> Result<Vec<Job>, Error> {
    let mut claimed = Vec::new();
    for entry in changes
        .tree()
        .range(keys::claimable_until(now))
        .keys()
        .take(limit)
    {
        let key = entry.map_err(unavailable)?;
        let id = keys::id_of(&key).map(JobId::from);
        let Some(old) = id.map(|id| find(changes, id)).transpose()?.flatten() else {
            continue;
        };
        let mut kept = old.clone();
        kept.job.attempt = kept.job.attempt.saturating_add(1);
        kept.lease = Some(Lease {
            owner,
            until: now.after(lease),
        });
        put(changes, &kept, Some(&old));
        claimed.push(kept.job);
    }
    Ok(claimed)
}

/// Moves the leases of `jobs` that `owner` holds to `now + lease`; answers those it does not hold.
pub(super) fn renew(
    changes: &mut Changes<'_>,
    owner: HostId,
    jobs: &[JobId],
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<JobId>, Error> {
    let mut lost = Vec::new();
    for &id in jobs {
        match find(changes, id)? {
            Some(old) if old.is_held_by(owner) => {
                let mut kept = old.clone();
                kept.lease = Some(Lease {
                    owner,
                    until: now.after(lease),
                });
                put(changes, &kept, Some(&old));
            }
            Some(_) | None => lost.push(id),
        }
    }
    Ok(lost)
}

/// Ends every lease: whoever held one is dead, because the folder's lock is ours.
pub(super) fn release_all(tree: &Tree) -> Result<(), Error> {
    for entry in tree.scan_prefix(keys::JOBS) {
        let (_, value) = entry.map_err(unavailable)?;
        let old = decode(&value)?;
        if old.lease.is_some() {
            let mut kept = old.clone();
            kept.lease = None;
            let mut changes = Changes::new(tree);
            put(&mut changes, &kept, Some(&old));
            changes.apply()?;
        }
    }
    Ok(())
}

fn find(changes: &Changes<'_>, id: JobId) -> Result<Option<KeptJob>, Error> {
    let value = changes.get(&keys::job(id))?;
    value.map(|value| decode(&value)).transpose()
}

fn decode(value: &[u8]) -> Result<KeptJob, Error> {
    codec::from_bytes(value).map_err(Error::Unavailable)
}

fn put(changes: &mut Changes<'_>, kept: &KeptJob, old: Option<&KeptJob>) {
    if let Some(old) = old {
        changes.remove(keys::claimable(old.claimable_from(), old.job.id));
    }
    let id = kept.job.id;
    changes.put(keys::claimable(kept.claimable_from(), id), Vec::new());
    changes.put(keys::job(id), codec::to_bytes(kept));
}

fn remove(changes: &mut Changes<'_>, kept: &KeptJob) {
    changes.remove(keys::claimable(kept.claimable_from(), kept.job.id));
    changes.remove(keys::job(kept.job.id));
}
