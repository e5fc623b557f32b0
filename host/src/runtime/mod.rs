//! The sandbox: the only place that names wasmtime.
//!
//! Every run has a store of its own, made from the loaded component and dropped at the end; what a guest reaches is what
//! [`guest`] links, and all of that is counted and capped. Guest data is hostile: nothing here may panic on it.

mod artefact;
mod bindings;
mod blobs;
mod call;
mod cloud;
pub mod compile;
mod confine;
mod describe;
mod engine;
mod error;
#[doc(hidden)]
pub mod floor;
#[cfg(test)]
mod fuzz;
mod guest;
mod http;
mod inspect;
mod limits;
mod log;
mod module;
mod settings;

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use cap_std::fs::Dir;
use tokio::sync::Semaphore;
use wasmtime::{Engine, component::Linker};

pub use self::{
    artefact::ArtefactKey,
    error::Error,
    module::Module,
    settings::{CompileSettings, Settings},
};
use self::{
    artefact::Artefacts,
    blobs::Blobs,
    compile::{Compiler, Program},
    guest::{Guest, Shared},
    module::Slot,
};
use crate::{
    clock::Clock,
    domain::{ActionExecutionId, CustomContext, Digest, JsonText, TaskOfAction, Timestamp},
    openstack::{Clouds, RunScope, Session},
};

/// One run, as a guest may know it.
#[derive(Debug)]
pub struct Run {
    /// Its id.
    pub id: ActionExecutionId,
    /// The checked input.
    pub input: JsonText,
    /// How often it has been tried, from 1.
    pub attempt: u32,
    /// Whose run it is, of which action, with its journal.
    pub scope: RunScope,
    /// The caller's private dict.
    pub custom_context: Option<CustomContext>,
    /// The cloud it may work on.
    pub session: Option<Arc<Session>>,
    /// When it will be ended.
    pub deadline: Timestamp,
    /// The task that it is a run of.
    pub task: Option<TaskOfAction>,
    /// Where an asynchronous action is completed.
    pub callback_url: Option<String>,
}

impl Run {
    /// `text` without the secrets of the run's session.
    fn clean(&self, text: String) -> String {
        match &self.session {
            Some(session) => session.clean(text),
            None => text,
        }
    }
}

/// The engine with everything that is loaded.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Guest>,
    shared: Arc<Shared>,
    blobs: Blobs,
    artefacts: Artefacts,
    compiler: Compiler,
    modules: RwLock<HashMap<Digest, Slot>>,
    /// Modules that describe themselves at one time: the pool has places for so many.
    describes: Semaphore,
}

impl Runtime {
    /// A runtime over the modules in `dir`, whose compiled code it authenticates under `key`.
    ///
    /// # Errors
    /// When the engine cannot be made or the directory cannot be read.
    pub fn new(
        settings: Settings,
        dir: Dir,
        key: ArtefactKey,
        clouds: Arc<Clouds>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Error> {
        Self::with_compiler(settings, dir, key, clouds, clock, Program::own())
    }

    /// The turn of an upload that another process takes in for this one, unless too many wait for theirs.
    ///
    /// # Errors
    /// When too many wait.
    pub async fn turn_of_upload(&self) -> Result<compile::Turn<'_>, Error> {
        self.compiler.turn_of_upload().await
    }

    /// As [`Runtime::new`], with another program as the compiling child.
    ///
    /// # Errors
    /// As those of [`Runtime::new`].
    #[doc(hidden)]
    pub fn with_compiler(
        settings: Settings,
        dir: Dir,
        key: ArtefactKey,
        clouds: Arc<Clouds>,
        clock: Arc<dyn Clock>,
        program: Program,
    ) -> Result<Arc<Self>, Error> {
        let engine = engine::serving(&settings)?;
        let blobs = Blobs::open(dir).map_err(Error::blobs)?;
        Ok(Arc::new(Self {
            linker: guest::linker(&engine)?,
            artefacts: Artefacts::new(blobs.clone(), key, &engine),
            compiler: Compiler::new(program, settings.compile.clone()),
            describes: Semaphore::new(settings.describes()),
            shared: Arc::new(Shared {
                settings,
                clouds,
                clock,
            }),
            modules: RwLock::default(),
            blobs,
            engine,
        }))
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}
