//! How notifications of services are followed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{Secret, hidden_option};

/// `[notifications]`: the message broker whose notifications fire event triggers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationSettings {
    /// The RabbitMQ server on which services publish their notifications, as `amqp://USER:PASSWORD@HOST:5672/VHOST`, or
    /// `amqps://` with TLS; the default virtual host is `%2f`. Default none: only webhooks fire event triggers.
    #[serde(with = "hidden_option")]
    #[schemars(with = "Option<String>")]
    pub url: Option<Secret>,
    /// A PEM file of certificate authorities for it, in place of the system's; default none.
    pub ca_file: Option<PathBuf>,
    /// What the names of this host's own queues begin with; hosts over one store share them. Default `zonda`.
    pub queue: String,
    /// Whether exchanges that no service has declared yet are declared durable, as services do with
    /// `amqp_durable_queues`; default false.
    pub durable_exchanges: bool,
    /// The most notifications under way at once; at most 64, which is the default.
    pub prefetch: u16,
    /// The longest notification in KiB; a longer one is dropped. Default 1024.
    pub max_message_kib: usize,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            queue: "zonda".to_owned(),
            durable_exchanges: false,
            prefetch: 64,
            max_message_kib: 1024,
        }
    }
}

impl NotificationSettings {
    /// The first setting that cannot be used, and why.
    #[must_use]
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let scheme = self.url.as_ref().map(|url| {
            let url = url.expose();
            url.starts_with("amqp://") || url.starts_with("amqps://")
        });
        if scheme == Some(false) {
            return Some(("url", "must begin with amqp:// or amqps://".to_owned()));
        }
        if !(1..=64).contains(&self.prefetch) {
            return Some(("prefetch", "must be 1 to 64".to_owned()));
        }
        if self.queue.is_empty() || self.queue.len() > 64 {
            return Some(("queue", "must have 1 to 64 characters".to_owned()));
        }
        None
    }
}
