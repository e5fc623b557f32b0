//! What is known of modules: one by id or name, a page of them, their versions and components.

use super::{Engine, Error};
use crate::{
    domain::{
        Module, ModuleId, ModuleName, ModuleVersion, Operation, Order, Page, PageRequest,
        ProjectId, Sight,
    },
    store::{self, Kept, List},
};

/// How a caller names a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleRef {
    /// By id.
    Id(ModuleId),
    /// By name: the caller's own first, then one that they accepted, then a public one.
    Name(ModuleName),
}

/// Which modules are asked for.
#[derive(Debug)]
pub struct ListModules {
    /// Of this project, with those that it accepted, public and system ones; of all when none.
    pub project: Option<ProjectId>,
    /// Which page.
    pub page: PageRequest,
}

impl Engine {
    /// A page of modules.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn modules(&self, list: ListModules) -> Result<Page<Module>, Error> {
        let limit = list.page.limit;
        let is_visible = move |module: &Module| match &list.project {
            Some(project) => module.is_visible_to(project),
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
        if let ModuleRef::Name(name) = reference
            && let Some(used) = self.used_module(project, name).await?
        {
            return Ok(used);
        }
        self.find_module(reference, |module| module.is_visible_to(project))
            .await?
            .ok_or_else(|| not_found(reference))
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
        let accepted = List {
            is_filtered: true,
            ..one_of(("shared_with", project.to_string()))
        };
        let has_name = |module: &Module| module.name == *name;
        let accepted = store::list(&*self.store, accepted, has_name).await?;
        Ok(accepted.into_iter().next())
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
