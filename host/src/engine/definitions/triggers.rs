//! Workflows that triggers start are not taken away from under them.

use super::workflows::place;
use crate::{
    domain::{Order, WorkflowDefinition},
    engine::{Engine, Error},
    store::{Kind, Query, Record},
};

/// How many triggers a refusal names at most.
const MAX_NAMED: usize = 10;

/// The kinds of triggers, and what Mistral calls them.
const TRIGGERS: [(Kind, &str); 2] = [(Kind::CronTrigger, "cron"), (Kind::EventTrigger, "event")];

impl Engine {
    /// Refuses to delete a workflow that triggers start.
    pub(super) async fn check_is_untriggered(
        &self,
        workflow: &WorkflowDefinition,
    ) -> Result<(), Error> {
        for (kind, what) in TRIGGERS {
            let triggers = self.triggers_of(kind, workflow, MAX_NAMED).await?;
            if triggers.is_empty() {
                continue;
            }
            let own = triggers
                .iter()
                .filter(|it| it.project.as_ref() == Some(&workflow.project_id));
            let ids: Vec<String> = own.map(|it| it.id.to_string()).collect();
            // Those of other projects are not for the caller to know.
            let ids = if ids.is_empty() {
                "of other projects".to_owned()
            } else {
                ids.join(", ")
            };
            return Err(Error::BadInput(format!(
                "Can't delete workflow that has {what} triggers associated. {}, [{what}_trigger_id(s)={ids}]",
                place(workflow.name.as_str(), &workflow.namespace)
            )));
        }
        Ok(())
    }

    /// Refuses to make a public workflow private that triggers of other projects start.
    pub(super) async fn check_is_untriggered_elsewhere(
        &self,
        workflow: &WorkflowDefinition,
    ) -> Result<(), Error> {
        for (kind, what) in TRIGGERS {
            let triggers = self.triggers_of(kind, workflow, usize::MAX).await?;
            let is_foreign = |it: &Record| it.project.as_ref() != Some(&workflow.project_id);
            if triggers.iter().any(is_foreign) {
                return Err(Error::Forbidden(format!(
                    "Can not update scope of workflow that has {what} triggers associated in other tenants. {}",
                    place(workflow.name.as_str(), &workflow.namespace)
                )));
            }
        }
        Ok(())
    }

    async fn triggers_of(
        &self,
        kind: Kind,
        workflow: &WorkflowDefinition,
        limit: usize,
    ) -> Result<Vec<Record>, Error> {
        let query = Query {
            kind,
            project: None,
            index: Some(("workflow_id", workflow.id.to_string())),
            sort: None,
            order: Order::Ascending,
            after: None,
            limit,
        };
        Ok(self.store.list(query).await?)
    }
}
