//! An executor whose answers a test sets: no sandbox, no disk.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{Call, Executor, TakeInError};
use crate::domain::{ActionSpec, Digest, ModuleName, Outcome};

/// What a run of an action answers.
type Answer = Box<dyn Fn(&Call) -> Outcome + Send + Sync>;

/// Takes in any file as the component that offers `actions`, and answers runs as it was told.
#[derive(Default)]
pub(crate) struct FakeExecutor {
    actions: Vec<ActionSpec>,
    answers: HashMap<String, Answer>,
    kept: Mutex<Vec<Digest>>,
}

impl FakeExecutor {
    /// Every component offers `spec`, too, whose runs answer `answer`.
    pub(crate) fn with(
        mut self,
        spec: ActionSpec,
        answer: impl Fn(&Call) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.answers.insert(spec.name.to_string(), Box::new(answer));
        self.actions.push(spec);
        self
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    async fn take_in(
        &self,
        file: &Path,
        digest: Digest,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, TakeInError> {
        let bytes = std::fs::read(file).map_err(|error| TakeInError::Host(error.into()))?;
        if !bytes.starts_with(b"\0asm") {
            return Err(TakeInError::Refused("It is not a component.".to_owned()));
        }
        if Digest::of(&bytes) != digest {
            return Err(TakeInError::Host("the digest is another's".into()));
        }
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(digest);
        let is_its = |spec: &&ActionSpec| module.is_none_or(|m| m.as_str() == spec.name.prefix());
        Ok(self.actions.iter().filter(is_its).cloned().collect())
    }

    async fn prepare(&self, _: Digest) -> Result<(), TakeInError> {
        Ok(())
    }

    async fn content(&self, _: Digest) -> std::io::Result<Option<tokio::fs::File>> {
        Ok(None)
    }

    async fn discard(&self, digest: Digest) -> std::io::Result<()> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|kept| *kept != digest);
        Ok(())
    }

    async fn run(&self, call: Call) -> Outcome {
        let answer = &self.answers[call.scope.spec.name.as_str()];
        answer(&call)
    }
}
