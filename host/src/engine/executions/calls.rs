//! What expressions ask of other executions and their tasks: `executions(…)` and `tasks(…)`, within the project.

use serde_json::{Map, Value, json};

use super::load::child_of_action;
use crate::{
    domain::{
        ActionExecution, Order, ProjectId, TaskExecution, TaskKind, Timestamp, WorkflowExecution,
        WorkflowExecutionId,
    },
    engine::{Engine, Error},
    expr::{self, Call},
    store::{self, Entity, Kept, List},
};

/// The most executions or tasks that one call answers, and the most runs of one task in it.
const MOST: usize = 1000;
/// How many records are read at once.
const AT_ONCE: usize = 100;

/// How many bytes more a call may answer.
struct Room {
    left: usize,
}

impl Room {
    /// Takes `bytes` of it; whether there were as many.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// A record of which an expression is told.
trait Told: Entity {
    /// How many bytes of JSON it has.
    fn bytes(&self) -> usize;
}

impl Told for WorkflowExecution {
    fn bytes(&self) -> usize {
        let output = self.output.as_ref().map_or(0, |text| text.as_str().len());
        self.input.as_str().len() + output
    }
}

impl Told for TaskExecution {
    fn bytes(&self) -> usize {
        self.published.as_str().len()
    }
}

impl Told for ActionExecution {
    fn bytes(&self) -> usize {
        self.output.as_ref().map_or(0, |text| text.as_str().len())
    }
}

impl Engine {
    /// What `call` of an expression of `execution` answers.
    pub(super) async fn answer_call(
        &self,
        call: &Call,
        execution: &WorkflowExecution,
    ) -> Result<Result<Value, String>, Error> {
        let mut room = Room {
            left: usize::try_from(self.settings.bounds().bytes).unwrap_or(usize::MAX),
        };
        let value = self.value_of(call, execution, &mut room).await?;
        Ok(value.ok_or_else(|| {
            let bound = self.settings.bounds().bytes >> 20;
            expr::Error::Bound("memory", "expression_mib", bound).to_string()
        }))
    }

    async fn value_of(
        &self,
        call: &Call,
        execution: &WorkflowExecution,
        room: &mut Room,
    ) -> Result<Option<Value>, Error> {
        match call {
            Call::Executions {
                id,
                root_execution_id,
                state,
                from_time,
                to_time,
            } => {
                let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse_shown);
                let (from, to) = (time(from_time), time(to_time));
                let is_meant = move |it: &WorkflowExecution| {
                    id.as_ref().is_none_or(|id| it.id.to_string() == *id)
                        && root_execution_id.as_ref().is_none_or(|root| {
                            let parent = it.parent.map(|parent| parent.root_execution_id);
                            parent.is_some_and(|parent| parent.to_string() == *root)
                        })
                        && state
                            .as_ref()
                            .is_none_or(|state| it.state.as_str() == state)
                        && from.is_none_or(|from| it.created_at >= from)
                        && to.is_none_or(|to| it.created_at < to)
                };
                let index = root_execution_id
                    .clone()
                    .map(|root| ("root_execution_id", root));
                let project = &execution.project_id;
                let found = self.some(project, index, is_meant, room).await?;
                Ok(found.map(|found| found.iter().map(execution_view).collect()))
            }
            Call::Tasks {
                execution_id,
                recursive,
                state,
                flat,
            } => {
                let asked = execution_id
                    .as_deref()
                    .map(str::parse::<WorkflowExecutionId>);
                let top = match asked {
                    None => None,
                    Some(Ok(id)) => Some(id),
                    Some(Err(_)) => return Ok(Some(Value::Array(Vec::new()))),
                };
                let Some(tasks) = self.tasks_below(execution, top, *recursive, room).await? else {
                    return Ok(None);
                };
                let is_meant = |task: &&TaskExecution| {
                    let state = state.as_ref();
                    state.is_none_or(|state| task.state.as_str() == state)
                };
                let mut views = Vec::new();
                for task in tasks.iter().filter(is_meant) {
                    if *flat && self.is_repeated_below(task).await? {
                        continue;
                    }
                    let Some(view) = self.task_view(task, room).await? else {
                        return Ok(None);
                    };
                    views.push(view);
                }
                Ok(Some(Value::Array(views)))
            }
            // The step itself answers these.
            Call::Env | Call::Execution | Call::Task(_) | Call::Global(_) | Call::Uuid => {
                Ok(Some(Value::Null))
            }
        }
    }

    /// The first records of the project that are meant, by age; none when there is no room for them.
    async fn some<E: Told>(
        &self,
        project: &ProjectId,
        index: Option<(&'static str, String)>,
        is_meant: impl Fn(&E) -> bool + Send + Copy,
        room: &mut Room,
    ) -> Result<Option<Vec<E>>, Error> {
        let mut found: Vec<E> = Vec::new();
        loop {
            let list = List {
                project: Some(project.clone()),
                index: index.clone(),
                order: Order::Ascending,
                after: found.last().map(Entity::age),
                limit: AT_ONCE,
                is_filtered: true,
            };
            let page: Vec<Kept<E>> = store::list(&*self.store, list, is_meant).await?;
            let is_last = page.len() < AT_ONCE;
            for kept in page {
                if !room.take(kept.entity.bytes()) {
                    return Ok(None);
                }
                found.push(kept.entity);
            }
            if is_last || found.len() >= MOST {
                found.truncate(MOST);
                return Ok(Some(found));
            }
        }
    }

    /// The tasks of an execution of the project, or of all; with those below it when `recursive`.
    async fn tasks_below(
        &self,
        execution: &WorkflowExecution,
        top: Option<WorkflowExecutionId>,
        recursive: bool,
        room: &mut Room,
    ) -> Result<Option<Vec<TaskExecution>>, Error> {
        let project = &execution.project_id;
        let Some(top) = top else {
            return self
                .some(project, None, |_: &TaskExecution| true, room)
                .await;
        };
        let mut waiting = vec![top];
        let mut tasks: Vec<TaskExecution> = Vec::new();
        while let Some(id) = waiting.pop() {
            let key = Some(("execution_id", id.to_string()));
            let Some(own) = self
                .some(project, key, |_: &TaskExecution| true, room)
                .await?
            else {
                return Ok(None);
            };
            for task in own {
                if recursive && task.kind == TaskKind::Workflow {
                    let below: Vec<Kept<WorkflowExecution>> = self
                        .batch_of("task_execution_id", task.id.to_string(), None)
                        .await?;
                    waiting.extend(below.iter().map(|kept| kept.entity.id));
                }
                tasks.push(task);
            }
            if tasks.len() >= MOST {
                break;
            }
        }
        tasks.truncate(MOST);
        Ok(Some(tasks))
    }

    /// Whether a sub-workflow that the task began is in its state: `flat` leaves the task out then.
    async fn is_repeated_below(&self, task: &TaskExecution) -> Result<bool, Error> {
        if task.kind != TaskKind::Workflow {
            return Ok(false);
        }
        let below: Vec<Kept<WorkflowExecution>> = self
            .batch_of("task_execution_id", task.id.to_string(), None)
            .await?;
        Ok(below.iter().any(|run| run.entity.state == task.state))
    }

    /// What `tasks(…)` gives of one task; none when there is no room for it.
    async fn task_view(
        &self,
        task: &TaskExecution,
        room: &mut Room,
    ) -> Result<Option<Value>, Error> {
        let key = Some(("task_execution_id", task.id.to_string()));
        let is_meant = |_: &ActionExecution| true;
        let Some(mut runs) = self.some(&task.project_id, key, is_meant, room).await? else {
            return Ok(None);
        };
        let place = |run: &ActionExecution| run.task.as_ref().and_then(|task| task.index);
        runs.sort_by_key(place);
        let results = runs
            .iter()
            .filter_map(child_of_action)
            .filter(|child| child.is_accepted)
            .filter_map(|child| child.ended?.result.to::<Value>().ok());
        let mut results: Vec<Value> = results.collect();
        let result = match (results.pop(), task.items.is_some()) {
            (Some(only), false) if results.is_empty() => only,
            (last, _) => {
                results.extend(last);
                Value::Array(results)
            }
        };
        let published: Map<String, Value> = task.published.to().unwrap_or_default();
        Ok(Some(json!({
            "id": task.id.to_string(),
            "name": task.name,
            "spec": { "name": task.name, "version": "2.0", "tags": task.tags },
            "state": task.state.as_str(),
            "state_info": task.state_info,
            "result": result,
            "published": published,
            "type": task.kind.as_str(),
            "workflow_execution_id": task.execution_id.to_string(),
            "created_at": task.created_at.to_string(),
            "updated_at": task.updated_at.map(|time| time.to_string()),
        })))
    }
}

fn execution_view(execution: &WorkflowExecution) -> Value {
    let object = |text: &crate::domain::JsonText| text.to::<Value>().unwrap_or_default();
    json!({
        "id": execution.id.to_string(),
        "name": execution.workflow_name.to_string(),
        "workflow_name": execution.workflow_name.to_string(),
        "workflow_namespace": execution.workflow_namespace.to_string(),
        "workflow_id": execution.workflow_id.to_string(),
        "state": execution.state.as_str(),
        "state_info": execution.state_info,
        "input": object(&execution.input),
        "output": execution.output.as_ref().map(object),
        "created_at": execution.created_at.to_string(),
        "updated_at": execution.updated_at.map(|time| time.to_string()),
        "root_execution_id": execution.parent.map(|parent| parent.root_execution_id.to_string()),
    })
}
