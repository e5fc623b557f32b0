//! The executor process of one project: makes the runs that the host orders, and ends with the host.

use std::{
    collections::HashMap,
    io,
    os::{fd::AsFd as _, unix::net},
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cap_std::{ambient_authority, fs::Dir};
use tokio::{
    net::{UnixStream, unix::OwnedWriteHalf},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::wire::{self, Order, Report, Run, Setup};
use crate::{
    clock::SystemClock,
    domain::{Failure, Journal, Outcome},
    executor::{Call, Executor as _, WasmExecutor},
    openstack::{Clouds, RunScope},
    runtime::ArtefactKey,
    telemetry,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An executor process: reads orders from its standard input, a socket to the host, until that is closed.
#[must_use]
pub fn child_main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime.map_err(BoxError::from).and_then(|runtime| {
        let served = runtime.block_on(serve());
        // What still runs has nobody left to report to.
        runtime.shutdown_background();
        served
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error!(error = %telemetry::Chain(&*err), "the executor process cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), BoxError> {
    // A signal to the whole group is for the host, which lets runs end first and then closes the socket.
    let _terminate = signal(SignalKind::terminate())?;
    let _interrupt = signal(SignalKind::interrupt())?;
    let socket = net::UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let (mut orders, answers) = UnixStream::from_std(socket)?.into_split();
    let Some(setup) = wire::read::<Setup>(&mut orders).await? else {
        return Ok(());
    };
    let _flush = telemetry::begin(&setup.log)?;
    let (reports, written) = mpsc::unbounded_channel();
    tokio::spawn(write_reports(answers, written));
    let child = Arc::new(Child::new(setup, reports)?);
    while let Some(order) = wire::read::<Order>(&mut orders).await? {
        match order {
            Order::Run(run) => {
                let cancel = CancellationToken::new();
                child.cancels().insert(run.ticket, cancel.clone());
                tokio::spawn(Arc::clone(&child).run(*run, cancel));
            }
            Order::Cancel(ticket) => {
                if let Some(cancel) = child.cancels().get(&ticket) {
                    cancel.cancel();
                }
            }
            Order::TakeIn {
                file,
                digest,
                module,
            } => {
                let answer = child.executor.take_in(&file, digest, module.as_ref()).await;
                child.report(Report::TookIn(answer.map_err(Into::into)));
            }
        }
    }
    Ok(())
}

async fn write_reports(mut to: OwnedWriteHalf, mut reports: mpsc::UnboundedReceiver<Report>) {
    while let Some(report) = reports.recv().await {
        if wire::write(&mut to, &report).await.is_err() {
            return;
        }
    }
}

struct Child {
    clouds: Arc<Clouds>,
    executor: WasmExecutor,
    reports: mpsc::UnboundedSender<Report>,
    cancels: Mutex<HashMap<u64, CancellationToken>>,
}

impl Child {
    fn new(setup: Setup, reports: mpsc::UnboundedSender<Report>) -> Result<Self, BoxError> {
        let clock = Arc::new(SystemClock);
        let clouds = Clouds::new(setup.openstack, &setup.http, clock.clone())?;
        clouds.refuse_listeners(setup.listeners);
        let clouds = Arc::new(clouds);
        let key = zeroize::Zeroizing::new(BASE64.decode(setup.key.expose())?);
        let executor = WasmExecutor::new(
            setup.runtime,
            Dir::open_ambient_dir(&setup.modules, ambient_authority())?,
            ArtefactKey::new(key.as_slice().try_into()?),
            Arc::clone(&clouds),
            clock,
        )?;
        Ok(Self {
            clouds,
            executor,
            reports,
            cancels: Mutex::default(),
        })
    }

    async fn run(self: Arc<Self>, run: Run, cancel: CancellationToken) {
        let ticket = run.ticket;
        let reports = self.reports.clone();
        let journal = Arc::new(Journal::forwarding(run.caps, move |row| {
            let _ = reports.send(Report::Row(ticket, row));
        }));
        let outcome = self.outcome(run, Arc::clone(&journal), cancel).await;
        self.cancels().remove(&ticket);
        let page = journal.page();
        self.report(Report::Ended {
            ticket,
            outcome,
            log_dropped: page.log_dropped,
            requests_dropped: page.requests_dropped,
        });
    }

    async fn outcome(&self, run: Run, journal: Arc<Journal>, cancel: CancellationToken) -> Outcome {
        let scope = RunScope {
            project_id: run.project_id.clone(),
            spec: Arc::clone(&run.spec),
            consent: Arc::clone(&run.consent),
            request: run.request(),
            journal,
        };
        let custom_context = run.custom_context();
        let session = run
            .target
            .map(|target| self.clouds.session(scope.clone(), target));
        let session = match session.transpose() {
            Ok(session) => session.map(Arc::new),
            Err(err) => {
                return Outcome::Failed(Failure::new(format!("Invalid target cloud: {err}")));
            }
        };
        let call = Call {
            id: run.id,
            digest: run.digest,
            input: run.input,
            attempt: run.attempt,
            scope,
            custom_context,
            session,
            timeout: Duration::from_millis(run.timeout_ms),
            cancel,
            place: None,
            task: run.task,
            callback_url: run.callback_url,
        };
        self.executor.run(call).await
    }

    fn report(&self, report: Report) {
        // Without the host there is nobody to tell, and the loop over orders has ended.
        let _ = self.reports.send(report);
    }

    fn cancels(&self) -> MutexGuard<'_, HashMap<u64, CancellationToken>> {
        self.cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
