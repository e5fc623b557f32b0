//! Sharing: what an offer, an answer and a taking back change, for whom, and what nobody else learns.

use super::*;
use crate::{
    domain::{Member, MemberStatus},
    engine::ShareableRef,
    store::{self, Store as _},
};

const PENDING: MemberStatus = MemberStatus::Pending;
const ACCEPTED: MemberStatus = MemberStatus::Accepted;
const REJECTED: MemberStatus = MemberStatus::Rejected;

fn shared(module: &Module) -> ShareableRef {
    ShareableRef::Module(ModuleRef::Id(module.id))
}

fn faults<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

impl Host {
    /// A private module `own` of `p` with the action `own.echo`.
    async fn own(&self) -> Module {
        self.push(&op("p"), "own", "own.echo", Scope::Private)
            .await
            .unwrap()
    }

    async fn offer(&self, module: &Module, to: &str) -> Result<Member, Error> {
        self.engine
            .offer(&op("p"), &shared(module), ProjectId::new(to))
            .await
    }

    async fn answer(
        &self,
        module: &Module,
        project: &str,
        status: MemberStatus,
    ) -> Result<Member, Error> {
        let member = ProjectId::new(project);
        self.engine
            .answer_offer(&op(project), &shared(module), &member, status)
            .await
    }

    async fn withdraw(&self, module: &Module, from: &str) -> Result<(), Error> {
        let member = ProjectId::new(from);
        self.engine
            .withdraw_offer(&op("p"), &shared(module), &member)
            .await
    }

    /// Offered by `p` and accepted by `q`.
    async fn share(&self, module: &Module) {
        self.offer(module, "q").await.unwrap();
        self.answer(module, "q", ACCEPTED).await.unwrap();
    }

    /// Whether `own.echo` means something to `project`, and `own` is a module that it sees.
    async fn sees(&self, engine: &Engine, project: &str) -> bool {
        let action = engine
            .action(&op(project), &ActionName::parse("own.echo").unwrap())
            .is_ok();
        let module = engine
            .module(&op(project), &named("own"), Sight::Project)
            .await
            .is_ok();
        assert_eq!(action, module, "{project}");
        action
    }
}

#[tokio::test]
async fn only_an_accepted_module_is_seen_and_run_by_its_member() {
    let host = Host::start().await;
    let own = host.own().await;
    assert_eq!(host.offer(&own, "q").await.unwrap().status, PENDING);
    assert!(!host.sees(&host.engine, "q").await);
    for status in [ACCEPTED, PENDING, ACCEPTED, ACCEPTED, REJECTED] {
        let member = host.answer(&own, "q", status).await.unwrap();
        assert_eq!(member.status, status);
        assert_eq!(host.sees(&host.engine, "q").await, status == ACCEPTED);
        let run = host.engine.start_action(&op("q"), saved("own.echo")).await;
        match status {
            ACCEPTED => assert_eq!(run.unwrap().execution.project_id, ProjectId::new("q")),
            PENDING | REJECTED => assert!(faults(run).contains("Failed to find action")),
        }
        assert!(!host.sees(&host.engine, "r").await);
    }
}

#[tokio::test]
async fn what_is_taken_back_is_gone_for_new_runs_and_those_under_way_go_on() {
    let host = Host::start().await;
    let own = host.own().await;
    host.share(&own).await;
    let started = host
        .engine
        .start_action(&op("q"), saved("own.echo"))
        .await
        .unwrap();
    host.withdraw(&own, "q").await.unwrap();
    assert!(!host.sees(&host.engine, "q").await);
    let refused = host
        .engine
        .start_action(&op("q"), unsaved("own.echo"))
        .await;
    assert!(faults(refused).contains("Failed to find action"));
    host.work_off().await;
    let ended = host
        .engine
        .action_execution(&op("q"), started.execution.id, Sight::Project)
        .await
        .unwrap();
    assert_eq!(ended.state(), State::Success);
    // It can be offered again, and the name is free in the meantime.
    host.push(&op("q"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    host.offer(&own, "q").await.unwrap();
}

#[tokio::test]
async fn an_accepted_name_stands_for_one_module() {
    let host = Host::start().await;
    let own = host.own().await;
    host.offer(&own, "q").await.unwrap();

    // One's own module of that name.
    host.push(&op("q"), "own", "own.other", Scope::Private)
        .await
        .unwrap();
    let fault = faults(host.answer(&own, "q", ACCEPTED).await);
    assert!(fault.contains("a module of that name itself"), "{fault}");
    assert!(host.answer(&own, "q", REJECTED).await.is_ok());
    host.engine
        .delete_module(&op("q"), &named("own"))
        .await
        .unwrap();

    // Another accepted one.
    host.answer(&own, "q", ACCEPTED).await.unwrap();
    let theirs = host
        .push(&op("r"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    host.engine
        .offer(&op("r"), &shared(&theirs), ProjectId::new("q"))
        .await
        .unwrap();
    let fault = faults(host.answer(&theirs, "q", ACCEPTED).await);
    assert!(fault.contains("accepted another module"), "{fault}");

    // And no module of one's own beside an accepted one.
    let taken = host
        .push(&op("q"), "own", "own.other", Scope::Private)
        .await;
    assert!(matches!(taken, Err(Error::Conflict(_))));
    host.withdraw(&own, "q").await.unwrap();
    host.answer(&theirs, "q", ACCEPTED).await.unwrap();
}

#[tokio::test]
async fn a_public_name_is_not_accepted_and_a_later_one_changes_nothing() {
    let host = Host::start().await;
    let own = host.own().await;
    host.offer(&own, "q").await.unwrap();
    host.push(&op("r"), "own", "own.other", Scope::Public)
        .await
        .unwrap();
    let fault = faults(host.answer(&own, "q", ACCEPTED).await);
    assert!(fault.contains("a public module"), "{fault}");
    host.engine
        .delete_module(&op("r"), &named("own"))
        .await
        .unwrap();

    host.answer(&own, "q", ACCEPTED).await.unwrap();
    let public = host
        .push(&op("r"), "own", "own.echo and more", Scope::Public)
        .await
        .unwrap();
    let means = |project: &str| {
        let name = ActionName::parse("own.echo").unwrap();
        host.engine.action(&op(project), &name).unwrap().module.id
    };
    assert_eq!((means("q"), means("s")), (own.id, public.id));
    let (seen, _) = host
        .engine
        .module(&op("q"), &named("own"), Sight::Project)
        .await
        .unwrap();
    assert_eq!(seen.id, own.id);
}

#[tokio::test]
async fn the_next_version_is_what_a_member_runs_next() {
    let host = Host::start().await;
    let own = host.own().await;
    host.share(&own).await;
    let upload = host.upload("own.echo and own.other");
    let digest = upload.digest;
    host.engine
        .add_module_version(&op("p"), &named("own"), upload)
        .await
        .unwrap();
    let name = ActionName::parse("own.other").unwrap();
    let action = host.engine.action(&op("q"), &name).unwrap();
    assert_eq!(action.module.digest, digest);
}

#[tokio::test]
async fn a_member_changes_nothing_of_a_module() {
    let host = Host::start().await;
    let own = host.own().await;
    host.share(&own).await;
    let (engine, q) = (&host.engine, op("q"));
    for module in [named("own"), ModuleRef::Id(own.id)] {
        let shared = ShareableRef::Module(module.clone());
        let refused = [
            engine.delete_module(&q, &module).await.err(),
            engine.rollback_module(&q, &module, 1).await.err(),
            engine
                .add_module_version(&q, &module, host.upload("own.other"))
                .await
                .err(),
            engine
                .set_module_scope(&q, &module, Scope::Public)
                .await
                .err(),
            engine.offer(&q, &shared, ProjectId::new("r")).await.err(),
            engine
                .withdraw_offer(&q, &shared, &ProjectId::new("q"))
                .await
                .err(),
        ];
        for refusal in refused {
            assert!(matches!(refusal, Some(Error::NotFound(_))), "{refusal:?}");
        }
    }
    assert!(host.sees(&host.engine, "q").await);
}

#[tokio::test]
async fn owner_and_member_know_of_a_share_and_nobody_else() {
    let host = Host::start().await;
    let own = host.own().await;
    for project in ["q", "r"] {
        host.offer(&own, project).await.unwrap();
    }
    let (engine, shared) = (&host.engine, shared(&own));
    let known = async |project: &str, sight| {
        let members = engine.members(&op(project), &shared, sight).await?;
        let ids = members.iter().map(|member| member.member_id.to_string());
        Ok::<_, Error>(ids.collect::<Vec<_>>())
    };
    assert_eq!(known("p", Sight::Project).await.unwrap(), ["q", "r"]);
    assert_eq!(known("q", Sight::Project).await.unwrap(), ["q"]);
    assert_eq!(known("s", Sight::AllProjects).await.unwrap(), ["q", "r"]);
    let stranger = known("s", Sight::Project).await;
    assert!(matches!(stranger, Err(Error::NotFound(_))));
    for (project, member, is_known) in [
        ("p", "q", true),
        ("q", "q", true),
        ("q", "r", false),
        ("s", "q", false),
        ("p", "s", false),
    ] {
        let found = engine
            .member(
                &op(project),
                &shared,
                &ProjectId::new(member),
                Sight::Project,
            )
            .await;
        assert_eq!(found.is_ok(), is_known, "{project} asks for {member}");
        // Nobody answers for another project.
        let answered = engine
            .answer_offer(&op(project), &shared, &ProjectId::new(member), PENDING)
            .await;
        assert_eq!(answered.is_ok(), project == "q" && member == "q");
    }
}

#[tokio::test]
async fn what_cannot_be_offered_is_refused_with_the_reason() {
    let host = Host::start().await;
    let own = host.own().await;
    let itself = faults(host.offer(&own, "p").await);
    assert!(itself.contains("belongs to already"), "{itself}");
    let long = faults(host.offer(&own, &"x".repeat(256)).await);
    assert!(long.contains("at most 255 bytes"), "{long}");
    host.offer(&own, "q").await.unwrap();
    let twice = host.offer(&own, "q").await;
    assert!(matches!(twice, Err(Error::Conflict(_))));
    assert_eq!(
        faults(twice),
        format!(
            "Duplicate entry for ResourceMember ['resource_id', 'resource_type', 'member_id']: {}, module, q",
            own.id
        )
    );
    let public = host
        .engine
        .offer(
            &op("p"),
            &ShareableRef::Module(named("t")),
            ProjectId::new("q"),
        )
        .await;
    assert_eq!(faults(public), "Only private resource could be shared.");
    for number in 1..100 {
        host.offer(&own, &format!("project-{number}"))
            .await
            .unwrap();
    }
    let many = host.offer(&own, "one-too-many").await;
    assert!(matches!(many, Err(Error::Forbidden(_))));
    assert!(faults(many).contains("take it back from one of them"));
}

#[tokio::test]
async fn shares_survive_a_restart_and_end_with_their_module() {
    let host = Host::start().await;
    let own = host.own().await;
    host.share(&own).await;
    let again = host.another_engine().await;
    assert!(host.sees(&again, "q").await);
    assert!(!host.sees(&again, "r").await);

    host.engine
        .delete_module(&op("p"), &named("own"))
        .await
        .unwrap();
    assert!(!host.sees(&host.engine, "q").await);
    assert!(matches!(
        host.answer(&own, "q", ACCEPTED).await,
        Err(Error::NotFound(_))
    ));
    let left = host
        .store
        .list(store::Query {
            kind: store::Kind::Member,
            project: None,
            index: None,
            sort: None,
            order: crate::domain::Order::Ascending,
            after: None,
            limit: 10,
        })
        .await
        .unwrap();
    assert_eq!(left, []);
    // The name is free again for both.
    host.own().await;
    host.push(&op("q"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_does_not_keep_the_owner_from_uploading() {
    let host = Host::start().await;
    let own = host.own().await;
    host.offer(&own, "q").await.unwrap();
    let (ann, reference) = (op("p"), named("own"));
    let upload = host.upload("own.other");
    let (added, answered) = tokio::join!(
        host.engine.add_module_version(&ann, &reference, upload),
        host.answer(&own, "q", ACCEPTED)
    );
    let (module, _) = added.unwrap();
    answered.unwrap();
    assert_eq!(module.version, 2);
    let name = ActionName::parse("own.other").unwrap();
    assert!(host.engine.action(&op("q"), &name).is_ok());
}

#[tokio::test]
async fn a_module_is_published_and_made_private_again() {
    let host = Host::start().await;
    let own = host.own().await;
    host.share(&own).await;
    let (engine, p, name) = (&host.engine, op("p"), named("own"));
    let (public, _) = engine
        .set_module_scope(&p, &name, Scope::Public)
        .await
        .unwrap();
    assert_eq!((public.scope, public.version), (Scope::Public, 1));
    assert!(host.sees(engine, "q").await && host.sees(engine, "s").await);
    // The public name is taken now.
    host.push(&op("s"), "own", "own.other", Scope::Private)
        .await
        .unwrap();
    let taken = engine
        .set_module_scope(&op("s"), &name, Scope::Public)
        .await;
    assert!(matches!(taken, Err(Error::Conflict(_))));

    engine
        .set_module_scope(&p, &name, Scope::Private)
        .await
        .unwrap();
    // Who accepted it keeps it; others have lost it; and the public name is free.
    assert!(host.sees(engine, "q").await && !host.sees(engine, "r").await);
    engine
        .set_module_scope(&op("s"), &name, Scope::Public)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_reaches_all_projects_looks_at_one_object_and_changes_nothing() {
    let host = Host::start().await;
    let own = host.own().await;
    let id = host.leave("t.later").await;
    let (engine, admin, all) = (&host.engine, op("admins"), Sight::AllProjects);
    let by_id = ModuleRef::Id(own.id);
    assert!(engine.module(&admin, &by_id, all).await.is_ok());
    assert!(engine.action_execution(&admin, id, all).await.is_ok());
    // A name is looked up in the caller's own project.
    let by_name = engine.module(&admin, &named("own"), all).await;
    assert!(matches!(by_name, Err(Error::NotFound(_))));
    let content = engine.module_content(&admin, &by_id).await.map(drop);
    let refused = [
        content.err(),
        engine.delete_module(&admin, &by_id).await.err(),
        engine
            .set_module_scope(&admin, &by_id, Scope::Public)
            .await
            .err(),
        engine.delete_action_execution(&admin, id).await.err(),
        engine.journal(&admin, id).await.err(),
    ];
    for refusal in refused {
        assert!(matches!(refusal, Some(Error::NotFound(_))), "{refusal:?}");
    }
}
