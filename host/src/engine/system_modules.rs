//! The modules that the host ships: taken in at start, upgraded with the host, visible to all.

use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::{
    Engine, Error, ModuleRef, Upload,
    modules::{TakenIn, claims, next_version, reclaim},
};
use crate::{
    domain::{Digest, Module, ModuleId, ModuleName, Scope},
    store::{Commit, Kept},
};

impl Engine {
    /// Takes in every `NAME.wasm` of `folder` that is not current yet, and makes the current ones ready to run.
    ///
    /// # Errors
    /// When the folder cannot be read or the store does not answer. A component that is refused is a warning: the
    /// others go on.
    pub async fn load_system_modules(&self, folder: &Path) -> Result<(), Error> {
        let mut entries = tokio::fs::read_dir(folder)
            .await
            .map_err(|error| Error::Host(error.into()))?;
        while let Some(entry) = entries
            .next_entry()
            .await
            .map_err(|error| Error::Host(error.into()))?
        {
            let file = entry.path();
            let Some(name) = module_name(&file) else {
                continue;
            };
            if let Err(err) = self.load_system_module(name.clone(), file).await {
                warn!(module.name = %name, error = %crate::telemetry::Chain(&err), "a system module is left out");
            }
        }
        Ok(())
    }

    async fn load_system_module(&self, name: ModuleName, file: PathBuf) -> Result<(), Error> {
        let bytes = tokio::fs::read(&file)
            .await
            .map_err(|error| Error::Host(error.into()))?;
        let upload = Upload {
            file,
            digest: Digest::of(&bytes),
            size_bytes: bytes.len() as u64,
            signature: None,
        };
        drop(bytes);
        let known = self
            .find_module(&ModuleRef::Name(name.clone()), Module::is_system)
            .await?;
        if let Some(known) = &known
            && known.entity.digest == upload.digest
        {
            self.executor.prepare(upload.digest).await?;
            return Ok(());
        }
        let actions = self.take_in(&upload, None).await?;
        let now = self.clock.now();
        let is_new = known.is_none();
        let mut kept = known.unwrap_or_else(|| Kept {
            entity: Module {
                id: ModuleId::generate(),
                project_id: None,
                name: name.clone(),
                scope: Scope::Public,
                version: 0,
                latest_version: 0,
                digest: upload.digest,
                signature: None,
                shared_with: Vec::new(),
                created_at: now,
                updated_at: None,
            },
            version: 0,
        });
        let old_claims = match self.version_of(&kept.entity, kept.entity.version).await? {
            Some(old) => claims(&kept.entity, &old.entity),
            None => Vec::new(),
        };
        let taken = TakenIn {
            actions,
            signature: None,
            uploaded_by: None,
            at: now,
        };
        let version = next_version(&mut kept.entity, &upload, taken);
        let new_claims = claims(&kept.entity, &version);
        let commit = Commit::new().update(&kept).create(&version);
        let commit = reclaim(commit, kept.entity.id, &old_claims, new_claims);
        self.settle(self.store.commit(commit), &kept.entity, &version)
            .await?;
        info!(
            module.name = %name, module.digest = %upload.digest, version = kept.entity.version, is_new,
            "took in system module `{name}`",
        );
        Ok(())
    }
}

fn module_name(file: &Path) -> Option<ModuleName> {
    let is_component = file
        .extension()
        .is_some_and(|extension| extension == "wasm");
    if !is_component {
        return None;
    }
    ModuleName::parse(file.file_stem()?.to_str()?).ok()
}
