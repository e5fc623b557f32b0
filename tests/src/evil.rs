//! What an evil guest does and how it must end, and a host that is small enough for its limits to be reached quickly.

use std::sync::{Arc, Weak};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::client::{Client, Run, id_of};
use crate::faults::FaultServer;
use crate::guests;
use crate::host::{Host, Settings};

/// The seconds that a behavior without end is given.
pub const TIMEOUT: f64 = 0.3;

/// A host whose limits are small, with the modules `probe` and `evil`.
#[derive(Debug)]
pub struct EvilHost {
    host: Host,
}

impl EvilHost {
    /// The limits that the suite reaches for.
    pub fn settings() -> Settings {
        let runtime = [
            ("memory_mib", 48),
            ("table_elements", 10_000),
            ("instances", 32),
            ("memories", 4),
            ("tables", 8),
            ("cpu_secs", 1),
            ("stack_kib", 256),
            ("output_kib", 64),
            ("hostcall_mib", 2),
            ("handles", 100),
            ("requests", 20),
            ("concurrent_requests", 4),
            ("answers_mib", 1),
            ("concurrent_runs", 16),
            ("concurrent_runs_per_project", 12),
        ];
        let settings = Settings::new()
            .set("log", "level", "info")
            .set("store", "cache_mib", 1)
            .set("engine", "log_lines", 50)
            .set("engine", "log_kib", 64)
            .set("openstack", "response_bytes", 256 << 10)
            .set("openstack", "request_timeout_secs", 5);
        runtime
            .into_iter()
            .fold(settings, |all, (key, value)| all.set("runtime", key, value))
    }

    /// Starts a host of one's own.
    pub async fn start() -> Result<Self> {
        // With an arena for each thread the allocator takes many rounds until it has all that it will keep.
        let host = Host::start_among(Self::settings(), &[("MALLOC_ARENA_MAX", "1")]).await?;
        prepare(&host.client()?).await?;
        Ok(Self { host })
    }

    /// The host of all tests that run at the same time; it ends with the last of them.
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<EvilHost>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(host) = shared.upgrade() {
            return Ok(host);
        }
        let host = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&host);
        Ok(host)
    }

    /// A client; each test has its own, since connections end with the test's runtime.
    pub fn client(&self) -> Result<Client> {
        self.host.client()
    }

    /// The host itself.
    pub const fn host(&self) -> &Host {
        &self.host
    }
}

/// Uploads the modules whose actions misbehave.
pub async fn prepare(client: &Client) -> Result<()> {
    for name in ["probe", "evil"] {
        client.push(name, guests::guest(name)?).await?.expect(201)?;
    }
    Ok(())
}

/// What a guest does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// An action of `probe` or `evil`.
    Action(&'static str),
    /// A component written by hand.
    Wat(&'static str),
}

/// How it must end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// In ERROR, with these words.
    Fails(&'static [&'static str]),
    /// In SUCCESS, with this result as JSON.
    Succeeds(&'static str),
    /// With a refusal of the upload, with these words.
    Refused(&'static [&'static str]),
    /// By being cancelled while it is under way.
    Cancelled,
}

/// An evil deed and how it must end.
#[derive(Clone, Debug)]
pub struct Behavior {
    deed: Deed,
    input: fn() -> Value,
    timeout: f64,
    served: Option<&'static str>,
    end: End,
}

/// An action of `probe` or `evil`.
pub fn action(name: &'static str) -> Behavior {
    Behavior::of(Deed::Action(name))
}

/// A component written by hand.
pub fn wat(name: &'static str) -> Behavior {
    Behavior::of(Deed::Wat(name))
}

impl Behavior {
    fn of(deed: Deed) -> Self {
        Self {
            deed,
            input: || json!({}),
            timeout: 30.0,
            served: None,
            end: End::Fails(&[]),
        }
    }

    /// With this input.
    #[must_use]
    pub fn input(mut self, input: fn() -> Value) -> Self {
        self.input = input;
        self
    }

    /// With a fault server, at this path, as its cloud.
    #[must_use]
    pub fn served(mut self, path: &'static str) -> Self {
        self.served = Some(path);
        self
    }

    /// Ends in ERROR, with each of these words.
    #[must_use]
    pub fn fails(mut self, words: &'static [&'static str]) -> Self {
        self.end = End::Fails(words);
        self
    }

    /// Never ends by itself: ends in ERROR by its timeout.
    #[must_use]
    pub fn times_out(mut self) -> Self {
        self.timeout = TIMEOUT;
        self.fails(&["did not end within 0.3 s, its timeout"])
    }

    /// Comes to nothing: ends in SUCCESS with this result.
    #[must_use]
    pub fn succeeds(mut self, result: &'static str) -> Self {
        self.end = End::Succeeds(result);
        self
    }

    /// Is not even taken in.
    #[must_use]
    pub fn refused(mut self, words: &'static [&'static str]) -> Self {
        self.end = End::Refused(words);
        self
    }

    /// Is cancelled while it is under way.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.end = End::Cancelled;
        self
    }

    /// Does it on this host, and checks how it ends.
    pub async fn check(&self, client: &Client) -> Result<()> {
        let action = match self.deed {
            Deed::Action(name) => name.to_owned(),
            Deed::Wat(name) => {
                let answer = client.push(name, guests::wat(name)?).await?;
                if let End::Refused(words) = self.end {
                    let fault = answer.fault(422)?;
                    return tells(&fault, words).with_context(|| name);
                }
                // 409: another round took it in.
                ensure!(matches!(answer.status, 201 | 409), "{}", answer.text());
                format!("{name}.run")
            }
        };
        let server = FaultServer::start().await?;
        let mut run = client
            .run(&action)
            .input((self.input)())
            .param("timeout", self.timeout);
        if let Some(path) = self.served {
            run = run.headers(server.target_headers("a-token", &server.catalog(path)))?;
        }
        match self.end {
            End::Fails(words) => tells(&run.error().await?, words),
            End::Succeeds(result) => {
                let (is, should) = (run.result().await?, serde_json::from_str::<Value>(result)?);
                ensure!(is == should, "{is} is not {should}");
                Ok(())
            }
            End::Cancelled => cancel(client, run).await,
            End::Refused(_) => bail!("an action cannot be refused"),
        }
        .with_context(|| action)
    }
}

/// Whether the host says what it must, and nothing that is nobody's business.
fn tells(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "`{word}` is not in: {text}");
    }
    for secret in [
        "/root",
        "/home",
        "/tmp",
        "host/src",
        "backtrace",
        "wasmtime",
    ] {
        ensure!(!text.contains(secret), "`{secret}` is in: {text}");
    }
    // Offsets in the upload are the uploader's; addresses of the host are longer.
    let addresses = text.split("0x").skip(1);
    let is_address = |rest: &str| rest.bytes().take_while(u8::is_ascii_hexdigit).count() > 8;
    ensure!(
        !addresses.into_iter().any(is_address),
        "an address is in: {text}"
    );
    ensure!(text.len() < 70_000, "{} bytes of words", text.len());
    Ok(())
}

async fn cancel(client: &Client, run: Run<'_>) -> Result<()> {
    let id = id_of(&run.saved().created().await?)?;
    let cancelled = json!({ "state": "CANCELLED" });
    let answer = client.update_action_execution(&id, &cancelled).await?;
    ensure!(answer.expect(200)?["state"] == "CANCELLED");
    ensure!(client.completed(&id).await?["state"] == "CANCELLED");
    Ok(())
}
