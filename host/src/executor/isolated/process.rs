//! The host's end of one executor process.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    os::fd::OwnedFd,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::{mpsc, oneshot},
};
use tracing::{error, warn};

use super::wire::{self, Order, Report, Run, Setup};
use crate::{
    domain::{ActionSpec, Digest, Journal, ModuleName, Outcome},
    executor::{Call, TakeInError},
};

/// The hidden subcommand of the program.
pub const SUBCOMMAND: &str = "execute-actions";

/// An executor process; killed when it is dropped.
pub(super) struct Process {
    orders: mpsc::UnboundedSender<Order>,
    shared: Arc<Shared>,
    tickets: AtomicU64,
    _child: Child,
}

struct Shared {
    /// None once the process is gone.
    waiting: Mutex<Option<HashMap<u64, Waiting>>>,
}

struct Waiting {
    journal: Arc<Journal>,
    ended: oneshot::Sender<Outcome>,
}

/// Cancels a run in its process unless it has ended.
struct Ticket<'a> {
    process: &'a Process,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let was_waiting = self.process.shared.take(self.number).is_some();
        if was_waiting {
            let _ = self.process.orders.send(Order::Cancel(self.number));
        }
    }
}

impl Process {
    /// Starts `program` as an executor process. It inherits the standard error and no variable.
    pub(super) fn start(program: &OsStr, setup: Arc<Setup>) -> io::Result<Self> {
        let (child, from, to) = spawn(program)?;
        let (orders, written) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Some(HashMap::new())),
        });
        tokio::spawn(write_orders(to, setup, written));
        tokio::spawn(read_reports(from, Arc::clone(&shared)));
        Ok(Self {
            orders,
            shared,
            tickets: AtomicU64::new(0),
            _child: child,
        })
    }

    /// Makes one run. Dropping the future cancels it.
    pub(super) async fn run(&self, call: &Call) -> Outcome {
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        let (ended, end) = oneshot::channel();
        let waiting = Waiting {
            journal: Arc::clone(&call.scope.journal),
            ended,
        };
        match &mut *self.shared.lock() {
            Some(all) => all.insert(number, waiting),
            None => return wire::process_lost(),
        };
        let _ticket = Ticket {
            process: self,
            number,
        };
        let run = Box::new(Run::new(number, call));
        if self.orders.send(Order::Run(run)).is_err() {
            return wire::process_lost();
        }
        end.await.unwrap_or_else(|_| wire::process_lost())
    }

    /// Whether it takes no more orders.
    pub(super) fn is_gone(&self) -> bool {
        self.shared.lock().is_none()
    }
}

/// Takes in an upload in a process that is there for that alone: what describes itself may be hostile, too.
pub(super) async fn take_in(
    program: &OsStr,
    setup: &Setup,
    file: &std::path::Path,
    digest: Digest,
    module: Option<&ModuleName>,
) -> Result<Vec<ActionSpec>, TakeInError> {
    let host = |err: io::Error| TakeInError::Host(err.into());
    let (_child, mut from, mut to) = spawn(program).map_err(host)?;
    wire::write(&mut to, setup).await.map_err(host)?;
    let order = Order::TakeIn {
        file: file.to_owned(),
        digest,
        module: module.cloned(),
    };
    wire::write(&mut to, &order).await.map_err(host)?;
    match wire::read(&mut from).await.map_err(host)? {
        Some(Report::TookIn(answer)) => answer.map_err(Into::into),
        Some(Report::Row(..) | Report::Ended { .. }) | None => Err(host(io::Error::other(
            "the executor process ended without an answer",
        ))),
    }
}

fn spawn(program: &OsStr) -> io::Result<(Child, OwnedReadHalf, OwnedWriteHalf)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = theirs.into_std()?;
    theirs.set_nonblocking(false)?;
    let child = Command::new(program)
        .arg(SUBCOMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (from, to) = ours.into_split();
    Ok((child, from, to))
}

async fn write_orders(
    mut to: OwnedWriteHalf,
    setup: Arc<Setup>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let write = async {
        wire::write(&mut to, &*setup).await?;
        while let Some(order) = orders.recv().await {
            wire::write(&mut to, &order).await?;
        }
        io::Result::Ok(())
    };
    if let Err(err) = write.await {
        warn!(error = %err, "an executor process takes no more orders");
    }
}

async fn read_reports(mut from: OwnedReadHalf, shared: Arc<Shared>) {
    loop {
        match wire::read(&mut from).await {
            Ok(Some(report)) => shared.take_report(report),
            Ok(None) => break,
            Err(err) => {
                error!(error = %err, "an executor process cannot be understood");
                break;
            }
        }
    }
    // Whoever still waits hears of it by the end of its channel.
    *shared.lock() = None;
}

impl Shared {
    fn take_report(&self, report: Report) {
        match report {
            Report::Row(ticket, row) => {
                let journal = self
                    .lock()
                    .as_ref()
                    .and_then(|waiting| waiting.get(&ticket))
                    .map(|waiting| Arc::clone(&waiting.journal));
                if let Some(journal) = journal {
                    journal.add(row);
                }
            }
            Report::Ended {
                ticket,
                outcome,
                log_dropped,
                requests_dropped,
            } => {
                if let Some(Waiting { journal, ended }) = self.take(ticket) {
                    journal.count_dropped(log_dropped, requests_dropped);
                    let _ = ended.send(outcome);
                }
            }
            Report::TookIn(_) => {}
        }
    }

    fn take(&self, ticket: u64) -> Option<Waiting> {
        self.lock().as_mut()?.remove(&ticket)
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<u64, Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
