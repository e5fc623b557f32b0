//! What starts executions at times.

use serde::{Deserialize, Serialize};

use super::{
    CronPattern, CronTriggerId, Errand, ProjectId, Scope, Timestamp, TriggerName,
    WorkflowExecutionId,
};

/// Starts executions at times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronTrigger {
    /// Its id.
    pub id: CronTriggerId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its name, unique within its project.
    pub name: TriggerName,
    /// What it starts.
    pub errand: Errand,
    /// When, again and again.
    pub pattern: Option<CronPattern>,
    /// When for the first time, where that was said.
    pub first_execution_time: Option<Timestamp>,
    /// When next.
    pub next_execution_time: Timestamp,
    /// How often, where it ends.
    pub remaining_executions: Option<u32>,
    /// The execution of the firing that is under way, so that a crash neither loses nor doubles it.
    pub firing: Option<WorkflowExecutionId>,
    /// Who sees it.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

impl CronTrigger {
    /// Ends the firing that is under way; false when it was the last. Of the times that were missed until `now`, it was
    /// the firing for all.
    #[must_use]
    pub fn advance(&mut self, now: Timestamp) -> bool {
        self.firing = None;
        self.updated_at = Some(now);
        if let Some(remaining) = &mut self.remaining_executions {
            *remaining = remaining.saturating_sub(1);
        }
        if self.remaining_executions == Some(0) {
            return false;
        }
        let after = now.max(self.next_execution_time);
        match self.pattern.as_ref().and_then(|it| it.next_after(after)) {
            Some(next) => {
                self.next_execution_time = next;
                true
            }
            None => false,
        }
    }
}

/// A cron trigger that cannot be, in Mistral's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// Nothing says when.
    #[error("Pattern or first_execution_time must be specified.")]
    Nothing,
    /// The first time is too soon.
    #[error("first_execution_time must be at least 1 minute in the future.")]
    TooSoon,
    /// More than once, and nothing says when.
    #[error("Pattern must be provided if count is superior to 1.")]
    CountWithoutPattern,
}

/// When a new cron trigger is due, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When, again and again.
    pub pattern: Option<CronPattern>,
    /// When for the first time.
    pub first: Option<Timestamp>,
    /// How often.
    pub count: Option<u32>,
}

impl Schedule {
    /// The first time, with how often: once, where there is only a first time.
    ///
    /// # Errors
    /// When it does not say when, or asks for what cannot be.
    pub fn begin(&self, now: Timestamp) -> Result<(Timestamp, Option<u32>), BadSchedule> {
        match (self.first, &self.pattern) {
            (None, None) => Err(BadSchedule::Nothing),
            (Some(first), _) if first < now.after(std::time::Duration::from_secs(60)) => {
                Err(BadSchedule::TooSoon)
            }
            (Some(_), None) if self.count.is_some_and(|count| count > 1) => {
                Err(BadSchedule::CountWithoutPattern)
            }
            (Some(first), None) => Ok((first, Some(1))),
            (Some(first), Some(_)) => Ok((first, self.count)),
            (None, Some(pattern)) => {
                let next = pattern.next_after(now).ok_or(BadSchedule::Nothing)?;
                Ok((next, self.count))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_shown(text).unwrap()
    }

    fn schedule(pattern: Option<&str>, first: Option<&str>, count: Option<u32>) -> Schedule {
        Schedule {
            pattern: pattern.map(|it| CronPattern::parse(it, at("2026-01-01")).unwrap()),
            first: first.map(at),
            count,
        }
    }

    #[test]
    fn the_first_time_and_the_count_are_as_in_mistral() {
        let now = at("2026-01-29 10:17:30");
        let begin = |pattern, first, count| {
            let begun = schedule(pattern, first, count).begin(now);
            begun.map(|(next, count)| (next.to_string(), count))
        };
        let hourly = Some("0 * * * *");
        let first = Some("2026-01-29 10:30:00");
        let at = |text: &str, count| Ok((text.to_owned(), count));
        assert_eq!(begin(hourly, None, None), at("2026-01-29 11:00:00", None));
        assert_eq!(
            begin(hourly, first, Some(3)),
            at("2026-01-29 10:30:00", Some(3))
        );
        assert_eq!(begin(None, first, None), at("2026-01-29 10:30:00", Some(1)));
        assert_eq!(begin(None, None, None), Err(BadSchedule::Nothing));
        assert_eq!(
            begin(None, first, Some(2)),
            Err(BadSchedule::CountWithoutPattern)
        );
        assert_eq!(
            begin(hourly, Some("2026-01-29 10:18:29"), None),
            Err(BadSchedule::TooSoon)
        );
    }
}
