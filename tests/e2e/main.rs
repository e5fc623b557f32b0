//! End-to-end tests: one binary, one file a topic.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing member of a JSON value is null"
)]

mod action_executions;
mod audit;
mod consent;
mod crash_recovery;
mod evil_clouds;
mod evil_guests;
mod evil_keystones;
mod evil_uploads;
mod executor_processes;
mod fair_queue;
mod front_door;
mod guest_limits;
mod isolation;
mod keys;
mod lists;
mod mistral_client;
mod modules;
mod openstack_proxy;
mod quotas;
mod renewal;
mod secrets;
mod target_cloud;
mod two_clouds;
