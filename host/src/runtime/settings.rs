//! What an operator may set about the sandbox: the `[runtime]` section.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Limits of one run and of the host as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Linear memory of one run, all its memories together, in MiB. Default: 256.
    pub memory_mib: usize,
    /// Elements of all tables of one run together. Default: 65536.
    pub table_elements: usize,
    /// Core instances of one component, its parts included; Python's are made of dozens. Default: 256.
    pub instances: usize,
    /// Memories of one component, its parts included. Each concurrent run reserves address space for so many, 4 GiB
    /// each. Default: 4.
    pub memories: usize,
    /// Tables of one component, its parts included. Default: 16.
    pub tables: usize,
    /// Length of a result, in KiB. Default: 1024.
    pub output_kib: usize,
    /// Requests that one run may make. Default: 1000.
    pub requests: usize,
    /// Requests other than GET, HEAD and OPTIONS that one run may make, where no `[[grants]]` entry of its module says
    /// otherwise. Default: 1000.
    pub mutating_requests: u64,
    /// Requests of one run that are on their way at one time, open streams and uploads included. Default: 16.
    pub concurrent_requests: usize,
    /// Answers that one run takes as a whole, all together, in MiB; streams have `openstack.stream_bytes` each.
    /// Default: 1024.
    pub answers_mib: u64,
    /// Runs at one time on this host; more of them wait, within their timeout. Default: 1024.
    pub concurrent_runs: usize,
    /// Runs at one time of one project; more of them wait, within their timeout. Default: 256.
    pub concurrent_runs_per_project: usize,
    /// Runs that wait for their turn at one time on this host; further ones are refused with 429. Stored runs wait in
    /// the store and do not count. Default: 4096.
    pub waiting_runs: usize,
    /// Runs of one project that wait for their turn at one time; further ones are refused with 429. Default: 1024.
    pub waiting_runs_per_project: usize,
    /// CPU time of one run, in seconds. Default: 30.
    pub cpu_secs: u64,
    /// Stack of WebAssembly code, in KiB. Default: 512.
    pub stack_kib: usize,
    /// Bytes that a guest may hand to the host in one call, in MiB. Default: 16.
    pub hostcall_mib: usize,
    /// Handles of resources that one run may hold. Default: 1000.
    pub handles: usize,
    /// Limits of taking in an upload.
    pub compile: CompileSettings,
}

/// Limits of the child process that compiles an uploaded component.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompileSettings {
    /// Address space of the child, in MiB. Default: 2048.
    pub memory_mib: u64,
    /// CPU time of the child, in seconds. Default: 120.
    pub cpu_secs: u64,
    /// Time until the child is killed, in seconds. Default: 180.
    pub wall_secs: u64,
    /// Compilations at one time; more of them wait. Default: 2.
    pub concurrent: usize,
    /// Uploads that wait to be compiled; one more is refused with 429. Default: 32.
    pub waiting: usize,
    /// Size of a component, in MiB. Default: 64.
    pub max_component_mib: u64,
    /// Size of the compiled code, in MiB. Default: 512.
    pub max_code_mib: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_mib: 256,
            table_elements: 65_536,
            instances: 256,
            memories: 4,
            tables: 16,
            output_kib: 1024,
            requests: 1000,
            mutating_requests: 1000,
            concurrent_requests: 16,
            answers_mib: 1024,
            concurrent_runs: 1024,
            concurrent_runs_per_project: 256,
            waiting_runs: 4096,
            waiting_runs_per_project: 1024,
            cpu_secs: 30,
            stack_kib: 512,
            hostcall_mib: 16,
            handles: 1000,
            compile: CompileSettings::default(),
        }
    }
}

impl Default for CompileSettings {
    fn default() -> Self {
        Self {
            memory_mib: 2048,
            cpu_secs: 120,
            wall_secs: 180,
            concurrent: 2,
            waiting: 32,
            max_component_mib: 64,
            max_code_mib: 512,
        }
    }
}

impl Settings {
    pub(super) const fn memory_bytes(&self) -> usize {
        self.memory_mib.saturating_mul(MIB)
    }

    pub(super) const fn answer_bytes(&self) -> u64 {
        self.answers_mib.saturating_mul(1 << 20)
    }

    pub(super) const fn output_bytes(&self) -> usize {
        self.output_kib.saturating_mul(KIB)
    }

    pub(super) const fn hostcall_bytes(&self) -> usize {
        self.hostcall_mib.saturating_mul(MIB)
    }

    pub(super) const fn stack_bytes(&self) -> usize {
        self.stack_kib.saturating_mul(KIB)
    }

    /// Modules that describe their actions at one time.
    pub(super) fn describes(&self) -> usize {
        self.compile.concurrent.max(1)
    }

    pub(super) const fn cpu_time(&self) -> Duration {
        Duration::from_secs(self.cpu_secs)
    }
}

impl CompileSettings {
    pub(super) const fn max_component_bytes(&self) -> u64 {
        self.max_component_mib.saturating_mul(1 << 20)
    }
}
