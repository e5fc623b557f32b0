//! What is known of modules: one by id or name, a page of them, their versions and components.

use super::{Engine, Error};
use crate::{
    domain::{
        ListRequest, Module, ModuleId, ModuleName, ModuleVersion, Operation, Order, Page,
        ProjectId, Reach, Scope,
    },
    store::{self, Kept, List, Listing},
};

/// How a caller names a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleRef {
    /// By id.
    Id(ModuleId),
    /// By name: the caller's own first, then a public one.
    Name(ModuleName),
}

impl Engine {
    /// A page of modules.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn modules(&self, request: &ListRequest<Module>) -> Result<Page<Module>, Error> {
        let listings = match &request.reach {
            Reach::SeenBy(project) => vec![
                Listing::of(project.clone()),
                Listing::with("scope", Scope::Public.as_str()),
            ],
            Reach::OwnedBy(project) => vec![Listing::of(project.clone())],
            Reach::All => vec![Listing::ALL],
        };
        self.list(request, listings).await
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
        if kept.entity.project_id.as_ref() != Some(&op.project_id) {
            return Err(not_found(reference));
        }
        Ok(kept)
    }
}

fn is_visible_to(project: &ProjectId, module: &Module) -> bool {
    module.scope == Scope::Public || module.project_id.as_ref() == Some(project)
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

fn not_found(reference: &ModuleRef) -> Error {
    Error::NotFound(match reference {
        ModuleRef::Id(id) => format!("Module not found [id={id}]"),
        ModuleRef::Name(name) => format!("Module not found [name={name}]"),
    })
}
