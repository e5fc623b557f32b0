//! Handles letters: reads what a step needs, steps, and commits, again from the start when somebody else was faster.

use std::sync::Arc;

use super::{
    Cause, Content,
    attempt::{Attempt, Attempted, Desk, Made, Missing},
    letter::Letter,
    load::Loaded,
    not_found,
};
use crate::{
    domain::{ActionExecution, WorkflowExecution, WorkflowExecutionId},
    engine::{Engine, Error},
    store::{self, Commit},
    telemetry::Chain,
};

/// How often a commit is tried in which others were faster.
const ATTEMPTS: usize = 32;
/// How often a step may ask for more before it is given up.
const ROUNDS: usize = 1000;

/// What is known, the letters, and what is to be committed of them.
pub(super) struct Ready {
    pub(super) loaded: Box<Loaded>,
    pub(super) letters: Vec<Letter>,
    pub(super) made: Box<Made>,
    pub(super) desk: Desk,
}

impl Engine {
    /// Handles `letters`, answers them, and gives back what is known of the execution after it.
    pub(super) async fn handle(
        self: &Arc<Self>,
        id: WorkflowExecutionId,
        mut letters: Vec<Letter>,
        mut loaded: Option<Box<Loaded>>,
    ) -> Option<Box<Loaded>> {
        for _ in 0..ATTEMPTS {
            if letters.is_empty() {
                return loaded;
            }
            let current = match loaded.take() {
                Some(current) => current,
                None => match self.load(id).await {
                    Ok(Some(current)) => Box::new(current),
                    Ok(None) => {
                        self.answer_gone(id, letters).await;
                        return None;
                    }
                    Err(err) => {
                        refuse(letters, err);
                        return None;
                    }
                },
            };
            let ready = match self.make_ready(current, letters).await {
                Ok(ready) => ready,
                Err((rest, kept)) => {
                    letters = rest;
                    loaded = kept;
                    continue;
                }
            };
            // One that goes on again after its end is under way again.
            let reopens = ready
                .letters
                .iter()
                .any(|letter| letter.content.may_reopen());
            let project = Arc::clone(&ready.loaded.snapshot.execution);
            let limited = reopens.then_some(&project.project_id);
            match self.commit_ready(&ready, limited).await {
                Ok(()) => return Some(self.accept(ready)),
                // Somebody else has the job by now, and answers for it.
                Err(store::Error::LeaseLost(job)) => {
                    let (lost, rest) = (ready.letters)
                        .into_iter()
                        .partition(|letter| letter.cause.is_job(job));
                    letters = rest;
                    let lost: Vec<Letter> = lost;
                    for letter in lost {
                        letter.answer(Ok(()));
                    }
                    loaded = Some(ready.loaded);
                }
                Err(store::Error::Conflict { .. }) => letters = ready.letters,
                Err(err) => {
                    refuse(ready.letters, err.into());
                    return None;
                }
            }
        }
        let busy = "the execution is changed by others all the time; try again";
        refuse(letters, Error::Busy(busy.to_owned()));
        None
    }

    /// Reads and steps until there is something to commit. Letters that are refused have their answers, and the others
    /// are given back where there is nothing to commit.
    pub(super) async fn make_ready(
        self: &Arc<Self>,
        mut loaded: Box<Loaded>,
        mut letters: Vec<Letter>,
    ) -> Result<Ready, (Vec<Letter>, Option<Box<Loaded>>)> {
        let mut desk = Desk::default();
        if let [letter] = letters.as_slice()
            && letter.content.is_alone()
            && let Err(err) = self.prepare(&letter.content, &mut loaded, &mut desk).await
        {
            refuse(letters, err);
            return Err((Vec::new(), Some(loaded)));
        }
        if let Err(err) = self.read_first(&letters, &loaded, &mut desk).await {
            refuse(letters, err);
            return Err((Vec::new(), None));
        }
        for _ in 0..ROUNDS {
            let attempted;
            (loaded, letters, desk, attempted) = self.attempt(loaded, letters, desk).await;
            let missing = match attempted {
                Ok(Attempted::Made(mut made)) => {
                    loaded.usual.extend(std::mem::take(&mut made.asked));
                    if made.refused.is_empty() {
                        return Ok(Ready {
                            loaded,
                            letters,
                            made,
                            desk,
                        });
                    }
                    // From the start without them.
                    for (place, refusal) in made.refused.into_iter().rev() {
                        letters.remove(place).answer(Err(refusal));
                    }
                    return Err((letters, Some(loaded)));
                }
                Ok(Attempted::Missing(missing)) => missing,
                Err(err) => {
                    refuse(letters, err);
                    return Err((Vec::new(), None));
                }
            };
            if let Err(err) = self.read(missing, &loaded, &mut desk).await {
                refuse(letters, err);
                return Err((Vec::new(), None));
            }
        }
        refuse(
            letters,
            Error::Host("a step of an execution asks for ever more".into()),
        );
        Err((Vec::new(), None))
    }

    /// One attempt: where expressions are evaluated, not on a thread that serves others.
    async fn attempt(
        self: &Arc<Self>,
        loaded: Box<Loaded>,
        letters: Vec<Letter>,
        desk: Desk,
    ) -> (Box<Loaded>, Vec<Letter>, Desk, Result<Attempted, Error>) {
        let is_turned = |letter: &Letter| matches!(letter.content, Content::ActionUpdated(..));
        if !loaded.has_expressions && !desk.has_ad_hoc() && !letters.iter().any(is_turned) {
            let attempted = Attempt::make(self, &loaded, &letters, &desk);
            return (loaded, letters, desk, attempted);
        }
        let engine = Arc::clone(self);
        let attempt = tokio::task::spawn_blocking(move || {
            let attempted = Attempt::make(&engine, &loaded, &letters, &desk);
            (loaded, letters, desk, attempted)
        });
        match attempt.await {
            Ok(done) => done,
            // Whoever handles the letters answers for a panic; at the end of the host nobody asks.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Reads what the letters are about, and what steps of this execution asked for before.
    async fn read_first(
        &self,
        letters: &[Letter],
        loaded: &Loaded,
        desk: &mut Desk,
    ) -> Result<(), Error> {
        let mut missing = Missing::default();
        for letter in letters {
            match &letter.content {
                Content::ActionEnded(end) => drop(missing.actions.insert(end.id)),
                Content::ActionUpdated(id, _) | Content::ActionChanged(id) => {
                    missing.actions.insert(*id);
                }
                Content::SubWorkflowChanged(id) => drop(missing.executions.insert(*id)),
                Content::Event(_) | Content::Update(_) | Content::Rerun(..) | Content::Skip(..) => {
                }
            }
        }
        self.answer_usual(loaded, &mut desk.facts);
        self.read(missing, loaded, desk).await
    }

    async fn read(&self, missing: Missing, loaded: &Loaded, desk: &mut Desk) -> Result<(), Error> {
        let store = &*self.store;
        for id in missing.actions {
            let found = store::find::<ActionExecution>(store, id.uuid()).await?;
            desk.actions.insert(id, found);
        }
        for id in missing.executions {
            let found = store::find::<WorkflowExecution>(store, id.uuid()).await?;
            desk.executions.insert(id, found);
        }
        let execution = &loaded.snapshot.execution;
        self.look_up(missing.lookups, missing.calls, execution, &mut desk.facts)
            .await
    }

    /// There is no such execution: what a job told it is done, but the end of a run, which its own record has to take.
    async fn answer_gone(&self, id: WorkflowExecutionId, letters: Vec<Letter>) {
        for letter in letters {
            let answer = match (&letter.cause, &letter.content) {
                (_, Content::ActionEnded(_)) | (Cause::Caller(..), _) => Err(not_found(id)),
                (Cause::Job(job), _) => self.finish_job(job, Commit::new()).await,
            };
            letter.answer(answer);
        }
    }
}

/// Answers each of `letters` with `err`.
pub(super) fn refuse(letters: Vec<Letter>, err: Error) {
    let again = Chain(&err).to_string();
    let mut first = Some(err);
    for letter in letters {
        let err = first
            .take()
            .unwrap_or_else(|| Error::Store(store::Error::Unavailable(again.clone().into())));
        letter.answer(Err(err));
    }
}
