//! What is sealed: of an action execution the custom context, the target cloud and the journal; of an execution the custom
//! context, the target cloud and the environment; of an environment its variables; of triggers what they start with.

use zeroize::Zeroizing;

use super::{Engine, Error};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, CustomContext, Environment, EnvironmentId, JournalPage,
        Order, ProjectId, Sealed, Secret, TargetCloud, WorkflowExecution, WorkflowExecutionId,
        private_json,
    },
    store::{self, Commit, Entity, Kept, KeptJournal, KeyRing, Kind, List, Place, Store},
};

/// How many records are sealed again in one commit.
const BATCH: usize = 100;

/// Seals with the newest key all that another one sealed, so that the others are not needed any more; answers how many
/// records that were. For a store that nobody else has open.
///
/// # Errors
/// When the store fails, or a value does not open.
pub async fn reseal(store: &dyn Store, keys: &KeyRing) -> Result<usize, Error> {
    let executions = reseal_all(store, |execution: &mut ActionExecution| {
        let id = execution.id;
        let context = reseal_one(
            keys,
            place(id, "custom_context"),
            &mut execution.custom_context,
        )?;
        let target = reseal_one(keys, place(id, "target"), &mut execution.target)?;
        Ok(context || target)
    });
    let executions = executions.await?;
    let journals = reseal_all(store, |journal: &mut KeptJournal| {
        let resealed = keys
            .reseal(&place(journal.id, "journal"), &journal.sealed)
            .map_err(|error| Error::Host(error.into()))?;
        let is_changed = resealed.is_some();
        if let Some(sealed) = resealed {
            journal.sealed = sealed;
        }
        Ok(is_changed)
    });
    let environments = reseal_all(store, |environment: &mut Environment| {
        reseal_one(
            keys,
            variables_place(environment.id),
            &mut environment.variables,
        )
    });
    let workflows = reseal_all(store, |execution: &mut WorkflowExecution| {
        let id = execution.id;
        let fields = [
            ("custom_context", &mut execution.custom_context),
            ("target", &mut execution.target),
            ("environment", &mut execution.environment),
        ];
        let mut is_changed = false;
        for (field, sealed) in fields {
            is_changed |= reseal_one(keys, execution_place(id, field), sealed)?;
        }
        Ok(is_changed)
    });
    let triggers = super::triggers::reseal(store, keys);
    Ok(executions + journals.await? + environments.await? + workflows.await? + triggers.await?)
}

pub(super) async fn reseal_all<E: Entity>(
    store: &dyn Store,
    change: impl Fn(&mut E) -> Result<bool, Error>,
) -> Result<usize, Error> {
    let mut list = List {
        project: None,
        index: None,
        order: Order::Ascending,
        after: None,
        limit: BATCH,
        is_filtered: false,
    };
    let mut count = 0;
    loop {
        let batch: Vec<Kept<E>> = store::list(store, list.clone(), |_| true).await?;
        let Some(last) = batch.last() else {
            return Ok(count);
        };
        list.after = Some(last.entity.id());
        let mut commit = Commit::new();
        let before = count;
        for mut kept in batch {
            if change(&mut kept.entity)? {
                commit = commit.update(&kept);
                count += 1;
            }
        }
        if count > before {
            store.commit(commit).await?;
        }
    }
}

pub(super) fn reseal_one(
    keys: &KeyRing,
    place: Place,
    sealed: &mut Option<Sealed>,
) -> Result<bool, Error> {
    let Some(old) = sealed else {
        return Ok(false);
    };
    let resealed = keys
        .reseal(&place, old)
        .map_err(|error| Error::Host(error.into()))?;
    let is_changed = resealed.is_some();
    if let Some(resealed) = resealed {
        *old = resealed;
    }
    Ok(is_changed)
}

fn place(id: ActionExecutionId, field: &'static str) -> Place {
    let kind = if field == "journal" {
        Kind::Journal
    } else {
        Kind::ActionExecution
    };
    Place {
        kind,
        id: id.uuid(),
        field,
    }
}

/// Where a field of an execution is sealed.
pub(super) const fn execution_place(id: WorkflowExecutionId, field: &'static str) -> Place {
    Place {
        kind: Kind::WorkflowExecution,
        id: id.uuid(),
        field,
    }
}

const fn variables_place(id: EnvironmentId) -> Place {
    Place {
        kind: Kind::Environment,
        id: id.uuid(),
        field: "variables",
    }
}

impl Engine {
    pub(super) fn seal_variables(&self, id: EnvironmentId, variables: &Secret) -> Sealed {
        self.keys
            .seal(&variables_place(id), variables.expose().as_bytes())
    }

    /// The variables of `environment`, a JSON object as text; none for null.
    ///
    /// # Errors
    /// When the key that sealed them is gone.
    pub fn variables(&self, environment: &Environment) -> Result<Option<Secret>, Error> {
        let Some(sealed) = &environment.variables else {
            return Ok(None);
        };
        let mut plain = self
            .keys
            .open(&variables_place(environment.id), sealed)
            .map_err(|error| Error::Host(error.into()))?;
        let text = String::from_utf8(std::mem::take(&mut *plain))
            .map_err(|error| Error::Host(error.utf8_error().into()))?;
        Ok(Some(Secret::new(text)))
    }

    pub(super) fn seal_context(&self, id: ActionExecutionId, context: &CustomContext) -> Sealed {
        self.keys
            .seal(&place(id, "custom_context"), context.expose().as_bytes())
    }

    pub(super) fn open_context(
        &self,
        execution: &ActionExecution,
    ) -> Result<Option<CustomContext>, Error> {
        let Some(sealed) = &execution.custom_context else {
            return Ok(None);
        };
        let plain = self.unseal(execution.id, "custom_context", sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|error| Error::Host(error.into()))?;
        Ok(Some(CustomContext::from_json(text.to_owned())))
    }

    pub(super) fn seal_target(
        &self,
        id: ActionExecutionId,
        target: &TargetCloud,
    ) -> Result<Sealed, Error> {
        let plain = private_json(target).map_err(|error| Error::Host(error.into()))?;
        Ok(self.keys.seal(&place(id, "target"), &plain))
    }

    pub(super) fn open_target(
        &self,
        execution: &ActionExecution,
    ) -> Result<Option<TargetCloud>, Error> {
        let Some(sealed) = &execution.target else {
            return Ok(None);
        };
        let plain = self.unseal(execution.id, "target", sealed)?;
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|error| Error::Host(error.into()))
    }

    pub(super) fn seal_journal(
        &self,
        id: ActionExecutionId,
        project_id: &ProjectId,
        page: &JournalPage,
    ) -> Result<KeptJournal, Error> {
        let plain = private_json(page).map_err(|error| Error::Host(error.into()))?;
        Ok(KeptJournal {
            id,
            project_id: project_id.clone(),
            sealed: self.keys.seal(&place(id, "journal"), &plain),
        })
    }

    pub(super) fn open_journal(&self, kept: &KeptJournal) -> Result<JournalPage, Error> {
        let plain = self.unseal(kept.id, "journal", &kept.sealed)?;
        serde_json::from_slice(&plain).map_err(|error| Error::Host(error.into()))
    }

    fn unseal(
        &self,
        id: ActionExecutionId,
        field: &'static str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.keys
            .open(&place(id, field), sealed)
            .map_err(|error| Error::Host(error.into()))
    }
}
