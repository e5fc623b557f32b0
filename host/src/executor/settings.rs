//! What an operator may set about where runs are made: the `[executor]` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[executor]`: in which process runs are made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whose runs share a process: `host`, all of them, in the host's own; or `project`, those of one project, in a
    /// process that holds no other project's tokens, which is the answer to side channels. Default: `host`.
    pub isolation: Isolation,
    /// The most executor processes at one time, where each project has its own; runs of more projects wait, within their
    /// timeout. Default: 32.
    pub processes: usize,
    /// Seconds after its last run until a project's executor process is ended. Default: 60.
    pub idle_secs: u64,
}

/// Whose runs share a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// All runs, in the host's own process.
    #[default]
    Host,
    /// The runs of one project, in a process of its own.
    Project,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            processes: 32,
            idle_secs: 60,
        }
    }
}
