//! What one store holds: the run's facts, its limits and its sandboxed WASI.

use std::sync::Arc;

use wasmtime::{
    Engine, Store,
    component::{HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView, cli::WasiCli, cli::WasiCliView as _,
    filesystem::WasiFilesystem, filesystem::WasiFilesystemView as _, p2, random::WasiRandom,
    sockets::WasiSockets, sockets::WasiSocketsView as _,
};

use super::{
    Run, Settings,
    bindings::{ActionModule, zonda::action::execution},
    error::Error,
    limits::{Limiter, Traffic},
    log::{Output, Stdio},
};
use crate::{clock::Clock, domain::LogLevel, openstack::Clouds};

/// Random bytes that a guest may ask for in one call; all of them together are bounded by its CPU time.
pub(super) const RANDOM_BYTES: u64 = 64 << 10;

/// What all stores of a host share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) clouds: Arc<Clouds>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The data of one store. Without a run it is being described, and nothing outside is within its reach.
pub(super) struct Guest {
    pub(super) shared: Arc<Shared>,
    pub(super) run: Option<Run>,
    pub(super) table: ResourceTable,
    pub(super) traffic: Traffic,
    wasi: WasiCtx,
    limiter: Limiter,
    stdio: Arc<Stdio>,
}

impl Guest {
    /// The limiter, with what it refused.
    pub(super) const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The last lines of its standard error, where a panic's message stands.
    pub(super) fn last_words(&self) -> Option<String> {
        self.stdio.last_words()
    }

    fn run(&self) -> wasmtime::Result<&Run> {
        self.run
            .as_ref()
            .ok_or_else(|| wasmtime::format_err!("facts of a run are there only in `run`"))
    }
}

impl Drop for Guest {
    /// The tasks that send its requests end a little later; that they were given up is known here.
    fn drop(&mut self) {
        if let Some(run) = &self.run {
            run.scope.journal.give_up(self.shared.clock.now());
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// A fresh store; `run` is none while a module is asked for its actions.
pub(super) fn store(
    engine: &Engine,
    shared: &Arc<Shared>,
    run: Option<Run>,
    memory_bytes: usize,
) -> Store<Guest> {
    let settings = &shared.settings;
    let journal = run.as_ref().map(|run| Arc::clone(&run.scope.journal));
    let session = run.as_ref().and_then(|run| run.session.clone());
    let stdio = Arc::new(Stdio::new(journal, session, Arc::clone(&shared.clock)));
    let wasi = WasiCtx::builder()
        .stdout(Output::new(&stdio, LogLevel::Info))
        .stderr(Output::new(&stdio, LogLevel::Warn))
        .max_random_size(RANDOM_BYTES)
        .build();
    let mut table = ResourceTable::new();
    table.set_max_capacity(settings.handles);
    let guest = Guest {
        shared: Arc::clone(shared),
        run,
        table,
        traffic: Traffic::new(settings),
        wasi,
        limiter: Limiter::new(settings, memory_bytes),
        stdio,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(settings.hostcall_bytes());
    store.set_max_component_handles(settings.handles);
    // A guest that computes yields at every tick; whoever polls it then looks at its time, its CPU and its cancellation.
    store.epoch_deadline_async_yield_and_update(1);
    store.set_epoch_deadline(1);
    store
}

/// Everything that a component may import.
pub(super) fn linker(engine: &Engine) -> Result<Linker<Guest>, Error> {
    let mut linker = Linker::new(engine);
    ActionModule::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)
        .and_then(|()| add_wasi(&mut linker))
        .map_err(Error::engine)?;
    Ok(linker)
}

/// What the standard libraries of languages import in order to start. There is no directory to open, no variable to
/// read, and nothing that makes a socket or resolves a name: the types of files and sockets have no way to a value.
fn add_wasi(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use p2::bindings::{cli, filesystem, random, sockets};

    p2::add_to_linker_proxy_interfaces_async(linker)?;
    cli::exit::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    cli::environment::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(linker, Guest::cli)?;
    filesystem::preopens::add_to_linker::<Guest, WasiFilesystem>(linker, Guest::filesystem)?;
    filesystem::types::add_to_linker::<Guest, WasiFilesystem>(linker, Guest::filesystem)?;
    random::insecure::add_to_linker::<Guest, WasiRandom>(linker, random_of)?;
    random::insecure_seed::add_to_linker::<Guest, WasiRandom>(linker, random_of)?;
    let network = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<Guest, WasiSockets>(linker, &network, Guest::sockets)?;
    sockets::tcp::add_to_linker::<Guest, WasiSockets>(linker, Guest::sockets)?;
    sockets::udp::add_to_linker::<Guest, WasiSockets>(linker, Guest::sockets)
}

fn random_of(guest: &mut Guest) -> &mut wasmtime_wasi::random::WasiRandomCtx {
    guest.wasi.random()
}

impl execution::Host for Guest {
    fn facts(&mut self) -> wasmtime::Result<execution::RunFacts> {
        let run = self.run()?;
        let task = run.task.as_ref();
        Ok(execution::RunFacts {
            action_execution_id: run.id.to_string(),
            name: run.scope.spec.name.to_string(),
            attempt: run.attempt,
            deadline_unix_ms: u64::try_from(run.deadline.unix_ms()).unwrap_or(0),
            task_name: task.map(|task| task.task_name.to_string()),
            task_execution_id: task.map(|task| task.task_execution_id.to_string()),
            execution_id: task.map(|task| task.execution_id.to_string()),
            root_execution_id: task.map(|task| task.root_execution_id.to_string()),
            workflow_name: task.map(|task| task.workflow_name.to_string()),
            with_items_index: task.and_then(|task| task.index),
            project_id: run.scope.project_id.to_string(),
            request_id: run.scope.request.request_id.to_string(),
            callback_url: run.callback_url.clone(),
        })
    }

    fn custom_context(&mut self) -> wasmtime::Result<String> {
        let context = self.run()?.custom_context.as_ref();
        Ok(context.map_or_else(|| "{}".to_owned(), |context| context.expose().to_owned()))
    }
}

impl super::bindings::zonda::action::types::Host for Guest {}
