//! A simulator of executions: random definitions under random schedules, with events that come twice, late and in
//! another order, and with crashes between any two steps.
//!
//! A seed is a definition and a schedule, and gives the same run each time.

#![expect(
    clippy::indexing_slicing,
    reason = "what is not there is a fault of the simulator's own, which may end it"
)]

mod check;
mod definition;
mod world;

use std::sync::Arc;

use definition::Definition;
use rand::{SeedableRng as _, rngs::SmallRng};
pub use world::Course;
use world::World;

/// How many schedules each definition is run under.
const SCHEDULES: u64 = 250;

/// A schedule after which something did not hold.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}: {message}\n\n{document}\n{history}")]
pub struct Failed {
    /// Replays it.
    pub seed: u64,
    /// What did not hold.
    pub message: String,
    /// The definition.
    pub document: String,
    /// What happened, step by step.
    pub history: String,
}

/// What schedules came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Schedules.
    pub schedules: u64,
    /// Steps that were committed.
    pub steps: u64,
    /// Crashes.
    pub crashes: u64,
    /// Events that came again.
    pub repeats: u64,
    /// Executions that ended well.
    pub successes: u64,
    /// Executions that ended in ERROR.
    pub errors: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, more: Self) {
        self.schedules += more.schedules;
        self.steps += more.steps;
        self.crashes += more.crashes;
        self.repeats += more.repeats;
        self.successes += more.successes;
        self.errors += more.errors;
    }
}

/// Runs the schedules of `seeds`.
///
/// # Errors
/// The first after which something did not hold.
pub fn simulate(seeds: impl Iterator<Item = u64>) -> Result<Totals, Box<Failed>> {
    let mut totals = Totals::default();
    let mut current: Option<(u64, Arc<Definition>, Course)> = None;
    for seed in seeds {
        let number = seed / SCHEDULES;
        if current.as_ref().is_none_or(|(known, ..)| *known != number) {
            let definition = Arc::new(Definition::random(&mut SmallRng::seed_from_u64(number)));
            // In order and without trouble: what the others are held against.
            let course = run(seed, number, &definition, false, None, &mut totals)?;
            current = Some((number, definition, course));
        }
        let Some((_, definition, plain)) = &current else {
            continue;
        };
        run(seed, number, definition, true, Some(plain), &mut totals)?;
        totals.schedules += 1;
    }
    Ok(totals)
}

fn run(
    seed: u64,
    outcomes: u64,
    definition: &Arc<Definition>,
    is_troubled: bool,
    plain: Option<&Course>,
    totals: &mut Totals,
) -> Result<Course, Box<Failed>> {
    let mut world = World::new(seed, outcomes, Arc::clone(definition), is_troubled);
    let ended = world.run();
    let checked = ended.and_then(|()| check::world(&world, plain));
    world.add_to(totals);
    match checked {
        Ok(()) => Ok(world.course()),
        Err(message) => Err(Box::new(Failed {
            seed,
            message,
            document: definition.document.clone(),
            history: world.history(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_ends_as_its_definition_allows() {
        // Others each time would be a test that fails for nobody's change: `scripts/simulate` runs a million.
        if let Err(failed) = simulate(0..5_000) {
            panic!("{failed}");
        }
    }

    #[test]
    fn schedules_that_once_failed_end() {
        for (seed, fault) in [
            (18_355, "tasks due together when a held execution went on"),
            (127_162, "a join that failed led to what led to it"),
            (129_250, "a task whose time was over in `wait-before`"),
            (
                356_133,
                "a task that had published timed out in `wait-after`",
            ),
            (683_429, "a task that was run again published other things"),
        ] {
            if let Err(failed) = simulate(std::iter::once(seed)) {
                panic!("{fault}: {failed}");
            }
        }
    }
}
