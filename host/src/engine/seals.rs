//! What of an action execution is sealed: the custom context, the target cloud, and the journal.

use zeroize::Zeroizing;

use super::{Engine, Error};
use crate::{
    domain::{
        ActionExecution, ActionExecutionId, CustomContext, JournalPage, ProjectId, Sealed,
        TargetCloud,
    },
    store::{KeptJournal, Kind, Place},
};

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

impl Engine {
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
        let plain = serde_json::to_vec(target)
            .map(Zeroizing::new)
            .map_err(|error| Error::Host(error.into()))?;
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
        let plain = serde_json::to_vec(page)
            .map(Zeroizing::new)
            .map_err(|error| Error::Host(error.into()))?;
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
