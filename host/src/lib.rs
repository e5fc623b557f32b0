//! Zonda, an action host: runs WebAssembly actions in a sandbox against any OpenStack cloud that the caller names.
//!
//! Arrows point down this list; `scripts/layers` holds it: `server` → `api` → `engine` → `executor` → `runtime` →
//! `openstack`; `auth` and `policy` beside `api`; `store` and `workflow` → `lang` → `expr` below `engine`;
//! `clock` and `domain` under all.

pub mod api;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod executor;
pub mod expr;
#[cfg(test)]
mod fuzz;
pub mod lang;
pub mod metrics;
pub mod openstack;
pub mod policy;
pub mod runtime;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod workflow;
