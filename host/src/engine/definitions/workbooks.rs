//! Workbooks: made, found, changed, deleted, and with them their workflows and ad-hoc actions.

use std::{collections::HashMap, sync::Arc};

use super::{Changes, Committed, Definition, Document, ad_hoc_actions, claims, read, workflows};
use crate::{
    domain::{
        AdHocAction, Digest, ListRequest, Namespace, Operation, Page, ProjectId, Scope, Sight,
        Workbook, WorkbookId, WorkbookName, WorkflowDefinition,
    },
    engine::{Engine, Error, find_modules::one_of},
    lang::{self, Fault},
    store::{self, Kept, List, Listing},
};

/// What a workbook defines.
struct Contents {
    name: WorkbookName,
    tags: Vec<String>,
    workflows: Vec<workflows::Content>,
    actions: Vec<ad_hoc_actions::Content>,
}

impl Contents {
    fn new(spec: lang::Workbook) -> Result<Self, Error> {
        let name = WorkbookName::parse(&spec.name)
            .map_err(|fault| Error::BadInput(format!("Invalid DSL: name: {fault}")))?;
        let workflows = spec.workflows.into_values();
        let workflows = workflows.map(|spec| workflows::Content::new(spec, Some(&name)));
        let actions = spec.actions.into_values();
        let actions = actions.map(|spec| ad_hoc_actions::Content::new(spec, Some(&name)));
        Ok(Self {
            tags: spec.tags,
            workflows: workflows.collect::<Result<_, _>>()?,
            actions: actions.collect::<Result<_, _>>()?,
            name,
        })
    }
}

impl Engine {
    /// What is wrong with a workbook; nothing when it is one.
    ///
    /// # Errors
    /// When the host fails.
    pub async fn check_workbook(&self, text: Arc<str>) -> Result<Vec<Fault>, Error> {
        super::check(text, |text| lang::workbook(text).map(drop)).await
    }

    /// Makes a workbook with its workflows and ad-hoc actions.
    ///
    /// # Errors
    /// When the document has faults, or a name is taken.
    pub async fn create_workbook(
        &self,
        op: &Operation,
        document: Document,
    ) -> Result<Workbook, Error> {
        let contents = Contents::new(read(&document.text, lang::workbook).await?)?;
        let workbook = Workbook {
            id: WorkbookId::generate(),
            project_id: op.project_id.clone(),
            name: contents.name.clone(),
            namespace: document.namespace.clone(),
            checksum: Digest::of(document.text.as_bytes()),
            definition: Arc::clone(&document.text),
            tags: contents.tags.clone(),
            scope: document.scope.unwrap_or_default(),
            created_at: self.clock.now(),
            updated_at: None,
        };
        let mut changes = Changes::default();
        changes.create(&workbook);
        self.fill(
            &workbook,
            contents,
            &document,
            (Vec::new(), Vec::new()),
            &mut changes,
        )
        .await?;
        match self.make(op, changes).await? {
            Committed::Done => Ok(workbook),
            Committed::Outdated => Err(Error::Conflict(
                "The project's definitions changed meanwhile; try again.".to_owned(),
            )),
        }
    }

    /// Changes the caller's workbook of the document's name to what the document says: its workflows and ad-hoc actions
    /// are changed, added and deleted with it.
    ///
    /// # Errors
    /// When the document has faults, there is no such workbook of the caller's, a name is taken, or a workflow that is
    /// not in it any more is started by triggers.
    pub async fn update_workbook(
        &self,
        op: &Operation,
        document: Document,
    ) -> Result<Workbook, Error> {
        loop {
            let contents = Contents::new(read(&document.text, lang::workbook).await?)?;
            let (name, namespace) = (contents.name.as_str(), &document.namespace);
            let mut kept = self.own_workbook(op, name, namespace).await?;
            let old_claims = claims(&kept.entity);
            let workbook = &mut kept.entity;
            workbook.checksum = Digest::of(document.text.as_bytes());
            workbook.definition = Arc::clone(&document.text);
            workbook.tags.clone_from(&contents.tags);
            workbook.scope = document.scope.unwrap_or(workbook.scope);
            workbook.updated_at = Some(self.clock.now());
            // What is new in it is seen by whoever sees the workbook.
            let document = Document {
                scope: Some(workbook.scope),
                ..document.clone()
            };
            let mut changes = Changes::default();
            changes.update(&kept, &old_claims);
            let parts = (
                self.parts_of(&kept.entity).await?,
                self.parts_of(&kept.entity).await?,
            );
            self.fill(&kept.entity, contents, &document, parts, &mut changes)
                .await?;
            if let Committed::Done = self.make(op, changes).await? {
                return Ok(kept.entity);
            }
        }
    }

    /// Deletes a workbook of the caller's with its workflows and ad-hoc actions.
    ///
    /// # Errors
    /// When there is none, or triggers start one of its workflows.
    pub async fn delete_workbook(
        &self,
        op: &Operation,
        name: &str,
        namespace: &Namespace,
    ) -> Result<(), Error> {
        loop {
            let kept = self.own_workbook(op, name, namespace).await?;
            let mut changes = Changes::default();
            changes.delete(&kept);
            for workflow in self.parts_of::<WorkflowDefinition>(&kept.entity).await? {
                self.drop_workflow(&workflow, &mut changes).await?;
            }
            for action in self.parts_of::<AdHocAction>(&kept.entity).await? {
                changes.delete(&action);
            }
            if let Committed::Done = self.make(op, changes).await? {
                return Ok(());
            }
        }
    }

    /// A workbook that the caller sees: by its name in `namespace` or else in the default one, or by its id, of whatever
    /// project where they reach beyond their own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn workbook(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
        sight: Sight,
    ) -> Result<Workbook, Error> {
        let project = &op.project_id;
        let mut found = self.used_definition(project, reference, namespace).await?;
        if found.is_none()
            && let Ok(id) = reference.parse::<WorkbookId>()
        {
            let is_seen = |it: &Workbook| {
                sight == Sight::AllProjects
                    || it.project_id == *project
                    || it.scope == Scope::Public
            };
            found = store::find::<Workbook>(&*self.store, id.uuid()).await?;
            found = found.filter(|kept| is_seen(&kept.entity));
        }
        found
            .map(|kept| kept.entity)
            .ok_or_else(|| not_found(reference, namespace))
    }

    /// A page of workbooks.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn workbooks(
        &self,
        request: &ListRequest<Workbook>,
    ) -> Result<Page<Workbook>, Error> {
        let public = |_: &ProjectId| vec![Listing::with("scope", Scope::Public.as_str())];
        self.list(request, public).await
    }

    /// Adds to `changes` that a workbook has these contents, where it had `parts` before.
    async fn fill(
        &self,
        workbook: &Workbook,
        contents: Contents,
        document: &Document,
        parts: (Vec<Kept<WorkflowDefinition>>, Vec<Kept<AdHocAction>>),
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let (owner, now) = (&workbook.project_id, self.clock.now());
        let name = || Some(workbook.name.clone());
        self.check_chains(owner, document, &contents.actions)
            .await?;
        let mut workflows = by_name(parts.0);
        for content in contents.workflows {
            match workflows.remove(content.name.as_str()) {
                Some(mut kept) => {
                    self.change_workflow(&mut kept, content, document.scope, changes)
                        .await?;
                }
                None => changes.create(&content.into_new(owner, document, name(), now)),
            }
        }
        for gone in workflows.values() {
            self.drop_workflow(gone, changes).await?;
        }
        let mut actions = by_name(parts.1);
        for content in contents.actions {
            match actions.remove(content.name.as_str()) {
                Some(mut kept) => {
                    self.change_ad_hoc_action(&mut kept, content, document.scope, changes)
                        .await?;
                }
                None => {
                    let new = content.into_new(owner, document, name(), now);
                    self.check_is_publishable(&new).await?;
                    changes.create(&new);
                }
            }
        }
        for gone in actions.values() {
            changes.delete(gone);
        }
        Ok(())
    }

    /// The workflows or ad-hoc actions of a workbook.
    async fn parts_of<D: Definition>(&self, workbook: &Workbook) -> Result<Vec<Kept<D>>, Error> {
        let list = List {
            project: Some(workbook.project_id.clone()),
            limit: usize::MAX,
            ..one_of(("workbook", workbook.name.to_string()))
        };
        let is_meant = |it: &D| *it.namespace() == workbook.namespace;
        Ok(store::list(&*self.store, list, is_meant).await?)
    }

    async fn own_workbook(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<Kept<Workbook>, Error> {
        let project = &op.project_id;
        let mut found = self.own_definition(project, reference, namespace).await?;
        if found.is_none()
            && let Ok(id) = reference.parse::<WorkbookId>()
        {
            found = store::find::<Workbook>(&*self.store, id.uuid()).await?;
            found = found.filter(|kept| kept.entity.project_id == *project);
        }
        found.ok_or_else(|| not_found(reference, namespace))
    }
}

fn by_name<D: Definition>(parts: Vec<Kept<D>>) -> HashMap<String, Kept<D>> {
    let named = parts.into_iter();
    named
        .map(|kept| (kept.entity.name().to_owned(), kept))
        .collect()
}

fn not_found(reference: &str, namespace: &Namespace) -> Error {
    Error::NotFound(format!(
        "Workbook not found [name={reference}, namespace={namespace}]"
    ))
}
