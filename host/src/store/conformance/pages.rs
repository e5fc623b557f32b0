//! Lists: by project, by index key, in both orders, page by page.

use futures::future::join;
use uuid::Uuid;

use super::{all, list, put, record};
use crate::{
    domain::{Order, ProjectId},
    store::{Kind, Query, Sort, Store},
};

pub(crate) async fn lists_go_by_project_and_index_in_both_orders(store: &dyn Store) {
    put(
        store,
        &[
            record(1, Some("a"), "std.echo", "RUNNING"),
            record(2, Some("ab"), "std.echo", "SUCCESS"),
            record(3, Some("a"), "std.noop", "SUCCESS"),
            record(4, None, "std.echo", "SUCCESS"),
            record(5, Some("a"), "std.echo", "SUCCESS"),
        ],
    )
    .await;
    type Case = (
        Option<&'static str>,
        Option<(&'static str, &'static str)>,
        &'static [u128],
    );
    let cases: [Case; 8] = [
        (None, None, &[1, 2, 3, 4, 5]),
        (Some("a"), None, &[1, 3, 5]),
        (Some("ab"), None, &[2]),
        (Some("b"), None, &[]),
        (None, Some(("name", "std.echo")), &[1, 2, 4, 5]),
        (None, Some(("name", "std")), &[]),
        (Some("a"), Some(("state", "SUCCESS")), &[3, 5]),
        (Some("a"), Some(("name", "std.echo")), &[1, 5]),
    ];
    for (project, index, expected) in cases {
        let query = Query {
            project: project.map(ProjectId::new),
            index: index.map(|(name, value)| (name, value.to_owned())),
            ..all()
        };
        assert_eq!(list(store, query.clone()).await, expected, "{query:?}");
        let reversed = Query {
            order: Order::Descending,
            ..query.clone()
        };
        let mut expected = expected.to_vec();
        expected.reverse();
        assert_eq!(list(store, reversed).await, expected, "{query:?}");
        for order in [Order::Ascending, Order::Descending] {
            let mut walked = walk(
                store,
                Query {
                    order,
                    ..query.clone()
                },
                2,
            )
            .await;
            walked.sort_by_key(|id| std::cmp::Reverse(*id));
            assert_eq!(walked, expected, "{query:?} by twos");
        }
    }
    let other_kind = Query {
        kind: Kind::Module,
        ..all()
    };
    assert!(list(store, other_kind).await.is_empty());
}

pub(crate) async fn an_update_moves_a_record_between_lists(store: &dyn Store) {
    let mut moving = record(1, Some("a"), "std.echo", "RUNNING");
    put(store, std::slice::from_ref(&moving)).await;
    moving.version = 2;
    moving.index_keys[1].1 = "SUCCESS".into();
    put(store, std::slice::from_ref(&moving)).await;
    for project in [None, Some(ProjectId::new("a"))] {
        for (state, expected) in [("RUNNING", &[] as &[u128]), ("SUCCESS", &[1])] {
            let query = Query {
                project: project.clone(),
                index: Some(("state", state.into())),
                ..all()
            };
            assert_eq!(list(store, query).await, expected, "{state}");
        }
    }
}

pub(crate) async fn markers_need_not_exist(store: &dyn Store) {
    put(
        store,
        &[
            record(10, Some("a"), "std.echo", "RUNNING"),
            record(30, Some("a"), "std.echo", "RUNNING"),
        ],
    )
    .await;
    let max = Uuid::max().as_u128();
    let cases: [(Order, u128, &[u128]); 8] = [
        (Order::Ascending, 0, &[10, 30]),
        (Order::Ascending, 10, &[30]),
        (Order::Ascending, 20, &[30]),
        (Order::Ascending, max, &[]),
        (Order::Descending, max, &[30, 10]),
        (Order::Descending, 30, &[10]),
        (Order::Descending, 20, &[10]),
        (Order::Descending, 0, &[]),
    ];
    for (order, after, expected) in cases {
        for project in [None, Some(ProjectId::new("a"))] {
            let query = Query {
                order,
                project,
                after: Some(Uuid::from_u128(after).into()),
                ..all()
            };
            assert_eq!(list(store, query.clone()).await, expected, "{query:?}");
        }
    }
    assert!(list(store, Query { limit: 0, ..all() }).await.is_empty());
}

pub(crate) async fn lists_go_by_the_values_of_an_index_key_in_every_direction(store: &dyn Store) {
    use Order::{Ascending, Descending};
    put(
        store,
        &[
            record(1, Some("a"), "b", "RUNNING"),
            record(2, Some("a"), "", "RUNNING"),
            record(3, Some("ab"), "b", "RUNNING"),
            record(4, Some("a"), "ba", "SUCCESS"),
            record(5, None, "b\0", "RUNNING"),
            record(6, Some("a"), "b", "RUNNING"),
        ],
    )
    .await;
    let cases: [(Option<&str>, Order, Order, &[u128]); 6] = [
        (None, Ascending, Ascending, &[2, 1, 3, 6, 5, 4]),
        (None, Ascending, Descending, &[2, 6, 3, 1, 5, 4]),
        (None, Descending, Ascending, &[4, 5, 1, 3, 6, 2]),
        (None, Descending, Descending, &[4, 5, 6, 3, 1, 2]),
        (Some("a"), Ascending, Descending, &[2, 6, 1, 4]),
        (Some("b"), Ascending, Ascending, &[]),
    ];
    for (project, values, ids, expected) in cases {
        let query = Query {
            project: project.map(ProjectId::new),
            sort: Some(Sort {
                name: "name",
                order: values,
            }),
            order: ids,
            ..all()
        };
        assert_eq!(list(store, query.clone()).await, expected, "{query:?}");
        for limit in [1, 2, 3] {
            assert_eq!(
                walk(store, query.clone(), limit).await,
                expected,
                "{query:?}"
            );
        }
    }
}

pub(crate) async fn a_record_that_moves_within_an_index_is_listed_where_it_is(store: &dyn Store) {
    let mut moving = record(1, Some("a"), "c", "RUNNING");
    put(
        store,
        &[moving.clone(), record(2, Some("a"), "b", "RUNNING")],
    )
    .await;
    moving.version = 2;
    moving.index_keys[0].1 = "a".into();
    put(store, std::slice::from_ref(&moving)).await;
    let query = Query {
        sort: Some(Sort {
            name: "name",
            order: Order::Ascending,
        }),
        ..all()
    };
    assert_eq!(list(store, query).await, [1, 2]);
}

pub(crate) async fn pages_neither_skip_nor_repeat_while_others_write(store: &dyn Store) {
    let even: Vec<_> = (1..=150)
        .map(|n| record(n * 2, Some("a"), "std.echo", "RUNNING"))
        .collect();
    put(store, &even).await;
    for order in [Order::Ascending, Order::Descending] {
        let base = match order {
            Order::Ascending => 0,
            Order::Descending => 1000,
        };
        let write = async {
            for n in (1..=150).step_by(10) {
                let odd: Vec<_> = (n..n + 10)
                    .map(|n| record(base + n * 2 + 1, Some("a"), "std.echo", "RUNNING"))
                    .collect();
                put(store, &odd).await;
            }
        };
        let query = Query {
            project: Some(ProjectId::new("a")),
            order,
            ..all()
        };
        let (walked, ()) = join(walk(store, query, 7), write).await;
        let is_sorted = match order {
            Order::Ascending => walked.is_sorted_by(|a, b| a < b),
            Order::Descending => walked.is_sorted_by(|a, b| a > b),
        };
        assert!(is_sorted, "{walked:?}");
        let old = walked.iter().filter(|id| *id % 2 == 0).count();
        assert_eq!(old, even.len());
    }
}

/// All that `query` asks for, page by page.
async fn walk(store: &dyn Store, mut query: Query, limit: usize) -> Vec<u128> {
    query.limit = limit;
    let mut walked = Vec::new();
    loop {
        let page = store.list(query.clone()).await.unwrap();
        query.after = page.last().map(|record| query.position(record));
        walked.extend(page.iter().map(|record| record.id.as_u128()));
        if page.len() < limit {
            return walked;
        }
    }
}
