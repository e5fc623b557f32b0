//! What is known of modules: one by id or name, a page of them, their versions and components.

use super::{Engine, Error};
use crate::{
    domain::{
        ListRequest, Module, ModuleId, ModuleName, ModuleVersion, Operation, Order, Page,
        ProjectId, Scope, Sight,
    },
    store::{self, Kept, List, Listing},
};

/// How a caller names a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleRef {
    /// By id.
    Id(ModuleId),
    /// By name: the caller's own first, then one that they accepted, then a public one.
    Name(ModuleName),
}

impl Engine {
    /// A page of modules.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn modules(&self, request: &ListRequest<Module>) -> Result<Page<Module>, Error> {
        let besides = |project: &ProjectId| {
            vec![
                Listing::with("scope", Scope::Public.as_str()),
                Listing::with("shared_with", project.as_str()),
            ]
        };
        self.list(request, besides).await
    }

    /// A module that the caller may see, with its versions, oldest first.
    ///
    /// # Errors
    /// When there is none.
    pub async fn module(
        &self,
        op: &Operation,
        module: &ModuleRef,
        sight: Sight,
    ) -> Result<(Module, Vec<ModuleVersion>), Error> {
        let kept = self.reachable_module(op, module, sight).await?;
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

    pub(super) async fn versions_of(
        &self,
        module: &Module,
    ) -> Result<Vec<Kept<ModuleVersion>>, Error> {
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

    /// A module that the caller sees, or, named by its id, any one where they reach beyond their project.
    pub(super) async fn reachable_module(
        &self,
        op: &Operation,
        reference: &ModuleRef,
        sight: Sight,
    ) -> Result<Kept<Module>, Error> {
        match (reference, sight) {
            (ModuleRef::Id(_), Sight::AllProjects) => self
                .find_module(reference, |_| true)
                .await?
                .ok_or_else(|| not_found(reference)),
            (ModuleRef::Id(_) | ModuleRef::Name(_), _) => self.visible_module(op, reference).await,
        }
    }

    pub(super) async fn visible_module(
        &self,
        op: &Operation,
        reference: &ModuleRef,
    ) -> Result<Kept<Module>, Error> {
        let project = &op.project_id;
        let found = match reference {
            ModuleRef::Id(_) => {
                let is_visible = |module: &Module| module.is_visible_to(project);
                self.find_module(reference, is_visible).await?
            }
            ModuleRef::Name(name) => match self.used_module(project, name).await? {
                Some(used) => Some(used),
                None => {
                    self.listed_module("scope", Scope::Public.as_str(), name)
                        .await?
                }
            },
        };
        found.ok_or_else(|| not_found(reference))
    }

    /// What `project` has or accepted under `name`: one module at most.
    pub(super) async fn used_module(
        &self,
        project: &ProjectId,
        name: &ModuleName,
    ) -> Result<Option<Kept<Module>>, Error> {
        let own = List {
            project: Some(project.clone()),
            ..one_of(("name", name.to_string()))
        };
        let own = store::list(&*self.store, own, |_| true).await?;
        if let Some(own) = own.into_iter().next() {
            return Ok(Some(own));
        }
        self.listed_module("shared_with", project.as_str(), name)
            .await
    }

    /// The module of that name among those with this value of an index key.
    async fn listed_module(
        &self,
        key: &'static str,
        value: &str,
        name: &ModuleName,
    ) -> Result<Option<Kept<Module>>, Error> {
        let list = List {
            is_filtered: true,
            ..one_of((key, value.to_owned()))
        };
        let has_name = |module: &Module| module.name == *name;
        let found = store::list(&*self.store, list, has_name).await?;
        Ok(found.into_iter().next())
    }

    pub(super) async fn changeable_module(
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
        if !kept.entity.is_of(&op.project_id) {
            return Err(not_found(reference));
        }
        Ok(kept)
    }
}

pub(super) const fn one_of(index: (&'static str, String)) -> List {
    List {
        project: None,
        index: Some(index),
        order: Order::Ascending,
        after: None,
        limit: 1,
        is_filtered: false,
    }
}

pub(super) fn not_found(reference: &ModuleRef) -> Error {
    Error::NotFound(match reference {
        ModuleRef::Id(id) => format!("Module not found [id={id}]"),
        ModuleRef::Name(name) => format!("Module not found [name={name}]"),
    })
}
