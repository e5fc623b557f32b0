//! The signals that end the host.

use std::io;

use tokio::signal::unix::{SignalKind, signal as on};

/// Listens from now on; the answer is ready at the first SIGTERM or SIGINT.
pub(super) fn signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
