//! Operations: read, decide, commit. One event, one file.

mod action_executions;
mod ad_hoc;
mod apart;
mod apply;
mod audit;
mod complete_action;
mod components;
mod definitions;
mod environments;
mod error;
mod execution_tree;
mod executions;
mod expand_action;
mod find_modules;
mod grants;
mod lists;
mod members;
mod modules;
mod quotas;
mod read_executions;
mod registry;
mod running;
mod seals;
mod settings;
mod signatures;
mod start_action;
mod system_modules;
mod task_result;
#[cfg(test)]
mod tests;
mod triggers;
mod update_action;
mod watchers;
mod watching;
mod worker;

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

pub use audit::AuditSettings;
pub use components::Upload;
pub use definitions::{Document, FoundAction};
pub use environments::{ChangeEnvironment, EnvironmentUse, NewEnvironment};
pub use error::Error;
pub use execution_tree::{ExecutionEntry, Report, ReportEntry, TaskCounts, TaskEntry, TreeRequest};
pub use executions::{RerunTask, StartExecution, UpdateExecution, WorkflowRef};
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
pub use triggers::{
    ChangeEventTrigger, NewCronTrigger, NewErrand, NewEventTrigger, Notification,
    NotificationSettings, TriggerCloud, WebhookCall,
};
pub use update_action::UpdateAction;
pub use watchers::Change;
pub use watching::{Told, Watch, Watched};

pub use crate::lang::Fault as DocumentFault;
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
    specs: definitions::Specs,
    running: running::Running,
    executions: executions::Executions,
    triggers: triggers::Triggers,
    work_added: Notify,
    next_wake: worker::NextWake,
    quota_book: quotas::QuotaBook,
    refusals: audit::Refusals,
    watchers: Arc<watchers::Watchers>,
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
            specs: definitions::Specs::default(),
            running: running::Running::default(),
            executions: executions::Executions::default(),
            triggers: triggers::Triggers::default(),
            work_added: Notify::new(),
            next_wake: worker::NextWake::default(),
            quota_book: quotas::QuotaBook::default(),
            refusals: audit::Refusals::default(),
            watchers: Arc::default(),
            module_changes: Mutex::default(),
        });
        engine.load_registry().await?;
        Ok(engine)
    }

    /// Ends all watching of executions: the host is about to stop, and would wait for those who watch.
    pub fn stop_watches(&self) {
        self.watchers.close();
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("host_id", &self.host_id)
            .finish_non_exhaustive()
    }
}
