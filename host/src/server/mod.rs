//! Builds every concrete part, listens, and drains when told to end. Only this module knows which parts are in use.

mod door;
pub mod keys;
mod metered;
#[cfg(feature = "rabbitmq")]
mod notifications;
pub mod policies;
mod seat;
mod shutdown;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use cap_std::{ambient_authority, fs::Dir};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{door::Door, metered::Metered};
use crate::{
    api::{self, App},
    auth::Authenticator,
    clock::{Clock, SystemClock},
    config::Config,
    engine::{self, Engine},
    executor::{self, Executor, Isolation, ProjectExecutor, WasmExecutor},
    metrics::Metrics,
    openstack::Clouds,
    policy::Policy,
    runtime::ArtefactKey,
    store::SledStore,
    telemetry,
};

/// Serves until SIGTERM or SIGINT. Returns when what was under way has ended or its grace period is over.
///
/// # Errors
/// When a part cannot be built, with what to mend.
pub fn serve(config: Config) -> Result<()> {
    let _flush = telemetry::begin(&config.log)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(config))
}

async fn run(config: Config) -> Result<()> {
    let grace = Duration::from_secs(config.listen.grace_secs);
    let signal = shutdown::signal()?;
    let listener = TcpListener::bind(&config.listen.address)
        .await
        .with_context(|| {
            format!(
                "[listen] address {} cannot be listened on",
                config.listen.address
            )
        })?;
    let address = listener.local_addr()?;
    let (policy, follower) = Policy::load(&config.policy)?;
    let folders = Folders::open(&config)?;
    let metrics = Arc::new(Metrics::default());
    let engine = build_engine(&config, &folders, address, &metrics).await?;
    match system_folder(&config) {
        Some(folder) => engine.load_system_modules(&folder).await.with_context(|| {
            format!(
                "the shipped actions in {} cannot be loaded",
                folder.display()
            )
        })?,
        None => warn!("there are no shipped actions: set [modules] system_path to their folder"),
    }
    let auth = Authenticator::new(&config.auth, Arc::new(SystemClock))?;
    if let Some(trustee) = auth.trustee() {
        engine.set_trustee(trustee);
    }
    let tells_callers_apart = auth.tells_callers_apart();
    let app = App::new(api::Parts {
        engine: Arc::clone(&engine),
        auth,
        policy,
        metrics,
        settings: config.listen,
        max_module_bytes: config.runtime.compile.max_component_mib << 20,
        uploads: folders.uploads,
        open_api: api::open_api(),
    });
    let stop = CancellationToken::new();
    let work = tokio::spawn(Arc::clone(&engine).work(stop.clone(), grace));
    tokio::spawn(follower.run(Arc::new(SystemClock), stop.clone()));
    let notifications =
        follow_notifications(&engine, config.notifications, tells_callers_apart, &stop);
    let last = CancellationToken::new();
    let audit_trail = tokio::spawn(Arc::clone(&engine).keep_audit_trail(last.clone()));
    let expiry = tokio::spawn(Arc::clone(&engine).expire_executions(last.clone()));
    let door = Door::new(api::service(&app), &app.settings, Arc::clone(&app.metrics));
    let serving = tokio::spawn(door.serve(listener, stop.clone()));
    info!(listen.address = %format_args!("http://{address}"), "listening on http://{address}");
    signal.await;
    info!(
        "ending: new requests are refused, and those under way have {} s",
        grace.as_secs()
    );
    stop.cancel();
    engine.stop_watches();
    if tokio::time::timeout(grace, serving).await.is_err() {
        warn!("requests under way are cut off after the grace period");
    }
    notifications.await?;
    work.await?;
    last.cancel();
    audit_trail.await?;
    expiry.await?;
    info!("ended");
    Ok(())
}

/// Follows the notifications that fire event triggers, until `stop`.
#[cfg(feature = "rabbitmq")]
fn follow_notifications(
    engine: &Arc<Engine>,
    settings: engine::NotificationSettings,
    tells_callers_apart: bool,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    if settings.url.is_none() {
        return tokio::spawn(async {});
    }
    let follower = notifications::Follower {
        engine: Arc::clone(engine),
        clock: Arc::new(SystemClock),
        settings,
        tells_callers_apart,
    };
    tokio::spawn(follower.run(stop.clone()))
}

/// This program was built without RabbitMQ.
#[cfg(not(feature = "rabbitmq"))]
fn follow_notifications(
    _: &Arc<Engine>,
    settings: engine::NotificationSettings,
    _: bool,
    _: &CancellationToken,
) -> JoinHandle<()> {
    if settings.url.is_some() {
        warn!(
            "[notifications] url has no effect: this program was built without its feature `rabbitmq`"
        );
    }
    tokio::spawn(async {})
}

/// The folders of everything the host keeps.
struct Folders {
    root: PathBuf,
    modules: Dir,
    modules_path: PathBuf,
    uploads: PathBuf,
}

impl Folders {
    /// Makes what is missing, for the host's user alone, and drops uploads that an earlier process left.
    fn open(config: &Config) -> Result<Self> {
        let root = config
            .store
            .folder()
            .context("[store] path is not set, and the user has no home folder")?;
        // Processes that the host starts have another working folder.
        let root = std::path::absolute(root)?;
        let make = |path: &Path| {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .with_context(|| {
                    format!(
                        "the folder {} cannot be made; see [store] path",
                        path.display()
                    )
                })
        };
        let modules = root.join("modules");
        let uploads = root.join("uploads");
        make(&modules)?;
        make(&uploads)?;
        for entry in fs::read_dir(&uploads)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self {
            modules: Dir::open_ambient_dir(&modules, ambient_authority())
                .with_context(|| format!("the folder {} cannot be opened", modules.display()))?,
            modules_path: modules,
            uploads,
            root,
        })
    }
}

async fn build_engine(
    config: &Config,
    folders: &Folders,
    address: SocketAddr,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Engine>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = keys::load(&folders.root, &*clock)?;
    let (path, cache_mib) = (folders.root.join("store"), config.store.cache_mib);
    let store = tokio::task::spawn_blocking(move || SledStore::open(&path, cache_mib))
        .await?
        .context("the store cannot be opened")?;
    let clouds = Clouds::new(config.openstack.clone(), &config.http, Arc::clone(&clock))?;
    clouds.refuse_listeners(vec![address]);
    let clouds = Arc::new(clouds);
    let key = ArtefactKey::new(*keys.derive("zonda compiled code"));
    let local = WasmExecutor::new(
        config.runtime.clone(),
        folders.modules.try_clone()?,
        key.clone(),
        Arc::clone(&clouds),
        Arc::clone(&clock),
    )
    .context("the sandbox cannot be built")?;
    let executor: Arc<dyn Executor> = match config.executor.isolation {
        Isolation::Host => metered(local, metrics),
        Isolation::Project => {
            let mut openstack = config.openstack.clone();
            for file in &mut openstack.ca_files {
                *file = std::path::absolute(&*file)?;
            }
            let parts = executor::Parts {
                runtime: config.runtime.clone(),
                openstack,
                http: config.http.clone(),
                log: config.log.clone(),
                modules: folders.modules_path.clone(),
                key,
                listeners: vec![address],
            };
            let settings = config.executor.clone();
            let clock = Arc::clone(&clock);
            metered(ProjectExecutor::new(local, parts, settings, clock), metrics)
        }
    };
    let public_url = config.listen.public_url.as_ref().map(ToString::to_string);
    let engine = Engine::open(engine::Parts {
        store: metered(store, metrics),
        executor,
        clouds: Arc::clone(&clouds),
        keys: Arc::new(keys),
        clock,
        settings: engine::Settings {
            public_url,
            runs_per_project: config.runtime.concurrent_runs_per_project.max(1),
            modules: config.modules.clone(),
            grants: config.grants.clone(),
            mutating_requests: config.runtime.mutating_requests,
            quotas: config.quotas.clone(),
            audit: config.audit.clone(),
            ..config.engine.clone()
        },
    })
    .await
    .context("the engine cannot read the store")?;
    Ok(engine)
}

fn metered<T>(inner: T, metrics: &Arc<Metrics>) -> Arc<Metered<T>> {
    let metrics = Arc::clone(metrics);
    Arc::new(Metered { inner, metrics })
}

/// The folder of the shipped components: the one that is set, else the first beside the program.
fn system_folder(config: &Config) -> Option<PathBuf> {
    if let Some(path) = &config.modules.system_path {
        return Some(path.clone());
    }
    let program = std::env::current_exe().ok()?;
    let beside = program.parent()?;
    ["../share/zonda/actions", "../actions"]
        .into_iter()
        .map(|path| beside.join(path))
        .find(|path| path.is_dir())
}
