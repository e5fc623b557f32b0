//! Executions and tasks for tests.

use super::{
    ActionExecution, ActionExecutionId, ActionName, Digest, Heard, JsonText, Namespace,
    NewActionExecution, Params, Parent, Policies, ProjectId, State, TaskExecution, TaskExecutionId,
    TaskKind, TaskOfAction, Timestamp, WorkflowExecution, WorkflowExecutionId, WorkflowId,
    WorkflowName,
};

/// When they were made.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_763_784_101_900);

fn empty() -> JsonText {
    JsonText::parse("{}").unwrap()
}

/// A running execution of `main`.
pub(crate) fn execution(project: &str) -> WorkflowExecution {
    WorkflowExecution {
        id: WorkflowExecutionId::generate(),
        project_id: ProjectId::new(project),
        workflow_id: WorkflowId::generate(),
        workflow_name: WorkflowName::parse("main").unwrap(),
        workflow_namespace: Namespace::default(),
        workbook: None,
        definition: "".into(),
        description: None,
        tags: Vec::new(),
        params: empty(),
        input: empty(),
        output: None,
        state: State::Running,
        state_info: None,
        vars: empty(),
        published_global: empty(),
        run: 0,
        parent: None,
        heard: Heard::default(),
        source_execution_id: None,
        deadline: None,
        request_id: "req-1".into(),
        user_id: Some("ann".into()),
        custom_context: None,
        target: None,
        has_target: false,
        is_target: false,
        environment: None,
        environment_id: None,
        created_at: NOW,
        updated_at: None,
    }
}

/// A running sub-workflow that `task` of `above` began.
pub(crate) fn sub_execution(above: &WorkflowExecution, task: &TaskExecution) -> WorkflowExecution {
    WorkflowExecution {
        parent: Some(Parent {
            task_execution_id: task.id,
            execution_id: above.id,
            root_execution_id: above.root_id(),
            index: 0,
            depth: above.parent.map_or(1, |parent| parent.depth + 1),
        }),
        workflow_name: WorkflowName::parse("leaf").unwrap(),
        ..execution(above.project_id.as_str())
    }
}

/// A running task of `execution`.
pub(crate) fn task(execution: &WorkflowExecution, name: &str, kind: TaskKind) -> TaskExecution {
    TaskExecution {
        id: TaskExecutionId::generate(),
        project_id: execution.project_id.clone(),
        execution_id: execution.id,
        workflow_id: execution.workflow_id,
        workflow_name: execution.workflow_name.clone(),
        workflow_namespace: execution.workflow_namespace.clone(),
        name: name.into(),
        kind,
        tags: Vec::new(),
        state: State::Running,
        state_info: None,
        published: empty(),
        published_global: empty(),
        processed: false,
        followed: 0,
        error_handled: false,
        inbound: Vec::new(),
        items: None,
        policies: Policies::default(),
        started_at: Some(NOW),
        finished_at: None,
        created_at: NOW,
        updated_at: None,
    }
}

/// A running run of `std.echo` that `task` of `execution` began.
pub(crate) fn run(
    execution: &WorkflowExecution,
    task: &TaskExecution,
    index: Option<u32>,
) -> ActionExecution {
    let new = NewActionExecution {
        id: ActionExecutionId::generate(),
        project_id: execution.project_id.clone(),
        name: ActionName::parse("std.echo").unwrap(),
        digest: Digest::of(b""),
        input: empty(),
        description: None,
        params: Params::default(),
        is_idempotent: false,
        is_asynchronous: false,
        ad_hoc: None,
        task: Some(TaskOfAction {
            task_execution_id: task.id,
            task_name: task.name.clone(),
            execution_id: execution.id,
            root_execution_id: execution.root_id(),
            workflow_name: execution.workflow_name.clone(),
            workflow_namespace: execution.workflow_namespace.clone(),
            index,
            generation: 0,
        }),
        request_id: "req-1".into(),
        custom_context: None,
        target: None,
    };
    ActionExecution::start(new, NOW)
}
