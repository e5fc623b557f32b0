//! End-to-end tests: one binary, one file a topic.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing member of a JSON value is null"
)]

mod action_executions;
mod consent;
mod crash_recovery;
mod guest_limits;
mod isolation;
mod mistral_client;
mod modules;
mod openstack_proxy;
mod secrets;
mod target_cloud;
mod two_clouds;
