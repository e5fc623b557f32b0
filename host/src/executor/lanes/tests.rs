//! Guests that compute, beside guests that do not.

use std::{
    future::{pending, poll_fn},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};

use super::*;
use crate::domain::JsonText;

fn project(name: &str) -> ProjectId {
    ProjectId::new(name)
}

fn lanes() -> Lanes {
    Lanes::start(&Handle::current()).unwrap()
}

/// Computes for 5 ms, as a guest does between two ticks, and yields.
async fn compute() {
    let began = thread_time();
    while thread_time() - began < Duration::from_millis(5) {}
    tokio::task::yield_now().await;
}

fn is_in_slow_lane() -> bool {
    thread::current().name() == Some("slow-lane")
}

/// Computes until it is in the slow lane.
async fn slow_down() {
    while !is_in_slow_lane() {
        compute().await;
    }
}

fn answer(text: &str) -> Outcome {
    Outcome::Done(JsonText::parse(text.to_owned()).unwrap())
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A run in the slow lane that does as `then` says, and whether it has been dropped.
async fn slow_run<F>(
    lanes: &Lanes,
    then: impl FnOnce() -> F + Send + 'static,
) -> (Run<'_>, Arc<AtomicBool>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let is_dropped = Arc::new(AtomicBool::new(false));
    let dropped = Dropped(Arc::clone(&is_dropped));
    let (there, is_there) = oneshot::channel();
    let mut run = lanes.begin(project("p"), async move {
        let _dropped = dropped;
        slow_down().await;
        there.send(()).unwrap();
        then().await;
        answer("1")
    });
    tokio::select! {
        _ = &mut run => panic!("it ended"),
        there = is_there => there.unwrap(),
    }
    (run, is_dropped)
}

#[tokio::test]
async fn a_quick_run_stays_where_its_caller_is() {
    let lanes = lanes();
    let outcome = lanes
        .begin(project("p"), async {
            assert!(!is_in_slow_lane());
            tokio::task::yield_now().await;
            assert!(!is_in_slow_lane());
            answer("1")
        })
        .await;
    assert_eq!(outcome, answer("1"));
}

#[tokio::test]
async fn a_run_that_computes_goes_on_at_a_low_priority() {
    let lanes = lanes();
    let outcome = lanes
        .begin(project("p"), async {
            slow_down().await;
            let policy = thread_priority::thread_schedule_policy().unwrap();
            let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
            answer(&(policy == idle).to_string())
        })
        .await;
    assert_eq!(outcome, answer("true"));
}

#[tokio::test]
async fn the_next_runs_of_a_project_that_computes_begin_in_the_slow_lane() {
    let lanes = lanes();
    lanes.usage.add(&project("p"), Duration::from_millis(100));
    let place = async || answer(&is_in_slow_lane().to_string());
    assert_eq!(lanes.begin(project("p"), place()).await, answer("true"));
    assert_eq!(lanes.begin(project("q"), place()).await, answer("false"));
}

#[tokio::test]
async fn timers_of_the_host_wake_a_run_in_the_slow_lane() {
    let lanes = lanes();
    let outcome = lanes
        .begin(project("p"), async {
            slow_down().await;
            let waited = tokio::time::timeout(Duration::from_millis(5), pending::<()>()).await;
            assert!(waited.is_err() && is_in_slow_lane());
            answer("1")
        })
        .await;
    assert_eq!(outcome, answer("1"));
}

#[tokio::test]
async fn a_run_that_waits_is_gone_at_once_when_it_is_ended() {
    let lanes = lanes();
    let (run, is_dropped) = slow_run(&lanes, pending).await;
    run.end().await;
    assert!(is_dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_run_that_computes_runs_no_instruction_after_its_end() {
    let lanes = lanes();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let (run, is_dropped) = slow_run(&lanes, move || async move {
        loop {
            compute().await;
            counted.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    run.end().await;
    assert!(is_dropped.load(Ordering::SeqCst));
    let at_its_end = count.load(Ordering::SeqCst);
    // Everybody who was in the line before has had a turn by then.
    lanes
        .begin(project("p"), async {
            for _ in 0..5 {
                compute().await;
            }
            answer("1")
        })
        .await;
    assert_eq!(count.load(Ordering::SeqCst), at_its_end);
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_ends() {
    let lanes = lanes();
    let (run, is_dropped) = slow_run(&lanes, async || {
        loop {
            compute().await;
        }
    })
    .await;
    drop(run);
    while !is_dropped.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_reaches_who_waits_and_nobody_else() {
    let lanes = lanes();
    let panicking = lanes.begin(project("p"), async {
        slow_down().await;
        panic!("oh dear")
    });
    let caught = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(panicking)).await;
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"oh dear"));
    let outcome = lanes
        .begin(project("p"), async {
            slow_down().await;
            answer("1")
        })
        .await;
    assert_eq!(outcome, answer("1"));
}

#[tokio::test]
async fn a_run_that_wakes_itself_while_it_is_polled_is_polled_again() {
    let lanes = lanes();
    let outcome = lanes
        .begin(project("p"), async {
            slow_down().await;
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                if polls < 1000 {
                    Poll::Pending
                } else {
                    Poll::Ready(answer("1"))
                }
            })
            .await
        })
        .await;
    assert_eq!(outcome, answer("1"));
}

#[tokio::test]
async fn one_projects_many_runs_leave_anothers_its_turns() {
    let lanes = lanes();
    let threads = thread::available_parallelism().unwrap().get();
    let polls = Arc::new(AtomicUsize::new(0));
    let mut greedy = Vec::new();
    for _ in 0..10 * threads {
        let polls = Arc::clone(&polls);
        let (run, _) = slow_run(&lanes, move || async move {
            loop {
                compute().await;
                polls.fetch_add(1, Ordering::SeqCst);
            }
        })
        .await;
        greedy.push(run);
    }
    let before = polls.load(Ordering::SeqCst);
    lanes
        .begin(project("q"), async {
            slow_down().await;
            for _ in 0..10 {
                compute().await;
            }
            answer("1")
        })
        .await;
    let meanwhile = polls.load(Ordering::SeqCst) - before;
    // A turn or two for each of its own and each thread; with one line for all it would be ten.
    assert!(meanwhile < 16 * 5 * threads, "{meanwhile}");
}
