//! What each project has of everything that is counted: one row a project, in the batch of the writes that change it.

use std::{collections::BTreeMap, ops::Bound};

use sled::Tree;

use super::{changes::Changes, unavailable};
use crate::{
    domain::{Order, ProjectId, Tallies},
    store::{Error, Within, codec},
};

/// The letter of the rows, and the one after it.
const ROWS: u8 = b'#';
const AFTER_ROWS: u8 = ROWS + 1;
const LENGTH_BYTES: usize = 4;

/// What a commit adds to what projects have, and takes from it.
#[derive(Debug, Default)]
pub(super) struct Growth(BTreeMap<ProjectId, Change>);

#[derive(Debug, Default)]
struct Change {
    more: Tallies,
    less: Tallies,
}

impl Growth {
    /// A record comes. What the host ships is nobody's and not counted.
    pub(super) fn add(&mut self, project: Option<&ProjectId>, tallies: Tallies) {
        if let Some(change) = self.change(project, tallies) {
            change.more = change.more.plus(tallies);
        }
    }

    /// A record goes.
    pub(super) fn remove(&mut self, project: Option<&ProjectId>, tallies: Tallies) {
        if let Some(change) = self.change(project, tallies) {
            change.less = change.less.plus(tallies);
        }
    }

    fn change(&mut self, project: Option<&ProjectId>, tallies: Tallies) -> Option<&mut Change> {
        let project = project.filter(|_| !tallies.is_empty())?;
        if !self.0.contains_key(project) {
            self.0.insert(project.clone(), Change::default());
        }
        self.0.get_mut(project)
    }

    /// Adds to `changes` what the projects have then, unless that is over one of `limits`.
    pub(super) fn settle(self, changes: &mut Changes<'_>, limits: &[Within]) -> Result<(), Error> {
        for (project, change) in self.0 {
            if change.more == change.less {
                continue;
            }
            let key = row(&project);
            let before = match changes.get(&key)? {
                Some(value) => tallies(&value)?,
                None => Tallies::default(),
            };
            let after = before.plus(change.more).minus(change.less);
            for limit in limits.iter().filter(|limit| limit.project == project) {
                let (in_use, then) = (before.of(limit.tally), after.of(limit.tally));
                if then > in_use && then > limit.most {
                    return Err(Error::QuotaExceeded {
                        project,
                        tally: limit.tally,
                        in_use,
                        wanted: then - in_use,
                        limit: limit.most,
                    });
                }
            }
            if after.is_empty() {
                changes.remove(key);
            } else {
                changes.put(key, codec::to_bytes(&after));
            }
        }
        Ok(())
    }
}

/// What `project` has.
pub(super) fn of(tree: &Tree, project: &ProjectId) -> Result<Tallies, Error> {
    match tree.get(row(project)).map_err(unavailable)? {
        Some(value) => tallies(&value),
        None => Ok(Tallies::default()),
    }
}

/// The projects that have anything, and what.
pub(super) fn list(
    tree: &Tree,
    after: Option<&ProjectId>,
    order: Order,
    limit: usize,
) -> Result<Vec<(ProjectId, Tallies)>, Error> {
    let edge = |end: u8| match after {
        Some(project) => Bound::Excluded(row(project)),
        None => Bound::Excluded(vec![end]),
    };
    let mut rows = match order {
        Order::Ascending => tree.range((edge(ROWS), Bound::Excluded(vec![AFTER_ROWS]))),
        Order::Descending => tree.range((Bound::Excluded(vec![ROWS]), edge(AFTER_ROWS))),
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let next = match order {
            Order::Ascending => rows.next(),
            Order::Descending => rows.next_back(),
        };
        let Some(entry) = next else { break };
        let (key, value) = entry.map_err(unavailable)?;
        if let Some(project) = project_of(&key) {
            found.push((project, tallies(&value)?));
        }
    }
    Ok(found)
}

fn tallies(value: &[u8]) -> Result<Tallies, Error> {
    codec::from_bytes(value).map_err(Error::Unavailable)
}

/// Where it is kept what `project` has.
fn row(project: &ProjectId) -> Vec<u8> {
    let text = project.as_str().as_bytes();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&[ROWS], &length.to_be_bytes()[..], text].concat()
}

fn project_of(key: &[u8]) -> Option<ProjectId> {
    let text = std::str::from_utf8(key.get(1 + LENGTH_BYTES..)?).ok()?;
    Some(ProjectId::new(text))
}
