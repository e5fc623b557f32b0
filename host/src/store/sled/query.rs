//! Walks along lists in the order of ages: a page costs the same among a hundred and a million records.

use sled::Tree;

use super::{keys, record, unavailable};
use crate::{
    domain::Order,
    store::{Error, Query, Record, Sort},
};

/// The records that `query` asks for.
pub(super) fn list(tree: &Tree, query: &Query) -> Result<Vec<Record>, Error> {
    let mut walk = Walk {
        tree,
        query,
        found: Vec::new(),
    };
    match query.sort {
        None => {
            let index = query.index.as_ref();
            let index = index.map(|(name, value)| (*name, value.as_str()));
            walk.along(
                &keys::listing(query.kind, query.project.as_ref(), index),
                true,
            )?;
        }
        Some(sort) => walk.by_values(sort)?,
    }
    Ok(walk.found)
}

struct Walk<'a> {
    tree: &'a Tree,
    query: &'a Query,
    found: Vec<Record>,
}

impl Walk<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.query.limit
    }

    /// Finds what is in the list under `prefix`, from the query's position on or from its beginning.
    fn along(&mut self, prefix: &[u8], begins_after: bool) -> Result<(), Error> {
        let query = self.query;
        let after = query.after.as_ref().filter(|_| begins_after);
        let after = after.map(|position| position.age);
        let mut walk = self.tree.range(keys::page(prefix, query.order, after));
        while !self.is_full() {
            let next = match query.order {
                Order::Ascending => walk.next(),
                Order::Descending => walk.next_back(),
            };
            let Some(entry) = next else { break };
            let (key, value) = entry.map_err(unavailable)?;
            let Some(age) = keys::id_of(&key) else {
                continue;
            };
            let id = record::listed(&value).unwrap_or(age);
            // A commit may have moved the record to another list since the walk saw it in this one.
            if let Some((record, head)) = record::load(self.tree, query.kind, id)?
                && head.is_listed(query.project.as_ref(), query.index.as_ref())
                && self.is_at(&record, prefix)
            {
                self.found.push(record);
            }
        }
        Ok(())
    }

    /// Whether the list under `prefix` is that of the record's value in the query's order.
    fn is_at(&self, record: &Record, prefix: &[u8]) -> bool {
        let query = self.query;
        query.sort.is_none_or(|Sort { name, .. }| {
            record.index_value(name).is_some_and(|value| {
                keys::listing(query.kind, query.project.as_ref(), Some((name, value))) == prefix
            })
        })
    }

    /// Finds what is in the lists of one value of the key after the other.
    fn by_values(&mut self, sort: Sort) -> Result<(), Error> {
        let (kind, project) = (self.query.kind, self.query.project.as_ref());
        let prefix = keys::values(kind, project, sort.name);
        let mut list = None;
        if let Some(after) = &self.query.after {
            let first = keys::listing(kind, project, Some((sort.name, &after.value)));
            self.along(&first, true)?;
            list = Some(first);
        }
        while !self.is_full() {
            let bounds = keys::lists_after(&prefix, sort.order, list.as_deref());
            let mut lists = self.tree.range(bounds);
            let next = match sort.order {
                Order::Ascending => lists.next(),
                Order::Descending => lists.next_back(),
            };
            let Some(entry) = next else { break };
            let (key, _) = entry.map_err(unavailable)?;
            let Some(next) = keys::list_of(&key) else {
                break;
            };
            self.along(next, false)?;
            list = Some(next.to_vec());
        }
        Ok(())
    }
}
