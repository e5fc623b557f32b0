//! Components on their way from an upload to something that runs.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, task::spawn_blocking};
use wasmtime::component::Component;

use super::{
    Runtime, Settings,
    artefact::Fresh,
    bindings::{ActionModulePre, exports::zonda::action::actions},
    blobs::component_name,
    compile::Turn,
    describe,
    error::{self, Error},
    guest::{self, Guest},
    inspect, limits,
    log::cut,
};
use crate::domain::{ActionSpec, Digest, ModuleName};

/// What a module may use while it describes its actions.
const DESCRIBE_CPU: Duration = Duration::from_secs(1);
const DESCRIBE_WALL: Duration = Duration::from_secs(2);
const DESCRIBE_MEMORY_BYTES: usize = 128 << 20;

/// How much of a refusal that others word is passed on.
const REFUSAL_BYTES: usize = 1 << 10;

/// A loaded component, ready to be instantiated.
pub struct Module {
    pub(super) pre: ActionModulePre<Guest>,
}

/// A loaded component, or one that somebody is loading just then.
pub(super) type Slot = Arc<OnceCell<Arc<Module>>>;

impl Runtime {
    /// Checks and compiles the component in `file`, asks it for its actions, and keeps blob and compiled code.
    ///
    /// # Errors
    /// When it is refused, too expensive to compile, or the host cannot do its part; then nothing is kept.
    pub async fn take_in(
        self: &Arc<Self>,
        file: &Path,
        digest: Digest,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, Error> {
        // The turn is for all of it: reading and inspecting take memory and time, too.
        let turn = self.compiler.turn_of_upload().await?;
        let component = self.read_upload(file.to_owned(), digest).await?;
        let source = component.try_clone().map_err(Error::blobs)?;
        let (loaded, fresh) = match self.load_kept(digest).await? {
            Some(component) => (self.link(&component)?, None),
            None => {
                let (component, fresh) = self.compile(&turn, digest, component).await?;
                (self.link(&component)?, Some(fresh))
            }
        };
        let described = self.describe(&loaded).await?;
        let (this, module) = (Arc::clone(self), module.cloned());
        let kept = spawn_blocking(move || {
            let specs = describe::check(described, module.as_ref())?;
            this.keep(digest, source, fresh.as_ref())
                .map_err(Error::blobs)?;
            Ok::<_, Error>(specs)
        });
        let specs = kept.await.map_err(Error::task)??;
        let _ = self.slot(digest).set(Arc::new(loaded));
        Ok(specs)
    }

    /// The loaded component `digest`; loads it, and compiles it again where only the blob is left.
    ///
    /// # Errors
    /// When it is not there, or cannot be compiled or loaded any more.
    pub async fn prepare(self: &Arc<Self>, digest: Digest) -> Result<Arc<Module>, Error> {
        let slot = self.slot(digest);
        let loaded = slot.get_or_try_init(async || self.load(digest).await.map(Arc::new));
        match loaded.await {
            Ok(module) => Ok(Arc::clone(module)),
            Err(err) => {
                self.forget(digest);
                Err(err)
            }
        }
    }

    /// The component's bytes.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn content(&self, digest: Digest) -> io::Result<Option<File>> {
        let blobs = self.blobs.clone();
        spawn_blocking(move || blobs.get(&component_name(digest))).await?
    }

    /// Drops blob, compiled code and what is loaded of `digest`.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub async fn discard(&self, digest: Digest) -> io::Result<()> {
        self.forget(digest);
        let blobs = self.blobs.clone();
        spawn_blocking(move || blobs.sweep(digest, |_| false)).await?
    }

    async fn load(self: &Arc<Self>, digest: Digest) -> Result<Module, Error> {
        if let Some(component) = self.load_kept(digest).await? {
            return self.link(&component);
        }
        let blob = self.content(digest).await.map_err(Error::blobs)?;
        let blob = blob.ok_or(Error::Missing(digest))?;
        let turn = self.compiler.turn().await;
        let (component, fresh) = self.compile(&turn, digest, blob).await?;
        let loaded = self.link(&component)?;
        let this = Arc::clone(self);
        let kept = spawn_blocking(move || this.artefacts.keep(digest, &fresh)).await;
        kept.map_err(Error::task)?.map_err(Error::blobs)?;
        Ok(loaded)
    }

    /// Opens an upload and inspects it.
    async fn read_upload(self: &Arc<Self>, path: PathBuf, digest: Digest) -> Result<File, Error> {
        let limits = self.shared.settings.compile.clone();
        let read = spawn_blocking(move || {
            let mut file = File::open(path).map_err(Error::blobs)?;
            let most = limits.max_component_bytes();
            let mut bytes = Vec::new();
            (&mut file)
                .take(most.saturating_add(1))
                .read_to_end(&mut bytes)
                .map_err(Error::blobs)?;
            if bytes.len() as u64 > most {
                return Err(Error::TooExpensive(format!(
                    "the component is larger than {0} MiB (runtime.compile.max_component_mib = {0})",
                    limits.max_component_mib
                )));
            }
            inspect::inspect(&bytes)?;
            if Digest::of(&bytes) != digest {
                let err = io::Error::other("the upload changed while it was read");
                return Err(Error::blobs(err));
            }
            file.rewind().map_err(Error::blobs)?;
            Ok(file)
        });
        read.await.map_err(Error::task)?
    }

    async fn load_kept(self: &Arc<Self>, digest: Digest) -> Result<Option<Component>, Error> {
        let this = Arc::clone(self);
        let load = spawn_blocking(move || this.artefacts.load(&this.engine, digest));
        load.await.map_err(Error::task)?.map_err(Error::blobs)
    }

    async fn compile(
        self: &Arc<Self>,
        turn: &Turn<'_>,
        digest: Digest,
        component: File,
    ) -> Result<(Component, Fresh), Error> {
        let code = self.blobs.scratch().map_err(Error::blobs)?;
        let output = code.try_clone().map_err(Error::blobs)?;
        self.compiler.compile(turn, component, output).await?;
        let this = Arc::clone(self);
        let load = spawn_blocking(move || this.artefacts.load_fresh(&this.engine, digest, code));
        let loaded = load.await.map_err(Error::task)?.map_err(Error::blobs)?;
        loaded.map_err(|err| {
            error::too_large(&err, &self.shared.settings)
                .unwrap_or_else(|| Error::host("freshly compiled code cannot be loaded", err))
        })
    }

    fn link(&self, component: &Component) -> Result<Module, Error> {
        self.linker
            .instantiate_pre(component)
            .and_then(ActionModulePre::new)
            .map(|pre| Module { pre })
            .map_err(|err| {
                // It may repeat names of any length.
                Error::Refused(cut(
                    format!("the component is not of the world `action-module`: {err:#}"),
                    REFUSAL_BYTES,
                ))
            })
    }

    async fn describe(&self, module: &Module) -> Result<Vec<actions::ActionSpec>, Error> {
        let memory_bytes = self
            .shared
            .settings
            .memory_bytes()
            .min(DESCRIBE_MEMORY_BYTES);
        let _place = self.describes.acquire().await;
        let mut store = guest::store(&self.engine, &self.shared, None, memory_bytes);
        let described = {
            let call = pin!(async {
                let bindings = module.pre.instantiate_async(&mut store).await?;
                let actions = bindings.zonda_action_actions();
                actions.call_describe(&mut store).await
            });
            tokio::time::timeout(DESCRIBE_WALL, limits::metered(DESCRIBE_CPU, call)).await
        };
        match described {
            Ok(Some(Ok(described))) => Ok(described),
            Ok(Some(Err(err))) => {
                // What the operator allows a run is not what this call had.
                let settings = Settings {
                    memory_mib: memory_bytes >> 20,
                    ..self.shared.settings.clone()
                };
                let failure = match store.data().limiter().exceeded() {
                    Some(exceeded) => error::over_limit(exceeded, &settings),
                    None => error::failure(&err, store.data()),
                };
                Err(Error::Refused(format!(
                    "the module cannot describe its actions: {}",
                    failure.message
                )))
            }
            Ok(None) | Err(_) => Err(Error::Refused(format!(
                "the module cannot describe its actions: `describe` took longer than {} s",
                DESCRIBE_CPU.as_secs()
            ))),
        }
    }

    fn keep(&self, digest: Digest, mut source: File, fresh: Option<&Fresh>) -> io::Result<()> {
        let name = component_name(digest);
        if self.blobs.get(&name)?.is_none() {
            source.rewind()?;
            self.blobs
                .put(&name, |file| io::copy(&mut source, file).map(drop))?;
        }
        fresh.map_or(Ok(()), |fresh| self.artefacts.keep(digest, fresh))
    }

    fn slot(&self, digest: Digest) -> Slot {
        let modules = self.modules.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = modules.get(&digest) {
            return Arc::clone(slot);
        }
        drop(modules);
        let mut modules = self.modules.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(modules.entry(digest).or_default())
    }

    /// Drops what is loaded; runs that have it keep it to their end.
    fn forget(&self, digest: Digest) {
        let mut modules = self.modules.write().unwrap_or_else(PoisonError::into_inner);
        modules.remove(&digest);
    }
}
