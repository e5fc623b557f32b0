//! Why a component is not taken in or a run did not come to its own end, in words for a person.

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::{
    Settings,
    guest::{Guest, RANDOM_BYTES},
    limits::Exceeded,
};
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

/// What the host says when it ends a run because of what it used: the limit, its value and its setting.
pub(super) fn over_limit(exceeded: Exceeded, settings: &Settings) -> Failure {
    Failure::new(match exceeded {
        Exceeded::Memory => format!(
            "the action needed more than {0} MiB of memory (runtime.memory_mib = {0})",
            settings.memory_mib
        ),
        Exceeded::TableElements => format!(
            "the action needed more than {0} table elements (runtime.table_elements = {0})",
            settings.table_elements
        ),
        Exceeded::Instances => format!(
            "the action's component has more than {0} core instances (runtime.instances = {0})",
            settings.instances
        ),
        Exceeded::Memories => format!(
            "the action's component has more than {0} memories (runtime.memories = {0})",
            settings.memories
        ),
        Exceeded::Tables => format!(
            "the action's component has more than {0} tables (runtime.tables = {0})",
            settings.tables
        ),
        Exceeded::Cpu => format!(
            "the action used more than {0} s of CPU time (runtime.cpu_secs = {0})",
            settings.cpu_secs
        ),
        Exceeded::Stack => format!(
            "the action needed more than {0} KiB of stack (runtime.stack_kib = {0})",
            settings.stack_kib
        ),
        Exceeded::Output => format!(
            "the action's answer is longer than {0} KiB (runtime.output_kib = {0})",
            settings.output_kib
        ),
        Exceeded::HostCall => format!(
            "the action handed more than {0} MiB to the host in one call (runtime.hostcall_mib = {0})",
            settings.hostcall_mib
        ),
        Exceeded::Handles => format!(
            "the action held more than {0} handles (runtime.handles = {0})",
            settings.handles
        ),
        Exceeded::Requests => format!(
            "the action made more than {0} requests (runtime.requests = {0})",
            settings.requests
        ),
        Exceeded::ConcurrentRequests => format!(
            "the action held more than {0} streams and uploads open (runtime.concurrent_requests = {0})",
            settings.concurrent_requests
        ),
        Exceeded::Answers => format!(
            "the action took more than {0} MiB of answers (runtime.answers_mib = {0})",
            settings.answers_mib
        ),
    })
}

/// The limit that `err` stands for.
fn limit_in(err: &wasmtime::Error) -> Option<Exceeded> {
    if let Some(exceeded) = err.downcast_ref::<Exceeded>() {
        return Some(*exceeded);
    }
    if err.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some(Exceeded::Stack);
    }
    // wasmtime has no types for these; tests keep watch over its words.
    let text = err.root_cause().to_string();
    TELLING_WORDS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map(|(_, exceeded)| *exceeded)
}

/// How wasmtime says that a limit was reached: as a run's own, and as the pool's when a component is loaded.
const TELLING_WORDS: [(&str, Exceeded); 14] = [
    ("fuel allocated for hostcalls", Exceeded::HostCall),
    ("no free keys", Exceeded::Handles),
    ("store handle limit exceeded", Exceeded::Handles),
    ("instance count too high", Exceeded::Instances),
    ("memory count too high", Exceeded::Memories),
    ("table count too high", Exceeded::Tables),
    ("core module instances, which", Exceeded::Instances),
    ("VMComponentContext", Exceeded::Instances),
    ("Wasm linear memories, which", Exceeded::Memories),
    ("defined memories count", Exceeded::Memories),
    ("tables, which exceeds", Exceeded::Tables),
    ("defined tables count", Exceeded::Tables),
    ("minimum byte size", Exceeded::Memory),
    ("minimum element size", Exceeded::TableElements),
];

/// Why a component does not fit into what a run may have; none when it is something else that `err` tells.
pub(super) fn too_large(err: &wasmtime::Error, settings: &Settings) -> Option<Error> {
    limit_in(err).map(|exceeded| Error::Refused(over_limit(exceeded, settings).message))
}

/// What is said about a run that `err` ended. Names no path, address or frame of the host.
pub(super) fn failure(err: &wasmtime::Error, guest: &Guest) -> Failure {
    let settings = guest.settings();
    if let Some(exceeded) = guest.limiter().exceeded().or_else(|| limit_in(err)) {
        return over_limit(exceeded, settings);
    }
    if err.downcast_ref::<PoolConcurrencyLimitError>().is_some() || is_out_of_memory(err) {
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
        trap_text(*trap)
    } else {
        let text = err.root_cause().to_string();
        if text.starts_with("requested len") {
            let most = RANDOM_BYTES >> 10;
            format!("the action asked for more than {most} KiB of random bytes in one call")
        } else {
            format!("the action was ended: {text}")
        }
    };
    match guest.last_words() {
        Some(words) => Failure::new(format!("{what}; its last words: {words}")),
        None => Failure::new(what),
    }
}

/// Whether the system had no memory or address space for an instance.
fn is_out_of_memory(err: &wasmtime::Error) -> bool {
    err.is::<wasmtime::error::OutOfMemory>()
        || err
            .chain()
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .any(|cause| cause.kind() == std::io::ErrorKind::OutOfMemory)
        || err.chain().any(|cause| {
            cause
                .downcast_ref::<rustix::io::Errno>()
                .is_some_and(|errno| *errno == rustix::io::Errno::NOMEM)
        })
}

fn trap_text(trap: Trap) -> String {
    if trap == Trap::MemoryOutOfBounds {
        // Languages that keep a stack of their own in memory run over its end.
        format!(
            "the action trapped: {trap} (its own stack may have been too small for a deep recursion)"
        )
    } else {
        format!("the action trapped: {trap}")
    }
}
