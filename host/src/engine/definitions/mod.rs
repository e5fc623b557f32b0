//! Definitions: workflows, workbooks and ad-hoc actions, made, found, changed, deleted.
//!
//! A definition is found by its id, or by its name in a namespace: of those that the caller's project has first, then of
//! those that it accepted, then of public ones.

mod ad_hoc_actions;
mod find;
mod list_actions;
mod share;
mod specs;
mod triggers;
mod workbooks;
mod workflows;

use std::sync::Arc;

use uuid::Uuid;

use super::{Engine, Error, apply::Act};
use crate::{
    domain::{
        AdHocAction, Namespace, ObjectType, Operation, ProjectId, Scope, Workbook,
        WorkflowDefinition,
    },
    lang::Fault,
    store::{self, Commit, Entity, Kept, Write},
};

pub use ad_hoc_actions::Found as FoundAction;
pub(super) use ad_hoc_actions::{MAX_CHAIN, cycle, too_long};
pub(super) use find::Callable;
pub(super) use specs::Specs;

/// A document with definitions.
#[derive(Debug, Clone)]
pub struct Document {
    /// The document.
    pub text: Arc<str>,
    /// The namespace of what it defines.
    pub namespace: Namespace,
    /// Who sees what it defines: when none, the project alone, or whoever saw it before.
    pub scope: Option<Scope>,
}

/// What the three kinds of definitions have in common.
pub(super) trait Definition: Entity + Sync {
    /// What it is, in the audit trail.
    const TYPE: ObjectType;
    /// What Mistral calls it in its refusals.
    const MISTRALS_NAME: &'static str;
    /// Whether other projects can accept one.
    const IS_SHAREABLE: bool;
    /// Whether only one of a name can be public in a namespace.
    const IS_PUBLIC_ONCE: bool;

    /// Its name.
    fn name(&self) -> &str;

    /// Its namespace.
    fn namespace(&self) -> &Namespace;

    /// The project it belongs to.
    fn owner(&self) -> &ProjectId;

    /// Who sees it.
    fn scope(&self) -> Scope;
}

impl Definition for WorkflowDefinition {
    const TYPE: ObjectType = ObjectType::Workflow;
    const MISTRALS_NAME: &'static str = "WorkflowDefinition";
    const IS_PUBLIC_ONCE: bool = false;
    const IS_SHAREABLE: bool = true;

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn owner(&self) -> &ProjectId {
        &self.project_id
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

impl Definition for Workbook {
    const TYPE: ObjectType = ObjectType::Workbook;
    const MISTRALS_NAME: &'static str = "WorkbookDefinition";
    const IS_PUBLIC_ONCE: bool = false;
    const IS_SHAREABLE: bool = false;

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn owner(&self) -> &ProjectId {
        &self.project_id
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

impl Definition for AdHocAction {
    const TYPE: ObjectType = ObjectType::Action;
    const MISTRALS_NAME: &'static str = "Action";
    const IS_PUBLIC_ONCE: bool = true;
    const IS_SHAREABLE: bool = false;

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn owner(&self) -> &ProjectId {
        &self.project_id
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

/// Definitions that are made, changed and deleted in one step.
#[derive(Debug, Default)]
struct Changes {
    commit: Commit,
    act: Option<Act>,
    /// Why what is new is refused where its name is taken, by its id.
    made: Vec<(Uuid, String)>,
}

impl Changes {
    fn create<D: Definition>(&mut self, new: &D) {
        self.note(Act::making(D::TYPE, new.id(), Some(new.name())));
        self.made.push((new.id(), duplicate(new)));
        self.write(|commit| commit.create(new));
        self.reclaim(new, &[], &claims(new));
    }

    /// `kept` is changed; `old` is what it has claimed so far.
    fn update<D: Definition>(&mut self, kept: &Kept<D>, old: &[String]) {
        let new = &kept.entity;
        // A document may grow.
        self.note(Act::making(D::TYPE, new.id(), Some(new.name())));
        self.write(|commit| commit.update(kept));
        self.reclaim(new, old, &claims(new));
    }

    fn delete<D: Definition>(&mut self, kept: &Kept<D>) {
        let old = &kept.entity;
        self.note(Act::changing(D::TYPE, old.id(), Some(old.name())));
        self.write(|commit| commit.delete(kept));
        self.reclaim(old, &claims(old), &[]);
    }

    fn write(&mut self, write: impl FnOnce(Commit) -> Commit) {
        self.commit = write(std::mem::take(&mut self.commit));
    }

    fn note(&mut self, act: Act) {
        self.act = Some(match self.act.take() {
            Some(acts) => acts.and(act),
            None => act,
        });
    }

    fn reclaim<D: Definition>(&mut self, definition: &D, old: &[String], new: &[String]) {
        let (kind, id) = (D::KIND, definition.id());
        for key in old.iter().filter(|key| !new.contains(key)).cloned() {
            self.write(|commit| commit.and(Write::Release { kind, key }));
        }
        for key in new.iter().filter(|key| !old.contains(key)).cloned() {
            self.write(|commit| commit.and(Write::Claim { kind, key, id }));
        }
    }
}

/// What became of changes.
enum Committed {
    /// They are made.
    Done,
    /// Something changed since it was read: to be decided again.
    Outdated,
}

impl Engine {
    /// Makes `changes`, all or none of them.
    ///
    /// # Errors
    /// When a name is taken by something that none of them deletes.
    async fn make(&self, op: &Operation, changes: Changes) -> Result<Committed, Error> {
        let Changes { commit, act, made } = changes;
        let Some(act) = act else {
            return Ok(Committed::Done);
        };
        match self.commit_for(op, act, commit).await {
            Ok(()) => Ok(Committed::Done),
            Err(store::Error::Conflict { kind, id }) => {
                let kept = self.store.find(kind, id).await?;
                let refusal = made.into_iter().find(|(made, _)| *made == id);
                match (kept, refusal) {
                    // What is new is not there: its name is another one's.
                    (None, Some((_, refusal))) => Err(Error::Conflict(refusal)),
                    (Some(_) | None, _) => Ok(Committed::Outdated),
                }
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Refuses a new name of a definition that another one of the project has.
    async fn check_is_free<D: Definition>(&self, renamed: &D) -> Result<(), Error> {
        let taken = self
            .own_definition::<D>(renamed.owner(), renamed.name(), renamed.namespace())
            .await?;
        match taken {
            Some(other) if other.entity.id() != renamed.id() => {
                Err(Error::Conflict(duplicate(renamed)))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The unique values that a definition holds: its name in its namespace and project, and where only one of a name can be
/// public, its name among public ones. No part may be mistaken for another.
fn claims<D: Definition>(definition: &D) -> Vec<String> {
    let (namespace, name) = (definition.namespace().as_str(), definition.name());
    let project = definition.owner().as_str();
    let place = format!("{}/{namespace}/{name}", namespace.len());
    let mut claims = vec![format!("{}/{project}/{place}", project.len())];
    if D::IS_PUBLIC_ONCE && definition.scope() == Scope::Public {
        claims.push(format!("public/{place}"));
    }
    claims
}

fn duplicate<D: Definition>(definition: &D) -> String {
    let what = D::MISTRALS_NAME;
    let (name, namespace) = (definition.name(), definition.namespace());
    let project = definition.owner();
    format!(
        "Duplicate entry for {what} ['name', 'namespace', 'project_id']: {name}, {namespace}, {project}"
    )
}

/// Reads a document on a thread for such work: one may be long.
///
/// # Errors
/// When it has faults.
async fn read<T: Send + 'static>(
    text: &Arc<str>,
    parse: fn(&str) -> Result<T, Vec<Fault>>,
) -> Result<T, Error> {
    let text = Arc::clone(text);
    tokio::task::spawn_blocking(move || parse(&text))
        .await
        .map_err(|error| Error::Host(error.into()))?
        .map_err(|faults| invalid(&faults))
}

/// Why a document is none of the language, with every fault of it on a line of its own.
fn invalid(faults: &[Fault]) -> Error {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Error::BadInput(format!("Invalid DSL: {}", lines.join("\n")))
}

/// What is wrong with a document, read as [`read`] does.
///
/// # Errors
/// When the host fails.
async fn check(
    text: Arc<str>,
    parse: fn(&str) -> Result<(), Vec<Fault>>,
) -> Result<Vec<Fault>, Error> {
    let parsed = tokio::task::spawn_blocking(move || parse(&text))
        .await
        .map_err(|error| Error::Host(error.into()))?;
    Ok(parsed.err().unwrap_or_default())
}
