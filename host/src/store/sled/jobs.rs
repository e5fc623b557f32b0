//! Due work: who holds it until when, in a line for each project, by the time from which it may be claimed.

use std::{
    collections::VecDeque,
    ops::{Bound, RangeBounds as _},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sled::Tree;

use super::{
    changes::Changes,
    job_counts::{CountChanges, JobCounts},
    keys, unavailable,
};
use crate::{
    domain::{HostId, Job, JobId, Timestamp},
    store::{Error, Wanted, codec},
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

    fn line_key(&self) -> Vec<u8> {
        let line = self.job.work.line();
        keys::claimable(
            line,
            &self.job.project_id,
            self.claimable_from(),
            self.job.id,
        )
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

/// Leases to `owner` the `wanted` jobs that may be claimed at `now`.
pub(super) fn claim(
    changes: &mut Changes<'_>,
    owner: HostId,
    now: Timestamp,
    lease: Duration,
    wanted: &Wanted,
) -> Result<Vec<Job>, Error> {
    let mut claimed = Vec::new();
    let mut lines = due_lines(changes.tree(), now, wanted)?;
    while claimed.len() < wanted.limit {
        let Some(mut line) = lines.pop_front() else {
            break;
        };
        let Some(entry) = line.due.next() else {
            continue;
        };
        let (key, _) = entry.map_err(unavailable)?;
        line.room -= 1;
        if line.room > 0 {
            lines.push_back(line);
        }
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

/// The due jobs of a project that there is room for.
struct DueLine {
    due: sled::Iter,
    room: usize,
}

/// The lines that may give a job, in the order of their turns: as many as can have one.
fn due_lines(tree: &Tree, now: Timestamp, wanted: &Wanted) -> Result<VecDeque<DueLine>, Error> {
    let mut lines = VecDeque::new();
    for (mut from, to) in keys::lines(wanted.line, wanted.after.as_ref()) {
        while lines.len() < wanted.limit {
            let Some(first) = tree.range((from, to.clone())).keys().next() else {
                break;
            };
            let first = first.map_err(unavailable)?;
            let Some(project) = keys::project_of(wanted.line, &first) else {
                break;
            };
            let room = wanted.room(&project);
            let until = keys::claimable_until(wanted.line, &project, now);
            if room > 0 && until.contains(&first.to_vec()) {
                let due = tree.range(until);
                lines.push_back(DueLine { due, room });
            }
            from = Bound::Excluded(keys::line_end(wanted.line, &project));
        }
    }
    Ok(lines)
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
///
/// Counts all jobs on its way.
pub(super) fn release_all(tree: &Tree) -> Result<JobCounts, Error> {
    let counts = JobCounts::default();
    for entry in tree.scan_prefix(keys::JOBS) {
        let (_, value) = entry.map_err(unavailable)?;
        let old = decode(&value)?;
        let mut found = CountChanges::default();
        found.add(&old.job.project_id);
        counts.apply(found);
        if old.lease.is_some() {
            let mut kept = old.clone();
            kept.lease = None;
            let mut changes = Changes::new(tree);
            put(&mut changes, &kept, Some(&old));
            changes.apply(&counts)?;
        }
    }
    Ok(counts)
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
        changes.jobs().remove(&old.job.project_id);
        changes.remove(old.line_key());
    }
    changes.jobs().add(&kept.job.project_id);
    changes.put(kept.line_key(), Vec::new());
    changes.put(keys::job(kept.job.id), codec::to_bytes(kept));
}

fn remove(changes: &mut Changes<'_>, kept: &KeptJob) {
    changes.jobs().remove(&kept.job.project_id);
    changes.remove(kept.line_key());
    changes.remove(keys::job(kept.job.id));
}
