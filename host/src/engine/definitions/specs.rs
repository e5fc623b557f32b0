//! Specifications of kept definitions, parsed once and shared while they are in use.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::{AdHocAction, Digest, WorkflowDefinition},
    engine::Error,
    lang::{self, Fault},
};

/// The most bytes of definitions whose specifications are kept of each kind. A specification takes several times as much.
const MAX_BYTES: usize = 8 << 20;

/// The specifications of definitions, by their checksums.
#[derive(Debug, Default)]
pub(in crate::engine) struct Specs {
    workflows: Parsed<lang::Workflow>,
    actions: Parsed<lang::AdHocAction>,
}

impl Specs {
    /// What `workflow` says.
    ///
    /// # Errors
    /// When this build cannot read it.
    pub(super) async fn workflow(
        &self,
        workflow: &WorkflowDefinition,
    ) -> Result<Arc<lang::Workflow>, Error> {
        let document = (workflow.checksum, &workflow.definition);
        self.workflows.get(document, lang::workflow).await
    }

    /// What the workflow says that an execution runs, from its own copy of the document.
    ///
    /// # Errors
    /// When this build cannot read it.
    pub(in crate::engine) async fn workflow_of(
        &self,
        document: &Arc<str>,
    ) -> Result<Arc<lang::Workflow>, Error> {
        let checksum = Digest::of(document.as_bytes());
        self.workflows
            .get((checksum, document), lang::workflow)
            .await
    }

    /// What `action` says.
    ///
    /// # Errors
    /// When this build cannot read it.
    pub(super) async fn action(
        &self,
        action: &AdHocAction,
    ) -> Result<Arc<lang::AdHocAction>, Error> {
        let first = |text: &str| {
            let mut actions = lang::actions(text)?;
            actions.pop().ok_or_else(Vec::new)
        };
        let document = (action.checksum, &action.definition);
        self.actions.get(document, first).await
    }
}

/// Specifications of one kind; the oldest go first.
#[derive(Debug)]
struct Parsed<T>(Mutex<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    known: HashMap<Digest, Arc<T>>,
    /// What is known, oldest first, with the bytes of the documents.
    ages: VecDeque<(Digest, usize)>,
    bytes: usize,
}

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            known: HashMap::new(),
            ages: VecDeque::new(),
            bytes: 0,
        }))
    }
}

impl<T: Send + Sync + 'static> Parsed<T> {
    async fn get(
        &self,
        (checksum, text): (Digest, &Arc<str>),
        parse: impl FnOnce(&str) -> Result<T, Vec<Fault>> + Send + 'static,
    ) -> Result<Arc<T>, Error> {
        if let Some(spec) = self.lock().known.get(&checksum) {
            return Ok(Arc::clone(spec));
        }
        let document = Arc::clone(text);
        let parsed = tokio::task::spawn_blocking(move || parse(&document))
            .await
            .map_err(|error| Error::Host(error.into()))?;
        let spec = parsed.map(Arc::new).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Error::BadInput(format!(
                "The definition was taken in by another version of the host and cannot be read any more; update it: {}",
                faults.join("; ")
            ))
        })?;
        self.lock().put(checksum, text.len(), Arc::clone(&spec));
        Ok(spec)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn put(&mut self, checksum: Digest, bytes: usize, spec: Arc<T>) {
        if self.known.insert(checksum, spec).is_some() {
            return;
        }
        self.ages.push_back((checksum, bytes));
        self.bytes += bytes;
        while self.bytes > MAX_BYTES
            && let Some((oldest, bytes)) = self.ages.pop_front()
        {
            self.known.remove(&oldest);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_document_is_parsed_once_and_the_oldest_are_forgotten() {
        let parsed = Parsed::<usize>::default();
        let small: Arc<str> = "small".into();
        let digest = Digest::of(small.as_bytes());
        let get =
            |parse: fn(&str) -> Result<usize, Vec<Fault>>| parsed.get((digest, &small), parse);
        assert_eq!(*get(|text| Ok(text.len())).await.unwrap(), 5);
        assert_eq!(*get(|_| Err(Vec::new())).await.unwrap(), 5);

        let large: Arc<str> = " ".repeat(MAX_BYTES).into();
        let of_large = (Digest::of(large.as_bytes()), &large);
        parsed.get(of_large, |text| Ok(text.len())).await.unwrap();
        assert!(get(|_| Err(Vec::new())).await.is_err());
    }
}
