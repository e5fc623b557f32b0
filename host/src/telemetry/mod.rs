//! Logs: to stderr, as JSON or for people, never in the way of who logs.
//!
//! No secret can be logged because no secret prints; this module adds what is beyond types: libraries, which would log
//! headers and bodies, are held at `info`, and a crash leaves neither a core dump nor its words behind.

mod chain;
mod crash;
mod writer;

use std::io::IsTerminal as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter,
    filter::{ParseError, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

pub use chain::Chain;
pub use crash::keep_secrets;
pub use writer::Flush;

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `error`, `warn`, `info`, `debug` or `trace`; also by module, as in `info,zonda_host::engine=debug`. Libraries log
    /// at `info` and above only, whatever this says, because what they log below it holds headers and bodies.
    pub level: String,
    /// How a line looks.
    pub format: Format,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::default(),
        }
    }
}

/// Only this crate logs below `info`, whatever the filter says: libraries show headers, bodies and keys there. And lapin
/// not at all: to it a question that is answered by no is an error, and a real one is logged where it is dealt with.
fn is_fit_to_log(metadata: &Metadata<'_>) -> bool {
    let is_of = |name: &str| {
        let rest = metadata.target().strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    is_of("zonda_host") || (*metadata.level() <= Level::INFO && !is_of("lapin"))
}

impl Settings {
    /// The filter that `level` describes.
    ///
    /// # Errors
    /// When it is none.
    pub fn filter(&self) -> Result<EnvFilter, ParseError> {
        EnvFilter::builder().parse(&self.level)
    }
}

/// Begins to log. What is still in memory is written when the answer is dropped.
///
/// # Errors
/// When the level is none, or something logs already.
pub fn begin(settings: &Settings) -> anyhow::Result<Flush> {
    let (writer, flush) = writer::to_stderr()?;
    let layer = fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry()
        .with(filter_fn(is_fit_to_log))
        .with(settings.filter()?);
    match settings.format {
        Format::Json => registry.with(layer.json()).try_init()?,
        Format::Human => {
            let layer = layer.with_ansi(std::io::stderr().is_terminal());
            registry.with(layer).try_init()?;
        }
    }
    Ok(flush)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_name_modules() {
        let settings = |level: &str| Settings {
            level: level.to_owned(),
            format: Format::Json,
        };
        assert!(settings("info,zonda_host::engine=debug").filter().is_ok());
        assert!(settings("info,=").filter().is_err());
    }

    #[test]
    fn libraries_do_not_trace_whatever_the_filter_says() {
        let settings = Settings {
            level: "trace,h2=trace,hyper::proto=trace,zonda_hostile=trace".to_owned(),
            format: Format::Json,
        };
        let (lines, read) = writer::to_memory();
        let subscriber = tracing_subscriber::registry()
            .with(filter_fn(is_fit_to_log))
            .with(settings.filter().unwrap())
            .with(fmt::layer().json().with_writer(lines));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..2 {
                tracing::trace!(target: "h2::codec", "secret");
                tracing::debug!(target: "hyper::proto::h1", "secret");
                tracing::trace!(target: "zonda_hostile", "secret");
                tracing::info!(target: "h2", "a word of a library");
                tracing::trace!(target: "zonda_host::engine", "a word of ours");
            }
        });
        let text = read();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("a word of a library") && text.contains("a word of ours"));
    }
}
