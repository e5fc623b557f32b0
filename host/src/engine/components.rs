//! The components behind modules: taken in before a commit names them, dropped when nothing refers to them.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{Engine, Error, find_modules::one_of};
use crate::{
    domain::{
        ActionExecution, ActionName, ActionSpec, Digest, Module, ModuleName, ModuleVersion, Order,
        State,
    },
    store::{self, Kept, List},
};

/// A component that was received into a file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Where it is; the caller of the engine deletes it afterwards.
    pub file: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The text of its detached signature, a `.minisig` file.
    pub signature: Option<String>,
}

/// The components that uploads under way count on, so that a refused twin does not take them away.
pub(super) type UploadsInFlight = HashMap<Digest, usize>;

impl Engine {
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
                self.landed(&mut in_flight, upload.digest, false).await?;
                Err(error.into())
            }
        }
    }

    /// Does what commits an upload and shows it; when it is refused, drops the component unless somebody else has it.
    pub(super) async fn settle(
        &self,
        committing: impl Future<Output = Result<(), store::Error>> + Send,
        module: &Module,
        version: &ModuleVersion,
    ) -> Result<(), Error> {
        let mut in_flight = self.module_changes.lock().await;
        let committed = committing
            .await
            .map_err(|error| changed(error, &module.name));
        if committed.is_ok() {
            self.registry.put(module, version);
        }
        self.landed(&mut in_flight, version.digest, committed.is_ok())
            .await?;
        committed
    }

    /// An upload is under way no more; when it was refused, drops its component unless somebody else has it.
    pub(super) async fn landed(
        &self,
        in_flight: &mut UploadsInFlight,
        digest: Digest,
        is_taken_in: bool,
    ) -> Result<(), Error> {
        land(in_flight, digest);
        if is_taken_in {
            return Ok(());
        }
        self.discard_unused(digest, in_flight).await
    }

    /// Drops a component that nothing refers to: no version, no upload under way, no run.
    pub(super) async fn discard_unused(
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
            index: Some(("state", State::Running.to_string())),
            order: Order::Ascending,
            after: None,
            limit: 1,
            is_filtered: true,
        };
        let uses = |execution: &ActionExecution| execution.digest == digest;
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

    /// What `name` was in the component `digest`, and of which module, as long as a module has it.
    pub(super) async fn stored_spec(
        &self,
        digest: Digest,
        name: &ActionName,
    ) -> Result<Option<(Arc<ActionSpec>, ModuleName)>, Error> {
        let Some(version) = self.any_version_of(digest).await? else {
            return Ok(None);
        };
        let module = store::find::<Module>(&*self.store, version.module_id.uuid()).await?;
        let spec = version.actions.into_iter().find(|spec| spec.name == *name);
        Ok(spec
            .zip(module)
            .map(|(spec, module)| (Arc::new(spec), module.entity.name)))
    }
}

/// What is told when a change of the module `name` was not committed.
pub(super) fn changed(error: store::Error, name: &ModuleName) -> Error {
    if matches!(error, store::Error::Conflict { .. }) {
        Error::Conflict(format!(
            "Module already exists, or changed meanwhile [name={name}]"
        ))
    } else {
        error.into()
    }
}

fn land(in_flight: &mut UploadsInFlight, digest: Digest) {
    if let Some(count) = in_flight.get_mut(&digest) {
        *count -= 1;
        if *count == 0 {
            in_flight.remove(&digest);
        }
    }
}
