//! What things are: pure types and rules, without I/O, clock or `await`.

mod access;
mod action;
mod action_execution;
mod audit_event;
mod custom_context;
mod digest;
mod environment;
#[cfg(test)]
mod fuzz;
mod grant;
mod id;
mod job;
mod journal;
mod json_text;
mod list;
mod member;
mod module;
mod name;
mod operation;
mod outcome;
mod project;
mod quota;
mod report;
mod schema;
mod secret;
mod state;
mod target_cloud;
mod time;

pub use access::{
    AccessRule, RULE_PART_BYTES, api_version, is_literal, is_method, is_service_type, is_wildcard,
};
pub use action::ActionSpec;
pub use action_execution::{ActionExecution, BadTransition, NewActionExecution, Params};
pub use audit_event::{AuditEvent, AuditObject, AuditOutcome, ObjectType};
pub use custom_context::CustomContext;
pub use digest::{BadDigest, Digest};
pub use environment::Environment;
pub use grant::{Grant, GrantedRule};
pub use id::{
    ActionExecutionId, AuditEventId, BadId, EnvironmentId, HostId, JobId, MemberId, ModuleId,
    ModuleVersionId,
};
pub use job::{Job, Work};
pub use journal::{
    Journal, JournalCaps, JournalPage, JournalRow, LogLevel, LogLine, RequestPlace, RequestTrace,
};
pub use json_text::JsonText;
pub use list::{BadFilter, Cell, Column, Filter, ListRequest, Order, Page, Reach, SortKey, Walked};
pub use member::{Member, MemberStatus, Shareable};
pub use module::{Module, ModuleSignature, ModuleVersion};
pub use name::{ActionName, BadName, EnvironmentName, ModuleName};
pub use operation::{Operation, Origin, RequestContext, Sight};
pub use outcome::{Failure, Outcome};
pub use project::{ProjectId, Scope};
pub use quota::{Limit, Limits, OwnLimits, ProjectQuotas, Tallies, Tally};
pub use report::PlannedRequest;
pub use schema::{BadSchema, Fault, Schema};
pub use secret::{InClear, PrivateObject, Sealed, Secret, plain, plain_option, private_json, wipe};
pub use state::State;
pub use target_cloud::{Credential, TargetCloud};
pub use time::Timestamp;
