//! What starts executions at events.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    Digest, Errand, EventTriggerId, ProjectId, Scope, Sealed, Timestamp, TriggerName,
    WorkflowExecutionId,
};

/// How many of the latest events a trigger knows again; what a broker delivers once more is among them, since it never
/// has so many under way.
const KNOWN_AGAIN: usize = 256;

/// Where notifications are published: an exchange of a message broker, and a topic there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Topic {
    /// The exchange, a service's `control_exchange`: `nova`.
    pub exchange: String,
    /// The topic without the priority: `notifications`.
    pub topic: String,
}

impl Topic {
    /// The text by which the store finds the triggers that follow it.
    #[must_use]
    pub fn index_text(&self) -> String {
        let Self { exchange, topic } = self;
        format!("{}/{exchange}/{topic}", exchange.len())
    }
}

/// The notifications that a trigger follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Where they are published.
    pub topic: Topic,
    /// Their type: `compute.instance.create.end`.
    pub event: String,
}

/// Starts executions at events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTrigger {
    /// Its id.
    pub id: EventTriggerId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Its name; several may have the same.
    pub name: Option<TriggerName>,
    /// What it follows; none when only its webhook fires it.
    pub followed: Option<Followed>,
    /// What it starts.
    pub errand: Errand,
    /// Who sees it, and whether other projects' events fire it.
    pub scope: Scope,
    /// The sealed secret that signs what comes to its webhook; none without a webhook.
    pub webhook_secret: Option<Sealed>,
    /// The latest events with their executions.
    pub latest: LatestEvents,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

/// The latest events of a trigger, each with its execution: one that comes again starts no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestEvents(VecDeque<([u8; 16], WorkflowExecutionId)>);

impl LatestEvents {
    /// The execution of the event that its sender calls `id`, if it is known.
    #[must_use]
    pub fn execution(&self, id: &str) -> Option<WorkflowExecutionId> {
        let key = key(id);
        let known = self.0.iter().rev().find(|(known, _)| *known == key);
        known.map(|(_, execution)| *execution)
    }

    /// Adds an event; the oldest goes, where there are too many.
    pub fn add(&mut self, id: &str, execution: WorkflowExecutionId) {
        while self.0.len() >= KNOWN_AGAIN {
            self.0.pop_front();
        }
        self.0.push_back((key(id), execution));
    }
}

fn key(id: &str) -> [u8; 16] {
    let mut key = [0; 16];
    for (byte, from) in key.iter_mut().zip(Digest::of(id.as_bytes()).as_bytes()) {
        *byte = *from;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_again_among_the_latest() {
        let mut latest = LatestEvents::default();
        let first = WorkflowExecutionId::generate();
        latest.add("first", first);
        for number in 1..KNOWN_AGAIN {
            latest.add(&number.to_string(), WorkflowExecutionId::generate());
        }
        assert_eq!(latest.execution("first"), Some(first));
        assert_eq!(latest.execution("never"), None);
        latest.add("one more", WorkflowExecutionId::generate());
        assert_eq!(latest.execution("first"), None);
    }

    #[test]
    fn topics_are_not_run_together() {
        let topic = |exchange: &str, topic: &str| Topic {
            exchange: exchange.to_owned(),
            topic: topic.to_owned(),
        };
        assert_ne!(
            topic("a/b", "c").index_text(),
            topic("a", "b/c").index_text()
        );
    }
}
