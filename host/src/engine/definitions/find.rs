//! Finds what a name or an id means to a project.

use std::sync::Arc;

use super::Definition;
use crate::{
    domain::{
        ActionName, AdHocAction, Namespace, ProjectId, WorkbookName, WorkflowDefinition, WorkflowId,
    },
    engine::{Action, Engine, Error, find_modules::one_of},
    lang,
    store::{self, Kept, List},
};

/// What a name means where an action is called.
#[derive(Debug, Clone)]
pub(in crate::engine) enum Callable {
    /// A module's action.
    Module(Arc<Action>),
    /// An ad-hoc action, with what it says.
    AdHoc(Box<AdHocAction>, Arc<lang::AdHocAction>),
}

impl Engine {
    /// The workflow that `project` means by `reference`, an id or a name in `namespace` or else in the default one, with
    /// what it says.
    ///
    /// # Errors
    /// When the store does not answer or the definition cannot be read.
    pub async fn find_workflow(
        &self,
        project: &ProjectId,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<Option<(WorkflowDefinition, Arc<lang::Workflow>)>, Error> {
        let found = self.used_workflow(project, reference, namespace).await?;
        let Some(workflow) = found.map(|kept| kept.entity) else {
            return Ok(None);
        };
        let spec = self.specs.workflow(&workflow).await?;
        Ok(Some((workflow, spec)))
    }

    /// As [`find_workflow`](Self::find_workflow), without what it says.
    pub(super) async fn used_workflow(
        &self,
        project: &ProjectId,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<Option<Kept<WorkflowDefinition>>, Error> {
        match reference.parse::<WorkflowId>() {
            Ok(id) => {
                let found = store::find::<WorkflowDefinition>(&*self.store, id.uuid()).await?;
                Ok(found.filter(|kept| kept.entity.is_visible_to(project)))
            }
            Err(_) => self.used_definition(project, reference, namespace).await,
        }
    }

    /// The ad-hoc action that `project` means by `name`, in `namespace` or else in the default one, with what it says.
    ///
    /// # Errors
    /// When the store does not answer or the definition cannot be read.
    pub(in crate::engine) async fn find_ad_hoc_action(
        &self,
        project: &ProjectId,
        name: &ActionName,
        namespace: &Namespace,
    ) -> Result<Option<(AdHocAction, Arc<lang::AdHocAction>)>, Error> {
        let found = self
            .used_definition::<AdHocAction>(project, name.as_str(), namespace)
            .await?;
        let Some(action) = found.map(|kept| kept.entity) else {
            return Ok(None);
        };
        let spec = self.specs.action(&action).await?;
        Ok(Some((action, spec)))
    }

    /// What `project` means by `name` where an action is called: `workbook.name` within a workbook, an ad-hoc action of
    /// its own, an action of a module, an ad-hoc action that is public, in this order.
    ///
    /// # Errors
    /// When the store does not answer or the definition cannot be read.
    pub(in crate::engine) async fn find_callable(
        &self,
        project: &ProjectId,
        name: &str,
        namespace: &Namespace,
        workbook: Option<&WorkbookName>,
    ) -> Result<Option<Callable>, Error> {
        if let Some(workbook) = workbook
            && let Ok(sibling) = ActionName::parse_any(&format!("{workbook}.{name}"))
            && let Some((action, spec)) = self
                .find_ad_hoc_action(project, &sibling, namespace)
                .await?
        {
            return Ok(Some(Callable::AdHoc(Box::new(action), spec)));
        }
        let Ok(name) = ActionName::parse_any(name) else {
            return Ok(None);
        };
        let ad_hoc = self.find_ad_hoc_action(project, &name, namespace).await?;
        let module = || self.registry.find(project, &name).map(Callable::Module);
        Ok(match ad_hoc {
            Some((action, spec)) if action.project_id == *project => {
                Some(Callable::AdHoc(Box::new(action), spec))
            }
            Some((action, spec)) => {
                Some(module().unwrap_or_else(|| Callable::AdHoc(Box::new(action), spec)))
            }
            None => module(),
        })
    }

    /// The definition that `project` means by `name`: in `namespace`, else in the default one; in each its own first,
    /// then one that it accepted, then a public one.
    pub(super) async fn used_definition<D: Definition>(
        &self,
        project: &ProjectId,
        name: &str,
        namespace: &Namespace,
    ) -> Result<Option<Kept<D>>, Error> {
        if let Some(found) = self.used_definition_in(project, name, namespace).await? {
            return Ok(Some(found));
        }
        let default = Namespace::default();
        if *namespace == default {
            return Ok(None);
        }
        self.used_definition_in(project, name, &default).await
    }

    pub(super) async fn used_definition_in<D: Definition>(
        &self,
        project: &ProjectId,
        name: &str,
        namespace: &Namespace,
    ) -> Result<Option<Kept<D>>, Error> {
        if let Some(own) = self.own_definition(project, name, namespace).await? {
            return Ok(Some(own));
        }
        let is_meant = |it: &D| it.name() == name && it.namespace() == namespace;
        if D::IS_SHAREABLE {
            let accepted = one_of(("shared_with", project.to_string()));
            if let Some(accepted) = self.first_definition(accepted, is_meant).await? {
                return Ok(Some(accepted));
            }
        }
        let public = one_of(("public_name", name.to_owned()));
        self.first_definition(public, is_meant).await
    }

    /// The definition of that name that belongs to `project`, in `namespace` alone.
    pub(super) async fn own_definition<D: Definition>(
        &self,
        project: &ProjectId,
        name: &str,
        namespace: &Namespace,
    ) -> Result<Option<Kept<D>>, Error> {
        let own = List {
            project: Some(project.clone()),
            ..one_of(("name", name.to_owned()))
        };
        self.first_definition(own, |it: &D| it.namespace() == namespace)
            .await
    }

    pub(super) async fn first_definition<D: Definition>(
        &self,
        list: List,
        is_meant: impl Fn(&D) -> bool + Send,
    ) -> Result<Option<Kept<D>>, Error> {
        let list = List {
            is_filtered: true,
            ..list
        };
        Ok(store::list(&*self.store, list, is_meant)
            .await?
            .into_iter()
            .next())
    }
}
