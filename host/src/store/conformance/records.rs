//! Records: versions, all or nothing, unique values.

use futures::future::join_all;

use super::{all, is_conflict, list, put, record};
use crate::store::{Commit, Kind, Record, Store, Write};

async fn find(store: &dyn Store, record: &Record) -> Option<Record> {
    store.find(record.kind, record.id).await.unwrap()
}

fn next(record: &Record, body: &[u8]) -> Record {
    Record {
        version: record.version + 1,
        body: body.to_vec(),
        ..record.clone()
    }
}

fn deletion(of: &Record) -> Write {
    Write::Delete {
        kind: of.kind,
        id: of.id,
        version: of.version,
    }
}

fn claim(key: &str, of: &Record) -> Write {
    Write::Claim {
        kind: of.kind,
        key: key.into(),
        id: of.id,
    }
}

pub(crate) async fn a_record_is_found_as_it_was_put(store: &dyn Store) {
    let first = record(1, Some("p"), "std.echo", "RUNNING");
    let shipped = record(2, None, "std.echo", "RUNNING");
    put(store, &[first.clone(), shipped.clone()]).await;
    assert_eq!(find(store, &first).await, Some(first.clone()));
    assert_eq!(find(store, &shipped).await, Some(shipped));
    assert_eq!(store.find(Kind::Module, first.id).await.unwrap(), None);

    let second = next(&first, b"changed");
    put(store, std::slice::from_ref(&second)).await;
    assert_eq!(find(store, &first).await, Some(second.clone()));

    let commit = Commit::new().and(deletion(&second));
    store.commit(commit).await.unwrap();
    assert_eq!(find(store, &first).await, None);
}

pub(crate) async fn a_long_record_is_found_as_it_was_put_and_leaves_nothing(store: &dyn Store) {
    let bytes = |length: usize| (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>();
    let mut kept = record(1, Some("p"), "std.echo", "RUNNING");
    kept.body = bytes(1 << 20);
    put(store, std::slice::from_ref(&kept)).await;
    assert_eq!(find(store, &kept).await.as_ref(), Some(&kept));
    for length in [6143, 6144, 6145, 0, 12288, 20_000] {
        kept = next(&kept, &bytes(length));
        put(store, std::slice::from_ref(&kept)).await;
        assert_eq!(find(store, &kept).await.as_ref(), Some(&kept), "{length}");
    }
    let commit = Commit::new().and(deletion(&kept));
    store.commit(commit).await.unwrap();
    assert_eq!(find(store, &kept).await, None);
    assert!(list(store, all()).await.is_empty());
}

pub(crate) async fn a_record_is_created_once(store: &dyn Store) {
    let first = record(1, Some("p"), "std.echo", "RUNNING");
    put(store, std::slice::from_ref(&first)).await;
    let again = store
        .commit(Commit::new().and(Write::Put(first.clone())))
        .await;
    assert!(is_conflict(&again, &first), "{again:?}");
    let unborn = next(&record(2, None, "std.echo", "RUNNING"), b"");
    let early = store
        .commit(Commit::new().and(Write::Put(unborn.clone())))
        .await;
    assert!(is_conflict(&early, &unborn), "{early:?}");
}

pub(crate) async fn a_stale_update_or_deletion_is_a_conflict(store: &dyn Store) {
    let first = record(1, Some("p"), "std.echo", "RUNNING");
    let second = next(&first, b"second");
    put(store, &[first.clone(), second.clone()]).await;
    for write in [Write::Put(next(&first, b"stale")), deletion(&first)] {
        let outcome = store.commit(Commit::new().and(write)).await;
        assert!(is_conflict(&outcome, &first), "{outcome:?}");
    }
    assert_eq!(find(store, &first).await, Some(second.clone()));
    let commit = || Commit::new().and(deletion(&second));
    store.commit(commit()).await.unwrap();
    assert!(is_conflict(&store.commit(commit()).await, &second));
}

pub(crate) async fn a_refused_commit_leaves_nothing(store: &dyn Store) {
    let taken = record(1, Some("p"), "std.echo", "RUNNING");
    let fresh = record(2, Some("p"), "std.echo", "RUNNING");
    put(store, std::slice::from_ref(&taken)).await;
    let commit = Commit::new()
        .and(Write::Put(fresh.clone()))
        .and(claim("name", &fresh))
        .and(deletion(&taken))
        .and(Write::Put(record(3, None, "a.b", "IDLE")))
        .and(deletion(&taken));
    assert!(is_conflict(&store.commit(commit).await, &taken));
    assert_eq!(find(store, &fresh).await, None);
    assert_eq!(list(store, all()).await, [1]);
    let commit = Commit::new().and(claim("name", &taken));
    store.commit(commit).await.unwrap();
}

pub(crate) async fn later_writes_of_a_commit_see_the_earlier_ones(store: &dyn Store) {
    let first = record(1, Some("p"), "std.echo", "RUNNING");
    let other = record(2, Some("p"), "std.noop", "RUNNING");
    let release = Write::Release {
        kind: first.kind,
        key: "name".into(),
    };
    let commit = Commit::new()
        .and(Write::Put(first.clone()))
        .and(Write::Put(next(&first, b"second")))
        .and(claim("name", &first))
        .and(release)
        .and(claim("name", &other));
    store.commit(commit).await.unwrap();
    assert_eq!(find(store, &first).await.unwrap().version, 2);
    let outcome = store.commit(Commit::new().and(claim("name", &first))).await;
    assert!(is_conflict(&outcome, &first), "{outcome:?}");
}

pub(crate) async fn one_of_many_concurrent_updates_wins(store: &dyn Store) {
    let first = record(1, Some("p"), "std.echo", "RUNNING");
    put(store, std::slice::from_ref(&first)).await;
    let updates = (0..16u8).map(|writer| {
        let update = next(&first, &[writer]);
        store.commit(Commit::new().and(Write::Put(update)))
    });
    let outcomes = join_all(updates).await;
    let winners: Vec<usize> = (0..16).filter(|&at| outcomes[at].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    let kept = find(store, &first).await.unwrap();
    assert_eq!(usize::from(kept.body[0]), winners[0]);
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.is_ok() || is_conflict(outcome, &first))
    );
}

pub(crate) async fn a_unique_value_has_one_holder(store: &dyn Store) {
    let holder = record(1, Some("p"), "std.echo", "RUNNING");
    let rivals: Vec<_> = (1..=8)
        .map(|id| record(id, Some("p"), "std.echo", "RUNNING"))
        .collect();
    store
        .commit(Commit::new().and(claim("name", &holder)))
        .await
        .unwrap();
    let outcomes = join_all(
        rivals
            .iter()
            .map(|rival| store.commit(Commit::new().and(claim("name", rival)))),
    )
    .await;
    assert!(outcomes[0].is_ok(), "its holder may claim it again");
    for (outcome, rival) in outcomes.iter().zip(&rivals).skip(1) {
        assert!(is_conflict(outcome, rival), "{outcome:?}");
    }
    let elsewhere = Write::Claim {
        kind: Kind::Module,
        key: "name".into(),
        id: rivals[1].id,
    };
    let release = Write::Release {
        kind: holder.kind,
        key: "name".into(),
    };
    let commit = Commit::new().and(elsewhere).and(release);
    store.commit(commit).await.unwrap();
    store
        .commit(Commit::new().and(claim("name", &rivals[1])))
        .await
        .unwrap();
}
