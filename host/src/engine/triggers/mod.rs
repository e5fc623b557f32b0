//! Triggers: what starts executions by itself, at times and at events.
//!
//! A firing has the id of its execution before it starts it. Whoever goes on with it after a crash, and whoever is told of
//! the same event again, starts that same execution, which the engine does once.

mod cron;
mod errand;
mod event;
mod fire_cron;
mod fire_event;
mod settings;
mod trust;
mod webhook;

use tokio::sync::Notify;

pub use cron::NewCronTrigger;
pub use errand::{NewErrand, TriggerCloud};
pub use event::{ChangeEventTrigger, NewEventTrigger};
pub use fire_event::Notification;
pub use settings::NotificationSettings;
pub use webhook::WebhookCall;

pub(super) use errand::reseal;

use crate::{
    domain::{Order, ProjectId},
    store::List,
};

/// What this process knows of triggers.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    /// Event triggers were made, changed or deleted.
    changed: Notify,
}

/// The unique value that a trigger's name is: within its project. Neither may be mistaken for a part of the other.
fn claim(project: &ProjectId, name: &str) -> String {
    let project = project.as_str();
    format!("{}/{project}/{name}", project.len())
}

/// At most `limit` of those with this value of an index key.
const fn with(index: (&'static str, String), project: Option<ProjectId>, limit: usize) -> List {
    List {
        project,
        index: Some(index),
        order: Order::Ascending,
        after: None,
        limit,
        is_filtered: false,
    }
}
