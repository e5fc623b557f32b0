//! The simplest thing that a store could be: what random operations are compared with.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    domain::{HostId, Job, JobId, Order, ProjectId, Tallies, Timestamp},
    store::{Commit, Error, Kind, Query, Record, Wanted, Write},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    records: BTreeMap<(Kind, Uuid), Record>,
    unique: BTreeMap<(Kind, String), Uuid>,
    jobs: BTreeMap<JobId, (Job, Option<(HostId, Timestamp)>)>,
}

impl Model {
    pub(super) fn version(&self, kind: Kind, id: Uuid) -> u64 {
        self.records
            .get(&(kind, id))
            .map_or(0, |record| record.version)
    }

    pub(super) fn attempt(&self, id: JobId) -> u32 {
        self.jobs.get(&id).map_or(0, |(job, _)| job.attempt)
    }

    pub(super) fn find(&self, kind: Kind, id: Uuid) -> Option<Record> {
        self.records.get(&(kind, id)).cloned()
    }

    pub(super) fn list(&self, query: &Query) -> Vec<Record> {
        let mut found: Vec<_> =
            self.records
                .values()
                .filter(|record| {
                    record.kind == query.kind
                        && query
                            .project
                            .as_ref()
                            .is_none_or(|project| record.project.as_ref() == Some(project))
                        && query
                            .index
                            .as_ref()
                            .is_none_or(|key| record.index_keys.contains(key))
                        && query
                            .sort
                            .is_none_or(|sort| record.index_value(sort.name).is_some())
                        && query.after.as_ref().is_none_or(|after| {
                            query.compare(&query.position(record), after).is_gt()
                        })
                })
                .cloned()
                .collect();
        found.sort_by(|a, b| query.compare(&query.position(a), &query.position(b)));
        found.truncate(query.limit);
        found
    }

    pub(super) fn commit(&mut self, commit: &Commit) -> Result<(), Error> {
        let mut next = self.clone();
        for write in commit.writes() {
            next.write(write)?;
        }
        for project in self.projects().union(&next.projects()) {
            let (before, after) = (self.usage(project), next.usage(project));
            for limit in commit.limits().iter().filter(|it| it.project == *project) {
                let (in_use, then) = (before.of(limit.tally), after.of(limit.tally));
                if then > in_use && then > limit.most {
                    return Err(Error::QuotaExceeded {
                        project: project.clone(),
                        tally: limit.tally,
                        in_use,
                        wanted: then - in_use,
                        limit: limit.most,
                    });
                }
            }
        }
        *self = next;
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Result<(), Error> {
        match write {
            Write::Put(record) => {
                self.expect(record.kind, record.id, record.version - 1)?;
                self.records
                    .insert((record.kind, record.id), record.clone());
            }
            Write::Delete { kind, id, version } => {
                self.expect(*kind, *id, *version)?;
                let removed = self.records.remove(&(*kind, *id));
                removed.ok_or(Error::Conflict {
                    kind: *kind,
                    id: *id,
                })?;
            }
            Write::AddJob(job) => {
                let attempt = job.attempt.max(self.attempt(job.id));
                let job = Job {
                    attempt,
                    ..job.clone()
                };
                self.jobs.insert(job.id, (job, None));
            }
            Write::FinishJob { id, owner, attempt } => {
                let is_held = self.holds(*id, *owner) && self.attempt(*id) == *attempt;
                if !is_held {
                    return Err(Error::LeaseLost(*id));
                }
                self.jobs.remove(id);
            }
            Write::CancelJob(id) => {
                self.jobs.remove(id);
            }
            Write::Claim { kind, key, id } => {
                let holder = self.unique.entry((*kind, key.clone())).or_insert(*id);
                if holder != id {
                    return Err(Error::Conflict {
                        kind: *kind,
                        id: *id,
                    });
                }
            }
            Write::Release { kind, key } => {
                self.unique.remove(&(*kind, key.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn claim_jobs(
        &mut self,
        owner: HostId,
        now: Timestamp,
        lease: Duration,
        wanted: &Wanted,
    ) -> Vec<Job> {
        let mut lines: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (job, lease) in self.jobs.values() {
            let from = lease.map_or(job.due_at, |(_, until)| until);
            if from <= now && job.work.line() == wanted.line {
                let line = lines.entry(turn(&job.project_id)).or_default();
                line.insert((from, job.id));
            }
        }
        let mut jobs = Vec::new();
        let after = wanted.after.as_ref().map(turn);
        for (project, line) in lines {
            let room = wanted.room(&project.1);
            let is_later = after.as_ref().is_some_and(|after| project <= *after);
            for (round, (_, id)) in line.into_iter().take(room).enumerate() {
                jobs.push((round, is_later, project.clone(), id));
            }
        }
        jobs.sort_unstable();
        jobs.truncate(wanted.limit);
        let mut claimed = Vec::new();
        for (.., id) in jobs {
            let (job, held) = self.jobs.get_mut(&id).unwrap();
            job.attempt += 1;
            *held = Some((owner, now.after(lease)));
            claimed.push(job.clone());
        }
        claimed
    }

    pub(super) fn count_jobs(&self, project: &ProjectId) -> usize {
        let is_its = |(job, _): &&(Job, _)| job.project_id == *project;
        self.jobs.values().filter(is_its).count()
    }

    pub(super) fn usage(&self, project: &ProjectId) -> Tallies {
        let records = self.records.values();
        let its = records.filter(|record| record.project.as_ref() == Some(project));
        its.fold(Tallies::default(), |sum, record| sum.plus(record.tallies))
    }

    pub(super) fn usages(
        &self,
        after: Option<&ProjectId>,
        order: Order,
        limit: usize,
    ) -> Vec<(ProjectId, Tallies)> {
        let mut projects: Vec<_> = self.projects().into_iter().collect();
        projects.sort_by_key(turn);
        if order == Order::Descending {
            projects.reverse();
        }
        let usages = projects.into_iter().map(|project| {
            let usage = self.usage(&project);
            (project, usage)
        });
        usages
            .filter(|(project, usage)| {
                let is_after = |after: &ProjectId| match order {
                    Order::Ascending => turn(project) > turn(after),
                    Order::Descending => turn(project) < turn(after),
                };
                !usage.is_empty() && after.is_none_or(is_after)
            })
            .take(limit)
            .collect()
    }

    fn projects(&self) -> BTreeSet<ProjectId> {
        let records = self.records.values();
        records
            .filter_map(|record| record.project.clone())
            .collect()
    }

    pub(super) fn renew(
        &mut self,
        owner: HostId,
        jobs: &[JobId],
        now: Timestamp,
        lease: Duration,
    ) -> Vec<JobId> {
        let mut lost = Vec::new();
        for &id in jobs {
            if self.holds(id, owner) {
                self.jobs.get_mut(&id).unwrap().1 = Some((owner, now.after(lease)));
            } else {
                lost.push(id);
            }
        }
        lost
    }

    fn holds(&self, id: JobId, owner: HostId) -> bool {
        let lease = self.jobs.get(&id).and_then(|(_, lease)| *lease);
        lease.is_some_and(|(holder, _)| holder == owner)
    }

    fn expect(&self, kind: Kind, id: Uuid, version: u64) -> Result<(), Error> {
        if self.version(kind, id) == version {
            Ok(())
        } else {
            Err(Error::Conflict { kind, id })
        }
    }
}

/// What projects take turns by.
fn turn(project: &ProjectId) -> (usize, ProjectId) {
    (project.as_str().len(), project.clone())
}
