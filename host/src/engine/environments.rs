//! Environments: made, found, changed, deleted.

use super::{Engine, Error, apply::Act};
use crate::{
    domain::{
        Environment, EnvironmentId, EnvironmentName, ListRequest, ObjectType, Operation, Order,
        Page, ProjectId, Scope, Secret, Sight, State, WorkflowExecution,
    },
    store::{self, Commit, Kept, Kind, List, Listing, Write},
};

/// An environment to be made.
#[derive(Debug)]
pub struct NewEnvironment {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is for.
    pub description: Option<String>,
    /// A JSON object as text.
    pub variables: Option<Secret>,
    /// Who sees it.
    pub scope: Scope,
}

/// What is changed in an environment; the rest stays.
#[derive(Debug, Default)]
pub struct ChangeEnvironment {
    /// The description.
    pub description: Option<Option<String>>,
    /// All variables: a JSON object as text.
    pub variables: Option<Option<Secret>>,
    /// Who sees it.
    pub scope: Option<Scope>,
}

/// What executions of an environment's own project make of it. Those of other projects, to which a public one is open,
/// are not told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvironmentUse {
    /// None has begun, or the last one ended well.
    Idle,
    /// One goes on.
    Running,
    /// The last one ended in ERROR.
    Failed,
}

impl Engine {
    /// Makes an environment.
    ///
    /// # Errors
    /// When the project has one of that name.
    pub async fn create_environment(
        &self,
        op: &Operation,
        new: NewEnvironment,
    ) -> Result<Environment, Error> {
        let id = EnvironmentId::generate();
        let environment = Environment {
            id,
            project_id: op.project_id.clone(),
            variables: new.variables.map(|text| self.seal_variables(id, &text)),
            name: new.name,
            description: new.description,
            scope: new.scope,
            version: 0,
            created_at: self.clock.now(),
            updated_at: None,
        };
        let commit = Commit::new().create(&environment).and(Write::Claim {
            kind: Kind::Environment,
            key: claim(&environment),
            id: id.uuid(),
        });
        let act = Act::making(ObjectType::Environment, id, Some(environment.name.as_str()));
        match self.commit_for(op, act, commit).await {
            Err(store::Error::Conflict { .. }) => Err(Error::Conflict(format!(
                "Duplicate entry for Environment ['name', 'project_id']: {}, {}",
                environment.name, environment.project_id
            ))),
            result => Ok(result.map(|()| environment)?),
        }
    }

    /// Changes one of the caller's environments.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn change_environment(
        &self,
        op: &Operation,
        name: &EnvironmentName,
        change: ChangeEnvironment,
    ) -> Result<Environment, Error> {
        loop {
            let mut kept = self
                .own_environment(op, name)
                .await?
                .ok_or_else(|| not_found(name.as_str()))?;
            let environment = &mut kept.entity;
            if let Some(description) = &change.description {
                environment.description.clone_from(description);
            }
            if let Some(variables) = &change.variables {
                let sealed = variables
                    .as_ref()
                    .map(|text| self.seal_variables(environment.id, text));
                environment.variables = sealed;
            }
            if let Some(scope) = change.scope {
                environment.scope = scope;
            }
            environment.version += 1;
            environment.updated_at = Some(self.clock.now());
            // Variables may grow.
            let act = Act::making(ObjectType::Environment, environment.id, Some(name.as_str()));
            let commit = Commit::new().update(&kept);
            match self.commit_for(op, act, commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => return Ok(result.map(|()| kept.entity)?),
            }
        }
    }

    /// Deletes one of the caller's environments, by name or id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_environment(&self, op: &Operation, reference: &str) -> Result<(), Error> {
        loop {
            let own = match EnvironmentName::parse(reference) {
                Ok(name) => self.own_environment(op, &name).await?,
                Err(_) => None,
            };
            let kept = match own {
                Some(kept) => kept,
                None => self
                    .find_environment(reference, |environment| {
                        environment.project_id == op.project_id
                    })
                    .await?
                    .ok_or_else(|| not_found(reference))?,
            };
            let commit = Commit::new().delete(&kept).and(Write::Release {
                kind: Kind::Environment,
                key: claim(&kept.entity),
            });
            let act = Act::changing(
                ObjectType::Environment,
                kept.entity.id,
                Some(kept.entity.name.as_str()),
            );
            match self.commit_for(op, act, commit).await {
                Err(store::Error::Conflict { .. }) => {}
                result => return Ok(result?),
            }
        }
    }

    /// An environment that the caller can use: their own of that name, else a public one, else one with that id, of
    /// whatever project where they reach beyond their own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn environment(
        &self,
        op: &Operation,
        reference: &str,
        sight: Sight,
    ) -> Result<Environment, Error> {
        if let Ok(name) = EnvironmentName::parse(reference) {
            if let Some(own) = self.own_environment(op, &name).await? {
                return Ok(own.entity);
            }
            let public = one_of(None, ("public_name", name.to_string()));
            if let Some(public) = self.first_environment(public).await? {
                return Ok(public.entity);
            }
        }
        let is_visible = |environment: &Environment| {
            sight == Sight::AllProjects
                || environment.project_id == op.project_id
                || environment.scope == Scope::Public
        };
        self.find_environment(reference, is_visible)
            .await?
            .map(|kept| kept.entity)
            .ok_or_else(|| not_found(reference))
    }

    /// An environment of the caller's project by its id, or of whatever project where they reach beyond it; a public one
    /// of another project's is not the caller's to Murano.
    ///
    /// # Errors
    /// When there is none.
    pub async fn environment_by_id(
        &self,
        op: &Operation,
        id: &str,
        sight: Sight,
    ) -> Result<Environment, Error> {
        let is_visible = |environment: &Environment| {
            sight == Sight::AllProjects || environment.project_id == op.project_id
        };
        self.find_environment(id, is_visible)
            .await?
            .map(|kept| kept.entity)
            .ok_or_else(|| not_found(id))
    }

    /// A page of environments.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn environments(
        &self,
        request: &ListRequest<Environment>,
    ) -> Result<Page<Environment>, Error> {
        let public = |_: &ProjectId| vec![Listing::with("scope", Scope::Public.as_str())];
        self.list(request, public).await
    }

    /// At most `limit` environments of a project, or of all, oldest first, beginning after `after`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn environments_after(
        &self,
        project: Option<&ProjectId>,
        after: Option<EnvironmentId>,
        limit: usize,
    ) -> Result<Vec<Environment>, Error> {
        let list = List {
            project: project.cloned(),
            index: None,
            order: Order::Ascending,
            after: after.map(EnvironmentId::uuid),
            limit,
            is_filtered: false,
        };
        let kept: Vec<Kept<Environment>> = store::list(&*self.store, list, |_| true).await?;
        Ok(kept.into_iter().map(|kept| kept.entity).collect())
    }

    /// What executions that name an environment make of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn environment_use(
        &self,
        environment: &Environment,
    ) -> Result<EnvironmentUse, Error> {
        let project = Some(&environment.project_id);
        let newest = async |index| {
            let list = List {
                order: Order::Descending,
                ..one_of(project, (index, environment.id.to_string()))
            };
            let found: Vec<Kept<WorkflowExecution>> =
                store::list(&*self.store, list, |_| true).await?;
            Ok::<_, Error>(found.first().map(|kept| kept.entity.state))
        };
        let Some(last) = newest("environment_id").await? else {
            return Ok(EnvironmentUse::Idle);
        };
        if !last.is_completed() || newest("unended_environment_id").await?.is_some() {
            return Ok(EnvironmentUse::Running);
        }
        Ok(match last {
            State::Error => EnvironmentUse::Failed,
            State::Idle
            | State::Waiting
            | State::Running
            | State::Delayed
            | State::Paused
            | State::Success
            | State::Cancelled
            | State::Skipped => EnvironmentUse::Idle,
        })
    }

    async fn own_environment(
        &self,
        op: &Operation,
        name: &EnvironmentName,
    ) -> Result<Option<Kept<Environment>>, Error> {
        self.first_environment(one_of(Some(&op.project_id), ("name", name.to_string())))
            .await
    }

    async fn first_environment(&self, list: List) -> Result<Option<Kept<Environment>>, Error> {
        Ok(store::list(&*self.store, list, |_| true)
            .await?
            .into_iter()
            .next())
    }

    async fn find_environment(
        &self,
        id: &str,
        is_meant: impl Fn(&Environment) -> bool + Send,
    ) -> Result<Option<Kept<Environment>>, Error> {
        let Ok(id) = id.parse::<EnvironmentId>() else {
            return Ok(None);
        };
        let found = store::find::<Environment>(&*self.store, id.uuid()).await?;
        Ok(found.filter(|kept| is_meant(&kept.entity)))
    }
}

/// The unique value that an environment holds: its name in its project. Neither may be mistaken for a part of the other.
fn claim(environment: &Environment) -> String {
    let project = environment.project_id.as_str();
    format!("{}/{project}/{}", project.len(), environment.name)
}

fn one_of(project: Option<&ProjectId>, index: (&'static str, String)) -> List {
    List {
        project: project.cloned(),
        index: Some(index),
        order: Order::Ascending,
        after: None,
        limit: 1,
        is_filtered: false,
    }
}

fn not_found(reference: &str) -> Error {
    Error::NotFound(format!("Environment not found [name={reference}]"))
}
