//! Log lines of a run: `context.log()` with fields, and the `log` crate's macros without.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::bindings::zonda::action::log as wit;
use crate::host::Host;

/// The log of this run; what it holds belongs to the caller.
#[derive(Clone)]
pub struct Log<'a> {
    host: &'a Host,
    fields: Map<String, Value>,
}

impl<'a> Log<'a> {
    pub(crate) fn of(host: &'a Host) -> Self {
        Self {
            host,
            fields: Map::new(),
        }
    }

    /// Adds a field to search for to every line written through the result.
    ///
    /// A value that cannot be written as JSON is left out.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.fields.insert(name.into(), value);
        }
        self
    }

    /// A line for the author.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.line(wit::Level::Debug, message.as_ref());
    }

    /// A line about what the action does.
    pub fn info(&self, message: impl AsRef<str>) {
        self.line(wit::Level::Info, message.as_ref());
    }

    /// A line about what went worse than it should.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.line(wit::Level::Warn, message.as_ref());
    }

    /// A line about what makes the action fail.
    pub fn error(&self, message: impl AsRef<str>) {
        self.line(wit::Level::Error, message.as_ref());
    }

    fn line(&self, level: wit::Level, message: &str) {
        if self.fields.is_empty() {
            return self.host.log(level, message, "{}");
        }
        let fields = serde_json::to_string(&self.fields).unwrap_or_else(|_| "{}".into());
        self.host.log(level, message, &fields);
    }
}

/// Sends what the `log` crate's macros write (those of other crates too) to the host.
pub(crate) fn install() {
    static FACADE: Facade = Facade;
    if log::set_logger(&FACADE).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

struct Facade;

impl log::Log for Facade {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Debug
    }

    fn log(&self, record: &log::Record<'_>) {
        let level = match record.level() {
            log::Level::Error => wit::Level::Error,
            log::Level::Warn => wit::Level::Warn,
            log::Level::Info => wit::Level::Info,
            log::Level::Debug => wit::Level::Debug,
            log::Level::Trace => return,
        };
        let message = record.args().to_string();
        Log::of(&Host::Imports)
            .field("target", record.target())
            .line(level, &message);
    }

    fn flush(&self) {}
}
