//! Checks the writes of a commit one by one and collects what they change.

use uuid::Uuid;

use super::{changes::Changes, jobs, keys, record, usage::Growth};
use crate::store::{Commit, Error, Kind, Record, Write};

/// Collects in `changes` what `commit` changes, or the first reason why it may not.
pub(super) fn commit(changes: &mut Changes<'_>, commit: &Commit) -> Result<(), Error> {
    let mut growth = Growth::default();
    for write in commit.writes() {
        match write {
            Write::Put(record) => put(changes, &mut growth, record)?,
            Write::Delete { kind, id, version } => {
                delete(changes, &mut growth, *kind, *id, *version)?;
            }
            Write::AddJob(job) => jobs::add(changes, job)?,
            Write::FinishJob { id, owner, attempt } => {
                jobs::finish(changes, *id, *owner, *attempt)?;
            }
            Write::CancelJob(id) => jobs::cancel(changes, *id)?,
            Write::Claim { kind, key, id } => claim(changes, *kind, key, *id)?,
            Write::Release { kind, key } => changes.remove(keys::unique(*kind, key)),
        }
    }
    growth.settle(changes, commit.limits())
}

fn put(changes: &mut Changes<'_>, growth: &mut Growth, record: &Record) -> Result<(), Error> {
    let old = record::head(changes, record.kind, record.id)?;
    let version = old.as_ref().map_or(0, |old| old.version);
    if version.checked_add(1) != Some(record.version) {
        return Err(Error::Conflict {
            kind: record.kind,
            id: record.id,
        });
    }
    record::put(changes, record, old.as_ref());
    if let Some(old) = &old {
        growth.remove(old.project.as_ref(), old.tallies);
    }
    growth.add(record.project.as_ref(), record.tallies);
    Ok(())
}

fn delete(
    changes: &mut Changes<'_>,
    growth: &mut Growth,
    kind: Kind,
    id: Uuid,
    version: u64,
) -> Result<(), Error> {
    match record::head(changes, kind, id)? {
        Some(old) if old.version == version => {
            record::remove(changes, kind, id, &old);
            growth.remove(old.project.as_ref(), old.tallies);
            Ok(())
        }
        Some(_) | None => Err(Error::Conflict { kind, id }),
    }
}

fn claim(changes: &mut Changes<'_>, kind: Kind, value: &str, id: Uuid) -> Result<(), Error> {
    let key = keys::unique(kind, value);
    match changes.get(&key)? {
        Some(holder) if holder.as_ref() == id.as_bytes() => Ok(()),
        Some(_) => Err(Error::Conflict { kind, id }),
        None => {
            changes.put(key, id.as_bytes().to_vec());
            Ok(())
        }
    }
}
