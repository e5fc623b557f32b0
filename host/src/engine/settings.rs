//! How the engine is configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AuditSettings, GrantSettings, ModuleSettings, QuotaSettings};
use crate::{expr::Bounds, workflow::Limits};

/// No sub-workflow is deeper, whatever is set.
pub(super) const DEEPEST: u32 = 64;

/// `[engine]`: runs and due work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Ends a run that names no `timeout` of its own, in seconds.
    pub timeout_secs: u64,
    /// The longest `timeout` that a run may name, in seconds.
    pub max_timeout_secs: u64,
    /// The most stored runs that this host has under way at once; more wait in the store.
    pub concurrent_jobs: usize,
    /// The most stored runs of one project that wait or are under way; further ones are refused with 429.
    pub jobs_per_project: usize,
    /// The most steps of executions that this host makes at once; more wait in the store.
    pub concurrent_steps: usize,
    /// The most executions that this host keeps in memory between their steps.
    pub cached_executions: usize,
    /// The most tasks of one execution, and the most items of one task.
    pub tasks_per_execution: u32,
    /// The most sub-workflows below each other; 64 at most.
    pub depth: u32,
    /// The most that a task may publish, that an execution may have as variables and as its output, each as JSON in
    /// KiB. What goes over it ends in ERROR.
    pub field_kib: usize,
    /// The most that one evaluation of an expression may do, in steps; all evaluations of one step of an execution may do
    /// 64 times as much.
    pub expression_steps: u64,
    /// The most memory that the values of one evaluation of an expression may take, in MiB.
    pub expression_mib: u64,
    /// The deepest nesting of an expression and its values.
    pub expression_depth: u32,
    /// How long executions are kept after they ended, in hours; 0 keeps them for ever.
    pub keep_executions_hours: u64,
    /// The most ended executions that are kept of a project, of which the oldest go; 0 keeps all.
    pub keep_executions: u64,
    /// How long a claim on a stored run holds without a sign of life, in seconds.
    pub lease_secs: u64,
    /// The most log lines kept of a run.
    pub log_lines: usize,
    /// The most bytes of log lines kept of a run, in KiB.
    pub log_kib: usize,
    /// The most request traces kept of a run.
    pub request_traces: usize,
    /// Where this host is reached from outside, for callbacks: `[listen] public_url`, taken over by `server`.
    #[serde(skip)]
    pub public_url: Option<String>,
    /// The most runs of one project at a time: `[runtime] concurrent_runs_per_project`, taken over by `server`. More
    /// stored runs are not claimed, since they would only wait here.
    #[serde(skip)]
    pub runs_per_project: usize,
    /// Whose signatures of modules are accepted: `[modules]`, taken over by `server`.
    #[serde(skip)]
    pub modules: ModuleSettings,
    /// What the operator grants to modules: `[[grants]]`, taken over by `server`.
    #[serde(skip)]
    pub grants: Vec<GrantSettings>,
    /// The most mutating requests of a run that no grant limits: `[runtime] mutating_requests`, taken over by `server`.
    #[serde(skip)]
    pub mutating_requests: u64,
    /// What a project may have: `[quotas]`, taken over by `server`.
    #[serde(skip)]
    pub quotas: QuotaSettings,
    /// How long the audit trail is kept: `[audit]`, taken over by `server`.
    #[serde(skip)]
    pub audit: AuditSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_secs: 60,
            max_timeout_secs: 3600,
            concurrent_jobs: 1024,
            jobs_per_project: 10_000,
            concurrent_steps: 256,
            cached_executions: 1000,
            tasks_per_execution: 20_000,
            depth: 32,
            field_kib: 1024,
            expression_steps: 1_000_000,
            expression_mib: 64,
            expression_depth: 64,
            keep_executions_hours: 0,
            keep_executions: 0,
            lease_secs: 30,
            log_lines: 1000,
            log_kib: 256,
            request_traces: 1000,
            public_url: None,
            runs_per_project: usize::MAX,
            modules: ModuleSettings::default(),
            grants: Vec::new(),
            mutating_requests: 1000,
            quotas: QuotaSettings::default(),
            audit: AuditSettings::default(),
        }
    }
}

impl Settings {
    /// What one evaluation of an expression may take.
    pub(super) const fn bounds(&self) -> Bounds {
        Bounds {
            steps: self.expression_steps,
            bytes: self.expression_mib.saturating_mul(1 << 20),
            depth: self.expression_depth,
        }
    }

    /// How large an execution and a commit may become.
    pub(super) const fn execution_limits(&self) -> Limits {
        Limits {
            tasks: self.tasks_per_execution,
            depth: if self.depth < DEEPEST {
                self.depth
            } else {
                DEEPEST
            },
            field_bytes: self.field_kib.saturating_mul(1024),
            begins: Limits::BEGINS,
        }
    }
}
