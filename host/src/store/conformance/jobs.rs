//! Due work: claims, leases, attempts.

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;
use uuid::Uuid;

use super::{all, list, record};
use crate::{
    domain::{ActionExecutionId, HostId, Job, JobId, ProjectId, Timestamp, Work},
    store::{Commit, Error, Store, Wanted, Write},
};

const LEASE: Duration = Duration::from_secs(10);

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn job(due_at: i64) -> Job {
    job_of("p", due_at)
}

fn job_of(project: &str, due_at: i64) -> Job {
    Job::new(
        ProjectId::new(project),
        Work::RunAction(ActionExecutionId::from(Uuid::from_u128(1))),
        at(due_at),
    )
}

async fn add(store: &dyn Store, jobs: &[Job]) {
    let commit = jobs.iter().fold(Commit::new(), |commit, job| {
        commit.and(Write::AddJob(job.clone()))
    });
    store.commit(commit).await.unwrap();
}

async fn claim(store: &dyn Store, owner: HostId, now: i64, limit: usize) -> Vec<Job> {
    claim_wanted(store, owner, now, Wanted::any(limit)).await
}

async fn claim_wanted(store: &dyn Store, owner: HostId, now: i64, wanted: Wanted) -> Vec<Job> {
    store
        .claim_jobs(owner, at(now), LEASE, wanted)
        .await
        .unwrap()
}

async fn count(store: &dyn Store, project: &str) -> usize {
    store.count_jobs(&ProjectId::new(project)).await.unwrap()
}

fn projects(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.project_id.as_str()).collect()
}

fn finish(job: &Job, owner: HostId) -> Commit {
    Commit::new().and(Write::FinishJob {
        id: job.id,
        owner,
        attempt: job.attempt,
    })
}

fn is_lost(outcome: &Result<(), Error>, job: JobId) -> bool {
    matches!(outcome, Err(Error::LeaseLost(id)) if *id == job)
}

pub(crate) async fn a_job_is_claimed_once_among_many_claimers(store: &dyn Store) {
    let jobs: Vec<_> = (0..50).map(job).collect();
    add(store, &jobs).await;
    let claims = join_all((0..16).map(|_| claim(store, HostId::generate(), 100, 5))).await;
    let claimed: Vec<_> = claims.iter().flatten().collect();
    assert_eq!(claimed.len(), 50);
    assert!(claimed.iter().all(|job| job.attempt == 1));
    let different: HashSet<_> = claimed.iter().map(|job| job.id).collect();
    assert_eq!(different.len(), 50);
}

pub(crate) async fn jobs_are_claimed_when_due_and_in_that_order(store: &dyn Store) {
    let host = HostId::generate();
    let jobs = [job(30), job(10), job(20), job(-5)];
    add(store, &jobs).await;
    assert!(claim(store, host, -6, 9).await.is_empty());
    let due: Vec<_> = claim(store, host, 20, 2).await;
    let ids: Vec<_> = due.iter().map(|job| job.id).collect();
    assert_eq!(ids, [jobs[3].id, jobs[1].id]);
    assert_eq!(claim(store, host, 20, 9).await[0].id, jobs[2].id);
    assert!(claim(store, host, 29, 9).await.is_empty());
    assert_eq!(claim(store, host, 30, 9).await[0].id, jobs[0].id);
}

pub(crate) async fn an_expired_lease_gives_the_job_to_another_with_the_next_attempt(
    store: &dyn Store,
) {
    let (slow, other) = (HostId::generate(), HostId::generate());
    add(store, &[job(0)]).await;
    let first = claim(store, slow, 0, 1).await.remove(0);
    assert!(claim(store, other, 9_999, 1).await.is_empty());
    let second = claim(store, other, 10_000, 1).await.remove(0);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(first.id, second.id);
}

pub(crate) async fn a_late_finish_is_refused_with_everything_beside_it(store: &dyn Store) {
    let (slow, other) = (HostId::generate(), HostId::generate());
    add(store, &[job(0)]).await;
    let first = claim(store, slow, 0, 1).await.remove(0);
    let second = claim(store, other, 10_000, 1).await.remove(0);

    let late = Commit::new()
        .and(Write::Put(record(1, Some("p"), "std.echo", "SUCCESS")))
        .and(finish(&first, slow).writes()[0].clone());
    assert!(is_lost(&store.commit(late).await, first.id));
    assert!(list(store, all()).await.is_empty());
    let earlier_attempt = Job {
        attempt: 1,
        ..second.clone()
    };
    let outcome = store.commit(finish(&earlier_attempt, other)).await;
    assert!(is_lost(&outcome, first.id));

    store.commit(finish(&second, other)).await.unwrap();
    assert!(is_lost(
        &store.commit(finish(&second, other)).await,
        first.id
    ));
    assert!(claim(store, slow, 99_999, 1).await.is_empty());
}

pub(crate) async fn a_renewed_lease_holds_and_a_lost_one_is_told(store: &dyn Store) {
    let (host, other) = (HostId::generate(), HostId::generate());
    add(store, &[job(0)]).await;
    let held = claim(store, host, 0, 1).await.remove(0);
    add(store, &[job(1)]).await;
    let others = claim(store, other, 1, 1).await.remove(0);
    let unknown = JobId::generate();
    let lost = store
        .renew(host, &[held.id, others.id, unknown], at(5_000), LEASE)
        .await
        .unwrap();
    assert_eq!(lost, [others.id, unknown]);
    let free = claim(store, other, 14_999, 9).await;
    assert!(free.iter().all(|job| job.id != held.id));
    assert_eq!(claim(store, other, 15_000, 1).await[0].id, held.id);
    let lost = store.renew(host, &[held.id], at(15_001), LEASE).await;
    assert_eq!(lost.unwrap(), [held.id]);
}

pub(crate) async fn a_cancelled_job_is_nobodys(store: &dyn Store) {
    let host = HostId::generate();
    add(store, &[job(0), job(1)]).await;
    let held = claim(store, host, 0, 1).await.remove(0);
    let waiting = claim(store, host, 1, 1).await.remove(0);
    add(store, &[job(5)]).await;
    let unclaimed = claim(store, host, 4, 9).await;
    assert!(unclaimed.is_empty());
    for id in [held.id, waiting.id, JobId::generate()] {
        let commit = Commit::new().and(Write::CancelJob(id));
        store.commit(commit).await.unwrap();
    }
    assert!(is_lost(&store.commit(finish(&held, host)).await, held.id));
    assert_eq!(claim(store, host, 99_999, 9).await.len(), 1);
}

pub(crate) async fn projects_give_their_jobs_in_turn(store: &dyn Store) {
    let host = HostId::generate();
    let many: Vec<_> = (0..20).map(|due| job_of("a", due)).collect();
    add(store, &many).await;
    add(store, &[job_of("b", 30), job_of("b", 31), job_of("ab", 32)]).await;
    let claimed = claim(store, host, 50, 6).await;
    assert_eq!(projects(&claimed), ["a", "b", "ab", "a", "b", "a"]);
    let ids: Vec<_> = claimed.iter().map(|job| job.id).collect();
    assert_eq!(
        [ids[0], ids[3], ids[5]],
        [many[0].id, many[1].id, many[2].id]
    );
}

pub(crate) async fn the_next_claim_begins_after_whose_turn_it_was(store: &dyn Store) {
    let host = HostId::generate();
    let jobs: Vec<_> = (0..4)
        .flat_map(|due| ["a", "b", "c"].map(|project| job_of(project, due)))
        .collect();
    add(store, &jobs).await;
    let mut after = None;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let wanted = Wanted {
            after: after.clone(),
            ..Wanted::any(1)
        };
        let claimed = claim_wanted(store, host, 9, wanted).await.remove(0);
        seen.push(claimed.project_id.to_string());
        after = Some(claimed.project_id);
    }
    assert_eq!(seen, ["a", "b", "c", "a", "b"]);
    // Whose turn it was may have nothing left, or never have had anything.
    let wanted = Wanted {
        after: Some(ProjectId::new("bb")),
        ..Wanted::any(2)
    };
    let claimed = claim_wanted(store, host, 9, wanted).await;
    assert_eq!(projects(&claimed), ["a", "b"]);
}

pub(crate) async fn a_project_gives_no_more_jobs_than_there_is_room_for(store: &dyn Store) {
    let host = HostId::generate();
    let jobs: Vec<_> = (0..5)
        .flat_map(|due| ["a", "b", "c"].map(|project| job_of(project, due)))
        .collect();
    add(store, &jobs).await;
    let under_way = [("a", 3), ("b", 1), ("c", 7)];
    let wanted = Wanted {
        per_project: 3,
        under_way: under_way
            .map(|(project, count)| (ProjectId::new(project), count))
            .into(),
        ..Wanted::any(10)
    };
    let claimed = claim_wanted(store, host, 9, wanted).await;
    assert_eq!(projects(&claimed), ["b", "b"]);
}

pub(crate) async fn the_jobs_of_a_project_are_counted(store: &dyn Store) {
    let host = HostId::generate();
    let cancelled = job_of("a", 1);
    add(store, &[job_of("a", 0), cancelled.clone(), job_of("b", 0)]).await;
    assert_eq!((count(store, "a").await, count(store, "c").await), (2, 0));
    // A job in the place of another, perhaps of another project, is one job.
    let moved = Job {
        project_id: ProjectId::new("b"),
        ..cancelled.clone()
    };
    add(store, &[moved]).await;
    add(store, std::slice::from_ref(&cancelled)).await;
    assert_eq!((count(store, "a").await, count(store, "b").await), (2, 1));
    let held = claim(store, host, 0, 1).await.remove(0);
    assert_eq!(count(store, "a").await, 2);
    let refused = finish(&held, HostId::generate()).and(Write::AddJob(job_of("a", 5)));
    store.commit(refused).await.unwrap_err();
    assert_eq!(count(store, "a").await, 2);
    store.commit(finish(&held, host)).await.unwrap();
    let cancel = Commit::new().and(Write::CancelJob(cancelled.id));
    store.commit(cancel).await.unwrap();
    assert_eq!((count(store, "a").await, count(store, "b").await), (0, 1));
}
