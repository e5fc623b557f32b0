//! What things are: pure types and rules, without I/O, clock or `await`.

mod access;
mod action;
mod action_execution;
mod audit_event;
mod cron_pattern;
mod cron_trigger;
mod custom_context;
mod digest;
mod environment;
mod event_trigger;
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
#[cfg(test)]
pub(crate) mod samples;
mod schema;
mod secret;
mod state;
mod target_cloud;
mod task_execution;
mod time;
mod trigger;
mod workflow;
mod workflow_execution;

pub use access::{
    AccessRule, RULE_PART_BYTES, api_version, is_literal, is_method, is_service_type, is_wildcard,
};
pub use action::ActionSpec;
pub use action_execution::{
    ActionExecution, AdHocRun, BadTransition, NewActionExecution, Params, TaskOfAction,
};
pub use audit_event::{AuditEvent, AuditObject, AuditOutcome, ObjectType};
pub use cron_pattern::{BadPattern, CronPattern};
pub use cron_trigger::{BadSchedule, CronTrigger, Schedule};
pub use custom_context::CustomContext;
pub use digest::{BadDigest, Digest};
pub use environment::Environment;
pub use event_trigger::{EventTrigger, Followed, LatestEvents, Topic};
pub use grant::{Grant, GrantedRule};
pub use id::{
    ActionExecutionId, AdHocActionId, AuditEventId, BadId, CronTriggerId, EnvironmentId,
    EventTriggerId, HostId, JobId, MemberId, ModuleId, ModuleVersionId, TaskExecutionId, TrustId,
    WorkbookId, WorkflowExecutionId, WorkflowId,
};
pub use job::{Job, Line, Timer, TimerKind, Work};
pub use journal::{
    Journal, JournalCaps, JournalPage, JournalRow, LogLevel, LogLine, NotKept, RequestPlace,
    RequestTrace, Seen,
};
pub use json_text::JsonText;
pub use list::{BadFilter, Cell, Column, Filter, ListRequest, Order, Page, Reach, SortKey, Walked};
pub use member::{Member, MemberStatus, Shareable};
pub use module::{Module, ModuleSignature, ModuleVersion};
pub use name::{
    ActionName, BadName, EnvironmentName, ModuleName, Namespace, TriggerName, WorkbookName,
    WorkflowName,
};
pub use operation::{Operation, Origin, RequestContext, Sight};
pub use outcome::{Failure, Outcome};
pub use project::{ProjectId, Scope};
pub use quota::{Limit, Limits, OwnLimits, ProjectQuotas, Tallies, Tally};
pub use report::PlannedRequest;
pub use schema::{BadSchema, Fault, Schema};
pub use secret::{
    InClear, PrivateObject, Sealed, Secret, hidden_option, plain, plain_option, private_json, wipe,
};
pub use state::State;
pub use target_cloud::{Credential, TargetCloud};
pub use task_execution::{Inbound, Items, Policies, TaskExecution, TaskKind, TimeLimit};
pub use time::Timestamp;
pub use trigger::Errand;
pub use workflow::{AdHocAction, Workbook, WorkflowDefinition};
pub use workflow_execution::{Heard, Parent, WorkflowExecution};
