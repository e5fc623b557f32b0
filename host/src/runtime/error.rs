//! Why a component is not taken in or a run did not come to its own end, in words for a person.

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::{Settings, guest::Guest, limits::Exceeded};
use crate::domain::Failure;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the runtime could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The component is none of our world, or what it says about itself is wrong; for the uploader.
    #[error("{0}")]
    Refused(String),
    /// It went over a limit of the compilation; for the uploader.
    #[error("{0}")]
    TooExpensive(String),
    /// Too many uploads wait already; for the uploader.
    #[error("{0}")]
    Busy(String),
    /// There is no such component on this host.
    #[error("the component {0} is not on this host")]
    Missing(crate::domain::Digest),
    /// The host could not do its part; for the log.
    #[error("{step}")]
    Host {
        /// What it could not do.
        step: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
}

impl Error {
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    pub(super) fn host(step: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Host {
            step,
            source: source.into(),
        }
    }

    pub(super) fn engine(source: wasmtime::Error) -> Self {
        Self::host("the WebAssembly engine cannot be made", source)
    }

    pub(super) fn ticker(source: std::io::Error) -> Self {
        Self::host("the epoch thread cannot be started", source)
    }

    pub(super) fn blobs(source: std::io::Error) -> Self {
        Self::host("the directory of modules cannot be used", source)
    }

    pub(super) fn task(source: tokio::task::JoinError) -> Self {
        Self::host("a task of the host ended early", source)
    }
}

/// What the host says when it ends a run because of what it used.
pub(super) fn over_limit(exceeded: Exceeded, settings: &Settings) -> Failure {
    Failure::new(match exceeded {
        Exceeded::Memory => format!(
            "the action needed more than {0} MiB of memory (runtime.memory_mib = {0})",
            settings.memory_mib
        ),
        Exceeded::Table => format!(
            "the action needed more than {0} table elements (runtime.table_elements = {0})",
            settings.table_elements
        ),
        Exceeded::Cpu => format!(
            "the action used more than {0} s of CPU time (runtime.cpu_secs = {0})",
            settings.cpu_secs
        ),
        Exceeded::Output => format!(
            "the action's answer is longer than {0} KiB (runtime.output_kib = {0})",
            settings.output_kib
        ),
    })
}

/// What is said about a run that `err` ended. Names no path, address or frame of the host.
pub(super) fn failure(err: &wasmtime::Error, guest: &Guest) -> Failure {
    let settings = guest.settings();
    if let Some(exceeded) = guest.limiter().exceeded() {
        return over_limit(exceeded, settings);
    }
    if err.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Failure {
            retryable: true,
            ..Failure::new(format!(
                "the host has no room for another run (runtime.concurrent_runs = {})",
                settings.concurrent_runs
            ))
        };
    }
    let what = if let Some(exit) = err.downcast_ref::<I32Exit>() {
        format!("the action called exit({})", exit.0)
    } else if let Some(trap) = err.downcast_ref::<Trap>() {
        trap_text(*trap, settings)
    } else {
        let text = err.root_cause().to_string();
        if text.contains("fuel allocated for hostcalls") {
            format!(
                "the action handed more than {0} MiB to the host in one call (runtime.hostcall_mib = {0})",
                settings.hostcall_mib
            )
        } else if text.contains("no free keys") || text.contains("store handle limit exceeded") {
            format!(
                "the action held more than {0} handles (runtime.handles = {0})",
                settings.handles
            )
        } else {
            format!("the action was ended: {text}")
        }
    };
    match guest.last_words() {
        Some(words) => Failure::new(format!("{what}; its last words: {words}")),
        None => Failure::new(what),
    }
}

fn trap_text(trap: Trap, settings: &Settings) -> String {
    if trap == Trap::StackOverflow {
        format!(
            "the action needed more than {0} KiB of stack (runtime.stack_kib = {0})",
            settings.stack_kib
        )
    } else if trap == Trap::MemoryOutOfBounds {
        // Languages that keep a stack of their own in memory run over its end.
        format!(
            "the action trapped: {trap} (its own stack may have been too small for a deep recursion)"
        )
    } else {
        format!("the action trapped: {trap}")
    }
}
