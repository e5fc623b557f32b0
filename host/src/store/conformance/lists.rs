//! Typed lists of random things in every order, page by page: together they must be the whole list.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    domain::{Cell, Column, ListRequest, Order, ProjectId, Reach, SortKey, Timestamp, Walked},
    store::{self, Commit, Entity, Kind, Listing, PageError, Store},
};

const NAMES: [&str; 4] = ["a", "b", "ba", ""];
const PROJECTS: [&str; 2] = ["p", "q"];

/// Something that is kept in the place of an action execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thing {
    id: Uuid,
    project: Option<ProjectId>,
    name: String,
    state: String,
    updated_at: Option<Timestamp>,
    size: i64,
}

impl Thing {
    fn created_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(i64::try_from(self.id.as_u128() >> 80).unwrap())
    }
}

impl Entity for Thing {
    const KIND: Kind = Kind::ActionExecution;

    fn id(&self) -> Uuid {
        self.id
    }

    fn project(&self) -> Option<&ProjectId> {
        self.project.as_ref()
    }

    fn index_keys(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("state", self.state.clone()),
            ("updated_at", Cell::from(self.updated_at).index_text()),
        ]
    }
}

static COLUMNS: [Column<Thing>; 6] = [
    Column::text("id", |it: &Thing| it.id.to_string().into()).by_id(),
    Column::time("created_at", |it: &Thing| it.created_at().into()).by_id(),
    Column::text("name", |it: &Thing| it.name.as_str().into()).indexed(),
    Column::text("state", |it: &Thing| it.state.as_str().into()).indexed(),
    Column::time("updated_at", |it: &Thing| it.updated_at.into()).indexed(),
    Column::number("size", |it| it.size.into()),
];

#[derive(Debug)]
struct Case {
    things: Vec<Thing>,
    /// Columns and directions.
    sort: Vec<(usize, Order)>,
    filters: Vec<(usize, String)>,
    is_null: bool,
    listings: Vec<Listing>,
    limit: usize,
}

/// Lists random things of the stores that `open` makes in random orders.
pub(crate) fn pages_agree_with_model<S: Store, Folder>(cases: u32, open: impl Fn() -> (S, Folder)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&case(), |case| {
            let (store, _folder) = open();
            runtime.block_on(compare(&store, &case));
            Ok(())
        })
        .unwrap();
}

async fn compare(store: &dyn Store, case: &Case) {
    let commit = case.things.iter().fold(Commit::new(), Commit::create);
    store.commit(commit).await.unwrap();
    let mut request = case.request();
    let expected = case.expected(&request);
    let mut found = Vec::new();
    loop {
        let page = store::page(store, &request, case.listings.clone()).await;
        let page = page.unwrap();
        assert!(page.items.len() <= request.limit);
        request.marker = page.items.last().map(|thing| thing.id.to_string());
        found.extend(page.items);
        if !page.is_full {
            break;
        }
        assert!(found.len() <= expected.len(), "something is there twice");
    }
    let names = |things: &[Thing]| -> Vec<_> { things.iter().map(|thing| thing.id).collect() };
    assert_eq!(names(&found), names(&expected));
    assert_eq!(found, expected);
    markers_beyond_the_list_tell_nothing(store, case).await;
}

/// In an order by a column the marker's place shows its value, so it must be one that the list may show.
async fn markers_beyond_the_list_tell_nothing(store: &dyn Store, case: &Case) {
    if COLUMNS[case.sort[0].0].walked == Walked::ById {
        return;
    }
    let hidden = case.things.iter().find(|thing| !case.is_listed(thing));
    let hidden = hidden.map(|thing| thing.id.to_string());
    for marker in [Some(Uuid::nil().to_string()), Some("x".to_owned()), hidden] {
        let Some(marker) = marker else { continue };
        let request = ListRequest {
            marker: Some(marker),
            ..case.request()
        };
        let page = store::page(store, &request, case.listings.clone()).await;
        assert!(matches!(page, Err(PageError::BadMarker)));
    }
}

impl Case {
    fn request(&self) -> ListRequest<Thing> {
        let sort = self.sort.iter().map(|(column, order)| SortKey {
            column: &COLUMNS[*column],
            order: *order,
        });
        let filters = self.filters.iter();
        let filters = filters.map(|(column, text)| COLUMNS[*column].filter(text).ok().unwrap());
        ListRequest {
            reach: Reach::All,
            sort: sort.collect(),
            filters: filters.collect(),
            nulls: self.is_null.then_some(&COLUMNS[4]).into_iter().collect(),
            marker: None,
            limit: self.limit,
        }
    }

    fn is_listed(&self, thing: &Thing) -> bool {
        self.listings.iter().any(|listing| {
            let is_its = listing.project.is_none() || listing.project == thing.project;
            let keys = thing.index_keys();
            is_its && listing.index.as_ref().is_none_or(|key| keys.contains(key))
        })
    }

    fn expected(&self, request: &ListRequest<Thing>) -> Vec<Thing> {
        let is_shown = |thing: &&Thing| self.is_listed(thing) && request.passes(thing);
        let mut things: Vec<Thing> = self.things.iter().filter(is_shown).cloned().collect();
        things.sort_by(|a, b| {
            let ordering = request.compare(&request.sort_cells(a), &request.sort_cells(b));
            ordering.then_with(|| a.id.cmp(&b.id))
        });
        things
    }
}

fn case() -> impl Strategy<Value = Case> {
    let orders = vec(select(&[Order::Ascending, Order::Descending][..]), 6);
    let columns = subsequence((0..6).collect::<Vec<_>>(), 1..4).prop_shuffle();
    let sort = (columns, orders).prop_map(|(columns, orders)| {
        let mut sort: Vec<(usize, Order)> = columns.into_iter().zip(orders).collect();
        if sort.iter().all(|(column, _)| *column != 0) {
            sort.push((0, Order::Ascending));
        }
        sort
    });
    let listings = prop_oneof![
        2 => Just(vec![Listing::ALL]),
        2 => Just(vec![Listing::of(ProjectId::new("p"))]),
        2 => Just(vec![
            Listing::of(ProjectId::new("p")),
            Listing::with("state", "a"),
            Listing::with("name", "b"),
        ]),
        1 => Just(vec![Listing::of(ProjectId::new("p")), Listing::of(ProjectId::new("q"))]),
        1 => Just(vec![]),
    ];
    (
        vec(thing(), 0..30),
        sort,
        vec(filter(), 0..3),
        proptest::bool::weighted(0.1),
        listings,
        1..6usize,
    )
        .prop_map(|(mut things, sort, filters, is_null, listings, limit)| {
            for (at, thing) in things.iter_mut().enumerate() {
                // Several minutes from the first to the last, no two in one moment.
                let ms = 1_763_784_101_900 + at as u128 * 17_300;
                thing.id = Uuid::from_u128(ms << 80 | u128::from(at as u8));
            }
            Case {
                things,
                sort,
                filters,
                is_null,
                listings,
                limit,
            }
        })
}

fn thing() -> impl Strategy<Value = Thing> {
    (
        option::weighted(0.9, select(&PROJECTS[..])),
        select(&NAMES[..]),
        select(&NAMES[..]),
        option::of(0..4000i64),
        0..12i64,
    )
        .prop_map(|(project, name, state, updated_ms, size)| Thing {
            id: Uuid::nil(),
            project: project.map(ProjectId::new),
            name: name.to_owned(),
            state: state.to_owned(),
            updated_at: updated_ms.map(Timestamp::from_unix_ms),
            size,
        })
}

fn filter() -> impl Strategy<Value = (usize, String)> {
    let op = select(&["eq", "neq", "gt", "gte", "lt", "lte"][..]);
    let time = |ms: i64| Timestamp::from_unix_ms(ms).to_string();
    let value = prop_oneof![
        2 => (0..30i64).prop_map(move |at| (1, time(1_763_784_101_900 + at * 17_300))),
        2 => select(&NAMES[..]).prop_map(|name| (2, name.to_owned())),
        2 => select(&NAMES[..]).prop_map(|name| (3, name.to_owned())),
        1 => (0..4000i64).prop_map(move |ms| (4, time(ms))),
        1 => (0..12i64).prop_map(|size| (5, size.to_string())),
    ];
    (op, value).prop_map(|(op, (column, text))| (column, format!("{op}:{text}")))
}
