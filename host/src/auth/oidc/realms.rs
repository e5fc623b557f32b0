//! The keys of realms: fetched once for all who wait, kept while the provider is away, and never asked for so often
//! that made-up tokens could flood it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use url::Url;

use crate::{
    clock::Clock,
    domain::Timestamp,
    openstack::{
        cache::{Cache, Flights, Key, key},
        documents::{self, Documents, Tls},
    },
};

use super::key_set::KeySet;

/// The most realms whose keys are kept.
const MOST_REALMS: usize = 1024;
/// The most bytes of a realm's keys.
const MOST_BYTES: u64 = 256 << 10;
/// The most time that the provider has for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller whose key is known waits for the provider when keys are due to be fetched again.
const PATIENCE: Duration = Duration::from_secs(1);
/// A realm's keys are not asked for again within this time, whatever tokens come.
const ASKED_FOR: Duration = Duration::from_secs(3);
/// A realm that the provider does not know is not asked for again within this time.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);
/// While the provider is away, keys are used for so long after they were fetched.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// So many realms of which nothing is known are asked for within [`STRANGERS_WITHIN`].
const MOST_STRANGERS: u32 = 30;
const STRANGERS_WITHIN: Duration = Duration::from_secs(10);

/// Why a realm's keys are not at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The provider has no such realm.
    #[error("the provider has no such realm")]
    NoSuchRealm,
    /// Nobody can tell at the moment.
    #[error("{0}")]
    Unavailable(String),
}

/// A realm's keys.
#[derive(Debug, Clone)]
pub(super) struct Realm {
    pub(super) keys: Arc<KeySet>,
    /// When to ask for them again.
    pub(super) fresh_until: Timestamp,
}

/// The keys of every realm below one URL.
#[derive(Clone)]
pub(super) struct Realms(Arc<Inner>);

struct Inner {
    documents: Documents,
    url: Url,
    max_age: Duration,
    clock: Arc<dyn Clock>,
    kept: Cache<Realm>,
    /// How the last question about a realm ended, until it may be asked again.
    asked: Cache<Result<(), Error>>,
    questions: Flights<Realm, Error>,
    strangers: Mutex<Strangers>,
}

/// How many realms of which nothing was known have been asked for lately.
struct Strangers {
    since: Timestamp,
    count: u32,
}

impl Realms {
    /// The realms below `url`; asks nobody yet.
    pub(super) fn new(url: Url, tls: Tls, max_age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            documents: Documents::new(tls, TIMEOUT),
            url,
            max_age,
            clock,
            kept: Cache::new(MOST_REALMS),
            asked: Cache::new(MOST_REALMS),
            questions: Flights::new(),
            strangers: Mutex::new(Strangers {
                since: Timestamp::from_unix_ms(0),
                count: 0,
            }),
        }))
    }

    /// The keys of the realm `name`, a checked name; asks the provider when they are too old, or the key `key_id` is not
    /// among them.
    pub(super) async fn get(&self, name: &str, key_id: &str) -> Result<Realm, Error> {
        let (id, now) = (key([name.as_bytes()]), self.0.clock.now());
        let Some(kept) = self.0.kept.get(&id, now) else {
            return self.0.ask(id, name).await;
        };
        if !kept.keys.knows(key_id) {
            return self.0.ask(id, name).await;
        }
        if kept.fresh_until > now {
            return Ok(kept);
        }
        // The question goes on when this caller stops waiting, so that a slow provider is heard in the end.
        let (inner, owned) = (Arc::clone(&self.0), name.to_owned());
        let question = tokio::spawn(async move { inner.ask(id, &owned).await });
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(Ok(realm))) => Ok(realm),
            Ok(Ok(Err(Error::NoSuchRealm))) => Err(Error::NoSuchRealm),
            Ok(Ok(Err(Error::Unavailable(_))) | Err(_)) | Err(_) => Ok(Realm {
                fresh_until: now.after(ASKED_FOR),
                ..kept
            }),
        }
    }
}

impl Inner {
    /// The keys as the provider has them, unless it was asked a moment ago.
    async fn ask(&self, id: Key, name: &str) -> Result<Realm, Error> {
        let question = async {
            let now = self.clock.now();
            let kept = self.kept.get(&id, now);
            match (self.asked.get(&id, now), kept) {
                (Some(Err(error)), _) => return Err(error),
                (Some(Ok(())), Some(kept)) => return Ok(kept),
                (_, Some(_)) => {}
                (_, None) => self.admit_stranger(now)?,
            }
            let answer = self.fetch(name).await;
            self.remember(id, answer)
        };
        self.questions.join(id, question).await
    }

    /// Keeps what the provider has answered, for those who come next.
    fn remember(&self, id: Key, answer: Result<KeySet, Error>) -> Result<Realm, Error> {
        let now = self.clock.now();
        let asked = |ended, wait| self.asked.put(id, ended, now.after(wait), now);
        match answer {
            Ok(keys) => {
                let realm = Realm {
                    keys: Arc::new(keys),
                    fresh_until: now.after(self.max_age),
                };
                self.kept.put(id, realm.clone(), now.after(KEPT_FOR), now);
                asked(Ok(()), ASKED_FOR);
                Ok(realm)
            }
            Err(error) => {
                let wait = match &error {
                    Error::NoSuchRealm => {
                        self.kept.remove(&id);
                        UNKNOWN_FOR
                    }
                    Error::Unavailable(reason) => {
                        tracing::warn!(%reason, "a realm's keys cannot be fetched");
                        ASKED_FOR
                    }
                };
                asked(Err(error.clone()), wait);
                Err(error)
            }
        }
    }

    async fn fetch(&self, name: &str) -> Result<KeySet, Error> {
        let unavailable = |reason: String| Err(Error::Unavailable(reason));
        match self.documents.get(certs(&self.url, name), MOST_BYTES).await {
            Ok(bytes) => match KeySet::parse(&bytes) {
                Some(keys) => Ok(keys),
                None => unavailable(
                    "the OpenID provider does not answer with a key set; check `[auth.oidc] issuer_url`"
                        .to_owned(),
                ),
            },
            Err(documents::Error::Status { status: 404, .. }) => Err(Error::NoSuchRealm),
            Err(error) => unavailable(format!("the OpenID provider at {error}")),
        }
    }

    /// Counts a realm of which nothing is known, and refuses one too many.
    fn admit_stranger(&self, now: Timestamp) -> Result<(), Error> {
        let mut strangers = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if now.since(strangers.since) >= STRANGERS_WITHIN {
            *strangers = Strangers {
                since: now,
                count: 0,
            };
        }
        if strangers.count >= MOST_STRANGERS {
            return Err(Error::Unavailable(
                "too many unknown realms are asked for; try again later, or let the operator name yours in \
                 `[auth.oidc] realms`"
                    .to_owned(),
            ));
        }
        strangers.count += 1;
        Ok(())
    }
}

/// Where Keycloak has the keys of the realm `name`.
fn certs(url: &Url, name: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty()
            .extend(["realms", name, "protocol", "openid-connect", "certs"]);
    }
    url
}
