//! Random operations, whose answers must be the model's.

use std::time::Duration;

use proptest::{
    collection::{hash_map, vec},
    option,
    prelude::*,
    sample::select,
    strategy::Union,
    test_runner::Config,
    test_runner::TestRunner,
};
use uuid::Uuid;

use super::model::Model;
use crate::{
    domain::{
        ActionExecutionId, HostId, Job, JobId, Line, Order, ProjectId, Tallies, Tally, Timestamp,
        Work, WorkflowExecutionId,
    },
    store::{Commit, Error, Kind, Position, Query, Record, Sort, Store, Wanted, Within, Write},
};

const KINDS: [Kind; 2] = [Kind::ActionExecution, Kind::WorkflowExecution];
const PROJECTS: [&str; 3] = ["a", "ab", "b"];
const NAMES: [&str; 3] = ["x", "xy", "x\0"];
const TALLIES: [Tally; 2] = [Tally::Modules, Tally::Bytes];

#[derive(Debug, Clone)]
enum Operation {
    Commit(Vec<Draft>, Vec<Within>),
    List(Query),
    ClaimJobs {
        owner: u128,
        now: i64,
        lease: u64,
        wanted: Wanted,
    },
    Renew {
        owner: u128,
        jobs: Vec<u128>,
        now: i64,
        lease: u64,
    },
}

/// A write whose version or attempt is `off` from the one that would be right.
#[derive(Debug, Clone)]
struct Draft {
    write: Write,
    off: bool,
}

/// Feeds the same random operations to the stores that `open` makes and to the model.
pub(crate) fn agree_with_model<S: Store, Folder>(cases: u32, open: impl Fn() -> (S, Folder)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&vec(operation(), 1..40), |operations| {
            let (store, _folder) = open();
            runtime.block_on(compare(&store, &operations));
            Ok(())
        })
        .unwrap();
}

async fn compare(store: &dyn Store, operations: &[Operation]) {
    let mut model = Model::default();
    for operation in operations {
        match operation {
            Operation::Commit(drafts, limits) => {
                let commit = limits.iter().fold(right(&model, drafts), |commit, limit| {
                    commit.within(&limit.project, limit.tally, limit.most)
                });
                let outcome = store.commit(commit.clone()).await;
                assert_eq!(text(outcome), text(model.commit(&commit)), "{commit:?}");
            }
            Operation::List(query) => compare_list(store, &model, query).await,
            Operation::ClaimJobs {
                owner,
                now,
                lease,
                wanted,
            } => {
                let (owner, now, lease) = (host(*owner), at(*now), Duration::from_millis(*lease));
                let claimed = store.claim_jobs(owner, now, lease, wanted.clone()).await;
                assert_eq!(
                    claimed.unwrap(),
                    model.claim_jobs(owner, now, lease, wanted)
                );
            }
            Operation::Renew {
                owner,
                jobs,
                now,
                lease,
            } => {
                let (owner, now, lease) = (host(*owner), at(*now), Duration::from_millis(*lease));
                let jobs: Vec<_> = jobs.iter().map(|id| job(*id)).collect();
                let lost = store.renew(owner, &jobs, now, lease).await.unwrap();
                assert_eq!(lost, model.renew(owner, &jobs, now, lease));
            }
        }
    }
    for project in PROJECTS.map(ProjectId::new) {
        let count = store.count_jobs(&project).await.unwrap();
        assert_eq!(count, model.count_jobs(&project), "{project}");
        let usage = store.usage(&project).await.unwrap();
        assert_eq!(usage, model.usage(&project), "{project}");
        for (after, limit) in [(None, 9), (None, 1), (Some(&project), 2)] {
            for order in [Order::Ascending, Order::Descending] {
                let usages = store.usages(after.cloned(), order, limit).await.unwrap();
                assert_eq!(usages, model.usages(after, order, limit), "{after:?}");
            }
        }
    }
    for kind in KINDS {
        for project in [None, Some("a"), Some("ab")] {
            for index in [None, Some("x"), Some("xy")] {
                let query = Query {
                    kind,
                    project: project.map(ProjectId::new),
                    index: index.map(|value| (key_of(kind), value.to_owned())),
                    sort: None,
                    order: Order::Ascending,
                    after: None,
                    limit: 100,
                };
                compare_list(store, &model, &query).await;
            }
        }
        // Ages are no ids.
        for id in 0..13 {
            let id = Uuid::from_u128(id);
            let record = model.find(kind, id);
            let version = store.version(kind, id).await.unwrap();
            assert_eq!(version, record.as_ref().map(|record| record.version));
            assert_eq!(store.find(kind, id).await.unwrap(), record);
        }
    }
}

async fn compare_list(store: &dyn Store, model: &Model, query: &Query) {
    let found = store.list(query.clone()).await.unwrap();
    assert_eq!(found, model.list(query), "{query:?}");
}

/// The commit of `drafts`, with the versions and attempts that `model` knows where they are not to be off.
fn right(model: &Model, drafts: &[Draft]) -> Commit {
    let mut after = model.clone();
    drafts.iter().fold(Commit::new(), |commit, draft| {
        let mut write = draft.write.clone();
        if !draft.off {
            match &mut write {
                Write::Put(record) => record.version = after.version(record.kind, record.id) + 1,
                Write::Delete { kind, id, version } => *version = after.version(*kind, *id),
                Write::FinishJob { id, attempt, .. } => *attempt = after.attempt(*id),
                Write::AddJob(_)
                | Write::CancelJob(_)
                | Write::Claim { .. }
                | Write::Release { .. } => {}
            }
        }
        let _ = after.commit(&Commit::new().and(write.clone()));
        commit.and(write)
    })
}

fn text(outcome: Result<(), Error>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn host(id: u128) -> HostId {
    HostId::from(Uuid::from_u128(id))
}

fn job(id: u128) -> JobId {
    JobId::from(Uuid::from_u128(id))
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (vec(draft(), 1..4), vec(within(), 0..3))
            .prop_map(|(drafts, limits)| Operation::Commit(drafts, limits)),
        3 => query().prop_map(Operation::List),
        2 => (0..2u128, 0..60i64, 0..20u64, wanted()).prop_map(|(owner, now, lease, wanted)| {
            Operation::ClaimJobs { owner, now, lease, wanted }
        }),
        1 => (0..2u128, vec(0..6u128, 0..4), 0..60i64, 0..20u64).prop_map(
            |(owner, jobs, now, lease)| Operation::Renew { owner, jobs, now, lease }
        ),
    ]
}

fn within() -> impl Strategy<Value = Within> {
    (project(), select(&TALLIES[..]), 0..8u64).prop_map(|(project, tally, most)| Within {
        project,
        tally,
        most,
    })
}

fn project() -> impl Strategy<Value = ProjectId> {
    select(&PROJECTS[..]).prop_map(ProjectId::new)
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let under_way = hash_map(project(), 0..3usize, 0..3);
    let line = select(&[Line::Runs, Line::Steps][..]);
    (line, 0..5usize, 0..4usize, under_way, option::of(project())).prop_map(
        |(line, limit, per_project, under_way, after)| Wanted {
            line,
            limit,
            per_project,
            under_way,
            after,
        },
    )
}

fn draft() -> impl Strategy<Value = Draft> {
    (write(), proptest::bool::weighted(0.15)).prop_map(|(write, off)| Draft { write, off })
}

fn write() -> impl Strategy<Value = Write> {
    let place = || (select(&KINDS[..]), (0..6u128).prop_map(Uuid::from_u128));
    let key = || select(&NAMES[..]).prop_map(str::to_owned);
    Union::new_weighted(vec![
        (6, record(place()).prop_map(Write::Put).boxed()),
        (
            2,
            (place(), 1..3u64)
                .prop_map(|((kind, id), version)| Write::Delete { kind, id, version })
                .boxed(),
        ),
        (
            3,
            (0..6u128, project(), 0..40i64)
                .prop_map(|(id, project_id, due)| {
                    Write::AddJob(Job {
                        id: job(id),
                        project_id,
                        // The parity of its id says in which line it is.
                        work: match id % 2 {
                            0 => Work::RunAction(ActionExecutionId::from(Uuid::nil())),
                            _ => Work::EndExecution(WorkflowExecutionId::from(Uuid::nil())),
                        },
                        due_at: at(due),
                        attempt: 0,
                    })
                })
                .boxed(),
        ),
        (
            2,
            (0..6u128, 0..2u128, 0..3u32)
                .prop_map(|(id, owner, attempt)| Write::FinishJob {
                    id: job(id),
                    owner: host(owner),
                    attempt,
                })
                .boxed(),
        ),
        (
            1,
            (0..6u128).prop_map(|id| Write::CancelJob(job(id))).boxed(),
        ),
        (
            2,
            (place(), key())
                .prop_map(|((kind, id), key)| Write::Claim { kind, key, id })
                .boxed(),
        ),
        (
            1,
            (select(&KINDS[..]), key())
                .prop_map(|(kind, key)| Write::Release { kind, key })
                .boxed(),
        ),
    ])
}

fn record(place: impl Strategy<Value = (Kind, Uuid)>) -> impl Strategy<Value = Record> {
    let body = prop_oneof![4 => 0..200usize, 1 => 6000..13_000usize];
    (
        place,
        option::of(select(&PROJECTS[..])),
        select(&NAMES[..]),
        1..3u64,
        body,
        any::<u8>(),
        (0..2u64, 0..4u64),
    )
        .prop_map(
            |((kind, id), project, name, version, length, byte, (modules, bytes))| Record {
                kind,
                id,
                age: age(kind, id),
                project: project.map(ProjectId::new),
                version,
                body: vec![byte; length],
                index_keys: vec![(key_of(kind), name.to_owned())],
                tallies: Tallies::default()
                    .with(Tally::Modules, modules)
                    .with(Tally::Bytes, bytes),
            },
        )
}

/// Every other id where callers may choose them is of another age.
fn age(kind: Kind, id: Uuid) -> Uuid {
    match id.as_u128() {
        number if kind.has_chosen_ids() && number % 2 == 1 => Uuid::from_u128(12 - number),
        _ => id,
    }
}

/// The key that lists of `kind` are sorted by here.
const fn key_of(kind: Kind) -> &'static str {
    if kind.has_chosen_ids() {
        "workflow_name"
    } else {
        "name"
    }
}

fn query() -> impl Strategy<Value = Query> {
    let position = (select(&NAMES[..]), (0..13u128)).prop_map(|(value, age)| Position {
        value: value.to_owned(),
        age: Uuid::from_u128(age),
    });
    (
        select(&KINDS[..]),
        option::of(select(&PROJECTS[..])),
        option::of(select(&NAMES[..])),
        option::of(order()),
        order(),
        option::of(position),
        0..5usize,
    )
        .prop_map(|(kind, project, name, sort, order, after, limit)| Query {
            kind,
            project: project.map(ProjectId::new),
            index: name.map(|value| (key_of(kind), value.to_owned())),
            sort: sort.map(|order| Sort {
                name: key_of(kind),
                order,
            }),
            order,
            after: after.map(|after| match sort {
                Some(_) => after,
                None => after.age.into(),
            }),
            limit,
        })
}

fn order() -> impl Strategy<Value = Order> {
    select(&[Order::Ascending, Order::Descending][..])
}
