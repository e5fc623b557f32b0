//! Workflows: made, found, changed, deleted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Changes, Committed, Document, claims, read};
use crate::{
    domain::{
        Digest, JsonText, ListRequest, Namespace, Operation, Page, ProjectId, Scope, Shareable,
        Sight, Timestamp, WorkbookName, WorkflowDefinition, WorkflowId, WorkflowName,
    },
    engine::{Engine, Error, members::without_members},
    lang::{self, Fault, Input},
    store::{self, Kept, Listing},
};

/// What a workflow's definition says, as it is kept.
pub(super) struct Content {
    pub(super) name: WorkflowName,
    definition: Arc<str>,
    input: String,
    interface: JsonText,
    tags: Vec<String>,
}

impl Content {
    /// What `spec` says, under the name of its workbook if it is part of one.
    ///
    /// # Errors
    /// When its name is none.
    pub(super) fn new(
        spec: lang::Workflow,
        workbook: Option<&WorkbookName>,
    ) -> Result<Self, Error> {
        let name = match workbook {
            Some(workbook) => format!("{workbook}.{}", spec.name),
            None => spec.name.to_string(),
        };
        let name = WorkflowName::parse(&name)
            .map_err(|fault| Error::BadInput(format!("Invalid DSL: workflow `{name}`: {fault}")))?;
        Ok(Self {
            name,
            input: input_text(&spec.input),
            interface: interface(&spec),
            tags: spec.tags,
            definition: spec.source,
        })
    }

    pub(super) fn into_new(
        self,
        owner: &ProjectId,
        document: &Document,
        workbook: Option<WorkbookName>,
        now: Timestamp,
    ) -> WorkflowDefinition {
        WorkflowDefinition {
            id: WorkflowId::generate(),
            project_id: owner.clone(),
            name: self.name,
            namespace: document.namespace.clone(),
            checksum: Digest::of(self.definition.as_bytes()),
            definition: self.definition,
            input: self.input,
            interface: self.interface,
            tags: self.tags,
            scope: document.scope.unwrap_or_default(),
            workbook,
            shared_with: Vec::new(),
            created_at: now,
            updated_at: None,
        }
    }

    pub(super) fn put_into(
        self,
        workflow: &mut WorkflowDefinition,
        scope: Option<Scope>,
        now: Timestamp,
    ) {
        workflow.name = self.name;
        workflow.checksum = Digest::of(self.definition.as_bytes());
        workflow.definition = self.definition;
        workflow.input = self.input;
        workflow.interface = self.interface;
        workflow.tags = self.tags;
        workflow.scope = scope.unwrap_or(workflow.scope);
        workflow.updated_at = Some(now);
    }
}

impl Engine {
    /// What is wrong with a document of workflows; nothing when it is one.
    ///
    /// # Errors
    /// When the host fails.
    pub async fn check_workflows(&self, text: Arc<str>) -> Result<Vec<Fault>, Error> {
        super::check(text, |text| lang::workflows(text).map(drop)).await
    }

    /// Makes the workflows of a document, all or none of them.
    ///
    /// # Errors
    /// When the document has faults, or a name is taken.
    pub async fn create_workflows(
        &self,
        op: &Operation,
        document: Document,
    ) -> Result<Vec<WorkflowDefinition>, Error> {
        let now = self.clock.now();
        let specs = read(&document.text, lang::workflows).await?;
        let mut changes = Changes::default();
        let mut made = Vec::new();
        for spec in specs {
            let content = Content::new(spec, None)?;
            let workflow = content.into_new(&op.project_id, &document, None, now);
            changes.create(&workflow);
            made.push(workflow);
        }
        match self.make(op, changes).await? {
            Committed::Done => Ok(made),
            Committed::Outdated => Err(Error::Conflict(
                "The project's workflows changed meanwhile; try again.".to_owned(),
            )),
        }
    }

    /// Changes workflows of the caller's to what a document says, all or none of them: those of the names in it, or the
    /// one that `identifier` means, an id or a name, by a document of one workflow.
    ///
    /// # Errors
    /// When the document has faults, there is no such workflow of the caller's, or its new name is taken.
    pub async fn update_workflows(
        &self,
        op: &Operation,
        document: Document,
        identifier: Option<&str>,
    ) -> Result<Vec<WorkflowDefinition>, Error> {
        loop {
            let specs = read(&document.text, lang::workflows).await?;
            if let Some(identifier) = identifier
                && specs.len() > 1
            {
                return Err(Error::BadInput(format!(
                    "More than one workflows are not supported for update with identifier. [identifier: {identifier}]"
                )));
            }
            let mut changes = Changes::default();
            let mut changed = Vec::new();
            for spec in specs {
                let content = Content::new(spec, None)?;
                let reference = identifier.unwrap_or(content.name.as_str());
                let mut kept = self
                    .own_workflow(op, reference, &document.namespace)
                    .await?;
                self.change_workflow(&mut kept, content, document.scope, &mut changes)
                    .await?;
                changed.push(kept.entity);
            }
            if let Committed::Done = self.make(op, changes).await? {
                return Ok(changed);
            }
        }
    }

    /// Adds to `changes` that a workflow becomes what `content` says.
    pub(super) async fn change_workflow(
        &self,
        kept: &mut Kept<WorkflowDefinition>,
        content: Content,
        scope: Option<Scope>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let old_claims = claims(&kept.entity);
        if kept.entity.scope == Scope::Public && scope == Some(Scope::Private) {
            self.check_is_untriggered_elsewhere(&kept.entity).await?;
        }
        let is_renamed = kept.entity.name != content.name;
        if is_renamed && !kept.entity.shared_with.is_empty() {
            return Err(Error::Forbidden(format!(
                "The workflow is shared, so its name stays: other projects call it by that [name={}]",
                kept.entity.name
            )));
        }
        content.put_into(&mut kept.entity, scope, self.clock.now());
        if is_renamed {
            self.check_is_free(&kept.entity).await?;
        }
        changes.update(kept, &old_claims);
        Ok(())
    }

    /// Deletes a workflow of the caller's with its members. Executions under way go on.
    ///
    /// # Errors
    /// When there is none, or triggers start it.
    pub async fn delete_workflow(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<(), Error> {
        loop {
            let kept = self.own_workflow(op, reference, namespace).await?;
            let mut changes = Changes::default();
            self.drop_workflow(&kept, &mut changes).await?;
            if let Committed::Done = self.make(op, changes).await? {
                return Ok(());
            }
        }
    }

    /// Adds to `changes` that a workflow is deleted.
    pub(super) async fn drop_workflow(
        &self,
        kept: &Kept<WorkflowDefinition>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        self.check_is_untriggered(&kept.entity).await?;
        let members = self.members_of(Shareable::Workflow(kept.entity.id)).await?;
        changes.delete(kept);
        changes.write(|commit| without_members(commit, &members));
        Ok(())
    }

    /// A workflow that the caller sees: by its name in `namespace` or else in the default one, or by its id, of whatever
    /// project where they reach beyond their own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn workflow(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
        sight: Sight,
    ) -> Result<WorkflowDefinition, Error> {
        let found = match (reference.parse::<WorkflowId>(), sight) {
            (Ok(id), Sight::AllProjects) => {
                store::find::<WorkflowDefinition>(&*self.store, id.uuid()).await?
            }
            _ => {
                self.used_workflow(&op.project_id, reference, namespace)
                    .await?
            }
        };
        found
            .map(|kept| kept.entity)
            .ok_or_else(|| not_found(reference, namespace))
    }

    /// A page of workflows.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn workflows(
        &self,
        request: &ListRequest<WorkflowDefinition>,
    ) -> Result<Page<WorkflowDefinition>, Error> {
        let besides = |project: &ProjectId| {
            vec![
                Listing::with("scope", Scope::Public.as_str()),
                Listing::with("shared_with", project.as_str()),
            ]
        };
        self.list(request, besides).await
    }

    /// A workflow that belongs to the caller's project, by its id or by its name in `namespace`.
    async fn own_workflow(
        &self,
        op: &Operation,
        reference: &str,
        namespace: &Namespace,
    ) -> Result<Kept<WorkflowDefinition>, Error> {
        let project = &op.project_id;
        let found = match reference.parse::<WorkflowId>() {
            Ok(id) => store::find::<WorkflowDefinition>(&*self.store, id.uuid())
                .await?
                .filter(|kept| kept.entity.project_id == *project),
            Err(_) => self.own_definition(project, reference, namespace).await?,
        };
        found.ok_or_else(|| not_found(reference, namespace))
    }
}

pub(super) fn not_found(reference: &str, namespace: &Namespace) -> Error {
    Error::NotFound(format!(
        "Workflow not found {}",
        place(reference, namespace)
    ))
}

/// Which workflow, in Mistral's words.
pub(super) fn place(reference: &str, namespace: &Namespace) -> String {
    format!("[workflow_identifier={reference}, namespace={namespace}]")
}

/// A workflow's inputs as Mistral writes them, which is not as it writes an action's: `a, b="x", c="1"`.
fn input_text(inputs: &[Input]) -> String {
    let one = |input: &Input| match input.default.as_ref().map(|default| default.source()) {
        None => input.name.to_string(),
        Some(Value::String(text)) => format!("{}=\"{text}\"", input.name),
        Some(Value::Null) => format!("{}=\"None\"", input.name),
        Some(Value::Bool(true)) => format!("{}=\"True\"", input.name),
        Some(Value::Bool(false)) => format!("{}=\"False\"", input.name),
        Some(other) => format!("{}=\"{other}\"", input.name),
    };
    inputs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What a workflow takes, and the names of what it gives.
fn interface(spec: &lang::Workflow) -> JsonText {
    let output = spec.output.as_ref().and_then(|it| it.source().as_object());
    let output: Vec<&String> = output.into_iter().flat_map(|it| it.keys()).collect();
    JsonText::from_value(&json!({ "input": Input::interface(&spec.input), "output": output }))
}
