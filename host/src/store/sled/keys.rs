//! The order of everything in the one tree: a letter for the table, then its columns, ids last.
//!
//! A text ends with two zero bytes, and a zero byte in it is followed by 0xff: keys sort by their texts, and no text can
//! be mistaken for the beginning of another.

use std::ops::Bound;

use uuid::Uuid;

use crate::{
    domain::{JobId, Line, Order, ProjectId, Timestamp},
    store::Kind,
};

/// Where the version of this layout is kept.
pub(super) const LAYOUT: &[u8] = b"layout";

/// The prefix of all jobs.
pub(super) const JOBS: &[u8] = b"j";

/// The letter of the lines of jobs, one for each project.
const fn letter(line: Line) -> u8 {
    match line {
        Line::Runs => b'd',
        Line::Steps => b'e',
    }
}

const ID_BYTES: usize = 16;
const TIME_BYTES: usize = 8;

/// From where to where keys are looked at.
pub(super) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Where the head of a record is kept whose age is its id: in the list of all of its kind.
pub(super) fn record(kind: Kind, id: Uuid) -> Vec<u8> {
    with_id(&listing(kind, None, None), id)
}

/// Where the head of a record is kept whose age is another.
pub(super) fn aside(kind: Kind, id: Uuid) -> Vec<u8> {
    with_id(&table(b'c', &[kind.as_str()]), id)
}

/// Where the `number`th further part of a long record is kept.
pub(super) fn part(kind: Kind, id: Uuid, version: u64, number: u32) -> Vec<u8> {
    let mut key = with_id(&table(b'b', &[kind.as_str()]), id);
    key.extend(version.to_be_bytes());
    key.extend(number.to_be_bytes());
    key
}

/// The prefix under which a list is kept in the order of ages: of a kind, of a project, with a value of an index key.
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

/// The prefix of the lists of all values of the index key `name`, in the order of the values.
pub(super) fn values(kind: Kind, project: Option<&ProjectId>, name: &str) -> Vec<u8> {
    let kind = kind.as_str();
    match project {
        None => table(b'i', &[kind, name]),
        Some(project) => table(b'q', &[kind, project.as_str(), name]),
    }
}

/// Among the lists under `prefix`, the bounds of those that come after the list `after` in `order`.
pub(super) fn lists_after(prefix: &[u8], order: Order, after: Option<&[u8]>) -> Bounds {
    // No text begins with 0xff, and no id is longer than this.
    let end = |list: &[u8]| [list, &[0xff; ID_BYTES + 1]].concat();
    match (order, after) {
        (Order::Ascending, Some(list)) => {
            (Bound::Excluded(end(list)), Bound::Excluded(end(prefix)))
        }
        (Order::Descending, Some(list)) => (
            Bound::Included(prefix.to_vec()),
            Bound::Excluded(list.to_vec()),
        ),
        (_, None) => (
            Bound::Included(prefix.to_vec()),
            Bound::Excluded(end(prefix)),
        ),
    }
}

/// The prefix of the list that `key` is in.
pub(super) fn list_of(key: &[u8]) -> Option<&[u8]> {
    key.get(..key.len().checked_sub(ID_BYTES)?)
}

/// Where a unique value is kept.
pub(super) fn unique(kind: Kind, value: &str) -> Vec<u8> {
    table(b'u', &[kind.as_str(), value])
}

/// Where a job is kept.
pub(super) fn job(id: JobId) -> Vec<u8> {
    with_id(JOBS, id.uuid())
}

/// Where a job waits in its project's line for the time from which it may be claimed.
pub(super) fn claimable(line: Line, project: &ProjectId, from: Timestamp, id: JobId) -> Vec<u8> {
    with_id(&claimable_at(line, project, from), id.uuid())
}

/// The bounds of the jobs of `project` that may be claimed at `now`.
pub(super) fn claimable_until(line: Line, project: &ProjectId, now: Timestamp) -> Bounds {
    (
        Bound::Included(line_of(line, project)),
        Bound::Included(with_id(&claimable_at(line, project, now), Uuid::max())),
    )
}

/// The bounds of all lines in the order of their turns: those after `after`, then the others.
pub(super) fn lines(line: Line, after: Option<&ProjectId>) -> Vec<Bounds> {
    let letter = letter(line);
    let (first, last) = (
        Bound::Included(vec![letter]),
        Bound::Excluded(vec![letter + 1]),
    );
    match after {
        Some(project) => vec![
            (Bound::Excluded(line_end(line, project)), last),
            (first, Bound::Included(line_end(line, project))),
        ],
        None => vec![(first, last)],
    }
}

/// The project in whose line `key` is.
pub(super) fn project_of(line: Line, key: &[u8]) -> Option<ProjectId> {
    let (length, rest) = key.strip_prefix(&[letter(line)])?.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let text = std::str::from_utf8(rest.get(..length)?).ok()?;
    Some(ProjectId::new(text))
}

/// What comes after all of a project's line and before the next one's.
pub(super) fn line_end(line: Line, project: &ProjectId) -> Vec<u8> {
    let mut key = line_of(line, project);
    key.extend([0xff; TIME_BYTES + ID_BYTES]);
    key
}

/// A length in front brings shorter ids first, which is the order of turns.
fn line_of(line: Line, project: &ProjectId) -> Vec<u8> {
    let project = project.as_str();
    let length = u32::try_from(project.len()).unwrap_or(u32::MAX);
    [
        &[letter(line)],
        length.to_be_bytes().as_slice(),
        project.as_bytes(),
    ]
    .concat()
}

fn claimable_at(line: Line, project: &ProjectId, time: Timestamp) -> Vec<u8> {
    let mut key = line_of(line, project);
    // The flipped sign bit sorts times before 1970 first.
    key.extend((time.unix_ms() ^ i64::MIN).to_be_bytes());
    key
}

/// `prefix` and an id.
pub(super) fn with_id(prefix: &[u8], id: Uuid) -> Vec<u8> {
    [prefix, id.as_bytes()].concat()
}

/// The bounds of the ages under `prefix` that come after `after` in `order`.
pub(super) fn page(prefix: &[u8], order: Order, after: Option<Uuid>) -> Bounds {
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

/// The id, or the age, at the end of a key.
pub(super) fn id_of(key: &[u8]) -> Option<Uuid> {
    let start = key.len().checked_sub(ID_BYTES)?;
    Uuid::from_slice(key.get(start..)?).ok()
}

fn table(letter: u8, columns: &[&str]) -> Vec<u8> {
    let mut key = vec![letter];
    for column in columns {
        for byte in column.bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(0xff);
            }
        }
        key.extend([0, 0]);
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
    fn keys_sort_by_their_texts_and_none_is_the_beginning_of_another() {
        let texts = [
            "", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "a\u{1}", "ab", "b",
        ];
        let keys = texts.map(|text| listing(Kind::Module, None, Some(("name", text))));
        for (at, a) in keys.iter().enumerate() {
            for (other, b) in keys.iter().enumerate() {
                let last = with_id(a, Uuid::max());
                let first = with_id(b, Uuid::nil());
                assert_eq!(
                    last < first,
                    at < other,
                    "{:?} {:?}",
                    texts[at],
                    texts[other]
                );
                assert_eq!(b.starts_with(a), at == other);
            }
        }
    }

    #[test]
    fn jobs_sort_by_time_within_their_project() {
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        let project = ProjectId::new("a");
        for line in [Line::Runs, Line::Steps] {
            let keys = times.map(|ms| claimable_at(line, &project, Timestamp::from_unix_ms(ms)));
            assert!(keys.is_sorted());
            let last = with_id(&keys[4], Uuid::max());
            assert!(last <= line_end(line, &project));
            assert!(line_end(line, &project) < line_of(line, &ProjectId::new("b")));
            assert_eq!(project_of(line, &last), Some(project.clone()));
        }
    }
}
