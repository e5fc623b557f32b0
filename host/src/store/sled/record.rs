//! Records as values of the tree: a head with the beginning of the body, and further parts of a long body.
//!
//! sled puts every value above a quarter of a segment into a file of its own that it does not sync, and rewrites up to
//! 17 neighbors with each change of a value. Parts of at most [`PART_BYTES`] keep clear of the first and bound the
//! second.

use serde::{Deserialize, Serialize};
use sled::Tree;
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
    further_parts: u32,
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

    /// The prefixes of all lists that show this record.
    fn listings(&self, kind: Kind) -> Vec<Vec<u8>> {
        let mut listings = Vec::new();
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
}

/// The record of `kind` with `id` and its head.
pub(super) fn load(tree: &Tree, kind: Kind, id: Uuid) -> Result<Option<(Record, Head)>, Error> {
    let corrupt = |source: BoxError| Error::Corrupt { kind, id, source };
    let key = keys::record(kind, id);
    loop {
        let Some(value) = tree.get(&key).map_err(unavailable)? else {
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

/// The head of the record of `kind` with `id`.
pub(super) fn head(changes: &Changes<'_>, kind: Kind, id: Uuid) -> Result<Option<Head>, Error> {
    let Some(value) = changes.get(&keys::record(kind, id))? else {
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
        further_parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
    };
    let listings = head.listings(record.kind);
    if let Some(old) = old {
        remove_parts(changes, record.kind, record.id, old);
        for listing in old.listings(record.kind) {
            if !listings.contains(&listing) {
                changes.remove(keys::with_id(&listing, record.id));
            }
        }
    }
    let old_listings = old.map_or_else(Vec::new, |old| old.listings(record.kind));
    for listing in &listings {
        if !old_listings.contains(listing) {
            changes.put(keys::with_id(listing, record.id), Vec::new());
        }
    }
    for (number, part) in (0..head.further_parts).zip(parts) {
        let key = keys::part(record.kind, record.id, record.version, number);
        changes.put(key, part.to_vec());
    }
    changes.put(keys::record(record.kind, record.id), join(&head, start));
}

/// Takes a record away.
pub(super) fn remove(changes: &mut Changes<'_>, kind: Kind, id: Uuid, old: &Head) {
    remove_parts(changes, kind, id, old);
    for listing in old.listings(kind) {
        changes.remove(keys::with_id(&listing, id));
    }
    changes.remove(keys::record(kind, id));
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
        project: head.project.clone(),
        version: head.version,
        body,
        index_keys: index_keys.collect(),
        tallies: head.tallies,
    }
}
