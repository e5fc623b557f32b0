//! What projects have is counted in the commits that change it, and limits are kept by them.

use futures::future::join_all;

use super::{list, put, record};
use crate::{
    domain::{Order, ProjectId, Tallies, Tally},
    store::{Commit, Error, Record, Store, Write},
};

/// A record of `project` that has `modules` and `bytes`.
fn weighing(id: u128, project: &str, modules: u64, bytes: u64) -> Record {
    Record {
        tallies: has(modules, bytes),
        ..record(id, Some(project), "x", "RUNNING")
    }
}

fn has(modules: u64, bytes: u64) -> Tallies {
    Tallies::default()
        .with(Tally::Modules, modules)
        .with(Tally::Bytes, bytes)
}

fn next(record: &Record, tallies: Tallies) -> Record {
    Record {
        version: record.version + 1,
        tallies,
        ..record.clone()
    }
}

async fn usage(store: &dyn Store, project: &str) -> Tallies {
    store.usage(&ProjectId::new(project)).await.unwrap()
}

pub(crate) async fn what_a_project_has_is_counted_with_each_commit(store: &dyn Store) {
    let (first, second) = (weighing(1, "p", 1, 10), weighing(2, "p", 1, 5));
    let shipped = Record {
        project: None,
        ..weighing(3, "p", 1, 100)
    };
    let other = weighing(4, "pp", 0, 7);
    put(store, &[first.clone(), second.clone(), shipped, other]).await;
    assert_eq!(usage(store, "p").await, has(2, 15));
    assert_eq!(usage(store, "pp").await, has(0, 7));
    assert_eq!(usage(store, "nobody").await, Tallies::default());

    let first = next(&first, has(1, 30));
    put(store, std::slice::from_ref(&first)).await;
    assert_eq!(usage(store, "p").await, has(2, 35));
    // It moves to another project, and back in the same commit.
    let away = Record {
        project: Some(ProjectId::new("pp")),
        ..next(&first, has(1, 30))
    };
    let moved = next(&away, has(1, 31));
    put(store, &[away, moved.clone()]).await;
    assert_eq!(usage(store, "p").await, has(1, 5));
    assert_eq!(usage(store, "pp").await, has(1, 38));

    // A refused commit counts nothing.
    let stale = store
        .commit(
            Commit::new()
                .and(Write::Put(weighing(9, "p", 1, 1)))
                .and(Write::Put(first)),
        )
        .await;
    assert!(stale.is_err());
    assert_eq!(usage(store, "p").await, has(1, 5));

    let deletion = Write::Delete {
        kind: second.kind,
        id: second.id,
        version: second.version,
    };
    store.commit(Commit::new().and(deletion)).await.unwrap();
    assert_eq!(usage(store, "p").await, Tallies::default());
}

pub(crate) async fn a_commit_that_grows_beyond_a_limit_changes_nothing(store: &dyn Store) {
    let project = ProjectId::new("p");
    put(store, &[weighing(1, "p", 1, 8)]).await;
    let commit = |id, bytes| {
        Commit::new()
            .and(Write::Put(weighing(id, "p", 1, bytes)))
            .and(Write::Put(weighing(id + 100, "other", 1, 50)))
            .within(&project, Tally::Modules, 5)
            .within(&project, Tally::Bytes, 10)
    };
    let refused = store.commit(commit(2, 3)).await.unwrap_err();
    let Error::QuotaExceeded {
        project: whose,
        tally,
        in_use,
        wanted,
        limit,
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!(
        (whose, tally, in_use, wanted, limit),
        (project.clone(), Tally::Bytes, 8, 3, 10)
    );
    assert_eq!(usage(store, "p").await, has(1, 8));
    assert_eq!(usage(store, "other").await, Tallies::default());
    assert_eq!(list(store, super::all()).await, [1]);
    store.commit(commit(2, 2)).await.unwrap();
    assert_eq!(usage(store, "p").await, has(2, 10));
}

pub(crate) async fn what_does_not_grow_is_not_refused(store: &dyn Store) {
    let project = ProjectId::new("p");
    let kept = weighing(1, "p", 1, 8);
    put(store, std::slice::from_ref(&kept)).await;
    for tallies in [has(1, 8), has(1, 3)] {
        let commit = Commit::new()
            .and(Write::Put(Record {
                version: if tallies == has(1, 8) { 2 } else { 3 },
                ..next(&kept, tallies)
            }))
            .within(&project, Tally::Modules, 0)
            .within(&project, Tally::Bytes, 0);
        store.commit(commit).await.unwrap();
    }
    assert_eq!(usage(store, "p").await, has(1, 3));
}

pub(crate) async fn of_many_concurrent_commits_as_many_as_allowed_are_done(store: &dyn Store) {
    let project = ProjectId::new("p");
    let commits = (0..50).map(|id| {
        let commit = Commit::new()
            .and(Write::Put(weighing(id, "p", 1, 1)))
            .within(&project, Tally::Modules, 10);
        store.commit(commit)
    });
    let outcomes = join_all(commits).await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(done, 10);
    assert_eq!(usage(store, "p").await, has(10, 10));
}

pub(crate) async fn projects_that_have_something_are_listed_in_pages(store: &dyn Store) {
    let names = ["b", "aa", "c", "ab"];
    for (id, name) in names.iter().enumerate() {
        put(store, &[weighing(id as u128, name, 1, id as u64)]).await;
    }
    let mut seen = Vec::new();
    loop {
        let after = seen
            .last()
            .map(|(project, _): &(ProjectId, _)| project.clone());
        let page = store.usages(after, Order::Ascending, 3).await.unwrap();
        let is_last = page.len() < 3;
        seen.extend(page);
        if is_last {
            break;
        }
    }
    let expected = [("b", 0), ("c", 2), ("aa", 1), ("ab", 3)]
        .map(|(name, bytes)| (ProjectId::new(name), has(1, bytes)));
    assert_eq!(seen, expected);
}
