//! End-to-end tests: one binary, one file a topic.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing member of a JSON value is null"
)]

mod action_executions;
mod audit;
mod auth_oidc;
mod consent;
mod crash_recovery;
mod cron_triggers;
mod definitions;
mod environments;
mod event_triggers;
mod evil_clouds;
mod evil_guests;
mod evil_keystones;
mod evil_uploads;
mod execution_changes;
mod execution_environments;
mod execution_recovery;
mod executions;
mod executor_processes;
mod fair_queue;
mod front_door;
mod guest_limits;
mod isolation;
mod keys;
mod keystone_faults;
mod lists;
mod members;
mod mistral_answers;
mod mistral_client;
mod mistral_keystone;
mod mistral_shapes;
mod mistral_workflows;
mod modules;
mod murano_action;
mod murano_list;
mod openstack_proxy;
mod policy;
mod policy_coverage;
mod quotas;
mod renewal;
mod secrets;
mod target_cloud;
mod tasks;
mod two_clouds;
mod watching;
mod workflow_clouds;
mod workflow_members;
mod zonda_client;
