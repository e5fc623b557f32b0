//! An executor whose answers a test sets: no sandbox, no disk.

use std::{
    collections::{BTreeSet, HashMap},
    future::{Future, ready},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::{
    Busy, Call, Executor, Place, TakeInError,
    queue::{Limits, Queue},
};
use crate::domain::{ActionSpec, Digest, Failure, ModuleName, Outcome, ProjectId};

/// What a run of an action answers.
type Answer = Box<dyn Fn(Call) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Takes in any file with Wasm's magic number as a component, and answers runs as it was told.
///
/// A component offers the actions that its bytes name, and every action when they name none.
pub(crate) struct FakeExecutor {
    actions: Vec<ActionSpec>,
    answers: HashMap<String, Answer>,
    kept: Mutex<BTreeSet<Digest>>,
    queue: Arc<Queue>,
}

/// How many runs it admits at one time; no other waits.
pub(crate) const ADMITTED: usize = 100;

impl Default for FakeExecutor {
    fn default() -> Self {
        Self {
            actions: Vec::new(),
            answers: HashMap::new(),
            kept: Mutex::default(),
            queue: Queue::new(Limits {
                runs: ADMITTED,
                runs_per_project: ADMITTED,
                waiting: 0,
                waiting_per_project: 0,
            }),
        }
    }
}

/// A run that goes on until the test ends it, whatever its token says.
pub(crate) struct HeldRun {
    /// What was asked for.
    pub(crate) call: Arc<Call>,
    end: oneshot::Sender<Outcome>,
}

/// The held runs of an action, as they begin.
pub(crate) type HeldRuns = mpsc::UnboundedReceiver<HeldRun>;

impl HeldRun {
    /// Ends it.
    pub(crate) fn end(self, outcome: Outcome) {
        // The host may have given it up meanwhile.
        let _ = self.end.send(outcome);
    }
}

impl FakeExecutor {
    /// There is an action `spec`, too, whose runs answer `answer` at once.
    pub(crate) fn with(
        self,
        spec: ActionSpec,
        answer: impl Fn(&Call) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.with_answer(spec, move |call| ready(answer(&call)))
    }

    /// There are actions `specs`, too, whose runs begin in the test's hands.
    pub(crate) fn with_held(
        mut self,
        specs: impl IntoIterator<Item = ActionSpec>,
    ) -> (Self, HeldRuns) {
        let (begun, runs) = mpsc::unbounded_channel();
        for spec in specs {
            let begun = begun.clone();
            self = self.with_answer(spec, move |call| {
                let (end, ended) = oneshot::channel();
                let call = Arc::new(call);
                // A test that does not look at its runs any more has dropped this one, and so ended it.
                let _ = begun.send(HeldRun { call, end });
                async move {
                    ended.await.unwrap_or_else(|_| {
                        Outcome::Failed(Failure::new("the test dropped the run"))
                    })
                }
            });
        }
        (self, runs)
    }

    /// The components that were taken in and not discarded.
    pub(crate) fn kept(&self) -> Vec<Digest> {
        self.lock().iter().copied().collect()
    }

    fn with_answer<F>(
        mut self,
        spec: ActionSpec,
        answer: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let answer: Answer = Box::new(move |call| Box::pin(answer(call)));
        self.answers.insert(spec.name.to_string(), answer);
        self.actions.push(spec);
        self
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.lock().insert(digest);
        let text = String::from_utf8_lossy(&bytes);
        let is_named = |spec: &&ActionSpec| {
            text.split_whitespace()
                .any(|word| word == spec.name.as_str())
        };
        let names_some = self.actions.iter().any(|spec| is_named(&spec));
        let is_its = |spec: &&ActionSpec| module.is_none_or(|m| m.as_str() == spec.name.prefix());
        Ok(self
            .actions
            .iter()
            .filter(is_its)
            .filter(|spec| !names_some || is_named(spec))
            .cloned()
            .collect())
    }

    async fn prepare(&self, _: Digest) -> Result<(), TakeInError> {
        Ok(())
    }

    async fn content(&self, _: Digest) -> std::io::Result<Option<tokio::fs::File>> {
        Ok(None)
    }

    async fn discard(&self, digest: Digest) -> std::io::Result<()> {
        self.lock().remove(&digest);
        Ok(())
    }

    fn admit(&self, project: &ProjectId) -> Result<Place, Busy> {
        self.queue.admit(project)
    }

    async fn run(&self, mut call: Call) -> Outcome {
        // Not with the call, which a test may keep.
        let _place = call.place.take();
        if !self.lock().contains(&call.digest) {
            return Outcome::Failed(Failure::new("the component is not there"));
        }
        let answer = &self.answers[call.scope.spec.name.as_str()];
        answer(call).await
    }
}
