//! Workflows, workbooks and ad-hoc actions: names and namespaces, all or none, who sees and changes them, sharing.

use super::*;
use crate::{
    domain::{AdHocAction, ListRequest, MemberStatus, Namespace, Reach, WorkflowDefinition},
    engine::{Document, FoundAction, ShareableRef},
};

const FLOW: &str =
    "version: '2.0'\nflow:\n  input: [a, {b: 1}]\n  tasks:\n    one:\n      action: std.noop\n";
const BOOK: &str = "version: '2.0'\nname: book\nworkflows:\n  flow:\n    tasks: {one: {action: say}}\nactions:\n  say:\n    base: t.echo\n";

fn document(text: &str) -> Document {
    Document {
        text: text.into(),
        namespace: Namespace::default(),
        scope: None,
    }
}

fn within(namespace: &str, text: &str) -> Document {
    Document {
        namespace: Namespace::parse(namespace).unwrap(),
        ..document(text)
    }
}

fn public(text: &str) -> Document {
    Document {
        scope: Some(Scope::Public),
        ..document(text)
    }
}

fn words<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

impl Host {
    async fn define_by(
        &self,
        project: &str,
        document: Document,
    ) -> Result<Vec<WorkflowDefinition>, Error> {
        self.engine.create_workflows(&op(project), document).await
    }

    async fn workflow_of(
        &self,
        project: &str,
        name: &str,
        namespace: &str,
    ) -> Option<WorkflowDefinition> {
        let namespace = Namespace::parse(namespace).unwrap();
        let project = ProjectId::new(project);
        let found = self.engine.find_workflow(&project, name, &namespace);
        found.await.unwrap().map(|(workflow, _)| workflow)
    }

    /// The names of the workflows that a project sees, oldest first.
    async fn workflows_of(&self, project: &str) -> Vec<String> {
        let seen = ListRequest::first(Reach::SeenBy(ProjectId::new(project)), 100);
        let page = self.engine.workflows(&seen).await.unwrap();
        page.items.iter().map(|it| it.name.to_string()).collect()
    }

    async fn ad_hoc(&self, project: &str, text: &str) -> Result<Vec<AdHocAction>, Error> {
        self.engine
            .create_ad_hoc_actions(&op(project), document(text))
            .await
    }
}

#[tokio::test]
async fn all_workflows_of_a_document_are_made_or_none() {
    let host = Host::start().await;
    let both = format!("{FLOW}other:\n  tasks:\n    one:\n      action: std.noop\n");
    let made = host.define_by("p", document(&both)).await.unwrap();
    assert_eq!(host.workflows_of("p").await, ["flow", "other"]);
    assert_eq!(made[0].input, "a, b=\"1\"");
    assert_eq!(
        made[0].interface.as_str(),
        r#"{"input":["a",{"b":1}],"output":[]}"#
    );
    assert_eq!(
        &*made[0].definition,
        format!("version: '2.0'\n\n{}", &FLOW[15..])
    );
    assert!(made[1].definition.contains("other:"));
    let taken = both.replace("flow:", "fresh:");
    let refusal = words(host.define_by("p", document(&taken)).await);
    assert_eq!(
        refusal,
        "Duplicate entry for WorkflowDefinition ['name', 'namespace', 'project_id']: other, , p"
    );
    assert_eq!(host.workflows_of("p").await, ["flow", "other"]);
    host.define_by("q", document(FLOW)).await.unwrap();
    host.define_by("p", within("ns", FLOW)).await.unwrap();
}

#[tokio::test]
async fn every_fault_of_a_document_is_told_with_its_line() {
    let host = Host::start().await;
    let text = "version: '2.0'\nflow:\n  tasks:\n    one:\n      actoin: std.noop\n      on-success: [two]\n";
    let refusal = words(host.define_by("p", document(text)).await);
    assert!(refusal.starts_with("Invalid DSL: line 5"), "{refusal}");
    assert!(refusal.contains("\nline 6"), "{refusal}");
    let faults = host.engine.check_workflows(text.into()).await.unwrap();
    assert_eq!(faults.len(), 2);
    assert!(
        host.engine
            .check_workflows(FLOW.into())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_name_means_the_own_workflow_before_a_public_one_in_each_namespace() {
    let host = Host::start().await;
    let theirs = host.define_by("q", public(FLOW)).await.unwrap().remove(0);
    assert_eq!(
        host.workflow_of("p", "flow", "").await.unwrap().id,
        theirs.id
    );
    let own = host.define_by("p", document(FLOW)).await.unwrap().remove(0);
    assert_eq!(host.workflow_of("p", "flow", "").await.unwrap().id, own.id);
    let within = host
        .define_by("p", within("ns", FLOW))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        host.workflow_of("p", "flow", "ns").await.unwrap().id,
        within.id
    );
    assert_eq!(
        host.workflow_of("p", "flow", "else").await.unwrap().id,
        own.id
    );
    assert_eq!(
        host.workflow_of("q", "flow", "ns").await.unwrap().id,
        theirs.id
    );
    let id = own.id.to_string();
    assert!(host.workflow_of("q", &id, "").await.is_none());
    assert_eq!(host.workflow_of("p", &id, "any").await.unwrap().id, own.id);
}

#[tokio::test]
async fn an_update_is_by_name_or_by_identifier_and_of_the_own_project_alone() {
    let host = Host::start().await;
    let made = host.define_by("p", public(FLOW)).await.unwrap().remove(0);
    let update = |project: &'static str, document, identifier| {
        let engine = Arc::clone(&host.engine);
        async move {
            engine
                .update_workflows(&op(project), document, identifier)
                .await
        }
    };
    assert!(matches!(
        update("q", document(FLOW), None).await,
        Err(Error::NotFound(_))
    ));
    let changed = FLOW.replace("std.noop", "std.echo output=1");
    let updated = update("p", document(&changed), None)
        .await
        .unwrap()
        .remove(0);
    assert_eq!((updated.id, updated.scope), (made.id, Scope::Public));
    assert_ne!(updated.checksum, made.checksum);
    let renamed = FLOW.replace("flow:", "renamed:");
    let updated = update("p", document(&renamed), Some("flow")).await.unwrap();
    assert_eq!(updated[0].id, made.id);
    assert!(host.workflow_of("p", "flow", "").await.is_none());
    // The old name is free, and the new one is taken.
    host.define_by("p", document(FLOW)).await.unwrap();
    let taken = update("p", document(&renamed), Some("flow")).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    let both = format!("{FLOW}other:\n  tasks:\n    one:\n      action: std.noop\n");
    let refusal = words(update("p", document(&both), Some("flow")).await);
    assert!(refusal.starts_with("More than one workflows"), "{refusal}");
}

#[tokio::test]
async fn a_deleted_workflow_leaves_its_name_and_no_member() {
    let host = Host::start().await;
    let made = host.define_by("p", document(FLOW)).await.unwrap().remove(0);
    let shared = ShareableRef::Workflow(made.id);
    let (owner, q) = (op("p"), ProjectId::new("q"));
    host.engine.offer(&owner, &shared, q).await.unwrap();
    let none = Namespace::default();
    let foreign = host.engine.delete_workflow(&op("q"), "flow", &none).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))), "{foreign:?}");
    host.engine
        .delete_workflow(&op("p"), "flow", &none)
        .await
        .unwrap();
    assert!(host.workflows_of("p").await.is_empty());
    let members = host.engine.members(&op("p"), &shared, Sight::Project).await;
    assert!(matches!(members, Err(Error::NotFound(_))), "{members:?}");
    host.define_by("p", document(FLOW)).await.unwrap();
}

#[tokio::test]
async fn a_shared_workflow_is_seen_by_who_accepted_it_and_keeps_its_name() {
    let host = Host::start().await;
    let made = host.define_by("p", document(FLOW)).await.unwrap().remove(0);
    let (shared, q) = (ShareableRef::Workflow(made.id), ProjectId::new("q"));
    host.engine
        .offer(&op("p"), &shared, q.clone())
        .await
        .unwrap();
    assert!(host.workflows_of("q").await.is_empty());
    let member = op("q");
    let answer = |status| host.engine.answer_offer(&member, &shared, &q, status);
    answer(MemberStatus::Accepted).await.unwrap();
    assert_eq!(host.workflows_of("q").await, ["flow"]);
    assert_eq!(host.workflow_of("q", "flow", "").await.unwrap().id, made.id);
    let renamed = document(&FLOW.replace("flow:", "other:"));
    let owner = op("p");
    let refusal = host.engine.update_workflows(&owner, renamed, Some("flow"));
    assert!(matches!(refusal.await, Err(Error::Forbidden(_))));
    // What they make themselves comes first.
    let own = host.define_by("q", document(FLOW)).await.unwrap().remove(0);
    assert_eq!(host.workflow_of("q", "flow", "").await.unwrap().id, own.id);
    answer(MemberStatus::Rejected).await.unwrap();
    let refusal = words(answer(MemberStatus::Accepted).await);
    assert!(
        refusal.contains("has a workflow of that name itself"),
        "{refusal}"
    );
    assert_eq!(host.workflows_of("q").await, ["flow"]);
    host.engine
        .withdraw_offer(&owner, &shared, &q)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_workbook_makes_changes_and_takes_away_what_is_in_it() {
    let host = Host::start().await;
    let engine = &host.engine;
    engine
        .create_workbook(&op("p"), document(BOOK))
        .await
        .unwrap();
    let flow = host.workflow_of("p", "book.flow", "").await.unwrap();
    assert_eq!(flow.workbook.as_ref().unwrap().as_str(), "book");
    let ad_hoc = ActionName::parse("book.say").unwrap();
    let find = || engine.find_ad_hoc_action(&flow.project_id, &ad_hoc, &flow.namespace);
    assert!(find().await.unwrap().is_some());
    let taken = words(engine.create_workbook(&op("p"), document(BOOK)).await);
    assert!(taken.contains("WorkbookDefinition"), "{taken}");

    let changed =
        "version: '2.0'\nname: book\nworkflows:\n  other:\n    tasks: {one: {action: std.noop}}\n";
    let document_of = public(changed);
    engine.update_workbook(&op("p"), document_of).await.unwrap();
    assert_eq!(host.workflows_of("p").await, ["book.other"]);
    assert_eq!(host.workflows_of("q").await, ["book.other"]);
    assert!(find().await.unwrap().is_none());
    engine
        .update_workbook(&op("p"), document(BOOK))
        .await
        .unwrap();
    assert_eq!(host.workflows_of("q").await, ["book.flow"]);
    let none = Namespace::default();
    engine
        .delete_workbook(&op("p"), "book", &none)
        .await
        .unwrap();
    assert!(host.workflows_of("p").await.is_empty());
    assert!(find().await.unwrap().is_none());
    engine
        .create_workbook(&op("p"), document(BOOK))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_workbook_does_not_take_a_workflow_of_its_prefix() {
    let host = Host::start().await;
    let own = FLOW.replace("flow:", "book.flow:");
    host.define_by("p", document(&own)).await.unwrap();
    let refusal = words(host.engine.create_workbook(&op("p"), document(BOOK)).await);
    assert!(refusal.contains("book.flow, , p"), "{refusal}");
    let found = host
        .engine
        .workbook(&op("p"), "book", &Namespace::default(), Sight::Project)
        .await;
    assert!(found.is_err());
}

#[tokio::test]
async fn an_action_that_is_based_on_itself_is_refused() {
    let host = Host::start().await;
    let refusal = words(
        host.ad_hoc("p", "version: '2.0'\na: {base: b}\nb: {base: a}\n")
            .await,
    );
    assert!(refusal.contains("Found a cycle"), "{refusal}");
    host.ad_hoc("p", "version: '2.0'\na: {base: b}\n")
        .await
        .unwrap();
    let refusal = words(host.ad_hoc("p", "version: '2.0'\nb: {base: a}\n").await);
    assert!(refusal.contains("Found a cycle"), "{refusal}");
    let chain: String = (1..40).fold("version: '2.0'\n".to_owned(), |text, n| {
        format!("{text}c{n}: {{base: c{}}}\n", n + 1)
    });
    let refusal = words(host.ad_hoc("p", &chain).await);
    assert!(refusal.contains("At most 16"), "{refusal}");
}

#[tokio::test]
async fn a_public_action_of_a_name_is_the_only_one() {
    let host = Host::start().await;
    let text = "version: '2.0'\nsay: {base: t.echo}\n";
    let publish = |project: &'static str, text| {
        let engine = &host.engine;
        async move {
            engine
                .create_ad_hoc_actions(&op(project), public(text))
                .await
        }
    };
    publish("p", text).await.unwrap();
    assert!(matches!(publish("q", text).await, Err(Error::Conflict(_))));
    let hides = "version: '2.0'\nt.echo: {base: t.fail}\n";
    assert!(matches!(publish("p", hides).await, Err(Error::Conflict(_))));
    host.ad_hoc("q", text).await.unwrap();
    let public = public(text);
    let theirs = op("q");
    let changed = host.engine.update_ad_hoc_actions(&theirs, public, None);
    assert!(matches!(changed.await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn actions_of_both_kinds_are_in_one_list_with_pages() {
    let host = Host::start().await;
    host.ad_hoc(
        "p",
        "version: '2.0'\ns.b: {base: t.echo}\nt.g: {base: t.echo}\n",
    )
    .await
    .unwrap();
    let reach = Reach::SeenBy(ProjectId::new("p"));
    let all = host
        .engine
        .actions(&ListRequest::first(reach.clone(), 100))
        .await
        .unwrap();
    let ad_hoc = |it: &&FoundAction| matches!(it, FoundAction::AdHoc(_));
    assert_eq!(all.items.iter().filter(ad_hoc).count(), 2);
    let mut request = ListRequest::first(reach, 1);
    let mut seen = Vec::new();
    loop {
        let page = host.engine.actions(&request).await.unwrap();
        let Some(last) = page.items.last() else { break };
        seen.push(last.marker());
        request.marker = seen.last().cloned();
    }
    let expected: Vec<String> = all.items.iter().map(FoundAction::marker).collect();
    assert_eq!(seen, expected);
    let theirs = ListRequest::first(Reach::SeenBy(ProjectId::new("q")), 100);
    let theirs = host.engine.actions(&theirs).await.unwrap();
    assert_eq!(theirs.items.iter().filter(ad_hoc).count(), 0);
}
