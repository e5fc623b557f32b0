//! Modules: take in a component, add a version, roll back, delete.
//!
//! A refused upload leaves nothing; what an upload changes becomes visible in one step.

use std::{collections::HashMap, path::PathBuf};

use super::{Engine, Error};
use crate::{
    domain::{
        ActionName, ActionSpec, Digest, Module, ModuleId, ModuleName, ModuleVersion,
        ModuleVersionId, Operation, Order, Page, PageRequest, ProjectId, Scope,
    },
    store::{self, Commit, Kept, Kind, List, Write},
};

/// How a caller names a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleRef {
    /// By id.
    Id(ModuleId),
    /// By name: the caller's own first, then a public one.
    Name(ModuleName),
}

/// A component that was received into a file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Where it is; the caller of the engine deletes it afterwards.
    pub file: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// A module to be made.
#[derive(Debug, Clone)]
pub struct NewModule {
    /// Its name.
    pub name: ModuleName,
    /// Who sees it.
    pub scope: Scope,
    /// Its first version.
    pub upload: Upload,
}

/// Which modules are asked for.
#[derive(Debug)]
pub struct ListModules {
    /// Of this project, with public and system ones; of all when none.
    pub project: Option<ProjectId>,
    /// Which page.
    pub page: PageRequest,
}

/// The components that uploads under way count on, so that a refused twin does not take them away.
pub(super) type UploadsInFlight = HashMap<Digest, usize>;

impl Engine {
    /// Takes in a component as the first version of a module.
    ///
    /// # Errors
    /// When the name is taken or the component is refused.
    pub async fn create_module(&self, op: &Operation, new: NewModule) -> Result<Module, Error> {
        let actions = self.take_in(&new.upload, Some(&new.name)).await?;
        let now = self.clock.now();
        let module = Module {
            id: ModuleId::generate(),
            project_id: Some(op.project_id.clone()),
            name: new.name,
            scope: new.scope,
            version: 1,
            latest_version: 1,
            digest: new.upload.digest,
            created_at: now,
            updated_at: None,
        };
        let version = first_version(&module, &new.upload, actions, op);
        let claims = claims(&module, &version);
        let commit = claims.into_iter().fold(
            Commit::new().create(&module).create(&version),
            |commit, key| {
                commit.and(Write::Claim {
                    kind: Kind::Module,
                    key,
                    id: module.id.uuid(),
                })
            },
        );
        self.settle(new.upload.digest, commit, &module.name).await?;
        self.registry.put(&module, &version);
        Ok(module)
    }

    /// Takes in a component as the next version of a module and makes it current. Runs under way keep theirs.
    ///
    /// # Errors
    /// When there is no such module of the caller's, or the component is refused.
    pub async fn add_module_version(
        &self,
        op: &Operation,
        module: &ModuleRef,
        upload: Upload,
    ) -> Result<Module, Error> {
        let mut kept = self.changeable_module(op, module).await?;
        let actions = self.take_in(&upload, Some(&kept.entity.name)).await?;
        let version = next_version(
            &mut kept.entity,
            &upload,
            actions,
            op.user_id.as_deref(),
            self.clock.now(),
        );
        let commit = Commit::new().update(&kept).create(&version);
        self.settle(upload.digest, commit, &kept.entity.name)
            .await?;
        self.registry.put(&kept.entity, &version);
        Ok(kept.entity)
    }

    /// Makes an earlier (or later) version of a module current.
    ///
    /// # Errors
    /// When there is no such module of the caller's, or no such version of it.
    pub async fn rollback_module(
        &self,
        op: &Operation,
        module: &ModuleRef,
        version: u32,
    ) -> Result<Module, Error> {
        let mut kept = self.changeable_module(op, module).await?;
        let version = self
            .version_of(&kept.entity, version)
            .await?
            .ok_or_else(|| {
                Error::NotFound(format!(
                    "Module version not found [name={}, version={version}]",
                    kept.entity.name
                ))
            })?;
        self.executor.prepare(version.entity.digest).await?;
        kept.entity.version = version.entity.version;
        kept.entity.digest = version.entity.digest;
        kept.entity.updated_at = Some(self.clock.now());
        self.commit_change(Commit::new().update(&kept), &kept.entity.name)
            .await?;
        self.registry.put(&kept.entity, &version.entity);
        Ok(kept.entity)
    }

    /// Deletes a module with all its versions. Components that runs under way began with stay.
    ///
    /// # Errors
    /// When there is no such module of the caller's, or the host ships it.
    pub async fn delete_module(&self, op: &Operation, module: &ModuleRef) -> Result<(), Error> {
        let kept = self.changeable_module(op, module).await?;
        let versions = self.versions_of(&kept.entity).await?;
        let mut commit = Commit::new().delete(&kept);
        for version in &versions {
            commit = commit.delete(version);
        }
        if let Some(version) = versions.first() {
            for key in claims(&kept.entity, &version.entity) {
                commit = commit.and(Write::Release {
                    kind: Kind::Module,
                    key,
                });
            }
        }
        let in_flight = self.module_changes.lock().await;
        self.commit_change(commit, &kept.entity.name).await?;
        self.registry.remove(&kept.entity);
        for version in &versions {
            self.discard_unused(version.entity.digest, &in_flight)
                .await?;
        }
        Ok(())
    }

    /// A page of modules.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn modules(&self, list: ListModules) -> Result<Page<Module>, Error> {
        let limit = list.page.limit;
        let is_visible = move |module: &Module| match &list.project {
            Some(project) => is_visible_to(project, module),
            None => true,
        };
        let query = List {
            project: None,
            index: None,
            order: list.page.order,
            after: list.page.marker,
            limit,
            is_filtered: true,
        };
        let kept: Vec<Kept<Module>> = store::list(&*self.store, query, is_visible).await?;
        Ok(Page {
            is_full: kept.len() == limit,
            items: kept.into_iter().map(|kept| kept.entity).collect(),
        })
    }

    /// A module that the caller may see, with its versions, oldest first.
    ///
    /// # Errors
    /// When there is none.
    pub async fn module(
        &self,
        op: &Operation,
        module: &ModuleRef,
    ) -> Result<(Module, Vec<ModuleVersion>), Error> {
        let kept = self.visible_module(op, module).await?;
        let versions = self.versions_of(&kept.entity).await?;
        Ok((
            kept.entity,
            versions.into_iter().map(|version| version.entity).collect(),
        ))
    }

    /// The component of a module's current version.
    ///
    /// # Errors
    /// When there is no such module, or its component cannot be read.
    pub async fn module_content(
        &self,
        op: &Operation,
        module: &ModuleRef,
    ) -> Result<tokio::fs::File, Error> {
        let kept = self.visible_module(op, module).await?;
        let content = self
            .executor
            .content(kept.entity.digest)
            .await
            .map_err(|error| Error::Host(error.into()))?;
        content.ok_or_else(|| {
            Error::Host(format!("the component {} is not there", kept.entity.digest).into())
        })
    }

    pub(super) async fn take_in(
        &self,
        upload: &Upload,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, Error> {
        *self
            .module_changes
            .lock()
            .await
            .entry(upload.digest)
            .or_insert(0) += 1;
        match self
            .executor
            .take_in(&upload.file, upload.digest, module)
            .await
        {
            Ok(actions) => Ok(actions),
            Err(error) => {
                let mut in_flight = self.module_changes.lock().await;
                land(&mut in_flight, upload.digest);
                self.discard_unused(upload.digest, &in_flight).await?;
                Err(error.into())
            }
        }
    }

    /// Commits what an upload changes; when it is refused, drops the component unless somebody else has it.
    pub(super) async fn settle(
        &self,
        digest: Digest,
        commit: Commit,
        name: &ModuleName,
    ) -> Result<(), Error> {
        let mut in_flight = self.module_changes.lock().await;
        let committed = self.commit_change(commit, name).await;
        land(&mut in_flight, digest);
        if committed.is_err() {
            self.discard_unused(digest, &in_flight).await?;
        }
        committed
    }

    async fn commit_change(&self, commit: Commit, name: &ModuleName) -> Result<(), Error> {
        self.store
            .commit(commit)
            .await
            .map_err(|error| match error {
                store::Error::Conflict { .. } => Error::Conflict(format!(
                    "Module already exists, or changed meanwhile [name={name}]"
                )),
                other @ (store::Error::Corrupt { .. }
                | store::Error::LeaseLost(_)
                | store::Error::Unavailable(_)) => other.into(),
            })
    }

    /// Drops a component that nothing refers to: no version, no upload under way, no run.
    async fn discard_unused(
        &self,
        digest: Digest,
        in_flight: &UploadsInFlight,
    ) -> Result<(), Error> {
        if in_flight.contains_key(&digest)
            || self.running.uses(digest)
            || self.any_version_of(digest).await?.is_some()
        {
            return Ok(());
        }
        let waiting = List {
            project: None,
            index: Some(("state", crate::domain::State::Running.to_string())),
            order: Order::Ascending,
            after: None,
            limit: 1,
            is_filtered: true,
        };
        let uses = |execution: &crate::domain::ActionExecution| execution.digest == digest;
        if store::list(&*self.store, waiting, uses).await?.is_empty() {
            self.executor
                .discard(digest)
                .await
                .map_err(|error| Error::Host(error.into()))?;
        }
        Ok(())
    }

    async fn any_version_of(&self, digest: Digest) -> Result<Option<ModuleVersion>, Error> {
        let list = one_of(("digest", digest.hex()));
        let found: Vec<Kept<ModuleVersion>> = store::list(&*self.store, list, |_| true).await?;
        Ok(found.into_iter().next().map(|kept| kept.entity))
    }

    /// What `name` was in the component `digest`, as long as a module has it.
    pub(super) async fn stored_spec(
        &self,
        digest: Digest,
        name: &ActionName,
    ) -> Result<Option<std::sync::Arc<ActionSpec>>, Error> {
        let version = self.any_version_of(digest).await?;
        Ok(version
            .and_then(|version| version.actions.into_iter().find(|spec| spec.name == *name))
            .map(std::sync::Arc::new))
    }

    pub(super) async fn version_of(
        &self,
        module: &Module,
        version: u32,
    ) -> Result<Option<Kept<ModuleVersion>>, Error> {
        let list = List {
            is_filtered: true,
            ..one_of(("module_id", module.id.to_string()))
        };
        let found = store::list(&*self.store, list, |kept: &ModuleVersion| {
            kept.version == version
        })
        .await?;
        Ok(found.into_iter().next())
    }

    async fn versions_of(&self, module: &Module) -> Result<Vec<Kept<ModuleVersion>>, Error> {
        let list = List {
            limit: usize::MAX,
            ..one_of(("module_id", module.id.to_string()))
        };
        Ok(store::list(&*self.store, list, |_| true).await?)
    }

    pub(super) async fn find_module(
        &self,
        reference: &ModuleRef,
        is_meant: impl Fn(&Module) -> bool + Send,
    ) -> Result<Option<Kept<Module>>, Error> {
        match reference {
            ModuleRef::Id(id) => {
                let found = store::find::<Module>(&*self.store, id.uuid()).await?;
                Ok(found.filter(|kept| is_meant(&kept.entity)))
            }
            ModuleRef::Name(name) => {
                let list = List {
                    is_filtered: true,
                    ..one_of(("name", name.to_string()))
                };
                Ok(store::list(&*self.store, list, is_meant)
                    .await?
                    .into_iter()
                    .next())
            }
        }
    }

    async fn visible_module(
        &self,
        op: &Operation,
        reference: &ModuleRef,
    ) -> Result<Kept<Module>, Error> {
        let is_own = |module: &Module| module.project_id.as_ref() == Some(&op.project_id);
        if let Some(own) = self.find_module(reference, is_own).await? {
            return Ok(own);
        }
        let is_visible = |module: &Module| is_visible_to(&op.project_id, module);
        self.find_module(reference, is_visible)
            .await?
            .ok_or_else(|| not_found(reference))
    }

    async fn changeable_module(
        &self,
        op: &Operation,
        reference: &ModuleRef,
    ) -> Result<Kept<Module>, Error> {
        let kept = self.visible_module(op, reference).await?;
        if kept.entity.is_system() {
            return Err(Error::Forbidden(format!(
                "The host ships module {}; it is not changed.",
                kept.entity.name
            )));
        }
        if kept.entity.project_id.as_ref() != Some(&op.project_id) {
            return Err(not_found(reference));
        }
        Ok(kept)
    }
}

/// The next version of `module`, which becomes current.
pub(super) fn next_version(
    module: &mut Module,
    upload: &Upload,
    actions: Vec<ActionSpec>,
    uploaded_by: Option<&str>,
    now: crate::domain::Timestamp,
) -> ModuleVersion {
    module.latest_version += 1;
    module.version = module.latest_version;
    module.digest = upload.digest;
    module.updated_at = Some(now);
    ModuleVersion {
        id: ModuleVersionId::generate(),
        module_id: module.id,
        project_id: module.project_id.clone(),
        version: module.version,
        digest: upload.digest,
        size_bytes: upload.size_bytes,
        actions,
        uploaded_by: uploaded_by.map(str::to_owned),
        created_at: now,
    }
}

fn first_version(
    module: &Module,
    upload: &Upload,
    actions: Vec<ActionSpec>,
    op: &Operation,
) -> ModuleVersion {
    ModuleVersion {
        id: ModuleVersionId::generate(),
        module_id: module.id,
        project_id: module.project_id.clone(),
        version: 1,
        digest: upload.digest,
        size_bytes: upload.size_bytes,
        actions,
        uploaded_by: op.user_id.as_deref().map(str::to_owned),
        created_at: module.created_at,
    }
}

/// The unique values that a module holds: its name in its project, and, when it is public, the prefixes of its actions.
pub(super) fn claims(module: &Module, version: &ModuleVersion) -> Vec<String> {
    let mut claims = Vec::new();
    match &module.project_id {
        Some(project) => claims.push(format!("name/{project}/{}", module.name)),
        None => claims.push(format!("system/{}", module.name)),
    }
    if module.scope == Scope::Public {
        let mut prefixes: Vec<String> = version
            .actions
            .iter()
            .map(|spec| format!("public/{}", spec.name.prefix()))
            .collect();
        prefixes.sort();
        prefixes.dedup();
        claims.extend(prefixes);
    }
    claims
}

fn land(in_flight: &mut UploadsInFlight, digest: Digest) {
    if let Some(count) = in_flight.get_mut(&digest) {
        *count -= 1;
        if *count == 0 {
            in_flight.remove(&digest);
        }
    }
}

fn is_visible_to(project: &ProjectId, module: &Module) -> bool {
    module.scope == Scope::Public || module.project_id.as_ref() == Some(project)
}

const fn one_of(index: (&'static str, String)) -> List {
    List {
        project: None,
        index: Some(index),
        order: Order::Ascending,
        after: None,
        limit: 1,
        is_filtered: false,
    }
}

fn not_found(reference: &ModuleRef) -> Error {
    Error::NotFound(match reference {
        ModuleRef::Id(id) => format!("Module not found [id={id}]"),
        ModuleRef::Name(name) => format!("Module not found [name={name}]"),
    })
}
