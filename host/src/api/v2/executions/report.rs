//! The report of an execution on the wire.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::json_text::time,
    domain::Timestamp,
    engine::{ExecutionEntry, Report, ReportEntry, TaskEntry},
};

/// What became of an execution.
#[derive(Serialize, JsonSchema)]
pub struct ReportView {
    statistics: StatisticsView,
    /// Absent when only statistics were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    root_workflow_execution: Option<ExecutionEntryView>,
}

/// The tasks of an execution and of those below it, in numbers.
#[derive(Serialize, JsonSchema)]
pub struct StatisticsView {
    total_tasks_count: u32,
    running_tasks_count: u32,
    success_tasks_count: u32,
    error_tasks_count: u32,
    idle_tasks_count: u32,
    paused_tasks_count: u32,
    /// Seconds until the end, by what earlier ones took: 0 when it does not run, -1 when nothing is known.
    estimated_time: i64,
}

/// An execution in a report.
#[derive(Serialize, JsonSchema)]
pub struct ExecutionEntryView {
    id: String,
    name: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    state: &'static str,
    state_info: Option<String>,
    /// Absent below `max_depth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_executions: Option<Vec<TaskEntryView>>,
}

/// A task in a report.
#[derive(Serialize, JsonSchema)]
pub struct TaskEntryView {
    action_executions: Vec<ActionEntryView>,
    workflow_executions: Vec<ExecutionEntryView>,
    /// How often it was tried again; absent when it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_count: Option<u32>,
    id: String,
    name: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    state: &'static str,
    state_info: Option<String>,
}

/// A run of an action in a report.
#[derive(Serialize, JsonSchema)]
pub struct ActionEntryView {
    accepted: bool,
    /// When it was last heard of.
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    last_heartbeat: Option<Timestamp>,
    id: String,
    name: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    state: &'static str,
    state_info: Option<String>,
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        let counts = report.counts;
        Self {
            statistics: StatisticsView {
                total_tasks_count: counts.total(),
                running_tasks_count: counts.running,
                success_tasks_count: counts.success,
                error_tasks_count: counts.error,
                idle_tasks_count: counts.idle,
                paused_tasks_count: counts.paused,
                estimated_time: report.estimated_secs,
            },
            root_workflow_execution: report.root.map(ExecutionEntryView::from),
        }
    }
}

impl From<ExecutionEntry> for ExecutionEntryView {
    fn from(ExecutionEntry { entry, tasks }: ExecutionEntry) -> Self {
        let tasks = tasks.map(|tasks| tasks.into_iter().map(TaskEntryView::from).collect());
        Self {
            id: entry.id.to_string(),
            name: entry.name,
            created_at: Some(entry.created_at),
            updated_at: entry.updated_at,
            state: entry.state.as_str(),
            state_info: entry.state_info,
            task_executions: tasks,
        }
    }
}

impl From<TaskEntry> for TaskEntryView {
    fn from(task: TaskEntry) -> Self {
        let entry = task.entry;
        let actions = task.actions.into_iter().map(ActionEntryView::from);
        let executions = task.executions.into_iter().map(ExecutionEntryView::from);
        Self {
            action_executions: actions.collect(),
            workflow_executions: executions.collect(),
            retry_count: (task.retries > 0).then_some(task.retries),
            id: entry.id.to_string(),
            name: entry.name,
            created_at: Some(entry.created_at),
            updated_at: entry.updated_at,
            state: entry.state.as_str(),
            state_info: entry.state_info,
        }
    }
}

impl From<(ReportEntry, bool)> for ActionEntryView {
    fn from((entry, accepted): (ReportEntry, bool)) -> Self {
        Self {
            accepted,
            last_heartbeat: entry.updated_at.or(Some(entry.created_at)),
            id: entry.id.to_string(),
            name: entry.name,
            created_at: Some(entry.created_at),
            updated_at: entry.updated_at,
            state: entry.state.as_str(),
            state_info: entry.state_info,
        }
    }
}
