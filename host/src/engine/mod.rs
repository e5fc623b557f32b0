//! Operations: read, decide, commit. One event, one file.

mod action_executions;
mod apply;
mod audit;
mod complete_action;
mod components;
mod environments;
mod error;
mod find_modules;
mod grants;
mod lists;
mod members;
mod modules;
mod quotas;
mod registry;
mod running;
mod seals;
mod settings;
mod signatures;
mod start_action;
mod system_modules;
#[cfg(test)]
mod tests;
mod update_action;
mod worker;

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

pub use audit::AuditSettings;
pub use components::Upload;
pub use environments::{ChangeEnvironment, NewEnvironment};
pub use error::Error;
pub use find_modules::ModuleRef;
pub use grants::{GrantRuleSettings, GrantSettings, ModuleConsent};
pub use members::ShareableRef;
pub use modules::NewModule;
pub use quotas::{QuotaSettings, QuotaState};
pub use registry::{Action, ModuleFacts};
pub use seals::reseal;
pub use settings::Settings;
pub use signatures::{Key, ModuleSettings, TrustedKey};
pub use start_action::{StartAction, StartedAction};
pub use update_action::UpdateAction;

use crate::{
    clock::Clock,
    domain::HostId,
    executor::Executor,
    openstack::Clouds,
    store::{KeyRing, Store},
};

/// What the engine works with; only `server` knows which they are.
pub struct Parts {
    /// Keeps records.
    pub store: Arc<dyn Store>,
    /// Runs actions.
    pub executor: Arc<dyn Executor>,
    /// Reaches clouds.
    pub clouds: Arc<Clouds>,
    /// Seals what is private.
    pub keys: Arc<KeyRing>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How it is configured.
    pub settings: Settings,
}

/// Decides what follows and commits it.
pub struct Engine {
    store: Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    clouds: Arc<Clouds>,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    host_id: HostId,
    registry: registry::Registry,
    running: running::Running,
    work_added: Notify,
    quota_book: quotas::QuotaBook,
    refusals: audit::Refusals,
    /// Held from a check of who refers to a component to the deletion or the record that follows from it, and from a
    /// module's commit until the registry shows it, so that the registry never goes back.
    module_changes: Mutex<components::UploadsInFlight>,
}

impl Engine {
    /// An engine over `parts` that knows the modules in the store.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, Error> {
        let engine = Arc::new(Self {
            store: parts.store,
            executor: parts.executor,
            clouds: parts.clouds,
            keys: parts.keys,
            clock: parts.clock,
            settings: parts.settings,
            host_id: HostId::generate(),
            registry: registry::Registry::default(),
            running: running::Running::default(),
            work_added: Notify::new(),
            quota_book: quotas::QuotaBook::default(),
            refusals: audit::Refusals::default(),
            module_changes: Mutex::default(),
        });
        engine.load_registry().await?;
        Ok(engine)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("host_id", &self.host_id)
            .finish_non_exhaustive()
    }
}
