//! What a step asks of other records: actions, workflows, and what expressions ask of other executions.

use std::sync::Arc;

use super::load::Loaded;
use crate::{
    domain::{ActionName, ProjectId, WorkflowDefinition, WorkflowExecution},
    engine::{Action, Engine, Error, definitions::Callable},
    expr, lang,
    workflow::{ActionFacts, Fact, Facts, Lookup, WorkflowFacts},
};

impl Engine {
    /// Answers what steps of this execution asked for before, as far as that costs nothing.
    pub(super) fn answer_usual(&self, loaded: &Loaded, facts: &mut Facts) {
        let project = &loaded.snapshot.execution.project_id;
        for lookup in &loaded.usual {
            if let Lookup::Action(name) = lookup
                && let Some(fact) = self.find_module_action(project, name)
            {
                facts.known.insert(lookup.clone(), fact);
            }
        }
    }

    /// Looks up what a step of `execution` asks for.
    pub(super) async fn look_up(
        &self,
        lookups: Vec<Lookup>,
        calls: Vec<expr::Call>,
        execution: &WorkflowExecution,
        facts: &mut Facts,
    ) -> Result<(), Error> {
        for lookup in lookups {
            let fact = match &lookup {
                Lookup::Action(name) => self.find_fact(execution, name).await?,
                Lookup::Workflow(name) => {
                    let found = self.find_sub_workflow(execution, name).await?;
                    found.map_or(Fact::Missing, Fact::Workflow)
                }
                // With its call, below.
                Lookup::Call(_) => continue,
            };
            facts.known.insert(lookup, fact);
        }
        for call in calls {
            let value = self.answer_call(&call, execution).await?;
            let lookup = Lookup::Call(format!("{call:?}"));
            let fact = value.map_or_else(Fact::Refused, Fact::Value);
            facts.known.insert(lookup, fact);
        }
        Ok(())
    }

    async fn find_fact(&self, execution: &WorkflowExecution, name: &str) -> Result<Fact, Error> {
        let found = self.find_callable(
            &execution.project_id,
            name,
            &execution.workflow_namespace,
            execution.workbook.as_ref(),
        );
        Ok(match found.await? {
            Some(Callable::Module(action)) => module_fact(&action),
            Some(Callable::AdHoc(action, spec)) => {
                let name = action.name.clone();
                Fact::Action(ActionFacts::AdHoc { name, spec })
            }
            None => Fact::Missing,
        })
    }

    fn find_module_action(&self, project: &ProjectId, name: &str) -> Option<Fact> {
        let name = ActionName::parse(name).ok()?;
        let action = self.registry.find(project, &name)?;
        Some(module_fact(&action))
    }

    async fn find_sub_workflow(
        &self,
        execution: &WorkflowExecution,
        name: &str,
    ) -> Result<Option<Arc<WorkflowFacts>>, Error> {
        let workbook = execution.workbook.as_ref();
        let sibling = workbook.map(|workbook| format!("{workbook}.{name}"));
        let (project, namespace) = (&execution.project_id, &execution.workflow_namespace);
        for name in sibling.iter().map(String::as_str).chain([name]) {
            if let Some((definition, spec)) = self.find_workflow(project, name, namespace).await? {
                return Ok(Some(Arc::new(facts_of(&definition, spec))));
            }
        }
        Ok(None)
    }
}

fn module_fact(action: &Action) -> Fact {
    Fact::Action(ActionFacts::Module {
        is_idempotent: action.spec.idempotent,
        name: action.spec.name.clone(),
    })
}

/// A definition and what it says, as a step is told it.
pub(super) fn facts_of(
    definition: &WorkflowDefinition,
    spec: Arc<lang::Workflow>,
) -> WorkflowFacts {
    WorkflowFacts {
        id: definition.id,
        name: definition.name.clone(),
        namespace: definition.namespace.clone(),
        workbook: definition.workbook.clone(),
        spec,
    }
}
