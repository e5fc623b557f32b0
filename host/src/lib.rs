//! Zonda, an action host: runs WebAssembly actions in a sandbox against any OpenStack cloud that the caller names.
//!
//! Arrows point down this list; `scripts/layers` holds it: `server` → `api` → `engine` → `executor` → `runtime` →
//! `openstack`; `auth` and `policy` beside `api`; `store` below `engine`; `clock` and `domain` under all.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod domain;
pub mod engine;
pub mod executor;
pub mod openstack;
pub mod runtime;
pub mod store;
pub mod telemetry;
