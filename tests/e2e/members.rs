//! Sharing modules between projects: every transition, and what strangers learn of it, which is nothing.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use e2e::client::{Answer, Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::guests;
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use minisign::KeyPair;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// A host under Keystone, the owner of a module, whom it is offered to, and a stranger.
struct Case {
    host: Host,
    owner: Project,
    member: Project,
    stranger: Project,
    admin: Client,
}

struct Project {
    tenant: Tenant,
    client: Client,
}

impl Case {
    async fn start() -> Result<Self> {
        Self::start_with(|settings, _| settings).await
    }

    async fn start_with(
        configure: impl FnOnce(Settings, [&Tenant; 2]) -> Settings,
    ) -> Result<Self> {
        let cloud = Cloud::a()?;
        let owner = cloud.tenant().await?;
        let (member, stranger) = (cloud.tenant().await?, cloud.tenant().await?);
        let settings = configure(Settings::new().keystone(&cloud), [&owner, &member]);
        let host = Host::start_with(settings).await?;
        let admin_token = cloud.admin_token().await?;
        Ok(Self {
            owner: project(&host, owner).await?,
            member: project(&host, member).await?,
            stranger: project(&host, stranger).await?,
            admin: host.client()?.with_token(&admin_token.secret),
            host,
        })
    }

    /// The owner's module `faulty`, whose `faulty.mode` answers `mode`; its id.
    async fn push(&self, mode: &str) -> Result<String> {
        let component = guests::faulty(mode)?;
        id_of(
            &self
                .owner
                .client
                .push("faulty", component)
                .await?
                .expect(201)?,
        )
    }

    async fn offer(&self, module: &str) -> Result<Answer> {
        let body = json!({ "member_id": self.member.id() });
        let path = format!("/v2/modules/{module}/members");
        self.owner
            .client
            .send_json(Method::POST, &path, &body)
            .await
    }

    /// The member's answer.
    async fn answer(&self, module: &str, status: &str) -> Result<Answer> {
        self.member.answer(module, self.member.id(), status).await
    }

    /// The path of the member's entry.
    fn entry(&self, module: &str) -> String {
        format!("/v2/modules/{module}/members/{}", self.member.id())
    }
}

impl Project {
    fn id(&self) -> &str {
        &self.tenant.project_id
    }

    async fn answer(&self, module: &str, member: &str, status: &str) -> Result<Answer> {
        let path = format!("/v2/modules/{module}/members/{member}");
        self.client
            .send_json(Method::PUT, &path, &json!({ "status": status }))
            .await
    }

    /// Nothing of the module is to be seen, by no name and in no list.
    async fn sees_nothing_of(&self, id: &str) -> Result<()> {
        for path in [
            format!("/v2/modules/{id}"),
            "/v2/modules/faulty".to_owned(),
            format!("/v2/modules/{id}/content"),
            "/v2/actions/faulty.mode".to_owned(),
        ] {
            self.client.get(&path).await?.fault(404)?;
        }
        // Page by page, with every `next` followed.
        for (list, key) in [("modules", "id"), ("actions", "name")] {
            let mut path = Some(format!("/v2/{list}?limit=7"));
            while let Some(page) = path {
                let answer = self.client.get(&page).await?;
                let text = answer.text();
                let page = answer.expect(200)?;
                assert!(!text.contains(id) && !text.contains("faulty"), "{text}");
                let items = page[list].as_array().context("no list")?;
                assert!(items.iter().all(|item| item[key].is_string()));
                let next = page["next"].as_str();
                path = next.and_then(|next| {
                    next.split_once("/v2/")
                        .map(|(_, rest)| format!("/v2/{rest}"))
                });
            }
        }
        let fault = self.client.run("faulty.mode").send().await?.fault(400)?;
        assert!(fault.contains("Failed to find action"), "{fault}");
        Ok(())
    }
}

async fn project(host: &Host, tenant: Tenant) -> Result<Project> {
    let token = tenant.token().await?.secret;
    let client = host.client()?.with_token(&token);
    Ok(Project { tenant, client })
}

async fn set_scope(client: &Client, module: &str, scope: &str) -> Result<Answer> {
    let path = format!("/v2/modules/{module}?scope={scope}");
    client
        .send(Method::PUT, &path, HeaderMap::new(), None)
        .await
}

#[tokio::test]
async fn only_who_accepted_a_module_sees_and_runs_it() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    let (member, stranger) = (&case.member, &case.stranger);
    let offered = case.offer(&id).await?.expect(201)?;
    assert_eq!(
        (&offered["status"], &offered["resource_type"]),
        (&json!("pending"), &json!("module"))
    );
    assert_eq!(offered["resource_id"], id.as_str());
    assert_eq!(offered["project_id"], case.owner.id());
    assert_eq!(offered["member_id"], member.id());
    assert_eq!(offered["updated_at"], Value::Null);
    member.sees_nothing_of(&id).await?;

    for (status, is_seen) in [
        ("accepted", true),
        ("pending", false),
        ("accepted", true),
        ("rejected", false),
        ("accepted", true),
    ] {
        let answered = case.answer(&id, status).await?.expect(200)?;
        assert_eq!(answered["status"], status);
        assert!(answered["updated_at"].is_string(), "{answered}");
        stranger.sees_nothing_of(&id).await?;
        if !is_seen {
            member.sees_nothing_of(&id).await?;
            continue;
        }
        assert_eq!(member.client.run("faulty.mode").result().await?, "first");
        let shown = member.client.get("/v2/modules/faulty").await?.expect(200)?;
        assert_eq!(shown["id"], id.as_str());
        let content = member.client.get("/v2/modules/faulty/content").await?;
        assert!(content.bytes == guests::faulty("first")?);
        for list in ["modules?limit=1000", "actions?name=faulty.mode"] {
            let list = member.client.get(&format!("/v2/{list}")).await?;
            assert!(list.text().contains("faulty"), "{}", list.text());
        }
    }
    // What the owner uploads next is what the member runs next.
    let second = guests::faulty("second")?;
    case.owner
        .client
        .update_module("faulty", second)
        .await?
        .expect(200)?;
    assert_eq!(member.client.run("faulty.mode").result().await?, "second");
    Ok(())
}

#[tokio::test]
async fn a_members_run_is_the_members() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    case.offer(&id).await?.expect(201)?;
    case.answer(&id, "accepted").await?.expect(200)?;
    let run = case.member.client.run("faulty.mode").saved();
    let run = id_of(&run.created().await?)?;
    let ended = case.member.client.completed(&run).await?;
    assert_eq!(ended["project_id"], case.member.id());
    for other in [&case.owner, &case.stranger] {
        other.client.action_execution(&run).await?.fault(404)?;
        let list = other.client.get("/v2/action_executions").await?;
        assert!(!list.text().contains(&run), "{}", list.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_member_changes_nothing_and_a_stranger_learns_nothing() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    case.offer(&id).await?.expect(201)?;
    case.answer(&id, "accepted").await?.expect(200)?;
    let unknown = "0197a000-0000-7000-8000-000000000000";
    let component = guests::faulty("evil")?;
    for (who, modules) in [
        (&case.member, &["faulty", &id][..]),
        (&case.stranger, &["faulty", &id, unknown][..]),
    ] {
        for module in modules {
            let one = format!("/v2/modules/{module}");
            who.client.delete(&one).await?.fault(404)?;
            who.client
                .update_module(module, component.clone())
                .await?
                .fault(404)?;
            who.client.roll_back(module, 1).await?.fault(404)?;
            set_scope(&who.client, module, "private")
                .await?
                .fault(404)?;
            let (path, body) = (
                format!("{one}/members"),
                json!({ "member_id": case.stranger.id() }),
            );
            who.client
                .send_json(Method::POST, &path, &body)
                .await?
                .fault(404)?;
            who.client.delete(&case.entry(module)).await?.fault(404)?;
        }
    }
    for module in [id.as_str(), unknown, "faulty"] {
        let who = &case.stranger;
        let list = format!("/v2/modules/{module}/members");
        who.client.get(&list).await?.fault(404)?;
        for member in [case.member.id(), who.id()] {
            let path = format!("{list}/{member}");
            who.client.get(&path).await?.fault(404)?;
            for status in ["accepted", "rejected", "pending"] {
                who.answer(module, member, status).await?.fault(404)?;
            }
        }
    }
    // Nobody but the member answers, and nobody's entry but one's own is to be seen.
    case.owner
        .answer(&id, case.member.id(), "rejected")
        .await?
        .fault(404)?;
    let stranger = json!({ "member_id": case.stranger.id() });
    let path = format!("/v2/modules/{id}/members");
    let owner = &case.owner.client;
    owner
        .send_json(Method::POST, &path, &stranger)
        .await?
        .expect(201)?;
    let count = async |client: &Client| -> Result<usize> {
        let list = client.get(&path).await?.expect(200)?;
        Ok(list["members"].as_array().context("no members")?.len())
    };
    assert_eq!(count(owner).await?, 2);
    assert_eq!(count(&case.member.client).await?, 1);
    assert_eq!(count(&case.stranger.client).await?, 1);
    let others = format!("{path}/{}", case.stranger.id());
    case.member.client.get(&others).await?.fault(404)?;
    assert_eq!(
        case.member.client.run("faulty.mode").result().await?,
        "first"
    );
    Ok(())
}

#[tokio::test]
async fn offers_and_answers_are_refused_in_mistrals_words() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    let path = format!("/v2/modules/{id}/members");
    let owner = &case.owner.client;
    for body in [
        json!({}),
        json!({ "member_id": "" }),
        json!({ "member_id": null }),
    ] {
        let fault = owner
            .send_json(Method::POST, &path, &body)
            .await?
            .fault(400)?;
        assert_eq!(fault, "Member id must be provided.");
    }
    case.offer(&id).await?.expect(201)?;
    let fault = case.offer(&id).await?.fault(409)?;
    assert_eq!(
        fault,
        format!(
            "Duplicate entry for ResourceMember ['resource_id', 'resource_type', 'member_id']: {id}, module, {}",
            case.member.id()
        )
    );
    let member = &case.member.client;
    let fault = member
        .send_json(Method::PUT, &case.entry(&id), &json!({}))
        .await?
        .fault(400)?;
    assert_eq!(fault, "Status must be provided.");
    let fault = case.answer(&id, "maybe").await?.fault(400)?;
    assert!(fault.contains("pending, accepted, rejected"), "{fault}");
    let fault = case
        .member
        .answer(&id, case.stranger.id(), "accepted")
        .await?
        .fault(404)?;
    assert!(fault.contains("Resource member not found"), "{fault}");

    let public = guests::guest("probe")?;
    case.admin
        .push_as("probe", "public", public)
        .await?
        .expect(201)?;
    let fault = case
        .admin
        .send_json(
            Method::POST,
            "/v2/modules/probe/members",
            &json!({ "member_id": "x" }),
        )
        .await?
        .fault(400)?;
    assert_eq!(fault, "Only private resource could be shared.");
    Ok(())
}

#[tokio::test]
async fn an_accepted_share_neither_hides_nor_is_hidden() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    case.offer(&id).await?.expect(201)?;
    let own = guests::faulty("own")?;

    // Another project's private module keeps nobody from the name, and tells nothing.
    let member = &case.member.client;
    member.push("faulty", own.clone()).await?.expect(201)?;
    let fault = case.answer(&id, "accepted").await?.fault(409)?;
    assert!(
        fault.contains("this project has a module of that name"),
        "{fault}"
    );
    assert_eq!(member.run("faulty.mode").result().await?, "own");
    member.delete("/v2/modules/faulty").await?.expect(204)?;

    case.admin
        .push_as("faulty", "public", own.clone())
        .await?
        .expect(201)?;
    let fault = case.answer(&id, "accepted").await?.fault(409)?;
    assert!(fault.contains("a public module"), "{fault}");
    case.admin.delete("/v2/modules/faulty").await?.expect(204)?;

    case.answer(&id, "accepted").await?.expect(200)?;
    let fault = member.push("faulty", own.clone()).await?.fault(409)?;
    assert!(fault.contains("faulty"), "{fault}");
    // A public module that comes later changes nothing of what was accepted.
    case.admin
        .push_as("faulty", "public", own)
        .await?
        .expect(201)?;
    assert_eq!(member.run("faulty.mode").result().await?, "first");
    let stranger = &case.stranger.client;
    assert_eq!(stranger.run("faulty.mode").result().await?, "own");
    Ok(())
}

#[tokio::test]
async fn shares_survive_a_restart_and_are_revoked_at_once() -> Result<()> {
    let mut case = Case::start().await?;
    let id = case.push("first").await?;
    case.offer(&id).await?.expect(201)?;
    case.answer(&id, "accepted").await?.expect(200)?;
    case.host.stop().await?;
    case.host.restart().await?;
    for project in [&mut case.owner, &mut case.member, &mut case.stranger] {
        let token = project.tenant.token().await?.secret;
        project.client = case.host.client()?.with_token(&token);
    }
    assert_eq!(
        case.member.client.run("faulty.mode").result().await?,
        "first"
    );
    case.stranger.sees_nothing_of(&id).await?;

    let owner = &case.owner.client;
    owner.delete(&case.entry(&id)).await?.expect(204)?;
    case.member.sees_nothing_of(&id).await?;
    case.member.client.get(&case.entry(&id)).await?.fault(404)?;
    case.answer(&id, "accepted").await?.fault(404)?;
    owner.delete(&case.entry(&id)).await?.fault(404)?;

    // A module that goes takes its members along.
    case.offer(&id).await?.expect(201)?;
    case.answer(&id, "accepted").await?.expect(200)?;
    owner.delete("/v2/modules/faulty").await?.expect(204)?;
    case.member.sees_nothing_of(&id).await?;
    case.member.client.get(&case.entry(&id)).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn publishing_is_the_admins_and_taking_it_back_the_owners() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    let owner = &case.owner.client;
    set_scope(owner, "faulty", "public").await?.fault(403)?;
    // An admin of another project publishes nothing of this one's.
    set_scope(&case.admin, &id, "public").await?.fault(404)?;

    let cloud = Cloud::a()?;
    let chief = cloud.tenant_with(&["member", "admin"]).await?;
    let chief = project(&case.host, chief).await?;
    let component = guests::faulty("chief")?;
    let made = chief.client.push("faulty", component).await?.expect(201)?;
    case.stranger.sees_nothing_of(&id_of(&made)?).await?;
    let public = set_scope(&chief.client, "faulty", "public")
        .await?
        .expect(200)?;
    assert_eq!(
        (&public["scope"], &public["version"]),
        (&json!("public"), &json!(1))
    );
    let stranger = &case.stranger.client;
    assert_eq!(stranger.run("faulty.mode").result().await?, "chief");
    // One's own goes first, and the public name is taken.
    assert_eq!(owner.run("faulty.mode").result().await?, "first");
    let component = guests::faulty("x")?;
    let fault = case
        .admin
        .push_as("faulty", "public", component)
        .await?
        .fault(409)?;
    assert!(fault.contains("faulty"), "{fault}");
    set_scope(&chief.client, "faulty", "private")
        .await?
        .expect(200)?;
    case.stranger.sees_nothing_of(&id_of(&made)?).await?;
    Ok(())
}

#[tokio::test]
async fn an_admin_looks_at_one_foreign_object_and_changes_nothing() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    case.offer(&id).await?.expect(201)?;
    let run = case
        .owner
        .client
        .run("std.echo")
        .input(json!({ "output": "seen" }))
        .custom_context(json!({ "key": "canary" }))
        .saved();
    let run = id_of(&run.created().await?)?;
    case.owner.client.completed(&run).await?;

    let admin = &case.admin;
    let shown = admin.get(&format!("/v2/modules/{id}")).await?.expect(200)?;
    assert_eq!(shown["project_id"], case.owner.id());
    let shown = admin.action_execution(&run).await?;
    assert!(!shown.text().contains("canary"), "{}", shown.text());
    let shown = shown.expect(200)?;
    assert_eq!(shown["project_id"], case.owner.id());
    let members = format!("/v2/modules/{id}/members");
    let members = admin.get(&members).await?.expect(200)?;
    assert_eq!(members["members"][0]["member_id"], case.member.id());

    for path in [
        format!("/v2/action_executions/{run}/log"),
        format!("/v2/action_executions/{run}/requests"),
        format!("/v2/modules/{id}/content"),
        "/v2/modules/faulty".to_owned(),
    ] {
        admin.get(&path).await?.fault(404)?;
    }
    for path in [
        format!("/v2/action_executions/{run}"),
        format!("/v2/modules/{id}"),
        case.entry(&id),
    ] {
        admin.delete(&path).await?.fault(404)?;
    }
    let cancel = json!({ "state": "CANCELLED" });
    admin
        .update_action_execution(&run, &cancel)
        .await?
        .fault(404)?;
    let stranger = &case.stranger.client;
    stranger.action_execution(&run).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn a_shared_module_is_held_to_the_members_own_rules() -> Result<()> {
    let pair = KeyPair::generate_unencrypted_keypair()?;
    let key = toml::Table::from_iter([
        ("name".to_owned(), "release".into()),
        ("key".to_owned(), pair.pk.to_base64().into()),
    ]);
    let case = Case::start_with(|settings, [_, member]| {
        settings
            .set("modules", "trusted_keys", vec![toml::Value::Table(key)])
            .set(
                "modules",
                "require_signature",
                vec![member.project_id.clone()],
            )
    })
    .await?;
    let id = case.push("first").await?;
    case.offer(&id).await?.expect(201)?;
    let fault = case.answer(&id, "accepted").await?.fault(403)?;
    assert!(fault.contains("require_signature"), "{fault}");

    let put = async |mode: &str, signed: bool| -> Result<Value> {
        let component = guests::faulty(mode)?;
        let mut headers = e2e::client::headers([("content-type", "application/wasm")])?;
        if signed {
            let signature = minisign::sign(None, &pair.sk, component.as_slice(), None, None)?;
            let text = BASE64.encode(signature.into_string());
            headers.insert("x-module-signature", text.parse()?);
        }
        case.owner
            .client
            .send(Method::PUT, "/v2/modules/faulty", headers, Some(component))
            .await?
            .expect(200)
    };
    put("second", true).await?;
    case.answer(&id, "accepted").await?.expect(200)?;
    let member = &case.member.client;
    assert_eq!(member.run("faulty.mode").result().await?, "second");
    put("third", false).await?;
    let fault = member.run("faulty.mode").send().await?.fault(403)?;
    assert!(fault.contains("require_signature"), "{fault}");
    assert_eq!(
        case.owner.client.run("faulty.mode").result().await?,
        "third"
    );
    Ok(())
}

#[tokio::test]
async fn the_stock_client_shares_modules() -> Result<()> {
    let case = Case::start().await?;
    let id = case.push("first").await?;
    let owner = Mistral::new(&case.host).caller(&case.owner.tenant);
    let member = Mistral::new(&case.host).caller(&case.member.tenant);
    let project = case.member.id();
    let made = owner
        .json(&["member-create", &id, "module", project])
        .await?;
    assert_eq!(
        (&made["Status"], &made["Member ID"]),
        (&json!("pending"), &json!(project))
    );
    let accepted = member
        .json(&["member-update", &id, "module", "-m", project])
        .await?;
    assert_eq!(accepted["Status"], "accepted");
    assert_eq!(
        case.member.client.run("faulty.mode").result().await?,
        "first"
    );
    let shown = member
        .json(&["member-get", &id, "module", "-m", project])
        .await?;
    assert_eq!(shown["Resource Type"], "module");
    let list = owner.json(&["member-list", &id, "module"]).await?;
    assert_eq!(list[0]["Member ID"], project);
    owner
        .run(&["member-delete", &id, "module", project])
        .await?;
    case.member.sees_nothing_of(&id).await
}
