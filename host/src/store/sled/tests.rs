//! The suite on the embedded store, and what only it must do: survive being killed, and keep others out.

use std::{
    collections::HashSet,
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{ActionExecutionId, Order, ProjectId, Tally, Work},
    store::{Write, conformance},
};

conformance::suite!(store);

fn store() -> (SledStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(folder.path()), folder)
}

fn open(folder: &Path) -> SledStore {
    SledStore::open(&folder.join("store"), 16).unwrap()
}

/// A record, its sibling of another kind, a unique value and a job: one commit.
fn commit_of(id: Uuid) -> Commit {
    let record = |kind, body: Vec<u8>| Record {
        kind,
        id,
        age: id,
        project: Some(ProjectId::new("p")),
        version: 1,
        body,
        index_keys: Vec::new(),
        tallies: Tallies::default().with(Tally::Modules, 1),
    };
    // The length differs from commit to commit, and some bodies are of several parts.
    let length = usize::from(id.as_bytes()[15]) * 50;
    Commit::new()
        .and(Write::Put(record(Kind::ActionExecution, vec![1; length])))
        .and(Write::Claim {
            kind: Kind::Journal,
            key: id.to_string(),
            id,
        })
        .and(Write::AddJob(Job {
            id: JobId::from(id),
            ..Job::new(
                ProjectId::new("p"),
                Work::RunAction(ActionExecutionId::from(id)),
                Timestamp::from_unix_ms(0),
            )
        }))
        .and(Write::Put(record(Kind::Journal, vec![2; length])))
}

/// The ids whose commits are there, each of which must be there as a whole.
async fn whole_commits(store: &SledStore) -> HashSet<Uuid> {
    let ids = async |kind| -> HashSet<Uuid> {
        let query = Query {
            kind,
            project: Some(ProjectId::new("p")),
            index: None,
            sort: None,
            order: Order::Ascending,
            after: None,
            limit: usize::MAX,
        };
        let records = store.list(query).await.unwrap();
        records.iter().map(|record| record.id).collect()
    };
    let executions = ids(Kind::ActionExecution).await;
    assert_eq!(executions, ids(Kind::Journal).await);
    let jobs = store
        .claim_jobs(
            HostId::generate(),
            Timestamp::from_unix_ms(0),
            Duration::ZERO,
            Wanted::any(usize::MAX),
        )
        .await
        .unwrap();
    let jobs: HashSet<Uuid> = jobs.iter().map(|job| job.id.uuid()).collect();
    assert_eq!(executions, jobs);
    let usage = store.usage(&ProjectId::new("p")).await.unwrap();
    assert_eq!(usage.of(Tally::Modules), 2 * executions.len() as u64);
    for id in &executions {
        let rival = Write::Claim {
            kind: Kind::Journal,
            key: id.to_string(),
            id: Uuid::nil(),
        };
        assert!(store.commit(Commit::new().and(rival)).await.is_err());
    }
    executions
}

#[test]
fn random_operations_have_the_models_answers() {
    conformance::agree_with_model(24, store);
}

#[test]
fn random_lists_have_every_object_once_and_in_order() {
    conformance::pages_agree_with_model(128, store);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let (store, folder) = store();
    let ids: HashSet<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        store.commit(commit_of(*id)).await.unwrap();
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.count_jobs(&ProjectId::new("p")).await.unwrap(), 20);
    assert_eq!(whole_commits(&store).await, ids);
}

#[tokio::test]
async fn leases_of_earlier_processes_end_when_the_store_is_opened() {
    let (store, folder) = store();
    let id = Uuid::now_v7();
    store.commit(commit_of(id)).await.unwrap();
    let lease = Duration::from_secs(3600);
    let now = Timestamp::from_unix_ms(0);
    let (dead, alive) = (HostId::generate(), HostId::generate());
    let first = store
        .claim_jobs(dead, now, lease, Wanted::any(1))
        .await
        .unwrap();
    drop(store);
    let store = open(folder.path());
    let second = store
        .claim_jobs(alive, now, lease, Wanted::any(1))
        .await
        .unwrap();
    assert_eq!(first[0].id, second[0].id);
    assert_eq!(second[0].attempt, 2);
}

#[tokio::test]
async fn a_held_store_says_so_and_says_what_to_do() {
    let (_store, folder) = store();
    let error = SledStore::open(&folder.path().join("store"), 16).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    assert!(error.to_string().contains("store.path"), "{error}");
}

#[tokio::test]
async fn a_store_of_another_version_is_refused_by_name() {
    for layout in [1, 9] {
        let (store, folder) = store();
        store.tree.insert(keys::LAYOUT, &[0, 0, 0, layout]).unwrap();
        drop(store);
        let error = SledStore::open(&folder.path().join("store"), 16).unwrap_err();
        let expected = format!("layout {layout}");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[tokio::test]
async fn nobody_else_can_read_the_store() {
    let (_store, folder) = store();
    let mut folders: Vec<PathBuf> = vec![folder.path().join("store")];
    while let Some(path) = folders.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
        if path.is_dir() {
            folders.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
}

#[tokio::test]
async fn a_log_that_lost_its_end_holds_whole_commits_only() {
    let (store, folder) = store();
    let file = folder.path().join("store/sled/db");
    let mut ids = Vec::new();
    for _ in 0..30 {
        let id = Uuid::now_v7();
        store.commit(commit_of(id)).await.unwrap();
        ids.push(id);
    }
    // As it is after the last answer, before anything that closing may write.
    let log = fs::read(&file).unwrap();
    let end = log.iter().rposition(|byte| *byte != 0).unwrap();
    drop(store);
    for lost in [1, 40, 500, 3_000, 9_000, 20_000] {
        let torn = tempfile::tempdir().unwrap();
        let inner = torn.path().join("store/sled");
        fs::create_dir_all(inner.join("blobs")).unwrap();
        fs::copy(folder.path().join("store/sled/conf"), inner.join("conf")).unwrap();
        let mut bytes = log.clone();
        bytes[end.saturating_sub(lost)..].fill(0);
        fs::write(inner.join("db"), bytes).unwrap();
        let found = whole_commits(&open(torn.path())).await;
        let kept = ids.iter().take_while(|id| found.contains(id)).count();
        assert_eq!(kept, found.len(), "a later commit outlived an earlier one");
        assert!(kept < ids.len(), "{lost} bytes were lost");
    }
}

/// Plays both parts: started by itself with a folder in its environment, it writes until it is killed.
#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    const FOLDER: &str = "ZONDA_TEST_KILLED_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_until_killed(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("store::sled::tests::a_killed_process_loses_nothing_that_it_acknowledged")
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = acknowledged.len() + 37 * round;
        let mut is_killed = false;
        for line in lines.map_while(Result::ok) {
            // The last line may be cut short.
            let id = line.strip_prefix("kept ").map(str::parse::<Uuid>);
            acknowledged.extend(id.and_then(Result::ok));
            if acknowledged.len() >= enough && !is_killed {
                child.kill().unwrap();
                is_killed = true;
            }
        }
        child.wait().unwrap();
        assert!(is_killed, "the writer ended by itself");
        let found = whole_commits(&open(folder.path())).await;
        let lost = acknowledged.difference(&found).count();
        assert_eq!(lost, 0, "round {round}");
    }
}

async fn write_until_killed(folder: &Path) {
    let store = Arc::new(open(folder));
    let writers = (0..8).map(|_| {
        let store = Arc::clone(&store);
        async move {
            loop {
                let id = Uuid::now_v7();
                store.commit(commit_of(id)).await.unwrap();
                let mut out = io::stdout().lock();
                // In one write, so that a line is whole or missing.
                out.write_all(format!("\nkept {id}\n").as_bytes()).unwrap();
                out.flush().unwrap();
            }
        }
    });
    futures::future::join_all(writers).await;
}
