//! Records as values of the tree: a head with the beginning of the body, and further parts of a long body.
//!
//! sled puts every value above a quarter of a segment into a file of its own that it does not sync, and rewrites up to
//! 17 neighbors with each change of a value. Parts of at most [`PART_BYTES`] keep clear of the first and bound the
//! second.

use serde::{Deserialize, Serialize};
use sled::{IVec, Tree};
use uuid::Uuid;

use super::{changes::Changes, keys, unavailable};
use crate::{
    domain::{ProjectId, Tallies},
    store::{BoxError, Error, Kind, Record, codec},
};

/// The most of a body that one value holds: 17 of them stay below a quarter of sled's segments of 512 KiB.
pub(super) const PART_BYTES: usize = 6 << 10;

/// What stands before a body.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) project: Option<ProjectId>,
    pub(super) index_keys: Vec<(String, String)>,
    pub(super) tallies: Tallies,
    /// The record's, where it is not its id.
    age: Option<Uuid>,
    further_parts: u32,
}

/// What an entry of a list begins with that is none of a record whose age is its id. No head is as long.
const OTHER_ID: [u8; 4] = [0xff; 4];

/// The id of the record that the value of a list's entry is for, where the entry's age is not its id.
pub(super) fn listed(value: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(value.strip_prefix(&OTHER_ID)?).ok()
}

impl Head {
    /// Whether a list by `project` and `index` shows this record.
    pub(super) fn is_listed(
        &self,
        project: Option<&ProjectId>,
        index: Option<&(&str, String)>,
    ) -> bool {
        let is_of_project = project.is_none() || project == self.project.as_ref();
        let has_value = index.is_none_or(|(name, value)| {
            self.index_keys
                .iter()
                .any(|key| key.0 == *name && key.1 == *value)
        });
        is_of_project && has_value
    }

    /// The prefixes of all lists that have an entry for this record.
    fn listings(&self, kind: Kind) -> Vec<Vec<u8>> {
        let mut listings = Vec::new();
        if self.age.is_some() {
            listings.push(keys::listing(kind, None, None));
        }
        for index in &self.index_keys {
            listings.push(keys::listing(kind, None, Some((&index.0, &index.1))));
        }
        if let Some(project) = &self.project {
            listings.push(keys::listing(kind, Some(project), None));
            for index in &self.index_keys {
                let index = Some((index.0.as_str(), index.1.as_str()));
                listings.push(keys::listing(kind, Some(project), index));
            }
        }
        listings
    }

    /// Where it is kept.
    fn key(&self, kind: Kind, id: Uuid) -> Vec<u8> {
        match self.age {
            Some(_) => keys::aside(kind, id),
            None => keys::record(kind, id),
        }
    }
}

/// The key and the value of the head of `kind` with `id`, looked up with `get`.
fn kept<E>(
    kind: Kind,
    id: Uuid,
    get: impl Fn(&[u8]) -> Result<Option<IVec>, E>,
) -> Result<Option<(Vec<u8>, IVec)>, E> {
    let key = keys::record(kind, id);
    if let Some(value) = get(&key)?.filter(|value| listed(value).is_none()) {
        return Ok(Some((key, value)));
    }
    if !kind.has_chosen_ids() {
        return Ok(None);
    }
    let key = keys::aside(kind, id);
    Ok(get(&key)?.map(|value| (key, value)))
}

/// The record of `kind` with `id` and its head.
pub(super) fn load(tree: &Tree, kind: Kind, id: Uuid) -> Result<Option<(Record, Head)>, Error> {
    let corrupt = |source: BoxError| Error::Corrupt { kind, id, source };
    loop {
        let found = kept(kind, id, |key| tree.get(key)).map_err(unavailable)?;
        let Some((key, value)) = found else {
            return Ok(None);
        };
        let (head, start) = split(&value).map_err(corrupt)?;
        let mut body = start.to_vec();
        let mut is_whole = true;
        for number in 0..head.further_parts {
            let part = tree
                .get(keys::part(kind, id, head.version, number))
                .map_err(unavailable)?;
            match part {
                Some(part) => body.extend_from_slice(&part),
                None => is_whole = false,
            }
        }
        if is_whole {
            return Ok(Some((record(kind, id, &head, body), head)));
        }
        // Parts belong to one version: a commit between the two reads takes them away.
        if tree.get(&key).map_err(unavailable)?.as_ref() == Some(&value) {
            return Err(corrupt("a part of it is missing".into()));
        }
    }
}

/// The version of the record of `kind` with `id`.
pub(super) fn version(tree: &Tree, kind: Kind, id: Uuid) -> Result<Option<u64>, Error> {
    let found = kept(kind, id, |key| tree.get(key)).map_err(unavailable)?;
    let head = found.map(|(_, value)| split(&value).map(|(head, _)| head.version));
    head.transpose()
        .map_err(|source| Error::Corrupt { kind, id, source })
}

/// The head of the record of `kind` with `id`.
pub(super) fn head(changes: &Changes<'_>, kind: Kind, id: Uuid) -> Result<Option<Head>, Error> {
    let Some((_, value)) = kept(kind, id, |key| changes.get(key))? else {
        return Ok(None);
    };
    let (head, _) = split(&value).map_err(|source| Error::Corrupt { kind, id, source })?;
    Ok(Some(head))
}

/// Puts `record` in the place of `old`.
pub(super) fn put(changes: &mut Changes<'_>, record: &Record, old: Option<&Head>) {
    let (start, rest) = record.body.split_at(record.body.len().min(PART_BYTES));
    let parts = rest.chunks(PART_BYTES);
    let head = Head {
        version: record.version,
        project: record.project.clone(),
        index_keys: record
            .index_keys
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        tallies: record.tallies,
        age: (record.age != record.id).then_some(record.age),
        further_parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
    };
    let listings = head.listings(record.kind);
    if let Some(old) = old {
        remove_parts(changes, record.kind, record.id, old);
        for listing in old.listings(record.kind) {
            if !listings.contains(&listing) {
                changes.remove(keys::with_id(&listing, record.age));
            }
        }
    }
    let old_listings = old.map_or_else(Vec::new, |old| old.listings(record.kind));
    for listing in &listings {
        if !old_listings.contains(listing) {
            let value = match head.age {
                Some(_) => [OTHER_ID.as_slice(), record.id.as_bytes()].concat(),
                None => Vec::new(),
            };
            changes.put(keys::with_id(listing, record.age), value);
        }
    }
    for (number, part) in (0..head.further_parts).zip(parts) {
        let key = keys::part(record.kind, record.id, record.version, number);
        changes.put(key, part.to_vec());
    }
    changes.put(head.key(record.kind, record.id), join(&head, start));
}

/// Takes a record away.
pub(super) fn remove(changes: &mut Changes<'_>, kind: Kind, id: Uuid, old: &Head) {
    remove_parts(changes, kind, id, old);
    for listing in old.listings(kind) {
        changes.remove(keys::with_id(&listing, old.age.unwrap_or(id)));
    }
    changes.remove(old.key(kind, id));
}

fn remove_parts(changes: &mut Changes<'_>, kind: Kind, id: Uuid, old: &Head) {
    for number in 0..old.further_parts {
        changes.remove(keys::part(kind, id, old.version, number));
    }
}

fn join(head: &Head, start: &[u8]) -> Vec<u8> {
    let head = codec::to_bytes(head);
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), head.as_slice(), start].concat()
}

fn split(value: &[u8]) -> Result<(Head, &[u8]), BoxError> {
    let (length, rest) = value.split_first_chunk().ok_or("its head is missing")?;
    let length = usize::try_from(u32::from_be_bytes(*length))?;
    let (head, start) = rest
        .split_at_checked(length)
        .ok_or("its head is cut short")?;
    Ok((codec::from_bytes(head)?, start))
}

fn record(kind: Kind, id: Uuid, head: &Head, body: Vec<u8>) -> Record {
    let index_keys = head.index_keys.iter().filter_map(|(name, value)| {
        // An index key that an older build declared and this one does not stays on the disk only.
        let mut names = kind.index_names().iter();
        let name = names.find(|declared| *declared == name)?;
        Some((*name, value.clone()))
    });
    Record {
        kind,
        id,
        age: head.age.unwrap_or(id),
        project: head.project.clone(),
        version: head.version,
        body,
        index_keys: index_keys.collect(),
        tallies: head.tallies,
    }
}
