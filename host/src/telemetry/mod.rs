//! Logs: to stderr, as JSON or for people, never in the way of who logs.
//!
//! No secret can be logged because no secret prints; this module adds nothing to that but a last resort: the libraries
//! that would log headers and bodies are held at `info`.

mod chain;
mod writer;

use std::io::IsTerminal as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::{
    EnvFilter, filter::ParseError, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub use chain::Chain;
pub use writer::Flush;

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `error`, `warn`, `info`, `debug` or `trace`; also by module, as in `info,zonda_host::engine=debug`.
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

/// Libraries that log what passes through them: headers, bodies, keys.
const TALKATIVE: [&str; 7] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sled",
    "wasmtime",
];

impl Settings {
    /// The filter that `level` describes.
    ///
    /// # Errors
    /// When it is none.
    pub fn filter(&self) -> Result<EnvFilter, ParseError> {
        let mut filter = EnvFilter::builder().parse(&self.level)?;
        for library in TALKATIVE {
            filter = filter.add_directive(format!("{library}=info").parse()?);
        }
        Ok(filter)
    }
}

/// Begins to log. What is still in memory is written when the answer is dropped.
///
/// # Errors
/// When the level is none, or something logs already.
pub fn begin(settings: &Settings) -> anyhow::Result<Flush> {
    let (writer, flush) = writer::to_stderr()?;
    let layer = fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(settings.filter()?);
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
    fn libraries_that_see_secrets_do_not_trace() {
        let settings = Settings {
            level: "trace".to_owned(),
            format: Format::Json,
        };
        let filter = settings.filter().unwrap().to_string();
        assert!(filter.contains("hyper=info") && filter.contains("reqwest=info"));
    }
}
