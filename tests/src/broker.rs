//! A real RabbitMQ, which `scripts/mistral` brings up, behind a gate of a test's own, and services that publish there.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use url::Url;

use crate::clients;
use crate::gate::{Gate, Gateway};

/// Publishes a notification as a service does, by oslo.messaging.
const PUBLISH: &str = r#"
import json
import sys

from oslo_config import cfg
from oslo_context.context import RequestContext
import oslo_messaging

url, exchange, topic, event, project, payload = sys.argv[1:]
conf = cfg.ConfigOpts()
conf([], project="service")
oslo_messaging.set_transport_defaults(exchange)
transport = oslo_messaging.get_notification_transport(conf, url=url)
notifier = oslo_messaging.Notifier(
    transport, publisher_id="compute.host1", driver="messagingv2", topics=[topic], retry=3
)
context = RequestContext(project_id=project, user_id="somebody", auth_token="a-token")
notifier.info(context, event, json.loads(payload))
transport.cleanup()
"#;

/// The broker.
#[derive(Debug)]
pub struct Broker {
    url: Url,
    gateway: Gateway,
}

/// What a service tells.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// Its `control_exchange`.
    pub exchange: &'a str,
    /// The topic there.
    pub topic: &'a str,
    /// What happened.
    pub event: &'a str,
    /// In whose project.
    pub project_id: &'a str,
    /// What about.
    pub payload: &'a Value,
}

impl Broker {
    /// A gate of its own before it.
    pub async fn reach() -> Result<Self> {
        let url = std::env::var_os("ZONDA_BROKER").context(
            "ZONDA_BROKER is not set: scripts/mistral up tests --broker; scripts/mistral broker tests",
        )?;
        let url: Url = url.to_string_lossy().parse()?;
        let port = url.port().context("ZONDA_BROKER has no port")?;
        let gateway = Gateway::before_port(port).await?;
        Ok(Self { url, gateway })
    }

    /// Where it is behind the gate, as `[notifications] url`.
    pub fn url(&self) -> Result<String> {
        let mut url = self.url.clone();
        url.set_port(Some(self.gateway.address().port()))
            .map_err(|()| anyhow::anyhow!("{url} takes no port"))?;
        Ok(url.into())
    }

    /// What stands before it.
    pub fn gate(&self, gate: Gate) {
        self.gateway.set(gate);
    }

    /// A service publishes a notification; it does not pass the gate.
    pub async fn publish(&self, notice: Notice<'_>) -> Result<()> {
        let Notice {
            exchange,
            topic,
            event,
            project_id,
            payload,
        } = notice;
        let port = self.url.port().unwrap_or_default();
        let url = format!("rabbit://guest:guest@127.0.0.1:{port}/");
        let payload = payload.to_string();
        let arguments = [
            "-c", PUBLISH, &url, exchange, topic, event, project_id, &payload,
        ];
        let python = crate::state_folder().join("venvs/mistral/bin/python");
        clients::run(Path::new(&python), &arguments, &[]).await?;
        Ok(())
    }
}
