//! Modules are changed: made, given a version, rolled back, published, deleted.
//!
//! A refused upload leaves nothing; what an upload changes becomes visible in one step.

use super::{
    Engine, Error, ModuleRef, Upload, apply::Act, components::changed, find_modules::not_found,
    members::without_members,
};
use crate::{
    domain::{
        ActionSpec, Module, ModuleId, ModuleName, ModuleSignature, ModuleVersion, ModuleVersionId,
        ObjectType, Operation, ProjectId, Scope, Shareable, Tallies, Tally, Timestamp,
    },
    store::{self, Commit, Kept, Kind, Write},
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
            shared_with: Vec::new(),
            created_at: taken.at,
            updated_at: None,
        };
        let version = current_version(&module, &new.upload, taken);
        let commit = Commit::new().create(&module).create(&version);
        let commit = reclaim(commit, module.id, &[], claims(&module, &version));
        let act = Act::making(ObjectType::Module, module.id, Some(module.name.as_str()));
        self.settle(self.commit_for(op, act, commit), &module, &version)
            .await?;
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
        let module = self.changeable_module(op, module).await?.entity;
        let wanted = Tallies::default().with(Tally::Bytes, upload.size_bytes);
        self.check_quotas(&op.project_id, wanted).await?;
        let taken = self.take_in_upload(op, &upload, &module.name).await?;
        let mut in_flight = self.module_changes.lock().await;
        let added = self.add_taken_in(op, &module, &upload, taken).await;
        self.landed(&mut in_flight, upload.digest, added.is_ok())
            .await?;
        added
    }

    async fn add_taken_in(
        &self,
        op: &Operation,
        module: &Module,
        upload: &Upload,
        taken: TakenIn,
    ) -> Result<(Module, ModuleVersion), Error> {
        let mut kept = self.unchanged(module).await?;
        let version = next_version(&mut kept.entity, upload, taken);
        let commit = Commit::new().update(&kept).create(&version);
        let name = &kept.entity.name;
        let act = Act::making(ObjectType::Module, kept.entity.id, Some(name.as_str()));
        self.commit_for(op, act, commit)
            .await
            .map_err(|error| changed(error, name))?;
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
        let module = self.changeable_module(op, module).await?.entity;
        let version = self.version_of(&module, version).await?.ok_or_else(|| {
            Error::NotFound(format!(
                "Module version not found [name={}, version={version}]",
                module.name
            ))
        })?;
        self.verify_again(&op.project_id, &version.entity).await?;
        self.executor.prepare(version.entity.digest).await?;
        let changes = self.module_changes.lock().await;
        let mut kept = self.unchanged(&module).await?;
        kept.entity.version = version.entity.version;
        kept.entity.digest = version.entity.digest;
        kept.entity.signature = version.entity.signature.clone();
        kept.entity.updated_at = Some(self.clock.now());
        self.change_module(op, &kept.entity, Commit::new().update(&kept))
            .await?;
        self.registry.put(&kept.entity, &version.entity);
        drop(changes);
        Ok((kept.entity, version.entity))
    }

    /// Publishes a module, or makes it private again. Where it was public and is not shared, new runs do not find it;
    /// those under way go on.
    ///
    /// # Errors
    /// When there is no such module of the caller's, or a public one has its name.
    pub async fn set_module_scope(
        &self,
        op: &Operation,
        module: &ModuleRef,
        scope: Scope,
    ) -> Result<(Module, ModuleVersion), Error> {
        let changes = self.module_changes.lock().await;
        let mut kept = self.changeable_module(op, module).await?;
        let current = self.version_of(&kept.entity, kept.entity.version).await?;
        let version = current.ok_or_else(|| not_found(module))?.entity;
        if kept.entity.scope != scope {
            let old_claims = claims(&kept.entity, &version);
            kept.entity.scope = scope;
            kept.entity.updated_at = Some(self.clock.now());
            let new_claims = claims(&kept.entity, &version);
            let commit = Commit::new().update(&kept);
            let commit = reclaim(commit, kept.entity.id, &old_claims, new_claims);
            self.change_module(op, &kept.entity, commit).await?;
            self.registry.put(&kept.entity, &version);
        }
        drop(changes);
        Ok((kept.entity, version))
    }

    async fn change_module(
        &self,
        op: &Operation,
        module: &Module,
        commit: Commit,
    ) -> Result<(), Error> {
        let act = Act::changing(ObjectType::Module, module.id, Some(module.name.as_str()));
        self.commit_for(op, act, commit)
            .await
            .map_err(|error| changed(error, &module.name))
    }

    /// `module` as it is kept now, with the same versions as when it was read: what its members answered meanwhile is
    /// no conflict, or they could keep its owner from changing it.
    async fn unchanged(&self, module: &Module) -> Result<Kept<Module>, Error> {
        let kept = store::find::<Module>(&*self.store, module.id.uuid()).await?;
        let kept = kept.ok_or_else(|| not_found(&ModuleRef::Id(module.id)))?;
        let numbers = |module: &Module| (module.version, module.latest_version);
        if numbers(&kept.entity) == numbers(module) {
            Ok(kept)
        } else {
            Err(Error::Conflict(format!(
                "Module changed meanwhile [name={}]",
                module.name
            )))
        }
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

    /// Deletes a module with all its versions and members. Components that runs under way began with stay.
    ///
    /// # Errors
    /// When there is no such module of the caller's, or the host ships it.
    pub async fn delete_module(&self, op: &Operation, module: &ModuleRef) -> Result<(), Error> {
        let in_flight = self.module_changes.lock().await;
        let kept = self.changeable_module(op, module).await?;
        let versions = self.versions_of(&kept.entity).await?;
        let members = self.members_of(Shareable::Module(kept.entity.id)).await?;
        let mut commit = without_members(Commit::new().delete(&kept), &members);
        for version in &versions {
            commit = commit.delete(version);
        }
        if let Some(version) = versions.first() {
            let old_claims = claims(&kept.entity, &version.entity);
            commit = reclaim(commit, kept.entity.id, &old_claims, Vec::new());
        }
        self.change_module(op, &kept.entity, commit).await?;
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

/// The unique value of a module's name in a project that has or accepted it.
pub(super) fn name_claim(project: &ProjectId, name: &ModuleName) -> String {
    format!("name/{project}/{name}")
}

/// `commit` with what takes a module's unique values from `old` to `new`.
pub(super) fn reclaim(commit: Commit, id: ModuleId, old: &[String], new: Vec<String>) -> Commit {
    let kind = Kind::Module;
    let released = old.iter().filter(|key| !new.contains(key)).cloned();
    let commit = released.fold(commit, |commit, key| {
        commit.and(Write::Release { kind, key })
    });
    let claimed = new.into_iter().filter(|key| !old.contains(key));
    claimed.fold(commit, |commit, key| {
        let id = id.uuid();
        commit.and(Write::Claim { kind, key, id })
    })
}

/// The unique values that a module holds: its name in its project and in those that accepted it, and, when it is public,
/// the prefixes of its actions.
pub(super) fn claims(module: &Module, version: &ModuleVersion) -> Vec<String> {
    let mut claims = Vec::new();
    match &module.project_id {
        Some(project) => claims.push(name_claim(project, &module.name)),
        None => claims.push(format!("system/{}", module.name)),
    }
    let members = module.shared_with.iter();
    claims.extend(members.map(|project| name_claim(project, &module.name)));
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
