//! Runs the simulator of executions over many seeds; started by `scripts/simulate`.
//!
//! Usage: simulate FIRST COUNT

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it found"
)]

use std::{process::ExitCode, thread, time::Instant};

use anyhow::Context as _;
use zonda_host::workflow::simulator::{Totals, simulate};

/// Seeds that a thread takes at a time: those of one definition follow each other.
const BATCH: u64 = 250;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u64>());
    let mut next = || arguments.next().context("simulate FIRST COUNT");
    let (first, count) = (next()??, next()??);
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let start = Instant::now();
    let share =
        |thread: u64| (first..first + count).filter(move |seed| seed / BATCH % threads == thread);
    let results: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || simulate(share(number))))
            .collect();
        runs.into_iter().map(|run| run.join()).collect()
    });
    let mut totals = Totals::default();
    let mut code = ExitCode::SUCCESS;
    for result in results {
        match result {
            Ok(Ok(some)) => totals += some,
            Ok(Err(failed)) => {
                eprintln!(
                    "{failed}\n\nscripts/simulate --seed {} replays it",
                    failed.seed
                );
                code = ExitCode::FAILURE;
            }
            Err(_) => anyhow::bail!("the engine panicked"),
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
