//! Ad-hoc actions: made, found, changed, deleted, and listed with the actions of modules.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Callable, Changes, Committed, Document, claims, read};
use crate::{
    domain::{
        ActionName, AdHocAction, AdHocActionId, Digest, Namespace, Operation, ProjectId, Scope,
        Sight, Timestamp, WorkbookName,
    },
    engine::{Action, Engine, Error, find_modules::one_of},
    lang::{self, Fault, Input},
    store::{self, Kept},
};

/// The most ad-hoc actions that may be based on each other.
pub(in crate::engine) const MAX_CHAIN: usize = 16;

/// An action that callers can name.
#[derive(Debug, Clone)]
pub enum Found {
    /// Of a module.
    Module(Arc<Action>),
    /// An ad-hoc one.
    AdHoc(Arc<AdHocAction>),
}

/// What an ad-hoc action's definition says, as it is kept.
pub(super) struct Content {
    pub(super) name: ActionName,
    definition: Arc<str>,
    description: Option<String>,
    input: String,
    tags: Vec<String>,
    base: Arc<str>,
    workbook: Option<WorkbookName>,
}

impl Content {
    /// What `spec` says, under the name of its workbook if it is part of one.
    ///
    /// # Errors
    /// When its name is none.
    pub(super) fn new(
        spec: lang::AdHocAction,
        workbook: Option<&WorkbookName>,
    ) -> Result<Self, Error> {
        let name = match workbook {
            Some(workbook) => format!("{workbook}.{}", spec.name),
            None => spec.name.to_string(),
        };
        let name = ActionName::parse_any(&name)
            .map_err(|fault| Error::BadInput(format!("Invalid DSL: action `{name}`: {fault}")))?;
        Ok(Self {
            name,
            description: spec.description,
            input: Input::text(&spec.input),
            tags: spec.tags,
            base: spec.base,
            definition: spec.source,
            workbook: workbook.cloned(),
        })
    }

    pub(super) fn into_new(
        self,
        owner: &ProjectId,
        document: &Document,
        workbook: Option<WorkbookName>,
        now: Timestamp,
    ) -> AdHocAction {
        AdHocAction {
            id: AdHocActionId::generate(),
            project_id: owner.clone(),
            name: self.name,
            namespace: document.namespace.clone(),
            checksum: Digest::of(self.definition.as_bytes()),
            definition: self.definition,
            description: self.description,
            input: self.input,
            tags: self.tags,
            scope: document.scope.unwrap_or_default(),
            workbook,
            created_at: now,
            updated_at: None,
        }
    }

    fn put_into(self, action: &mut AdHocAction, scope: Option<Scope>, now: Timestamp) {
        action.name = self.name;
        action.checksum = Digest::of(self.definition.as_bytes());
        action.definition = self.definition;
        action.description = self.description;
        action.input = self.input;
        action.tags = self.tags;
        action.scope = scope.unwrap_or(action.scope);
        action.updated_at = Some(now);
    }
}

impl Engine {
    /// What is wrong with a document of ad-hoc actions; nothing when it is one.
    ///
    /// # Errors
    /// When the host fails.
    pub async fn check_ad_hoc_actions(&self, text: Arc<str>) -> Result<Vec<Fault>, Error> {
        super::check(text, |text| lang::actions(text).map(drop)).await
    }

    /// Makes the ad-hoc actions of a document, all or none of them.
    ///
    /// # Errors
    /// When the document has faults, a name is taken, or one would be based on itself.
    pub async fn create_ad_hoc_actions(
        &self,
        op: &Operation,
        document: Document,
    ) -> Result<Vec<AdHocAction>, Error> {
        let (owner, now) = (&op.project_id, self.clock.now());
        let contents = contents(&document).await?;
        self.check_chains(owner, &document, &contents).await?;
        let mut changes = Changes::default();
        let mut made = Vec::new();
        for content in contents {
            let action = content.into_new(owner, &document, None, now);
            self.check_is_publishable(&action).await?;
            changes.create(&action);
            made.push(action);
        }
        match self.make(op, changes).await? {
            Committed::Done => Ok(made),
            Committed::Outdated => Err(Error::Conflict(
                "The project's actions changed meanwhile; try again.".to_owned(),
            )),
        }
    }

    /// Changes ad-hoc actions of the caller's to what a document says, all or none of them: those of the names in it, or
    /// the one that `identifier` means, an id or a name, by a document of one action.
    ///
    /// # Errors
    /// When the document has faults, there is no such action of the caller's, its new name is taken, or one would be
    /// based on itself.
    pub async fn update_ad_hoc_actions(
        &self,
        op: &Operation,
        document: Document,
        identifier: Option<&str>,
    ) -> Result<Vec<AdHocAction>, Error> {
        loop {
            let contents = contents(&document).await?;
            if let Some(identifier) = identifier
                && contents.len() > 1
            {
                return Err(Error::BadInput(format!(
                    "More than one actions are not supported for update with identifier. [identifier: {identifier}]"
                )));
            }
            self.check_chains(&op.project_id, &document, &contents)
                .await?;
            let mut changes = Changes::default();
            let mut changed = Vec::new();
            for content in contents {
                let reference = identifier.unwrap_or(content.name.as_str());
                let mut kept = self
                    .own_ad_hoc_action(op, reference, &document.namespace)
                    .await?;
                self.change_ad_hoc_action(&mut kept, content, document.scope, &mut changes)
                    .await?;
                changed.push(kept.entity);
            }
            if let Committed::Done = self.make(op, changes).await? {
                return Ok(changed);
            }
        }
    }

    /// Adds to `changes` that an ad-hoc action becomes what `content` says.
    pub(super) async fn change_ad_hoc_action(
        &self,
        kept: &mut Kept<AdHocAction>,
        content: Content,
        scope: Option<Scope>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let old_claims = claims(&kept.entity);
        let is_renamed = kept.entity.name != content.name;
        content.put_into(&mut kept.entity, scope, self.clock.now());
        if is_renamed {
            self.check_is_free(&kept.entity).await?;
        }
        self.check_is_publishable(&kept.entity).await?;
        changes.update(kept, &old_claims);
        Ok(())
    }

    /// Deletes an ad-hoc action of the caller's. Runs under way go on.
    ///
    /// # Errors
    /// When there is none, or a module offers it.
    pub async fn delete_ad_hoc_action(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<(), Error> {
        loop {
            let kept = self.own_ad_hoc_action(op, reference, namespace).await?;
            let mut changes = Changes::default();
            changes.delete(&kept);
            if let Committed::Done = self.make(op, changes).await? {
                return Ok(());
            }
        }
    }

    /// The action that the caller means by `reference`: a name, in `namespace` or else in the default one, or the id of
    /// an ad-hoc action, of whatever project where they reach beyond their own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find_action(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
        sight: Sight,
    ) -> Result<Found, Error> {
        if let Ok(id) = reference.parse::<AdHocActionId>() {
            let is_seen = |it: &AdHocAction| {
                sight == Sight::AllProjects
                    || it.project_id == op.project_id
                    || it.scope == Scope::Public
            };
            let found = store::find::<AdHocAction>(&*self.store, id.uuid()).await?;
            let found = found.filter(|kept| is_seen(&kept.entity));
            return found
                .map(|kept| Found::AdHoc(Arc::new(kept.entity)))
                .ok_or_else(|| not_found(reference, namespace));
        }
        match self
            .find_callable(&op.project_id, reference, namespace, None)
            .await?
        {
            Some(Callable::Module(action)) => Ok(Found::Module(action)),
            Some(Callable::AdHoc(action, _)) => Ok(Found::AdHoc(Arc::from(action))),
            None => Err(not_found(reference, namespace)),
        }
    }

    /// Refuses actions that would be based on themselves, or on too many others.
    pub(super) async fn check_chains(
        &self,
        owner: &ProjectId,
        document: &Document,
        contents: &[Content],
    ) -> Result<(), Error> {
        let new: HashMap<&str, &Content> = contents
            .iter()
            .map(|content| (content.name.as_str(), content))
            .collect();
        for first in contents {
            let mut seen = HashSet::from([first.name.to_string()]);
            let (mut base, mut workbook) = (Arc::clone(&first.base), first.workbook.clone());
            loop {
                let sibling = workbook
                    .as_ref()
                    .map(|workbook| format!("{workbook}.{base}"));
                let sibling = sibling.and_then(|name| new.get(name.as_str()));
                let (name, next) = match sibling.or_else(|| new.get(&*base)) {
                    Some(content) => {
                        workbook.clone_from(&content.workbook);
                        (content.name.to_string(), Arc::clone(&content.base))
                    }
                    None => {
                        let namespace = &document.namespace;
                        let found = self
                            .find_callable(owner, &base, namespace, workbook.as_ref())
                            .await?;
                        match found {
                            Some(Callable::AdHoc(action, spec)) => {
                                workbook.clone_from(&action.workbook);
                                (action.name.to_string(), Arc::clone(&spec.base))
                            }
                            // What there is not yet may come.
                            Some(Callable::Module(_)) | None => break,
                        }
                    }
                };
                if !seen.insert(name.clone()) {
                    return Err(cycle(first.name.as_str(), &name));
                }
                if seen.len() > MAX_CHAIN {
                    return Err(too_long(first.name.as_str()));
                }
                base = next;
            }
        }
        Ok(())
    }

    /// Refuses to publish an action whose name means a public one already.
    pub(super) async fn check_is_publishable(&self, action: &AdHocAction) -> Result<(), Error> {
        if action.scope != Scope::Public {
            return Ok(());
        }
        let public = one_of(("public_name", action.name.to_string()));
        let is_other = |it: &AdHocAction| it.namespace == action.namespace && it.id != action.id;
        let other = self.first_definition(public, is_other).await?;
        if other.is_none() && !self.registry.is_public(&action.name) {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "The action cannot be public: a public action has its name already [name={}, namespace={}]",
            action.name, action.namespace
        )))
    }

    /// An ad-hoc action that belongs to the caller's project, by its id or by its name in `namespace`.
    async fn own_ad_hoc_action(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<Kept<AdHocAction>, Error> {
        let project = &op.project_id;
        let found = match reference.parse::<AdHocActionId>() {
            Ok(id) => store::find::<AdHocAction>(&*self.store, id.uuid())
                .await?
                .filter(|kept| kept.entity.project_id == *project),
            Err(_) => self.own_definition(project, reference, namespace).await?,
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let of_module = ActionName::parse(reference)
            .ok()
            .and_then(|name| self.registry.find(project, &name));
        Err(match of_module {
            Some(action) => Error::Forbidden(format!(
                "The module {} offers action {reference}; it is changed with the module.",
                action.module.name
            )),
            None => not_found(reference, namespace),
        })
    }
}

async fn contents(document: &Document) -> Result<Vec<Content>, Error> {
    let specs = read(&document.text, lang::actions).await?;
    specs
        .into_iter()
        .map(|spec| Content::new(spec, None))
        .collect()
}

/// An action that is based on itself.
pub(in crate::engine) fn cycle(first: &str, again: &str) -> Error {
    Error::BadInput(format!(
        "Found a cycle in an ad-hoc action chain [action_name={first}, duplicate_action_name={again}]"
    ))
}

/// An action that is based on too many others.
pub(in crate::engine) fn too_long(first: &str) -> Error {
    Error::BadInput(format!(
        "At most {MAX_CHAIN} ad-hoc actions are based on each other; shorten the chain [action_name={first}]"
    ))
}

fn not_found(reference: &str, namespace: &Namespace) -> Error {
    Error::NotFound(format!(
        "Action not found [name={reference}, namespace={namespace}]"
    ))
}
