//! An execution is started: its record and all that its first step begins are one commit.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{
    Cause, Content,
    environment::Named,
    letter::Letter,
    load::Loaded,
    prepare::{fits, target_is_gone},
};
use crate::{
    domain::{
        CustomContext, Heard, JsonText, Namespace, ObjectType, Operation, Sealed, State,
        TargetCloud, Timestamp, WorkflowDefinition, WorkflowExecution, WorkflowExecutionId,
        WorkflowId, WorkflowName,
    },
    engine::{Engine, Error, apply::Act},
    lang,
    store::{self, Kept, Kind},
    workflow::{self, Event, merge},
};

/// The workflow that a caller means.
#[derive(Debug, Clone)]
pub enum WorkflowRef {
    /// By its id.
    Id(WorkflowId),
    /// By its name, in a namespace and then in none.
    Name(WorkflowName, Namespace),
}

/// A checked wish to start an execution.
#[derive(Debug)]
pub struct StartExecution {
    /// The execution's id, if the caller gives it: one that exists is answered as it is.
    pub id: Option<WorkflowExecutionId>,
    /// The workflow; that of the source when none.
    pub workflow: Option<WorkflowRef>,
    /// The execution that is repeated: what is not given is taken from it.
    pub source_execution_id: Option<WorkflowExecutionId>,
    /// The input, not yet held against the workflow.
    pub input: Option<Map<String, Value>>,
    /// `params`: `env`, `evaluate_env`, `task_name`, and `timeout` in seconds, after which it ends in ERROR.
    pub params: Option<Map<String, Value>>,
    /// A person's words about it.
    pub description: Option<String>,
    /// The caller's private dict, without `os.auth`.
    pub custom_context: Option<CustomContext>,
    /// The cloud to work on.
    pub target: Option<TargetCloud>,
}

impl Engine {
    /// Starts an execution.
    ///
    /// # Errors
    /// When the workflow is unknown, what is given does not fit it, or the project has too much already. An execution
    /// that ends badly in its first step is no error.
    pub async fn start_execution(
        self: &Arc<Self>,
        op: &Operation,
        mut start: StartExecution,
    ) -> Result<WorkflowExecution, Error> {
        if let Some(id) = start.id
            && let Some(existing) = self.existing(op, id).await?
        {
            return Ok(existing);
        }
        self.check_waiting_jobs(&op.project_id).await?;
        let mut from_source = None;
        if let Some(source) = start.source_execution_id {
            let source = self.own_execution(op, source).await?.entity;
            from_source = self.take_from_source(&source, &mut start).await?;
        }
        let (definition, spec) = self.definition(op, start.workflow.as_ref()).await?;
        let input = workflow::complete_input(
            &spec.input,
            start.input.take().unwrap_or_default(),
            definition.name.as_str(),
            "WorkflowSpec",
        );
        let input = input.map_err(Error::BadInput)?;
        let mut params = start.params.take().unwrap_or_default();
        let namespace = Value::from(definition.namespace.as_str());
        params.entry("namespace").or_insert(namespace);
        let now = self.clock.now();
        let deadline = deadline(&params, now)?;
        let named = match from_source {
            Some(named) => Some(named),
            None => self.read_environment(op, &mut params).await?,
        };
        let id = start.id.unwrap_or_else(WorkflowExecutionId::generate);
        let seal = |named: &Named| self.seal_root_environment(id, &named.variables);
        let environment: Option<Sealed> = named.as_ref().map(seal).transpose()?;
        let target = start.target.as_ref();
        let target = target.map(|target| self.seal_root_target(id, target));
        let custom_context = start.custom_context.as_ref();
        let empty = || JsonText::from_value(&Value::Object(Map::new()));
        let execution = WorkflowExecution {
            id,
            project_id: op.project_id.clone(),
            workflow_id: definition.id,
            workflow_name: definition.name.clone(),
            workflow_namespace: definition.namespace.clone(),
            workbook: definition.workbook.clone(),
            definition: Arc::clone(&definition.definition),
            description: start.description,
            tags: definition.tags.clone(),
            params: JsonText::from_value(&Value::Object(params)),
            input: JsonText::from_value(&Value::Object(input)),
            output: None,
            state: State::Idle,
            state_info: None,
            vars: empty(),
            published_global: empty(),
            run: 0,
            parent: None,
            heard: Heard::default(),
            source_execution_id: start.source_execution_id,
            deadline,
            request_id: Arc::clone(&op.request.request_id),
            user_id: op.user_id.clone(),
            custom_context: custom_context.map(|context| self.seal_root_context(id, context)),
            target: target.transpose()?,
            has_target: start.target.is_some(),
            is_target: start.target.as_ref().is_some_and(|it| it.is_target),
            environment,
            environment_id: named.map(|named| named.id),
            created_at: now,
            updated_at: None,
        };
        let root = self.open_root(&execution, 0)?;
        let loaded = Loaded::fresh(execution, spec, root);
        self.begin(op, Box::new(loaded)).await
    }

    /// Makes the first step, and keeps all of it.
    async fn begin(
        self: &Arc<Self>,
        op: &Operation,
        loaded: Box<Loaded>,
    ) -> Result<WorkflowExecution, Error> {
        let execution = loaded.execution();
        let id = execution.id;
        let name = execution.workflow_name.as_str();
        let act = Act::making(ObjectType::Execution, id, Some(name));
        let (answer, mut answered) = oneshot::channel();
        let letter = Letter {
            content: Content::Event(Event::Start),
            cause: Cause::Caller(op.clone(), act),
            answer,
        };
        // On a task of its own: a client that goes away does not leave half of it.
        let (engine, project) = (Arc::clone(self), op.project_id.clone());
        let begun = tokio::spawn(async move {
            let Ok(ready) = engine.make_ready(loaded, vec![letter]).await else {
                return Ok(None);
            };
            engine.commit_ready(&ready, Some(&project)).await?;
            let loaded = engine.accept(ready);
            let execution = loaded.execution();
            engine.executions.keep(loaded);
            Ok::<_, store::Error>(Some(execution))
        });
        let begun = begun.await.map_err(|error| Error::Host(error.into()))?;
        match begun {
            Ok(Some(execution)) => Ok(Arc::unwrap_or_clone(execution)),
            // The letter has the refusal.
            Ok(None) => match answered.try_recv() {
                Ok(Err(refusal)) => Err(refusal),
                Ok(Ok(())) | Err(_) => Err(Error::Host("the first step was lost".into())),
            },
            // Somebody else made it meanwhile, under the id that was given.
            Err(store::Error::Conflict {
                kind: Kind::WorkflowExecution,
                ..
            }) => self.existing(op, id).await?.ok_or_else(|| duplicate(id)),
            Err(err) => Err(err.into()),
        }
    }

    async fn existing(
        &self,
        op: &Operation,
        id: WorkflowExecutionId,
    ) -> Result<Option<WorkflowExecution>, Error> {
        let found: Option<Kept<WorkflowExecution>> = store::find(&*self.store, id.uuid()).await?;
        match found.map(|kept| kept.entity) {
            Some(own) if own.project_id == op.project_id => Ok(Some(own)),
            Some(_) => Err(duplicate(id)),
            None => Ok(None),
        }
    }

    /// Fills in what is not given from the execution that is repeated; answers its named environment, where it holds on.
    async fn take_from_source(
        &self,
        source: &WorkflowExecution,
        start: &mut StartExecution,
    ) -> Result<Option<Named>, Error> {
        let root = self.root(source.root_id()).await?;
        let root = root.ok_or_else(|| super::not_found(source.root_id()))?;
        if root.has_target && !fits(start.target.as_ref(), root.is_target) {
            return Err(target_is_gone());
        }
        if start.workflow.is_none() {
            start.workflow = Some(WorkflowRef::Id(source.workflow_id));
        }
        let mut input: Map<String, Value> = source.input.to().unwrap_or_default();
        merge(&mut input, start.input.take().unwrap_or_default());
        start.input = Some(input);
        let given = start.params.take().unwrap_or_default();
        let has_env = given.contains_key("env");
        let mut params: Map<String, Value> = source.params.to().unwrap_or_default();
        merge(&mut params, given);
        start.params = Some(params);
        if start.custom_context.is_none() {
            start.custom_context.clone_from(&root.custom_context);
        }
        let words = start.description.take().unwrap_or_default();
        let words = format!("{words} Based on the execution '{}'", source.id);
        start.description = Some(words.trim().to_owned());
        let id = source.environment_id.filter(|_| !has_env);
        Ok(id.map(|id| Named {
            id,
            variables: root.env.as_ref().clone(),
        }))
    }

    pub(in crate::engine) async fn definition(
        &self,
        op: &Operation,
        reference: Option<&WorkflowRef>,
    ) -> Result<(WorkflowDefinition, Arc<lang::Workflow>), Error> {
        let (reference, namespace) = match reference {
            Some(WorkflowRef::Id(id)) => (id.to_string(), Namespace::default()),
            Some(WorkflowRef::Name(name, namespace)) => (name.to_string(), namespace.clone()),
            None => {
                return Err(Error::BadInput(
                    "Workflow ID or workflow name must be provided. Workflow ID is recommended."
                        .to_owned(),
                ));
            }
        };
        let found = self.find_workflow(&op.project_id, &reference, &namespace);
        found.await?.ok_or_else(|| {
            Error::NotFound(format!(
                "Workflow not found [workflow_identifier={reference}, namespace={namespace}]"
            ))
        })
    }
}

fn duplicate(id: WorkflowExecutionId) -> Error {
    Error::Conflict(format!(
        "Duplicate entry for WorkflowExecution ['id']: {id}"
    ))
}

/// When an execution with these `params` is to have ended.
fn deadline(params: &Map<String, Value>, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let secs = match params.get("timeout") {
        None | Some(Value::Null) => return Ok(None),
        Some(timeout) => timeout.as_f64(),
    };
    // A thousand years, so that no clock overflows.
    let timeout = secs
        .filter(|secs| *secs > 0.0 && *secs < 3.2e10)
        .and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    match timeout {
        Some(timeout) => Ok(Some(now.after(timeout))),
        None => Err(Error::BadInput(
            "params.timeout: a timeout is a number of seconds, more than 0.".to_owned(),
        )),
    }
}
