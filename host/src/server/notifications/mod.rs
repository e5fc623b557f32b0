//! Follows the notifications that services publish on a RabbitMQ server, for event triggers.
//!
//! Each topic that a trigger follows has a durable queue of the hosts' own, which keeps notifications while all of them
//! are down. A notification is acknowledged once the executions that it starts are committed; one that comes again starts
//! nothing more.

mod oslo;

use std::{collections::HashMap, fs, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::StreamExt as _;
use lapin::{
    Channel, Connection, ConnectionProperties, Consumer, ExchangeKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    runtime::default_runtime,
    tcp::OwnedTLSConfig,
    types::{AMQPValue, FieldTable, ShortString},
    uri::{AMQPScheme, AMQPUri},
};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    clock::Clock,
    domain::{Digest, Topic},
    engine::{Engine, NotificationSettings},
};

/// How long a server that is away is left alone: first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// How often it is looked which topics are followed, for triggers that other hosts made, and for what did not work.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How long a notification waits that could not be taken.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How long a queue is kept that no host asks for, in milliseconds: a day.
const QUEUE_EXPIRES_MS: i32 = 86_400_000;
/// The longest text that AMQP takes as a name, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Follows notifications.
pub(super) struct Follower {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: NotificationSettings,
    /// Whether events of one project are not another's.
    pub(super) tells_callers_apart: bool,
}

impl Follower {
    /// Follows what event triggers ask for, until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let follower = Arc::new(self);
        let [mut pause, longest] = PAUSES;
        while !stop.is_cancelled() {
            let mut is_connected = false;
            let followed = Arc::clone(&follower).follow(&stop, &mut is_connected);
            if let Err(err) = followed.await {
                if is_connected {
                    pause = PAUSES[0];
                }
                let secs = pause.as_secs();
                warn!(error = %format_args!("{err:#}"), "notifications are not followed; trying again in {secs} s");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = follower.clock.sleep(pause) => {}
                }
                pause = longest.min(pause * 2);
            }
        }
    }

    /// Connects and follows, until the connection is lost or `stop`.
    async fn follow(
        self: Arc<Self>,
        stop: &CancellationToken,
        is_connected: &mut bool,
    ) -> Result<()> {
        let connection = self.connect().await?;
        *is_connected = true;
        info!("following notifications");
        let mut channels: HashMap<Topic, (Channel, Id)> = HashMap::new();
        let mut consumers: JoinSet<()> = JoinSet::new();
        while !stop.is_cancelled() {
            match self.engine.followed_topics().await {
                Ok(topics) => {
                    let gone: Vec<Topic> = channels
                        .keys()
                        .filter(|topic| !topics.contains(topic))
                        .cloned()
                        .collect();
                    for topic in gone {
                        if let Some((channel, _)) = channels.remove(&topic) {
                            self.leave(&channel, &topic).await;
                        }
                    }
                    for topic in topics {
                        if channels.contains_key(&topic) {
                            continue;
                        }
                        match self.subscribe(&connection, &topic).await {
                            Ok((channel, consumer)) => {
                                let follower = Arc::clone(&self);
                                let task =
                                    consumers.spawn(follower.consume(topic.clone(), consumer));
                                channels.insert(topic, (channel, task.id()));
                            }
                            Err(err) if connection.status().connected() => {
                                let error = format_args!("{err:#}");
                                warn!(?topic, %error, "a topic is not followed");
                            }
                            Err(err) => return Err(err),
                        }
                    }
                }
                Err(err) => {
                    warn!(error = %crate::telemetry::Chain(&err), "cannot tell which topics are followed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.engine.event_triggers_changed() => {}
                () = self.clock.sleep(LOOK_AGAIN) => {}
                Some(ended) = consumers.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(err) => err.id(),
                    };
                    channels.retain(|_, (_, task)| *task != id);
                    if !connection.status().connected() {
                        bail!("the connection is lost");
                    }
                }
            }
        }
        // What was not acknowledged comes again.
        connection.close(0, ShortString::default()).await?;
        Ok(())
    }

    async fn connect(&self) -> Result<Connection> {
        let url = self.settings.url.as_ref().context("there is no url")?;
        // What is wrong with it may repeat the password.
        let url: AMQPUri = url.expose().parse().map_err(|_| {
            anyhow!("[notifications] url is not like amqp://USER:PASSWORD@HOST:5672/VHOST")
        })?;
        let tls = match url.scheme {
            AMQPScheme::AMQPS => OwnedTLSConfig {
                identity: None,
                cert_chain: Some(self.authorities()?),
            },
            AMQPScheme::AMQP => OwnedTLSConfig::default(),
        };
        let name = ConnectionProperties::default().with_connection_name("zonda".into());
        let connection = Connection::connect_uri_with_config(url, name, tls, default_runtime()?);
        connection.await.context("the server does not take us")
    }

    /// Certificates in PEM that the server's must chain to.
    fn authorities(&self) -> Result<String> {
        if let Some(path) = &self.settings.ca_file {
            return fs::read_to_string(path)
                .with_context(|| format!("[notifications] ca_file {}", path.display()));
        }
        let pem = |der: &[u8]| {
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(der)
            )
        };
        let system = rustls_native_certs::load_native_certs().certs;
        Ok(system.iter().map(|certificate| pem(certificate)).collect())
    }

    /// A channel on which the notifications of a topic come.
    async fn subscribe(
        &self,
        connection: &Connection,
        topic: &Topic,
    ) -> Result<(Channel, Consumer)> {
        let channel = self.with_exchange(connection, topic).await?;
        let queue = name(&self.queue(topic))?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert(name("x-expires")?, AMQPValue::LongInt(QUEUE_EXPIRES_MS));
        channel
            .queue_declare(queue.clone(), durable, arguments)
            .await?;
        // A routing key is the topic and the priority.
        let key = name(&format!("{}.*", topic.topic))?;
        let (exchange, none) = (name(&topic.exchange)?, FieldTable::default());
        let binding = QueueBindOptions::default();
        channel
            .queue_bind(queue.clone(), exchange, key, binding, none)
            .await?;
        let qos = BasicQosOptions::default();
        channel.basic_qos(self.settings.prefetch, qos).await?;
        let options = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(
                queue,
                ShortString::default(),
                options,
                FieldTable::default(),
            )
            .await?;
        info!(?topic, "following");
        Ok((channel, consumer))
    }

    /// A channel to a server that has the exchange: as its service declared it, else as we do before the service comes.
    async fn with_exchange(&self, connection: &Connection, topic: &Topic) -> Result<Channel> {
        let exchange = name(&topic.exchange)?;
        let declare = async |options| {
            let channel = connection.create_channel().await?;
            let (kind, none) = (ExchangeKind::Topic, FieldTable::default());
            channel
                .exchange_declare(exchange.clone(), kind, options, none)
                .await?;
            Ok::<_, lapin::Error>(channel)
        };
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        // That it is not there closes the channel.
        if let Ok(channel) = declare(passive).await {
            return Ok(channel);
        }
        let own = ExchangeDeclareOptions {
            durable: self.settings.durable_exchanges,
            ..ExchangeDeclareOptions::default()
        };
        Ok(declare(own).await?)
    }

    /// Ends what nobody follows any more.
    async fn leave(&self, channel: &Channel, topic: &Topic) {
        let left = async {
            let options = QueueDeleteOptions::default();
            channel
                .queue_delete(name(&self.queue(topic))?, options)
                .await?;
            channel.close(0, ShortString::default()).await?;
            anyhow::Ok(())
        };
        match left.await {
            Ok(()) => info!(?topic, "following no more"),
            // It expires.
            Err(err) => debug!(?topic, error = %format_args!("{err:#}"), "a queue stays"),
        }
    }

    /// The queue of all hosts for a topic.
    fn queue(&self, Topic { exchange, topic }: &Topic) -> String {
        let prefix = &self.settings.queue;
        let queue = format!("{prefix}.{exchange}.{topic}");
        if queue.len() <= MAX_NAME_BYTES {
            return queue;
        }
        let digest = Digest::of(queue.as_bytes()).hex();
        format!("{prefix}.{digest}")
    }

    async fn consume(self: Arc<Self>, topic: Topic, mut consumer: Consumer) {
        while let Some(delivery) = consumer.next().await {
            let handled = match delivery {
                Ok(delivery) => self.handle(&topic, delivery).await,
                Err(err) => Err(err),
            };
            if let Err(err) = handled {
                warn!(?topic, error = %crate::telemetry::Chain(&err), "a channel is lost");
                return;
            }
        }
    }

    async fn handle(&self, topic: &Topic, delivery: Delivery) -> lapin::Result<()> {
        let most = self.settings.max_message_kib.saturating_mul(1024);
        if delivery.data.len() > most {
            warn!(
                ?topic,
                bytes = delivery.data.len(),
                "a notification is longer than [notifications] max_message_kib, and dropped"
            );
            delivery.ack(BasicAckOptions::default()).await?;
            return Ok(());
        }
        let Some(notification) = oslo::read(&delivery.data) else {
            debug!(?topic, "a message that is no notification is dropped");
            delivery.ack(BasicAckOptions::default()).await?;
            return Ok(());
        };
        let told = self
            .engine
            .notified(topic, &notification, self.tells_callers_apart);
        match told.await {
            Ok(_) => delivery.ack(BasicAckOptions::default()).await?,
            Err(err) => {
                warn!(?topic, error = %crate::telemetry::Chain(&err), "a notification waits");
                self.clock.sleep(TRY_AGAIN).await;
                let again = BasicNackOptions {
                    requeue: true,
                    ..BasicNackOptions::default()
                };
                delivery.nack(again).await?
            }
        };
        Ok(())
    }
}

/// A name as AMQP takes it.
fn name(text: &str) -> Result<ShortString> {
    ShortString::try_new(text)
        .map_err(|_| anyhow!("a name has at most {MAX_NAME_BYTES} bytes: {text}"))
}
