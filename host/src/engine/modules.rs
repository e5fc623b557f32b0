//! Modules are changed: made, given a version, rolled back, deleted.
//!
//! A refused upload leaves nothing; what an upload changes becomes visible in one step.

use super::{Engine, Error, ModuleRef, Upload, apply::Act, components::changed};
use crate::{
    domain::{
        ActionSpec, Module, ModuleId, ModuleName, ModuleSignature, ModuleVersion, ModuleVersionId,
        ObjectType, Operation, Scope, Tallies, Tally, Timestamp,
    },
    store::{Commit, Kind, Write},
};

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

impl Engine {
    /// Takes in a component as the first version of a module.
    ///
    /// # Errors
    /// When the name is taken or the component is refused.
    pub async fn create_module(
        &self,
        op: &Operation,
        new: NewModule,
    ) -> Result<(Module, ModuleVersion), Error> {
        let wanted = Tallies::default()
            .with(Tally::Modules, 1)
            .with(Tally::Bytes, new.upload.size_bytes);
        self.check_quotas(&op.project_id, wanted).await?;
        let taken = self.take_in_upload(op, &new.upload, &new.name).await?;
        let module = Module {
            id: ModuleId::generate(),
            project_id: Some(op.project_id.clone()),
            name: new.name,
            scope: new.scope,
            version: 1,
            latest_version: 1,
            digest: new.upload.digest,
            signature: taken.signature.clone(),
            created_at: taken.at,
            updated_at: None,
        };
        let version = current_version(&module, &new.upload, taken);
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
        let act = Act::making(ObjectType::Module, module.id, Some(module.name.as_str()));
        let committing = self.commit_for(op, act, commit);
        self.settle(new.upload.digest, committing, &module.name)
            .await?;
        self.registry.put(&module, &version);
        Ok((module, version))
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
    ) -> Result<(Module, ModuleVersion), Error> {
        let mut kept = self.changeable_module(op, module).await?;
        let wanted = Tallies::default().with(Tally::Bytes, upload.size_bytes);
        self.check_quotas(&op.project_id, wanted).await?;
        let taken = self.take_in_upload(op, &upload, &kept.entity.name).await?;
        let version = next_version(&mut kept.entity, &upload, taken);
        let commit = Commit::new().update(&kept).create(&version);
        let name = &kept.entity.name;
        let act = Act::making(ObjectType::Module, kept.entity.id, Some(name.as_str()));
        self.settle(upload.digest, self.commit_for(op, act, commit), name)
            .await?;
        self.registry.put(&kept.entity, &version);
        Ok((kept.entity, version))
    }

    /// Makes an earlier (or later) version of a module current.
    ///
    /// # Errors
    /// When there is no such module of the caller's, or no such version of it, or its signature would not be accepted
    /// any more.
    pub async fn rollback_module(
        &self,
        op: &Operation,
        module: &ModuleRef,
        version: u32,
    ) -> Result<(Module, ModuleVersion), Error> {
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
        self.verify_again(&op.project_id, &version.entity).await?;
        self.executor.prepare(version.entity.digest).await?;
        kept.entity.version = version.entity.version;
        kept.entity.digest = version.entity.digest;
        kept.entity.signature = version.entity.signature.clone();
        kept.entity.updated_at = Some(self.clock.now());
        let name = &kept.entity.name;
        let act = Act::changing(ObjectType::Module, kept.entity.id, Some(name.as_str()));
        self.commit_for(op, act, Commit::new().update(&kept))
            .await
            .map_err(|error| changed(error, name))?;
        self.registry.put(&kept.entity, &version.entity);
        Ok((kept.entity, version.entity))
    }

    async fn take_in_upload(
        &self,
        op: &Operation,
        upload: &Upload,
        module: &ModuleName,
    ) -> Result<TakenIn, Error> {
        let signature = self.verify_upload(&op.project_id, upload).await?;
        Ok(TakenIn {
            actions: self.take_in(upload, Some(module)).await?,
            signature,
            uploaded_by: op.user_id.as_deref().map(str::to_owned),
            at: self.clock.now(),
        })
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
        let name = &kept.entity.name;
        let act = Act::changing(ObjectType::Module, kept.entity.id, Some(name.as_str()));
        self.commit_for(op, act, commit)
            .await
            .map_err(|error| changed(error, name))?;
        self.registry.remove(&kept.entity);
        for version in &versions {
            self.discard_unused(version.entity.digest, &in_flight)
                .await?;
        }
        Ok(())
    }
}

/// What is known of an upload once it was taken in.
pub(super) struct TakenIn {
    pub(super) actions: Vec<ActionSpec>,
    pub(super) signature: Option<ModuleSignature>,
    pub(super) uploaded_by: Option<String>,
    pub(super) at: Timestamp,
}

/// The next version of `module`, which becomes current.
pub(super) fn next_version(module: &mut Module, upload: &Upload, taken: TakenIn) -> ModuleVersion {
    module.latest_version += 1;
    module.version = module.latest_version;
    module.digest = upload.digest;
    module.signature = taken.signature.clone();
    module.updated_at = Some(taken.at);
    current_version(module, upload, taken)
}

/// The record of the version that is current in `module`.
fn current_version(module: &Module, upload: &Upload, taken: TakenIn) -> ModuleVersion {
    ModuleVersion {
        id: ModuleVersionId::generate(),
        module_id: module.id,
        project_id: module.project_id.clone(),
        version: module.version,
        digest: upload.digest,
        size_bytes: upload.size_bytes,
        actions: taken.actions,
        uploaded_by: taken.uploaded_by,
        signature: taken.signature,
        created_at: taken.at,
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
