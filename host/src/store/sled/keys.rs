//! The order of everything in the one tree: a letter for the table, then its columns, ids last.
//!
//! Texts carry their length in front, so that no value can be mistaken for the beginning of another.

use std::ops::Bound;

use uuid::Uuid;

use crate::{
    domain::{JobId, Order, ProjectId, Timestamp},
    store::Kind,
};

/// Where the version of this layout is kept.
pub(super) const LAYOUT: &[u8] = b"layout";

/// The prefix of all jobs.
pub(super) const JOBS: &[u8] = b"j";

const ID_BYTES: usize = 16;

/// Where the head of a record is kept.
pub(super) fn record(kind: Kind, id: Uuid) -> Vec<u8> {
    with_id(&listing(kind, None, None), id)
}

/// Where the `number`th further part of a long record is kept.
pub(super) fn part(kind: Kind, id: Uuid, version: u64, number: u32) -> Vec<u8> {
    let mut key = with_id(&table(b'b', &[kind.as_str()]), id);
    key.extend(version.to_be_bytes());
    key.extend(number.to_be_bytes());
    key
}

/// The prefix under which a list of ids in order is kept: of a kind, of a project, with a value of an index key.
pub(super) fn listing(
    kind: Kind,
    project: Option<&ProjectId>,
    index: Option<(&str, &str)>,
) -> Vec<u8> {
    let kind = kind.as_str();
    match (project, index) {
        (None, None) => table(b'r', &[kind]),
        (Some(project), None) => table(b'p', &[kind, project.as_str()]),
        (None, Some((name, value))) => table(b'i', &[kind, name, value]),
        (Some(project), Some((name, value))) => table(b'q', &[kind, project.as_str(), name, value]),
    }
}

/// Where a unique value is kept.
pub(super) fn unique(kind: Kind, value: &str) -> Vec<u8> {
    table(b'u', &[kind.as_str(), value])
}

/// Where a job is kept.
pub(super) fn job(id: JobId) -> Vec<u8> {
    with_id(JOBS, id.uuid())
}

/// Where a job waits for the time from which it may be claimed.
pub(super) fn claimable(from: Timestamp, id: JobId) -> Vec<u8> {
    with_id(&claimable_at(from), id.uuid())
}

/// The bounds of the jobs that may be claimed at `now`.
pub(super) fn claimable_until(now: Timestamp) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (
        Bound::Included(vec![b'd']),
        Bound::Included(with_id(&claimable_at(now), Uuid::max())),
    )
}

fn claimable_at(time: Timestamp) -> Vec<u8> {
    let mut key = vec![b'd'];
    // The flipped sign bit sorts times before 1970 first.
    key.extend((time.unix_ms() ^ i64::MIN).to_be_bytes());
    key
}

/// `prefix` and an id.
pub(super) fn with_id(prefix: &[u8], id: Uuid) -> Vec<u8> {
    [prefix, id.as_bytes()].concat()
}

/// The bounds of the ids under `prefix` that come after `after` in `order`.
pub(super) fn page(
    prefix: &[u8],
    order: Order,
    after: Option<Uuid>,
) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let edge = |whole: Uuid| match after {
        Some(id) => Bound::Excluded(with_id(prefix, id)),
        None => Bound::Included(with_id(prefix, whole)),
    };
    match order {
        Order::Ascending => (
            edge(Uuid::nil()),
            Bound::Included(with_id(prefix, Uuid::max())),
        ),
        Order::Descending => (
            Bound::Included(with_id(prefix, Uuid::nil())),
            edge(Uuid::max()),
        ),
    }
}

/// The id at the end of a key.
pub(super) fn id_of(key: &[u8]) -> Option<Uuid> {
    let start = key.len().checked_sub(ID_BYTES)?;
    Uuid::from_slice(key.get(start..)?).ok()
}

fn table(letter: u8, columns: &[&str]) -> Vec<u8> {
    let mut key = vec![letter];
    for column in columns {
        let length = u32::try_from(column.len()).unwrap_or(u32::MAX);
        key.extend(length.to_be_bytes());
        key.extend(column.as_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_project_is_never_the_beginning_of_another() {
        let short = listing(Kind::Module, Some(&ProjectId::new("a")), None);
        let long = listing(Kind::Module, Some(&ProjectId::new("ab")), None);
        assert!(!long.starts_with(&short));
    }

    #[test]
    fn jobs_sort_by_time() {
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        let keys = times.map(|ms| claimable_at(Timestamp::from_unix_ms(ms)));
        assert!(keys.is_sorted());
    }
}
