//! How the engine is configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AuditSettings, GrantSettings, ModuleSettings, QuotaSettings};

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
