//! Runs the simulator of executions over many seeds; started by `scripts/simulate`.
//!
//! Usage: simulate FIRST COUNT

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it found"
)]

use std::{
    process::ExitCode,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use zonda_host::workflow::simulator::{Totals, simulate};

/// Seeds that a thread takes at a time: those of one definition follow each other.
const BATCH: u64 = 250;

/// A schedule takes less than a millisecond.
const HANGS_AFTER: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u64>());
    let mut next = || arguments.next().context("simulate FIRST COUNT");
    let (first, count) = (next()??, next()??);
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let start = Instant::now();
    let current: &'static [AtomicU64] = (0..threads)
        .map(|_| AtomicU64::new(first))
        .collect::<Vec<_>>()
        .leak();
    let (done, results) = mpsc::channel();
    for (number, current) in (0..).zip(current) {
        let done = done.clone();
        let seeds = (first..first + count).filter(move |seed| seed / BATCH % threads == number);
        let seeds = seeds.inspect(|seed| current.store(*seed, Ordering::Relaxed));
        thread::spawn(move || done.send(simulate(seeds)));
    }
    drop(done);
    let mut totals = Totals::default();
    let mut code = ExitCode::SUCCESS;
    let mut before = Vec::new();
    for _ in 0..threads {
        let result = loop {
            match results.recv_timeout(HANGS_AFTER) {
                Ok(result) => break result,
                Err(mpsc::RecvTimeoutError::Disconnected) => anyhow::bail!("the engine panicked"),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let now = current.iter().map(|seed| seed.load(Ordering::Relaxed));
                    let now: Vec<_> = now.collect();
                    if now == before {
                        anyhow::bail!("one of the seeds {now:?} does not end");
                    }
                    before = now;
                }
            }
        };
        match result {
            Ok(some) => totals += some,
            Err(failed) => {
                eprintln!(
                    "{failed}\n\nscripts/simulate --seed {} replays it",
                    failed.seed
                );
                code = ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{} schedules in {:.1} s: {} steps, {} crashes, {} repeated events; {} executions ended in SUCCESS, {} in ERROR",
        totals.schedules,
        start.elapsed().as_secs_f64(),
        totals.steps,
        totals.crashes,
        totals.repeats,
        totals.successes,
        totals.errors,
    );
    Ok(code)
}
