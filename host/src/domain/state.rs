//! The states of executions and the one table of their transitions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The state of an execution, with Mistral's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Made and not begun.
    Idle,
    /// Waits for others.
    Waiting,
    /// Under way.
    Running,
    /// Waits for a time.
    Delayed,
    /// Held by a person.
    Paused,
    /// Ended well.
    Success,
    /// Ended badly.
    Error,
    /// Ended by a person.
    Cancelled,
    /// Left out by a person.
    Skipped,
}

impl State {
    /// Every state, in Mistral's order.
    pub const ALL: [Self; 9] = [
        Self::Idle,
        Self::Waiting,
        Self::Running,
        Self::Delayed,
        Self::Paused,
        Self::Success,
        Self::Error,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// Whether Mistral lets `self` become `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use State::{Cancelled, Delayed, Error, Idle, Paused, Running, Skipped, Success, Waiting};
        self == next
            || match self {
                Idle => matches!(next, Running | Error | Cancelled),
                Waiting => matches!(next, Running),
                Running => matches!(next, Paused | Delayed | Success | Error | Cancelled),
                Delayed | Paused => matches!(next, Running | Error | Cancelled),
                Cancelled => matches!(next, Running),
                Error => matches!(next, Running | Skipped),
                Success | Skipped => false,
            }
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_completed(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Error | Self::Cancelled | Self::Skipped
        )
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Waiting => "WAITING",
            Self::Running => "RUNNING",
            Self::Delayed => "DELAYED",
            Self::Paused => "PAUSED",
            Self::Success => "SUCCESS",
            Self::Error => "ERROR",
            Self::Cancelled => "CANCELLED",
            Self::Skipped => "SKIPPED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_ended_well_stays_so() {
        for next in State::ALL {
            assert_eq!(State::Success.may_become(next), next == State::Success);
        }
    }

    #[test]
    fn names_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
