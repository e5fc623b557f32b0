//! What an action may know and do: the facts of its run, the caller's context, the cloud, the log.

use serde::de::DeserializeOwned;

use crate::cloud::{Cloud, Error};
use crate::host::Host;
use crate::{Failure, Http, Log, Result, RunFacts};

/// The world as one run of an action sees it.
pub struct Context {
    host: Host,
}

impl Context {
    pub(crate) fn of_this_run() -> Self {
        Self {
            host: Host::Imports,
        }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn of_test(host: Host) -> Self {
        Self { host }
    }

    /// The caller's private context, read as `T`; a caller who gave none gave an empty object.
    ///
    /// It is private: keep it out of logs and results.
    ///
    /// # Errors
    /// A failure that names the member that does not fit.
    pub fn custom_context<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.host.custom_context())
            .map_err(|error| Failure::new(format!("custom_context does not fit: {error}")))
    }

    /// The target cloud of this run.
    ///
    /// # Errors
    /// If there is none, or its token is no longer valid.
    pub fn cloud(&self) -> std::result::Result<Cloud, Error> {
        Cloud::of(&self.host)
    }

    /// Requests outside the cloud, where the operator allows them.
    pub fn http(&self) -> Http<'_> {
        Http::of(&self.host)
    }

    /// The log of this run, which belongs to the caller.
    pub fn log(&self) -> Log<'_> {
        Log::of(&self.host)
    }

    /// Which run this is, for whom, and until when.
    pub fn facts(&self) -> RunFacts {
        self.host.facts()
    }
}
