//! The line, turn by turn and at random.

use std::pin::pin;

use futures::poll;
use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    runs: 2,
    runs_per_project: 1,
    waiting: 4,
    waiting_per_project: 2,
};

fn project(name: &str) -> ProjectId {
    ProjectId::new(name)
}

async fn may_run(place: &mut Place) -> bool {
    poll!(pin!(place.come())).is_ready()
}

#[tokio::test]
async fn a_project_does_not_take_all_places_of_the_host() {
    let queue = Queue::new(LIMITS);
    let mut places = ["a", "a", "b"].map(|name| queue.enter(&project(name)));
    assert!(may_run(&mut places[0]).await);
    assert!(!may_run(&mut places[1]).await);
    assert!(may_run(&mut places[2]).await);
}

#[tokio::test]
async fn a_free_place_goes_to_the_projects_in_turn() {
    let limits = Limits {
        runs: 1,
        waiting: 100,
        waiting_per_project: 100,
        ..LIMITS
    };
    let queue = Queue::new(limits);
    let running = queue.enter(&project("z"));
    let names = ["a", "a", "a", "a", "b", "c", "b"];
    let mut waiting: Vec<_> = names
        .map(|name| (name, queue.admit(&project(name)).unwrap()))
        .into();
    drop(running);
    let mut served = Vec::new();
    while !waiting.is_empty() {
        let mut turn = None;
        for (at, (_, place)) in waiting.iter_mut().enumerate() {
            if may_run(place).await {
                assert!(turn.is_none(), "two run at one time");
                turn = Some(at);
            }
        }
        served.push(waiting.remove(turn.expect("somebody runs")).0);
    }
    assert_eq!(served, ["a", "b", "c", "a", "b", "a", "a"]);
}

#[test]
fn a_full_line_of_a_project_refuses_and_names_the_setting() {
    let queue = Queue::new(LIMITS);
    let a = project("a");
    let _places: Vec<_> = (0..3).map(|_| queue.admit(&a).unwrap()).collect();
    let busy = queue.admit(&a).unwrap_err();
    assert_eq!(
        busy.to_string(),
        "Too many runs of this project wait already: runtime.waiting_runs_per_project = 2. Try again later."
    );
    queue.admit(&project("b")).unwrap();
}

#[test]
fn a_full_line_of_the_host_refuses_and_names_the_setting() {
    let queue = Queue::new(LIMITS);
    let names = ["a", "b", "a", "a", "b", "b"];
    let _places = names.map(|name| queue.admit(&project(name)).unwrap());
    let busy = queue.admit(&project("c")).unwrap_err();
    assert_eq!(
        busy.to_string(),
        "Too many runs of all projects wait already: runtime.waiting_runs = 4. Try again later."
    );
    // What was accepted before it came is never refused.
    drop(queue.enter(&project("c")));
}

#[tokio::test]
async fn who_leaves_the_line_frees_the_place_in_it() {
    let queue = Queue::new(LIMITS);
    let a = project("a");
    let _running = queue.admit(&a).unwrap();
    let first = queue.admit(&a).unwrap();
    let _second = queue.admit(&a).unwrap();
    queue.admit(&a).unwrap_err();
    drop(first);
    queue.admit(&a).unwrap();
}

#[tokio::test]
async fn a_turn_that_comes_to_somebody_who_leaves_goes_on_to_the_next() {
    let queue = Queue::new(LIMITS);
    let a = project("a");
    let running = queue.admit(&a).unwrap();
    let leaving = queue.admit(&a).unwrap();
    let mut next = queue.admit(&a).unwrap();
    drop(running);
    // Its turn has come, and it was never looked at.
    drop(leaving);
    assert!(may_run(&mut next).await);
}

#[tokio::test]
async fn who_waits_is_woken() {
    let queue = Queue::new(LIMITS);
    let a = project("a");
    let running = queue.admit(&a).unwrap();
    let mut waiting = queue.admit(&a).unwrap();
    let waiter = tokio::spawn(async move { waiting.come().await });
    tokio::task::yield_now().await;
    drop(running);
    waiter.await.unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Admit(usize),
    Enter(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4usize).prop_map(Step::Admit),
        1 => (0..4usize).prop_map(Step::Enter),
        4 => (0..64usize).prop_map(Step::Drop),
    ]
}

/// What must hold between any two steps; answers who runs.
fn check(queue: &Queue, limits: &Limits, places: &mut [(ProjectId, Place)]) -> Vec<ProjectId> {
    let runs = |place: &mut Place| {
        place
            .turn
            .as_mut()
            .is_none_or(|(_, turn)| turn.try_recv().is_ok())
    };
    let mut running: HashMap<ProjectId, usize> = HashMap::new();
    let mut waiting = Vec::new();
    for (project, place) in places {
        if runs(place) {
            place.turn = None;
            *running.entry(project.clone()).or_default() += 1;
        } else {
            waiting.push(project.clone());
        }
    }
    let in_all: usize = running.values().sum();
    assert!(in_all <= limits.runs);
    assert!(running.values().all(|of| *of <= limits.runs_per_project));
    if in_all < limits.runs {
        let could = |project: &ProjectId| count(&running, project) < limits.runs_per_project;
        assert!(!waiting.iter().any(could), "a wake-up was lost");
    }
    let state = queue.lock();
    assert_eq!(
        (state.running, state.waiting),
        (in_all, waiting.len()),
        "what is counted is what is there"
    );
    assert_eq!(state.running_of, running);
    running.into_keys().collect()
}

proptest! {
    #[test]
    fn whatever_comes_and_goes_limits_hold_and_nobody_waits_in_vain(
        runs in 1..5usize,
        runs_per_project in 1..4usize,
        waiting in 0..8usize,
        waiting_per_project in 0..5usize,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let limits = Limits { runs, runs_per_project, waiting, waiting_per_project };
        let queue = Queue::new(limits);
        let names = ["a", "b", "c", "d"].map(ProjectId::new);
        let mut places = Vec::new();
        for step in steps {
            match step {
                Step::Admit(at) => {
                    let project = &names[at];
                    let before = queue.lock().line.waiting(project);
                    let in_all = queue.lock().waiting;
                    match queue.admit(project) {
                        Ok(place) => {
                            let is_waiting = place.turn.is_some();
                            prop_assert!(!is_waiting || before < waiting_per_project);
                            prop_assert!(!is_waiting || in_all < waiting);
                            places.push((project.clone(), place));
                        }
                        Err(_) => {
                            prop_assert!(before >= waiting_per_project || in_all >= waiting);
                        }
                    }
                }
                Step::Enter(at) => places.push((names[at].clone(), queue.enter(&names[at]))),
                Step::Drop(_) if places.is_empty() => {}
                Step::Drop(at) => {
                    let at = at % places.len();
                    drop(places.swap_remove(at));
                }
            }
            check(&queue, &limits, &mut places);
        }
        places.clear();
        let state = queue.lock();
        prop_assert!(state.running == 0 && state.waiting == 0 && state.line.is_empty());
    }

    #[test]
    fn a_waiting_run_is_passed_by_each_other_project_once_at_most(lines in prop::collection::vec(0..30usize, 1..6)) {
        let limits = Limits { runs: 1, runs_per_project: 1, waiting: 1000, waiting_per_project: 1000 };
        let queue = Queue::new(limits);
        let running = queue.enter(&project("running"));
        let mut places: Vec<_> = lines
            .iter()
            .enumerate()
            .flat_map(|(at, count)| vec![ProjectId::new(at.to_string()); *count])
            .map(|project| (project.clone(), queue.admit(&project).unwrap()))
            .collect();
        let mine = project("mine");
        places.push((mine.clone(), queue.admit(&mine).unwrap()));
        drop(running);
        let mut before = 0;
        loop {
            let turn = check(&queue, &limits, &mut places).remove(0);
            if turn == mine {
                break;
            }
            before += 1;
            let at = places
                .iter()
                .position(|(project, place)| *project == turn && place.turn.is_none())
                .unwrap();
            drop(places.remove(at));
        }
        prop_assert!(before <= lines.len());
    }
}
