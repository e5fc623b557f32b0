//! Sharing workflows between projects: who accepted one runs it as their own, and nobody else learns of it.

use anyhow::Result;
use e2e::client::{Answer, Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use e2e::workflows::json_in;
use reqwest::Method;
use serde_json::{Value, json};

fn document(word: &str) -> String {
    format!(
        "version: '2.0'\nshared:\n  output: {{of: {word}}}\n  tasks:\n    t: {{action: std.noop}}\n"
    )
}

/// The owner of a workflow, whom it is offered to, and a stranger.
struct Case {
    host: Host,
    owner: Client,
    member: Client,
    stranger: Client,
    project: Tenant,
    id: String,
}

impl Case {
    async fn start() -> Result<Self> {
        let cloud = Cloud::a()?;
        let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
        let project = cloud.tenant().await?;
        let client = async |tenant: &Tenant| {
            let token = tenant.token().await?.secret;
            anyhow::Ok(host.client()?.with_token(&token))
        };
        let owner = client(&cloud.tenant().await?).await?;
        let made = owner.define(&document("theirs"), "").await?.expect(201)?;
        Ok(Self {
            member: client(&project).await?,
            stranger: client(&cloud.tenant().await?).await?,
            id: id_of(&made["workflows"][0])?,
            owner,
            project,
            host,
        })
    }

    fn members(&self) -> String {
        format!("/v2/workflows/{}/members", self.id)
    }

    fn entry(&self) -> String {
        format!("{}/{}", self.members(), self.project.project_id)
    }

    async fn offer(&self) -> Result<Answer> {
        let body = json!({ "member_id": self.project.project_id });
        let path = self.members();
        self.owner.send_json(Method::POST, &path, &body).await
    }

    async fn answer(&self, status: &str) -> Result<Answer> {
        let body = json!({ "status": status });
        let path = self.entry();
        self.member.send_json(Method::PUT, &path, &body).await
    }

    /// Nothing of the workflow is to be seen, by no name and in no list.
    async fn is_hidden_from(&self, client: &Client) -> Result<()> {
        for reference in ["shared", &self.id] {
            let path = format!("/v2/workflows/{reference}");
            client.get(&path).await?.fault(404)?;
        }
        let list = client.get("/v2/workflows").await?;
        assert!(!list.text().contains(&self.id), "{}", list.text());
        for member in ["workflow_name", "workflow_id"] {
            let named = if member == "workflow_id" {
                &self.id
            } else {
                "shared"
            };
            let body = json!({ member: named });
            let started = client.send_json(Method::POST, "/v2/executions", &body);
            let words = started.await?.fault(404)?;
            assert!(words.contains("Workflow not found"), "{words}");
        }
        Ok(())
    }
}

async fn output(client: &Client) -> Result<Value> {
    let ended = client.start("shared").ended().await?;
    json_in(&ended, "output")
}

#[tokio::test]
async fn only_who_accepted_a_workflow_sees_and_runs_it() -> Result<()> {
    let case = Case::start().await?;
    let offered = case.offer().await?.expect(201)?;
    assert_eq!(
        (&offered["status"], &offered["resource_type"]),
        (&json!("pending"), &json!("workflow"))
    );
    case.is_hidden_from(&case.member).await?;
    for (status, is_seen) in [
        ("accepted", true),
        ("rejected", false),
        ("accepted", true),
        ("pending", false),
        ("accepted", true),
    ] {
        assert_eq!(case.answer(status).await?.expect(200)?["status"], status);
        case.is_hidden_from(&case.stranger).await?;
        if !is_seen {
            case.is_hidden_from(&case.member).await?;
            continue;
        }
        let shown = case.member.get("/v2/workflows/shared").await?.expect(200)?;
        assert_eq!(shown["id"], case.id.as_str());
        let list = case.member.get("/v2/workflows").await?;
        assert!(list.text().contains(&case.id));
        assert_eq!(output(&case.member).await?, json!({ "of": "theirs" }));
    }
    // The runs are the member's, and have what the owner changes.
    assert_eq!(
        case.owner.get("/v2/executions").await?.body["executions"],
        json!([])
    );
    let changed = document("newer");
    let changed = case.owner.send_text(Method::PUT, "/v2/workflows", &changed);
    changed.await?.expect(200)?;
    assert_eq!(output(&case.member).await?, json!({ "of": "newer" }));
    // As a sub-workflow, too.
    let above = "version: '2.0'\nabove:\n  output: {of: <% task(call).result.of %>}\n  tasks:\n    call: {workflow: shared}";
    case.member.define(above, "").await?.expect(201)?;
    let ended = case.member.start("above").ended().await?;
    assert_eq!(json_in(&ended, "output")?, json!({ "of": "newer" }));

    let entry = case.entry();
    case.owner.delete(&entry).await?.expect(204)?;
    case.is_hidden_from(&case.member).await?;
    case.answer("accepted").await?.fault(404)?;
    let ended = case.member.start("above").ended().await?;
    assert_eq!(ended["state"], "ERROR", "{ended}");
    Ok(())
}

#[tokio::test]
async fn a_member_changes_nothing_and_a_name_stays_one_workflow() -> Result<()> {
    let case = Case::start().await?;
    case.offer().await?.expect(201)?;
    case.offer().await?.fault(409)?;
    case.stranger.get(&case.members()).await?.fault(404)?;
    case.stranger.get(&case.entry()).await?.fault(404)?;
    let own = document("own");
    case.member.define(&own, "").await?.expect(201)?;
    let words = case.answer("accepted").await?.fault(409)?;
    assert!(
        words.contains("this project has a workflow of that name itself"),
        "{words}"
    );
    assert_eq!(output(&case.member).await?, json!({ "of": "own" }));
    case.member
        .delete("/v2/workflows/shared")
        .await?
        .expect(204)?;
    case.answer("accepted").await?.expect(200)?;
    // One's own, made later, comes before it.
    case.member.define(&own, "").await?.expect(201)?;
    assert_eq!(output(&case.member).await?, json!({ "of": "own" }));
    case.member
        .delete("/v2/workflows/shared")
        .await?
        .expect(204)?;
    assert_eq!(output(&case.member).await?, json!({ "of": "theirs" }));
    for reference in ["shared", &case.id] {
        let path = format!("/v2/workflows/{reference}");
        case.member.delete(&path).await?.fault(404)?;
        let changed = case.member.send_text(Method::PUT, &path, &own);
        changed.await?.fault(404)?;
    }
    let (members, entry) = (case.members(), case.entry());
    let body = json!({ "member_id": "somebody" });
    let shared = case.member.send_json(Method::POST, &members, &body);
    shared.await?.fault(404)?;
    let answered = json!({ "status": "rejected" });
    let answered = case.owner.send_json(Method::PUT, &entry, &answered);
    answered.await?.fault(404)?;
    let by_name = "/v2/workflows/shared/members";
    let words = case.owner.get(by_name).await?.fault(400)?;
    assert!(words.contains("Only support UUID"), "{words}");

    // What goes takes its members along.
    case.owner
        .delete("/v2/workflows/shared")
        .await?
        .expect(204)?;
    case.is_hidden_from(&case.member).await?;
    case.member.get(&case.entry()).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn our_own_command_line_shares_workflows() -> Result<()> {
    let case = Case::start().await?;
    let (id, project) = (case.id.as_str(), case.project.project_id.as_str());
    case.offer().await?.expect(201)?;
    let member = Mistral::new(&case.host).caller(&case.project);
    let json = async |arguments: &[&str]| -> Result<Value> {
        let printed = member.zonda(&[arguments, &["-f", "json"]].concat()).await?;
        Ok(serde_json::from_str(&printed)?)
    };
    let listed = json(&["workflow", "member", "list", id]).await?;
    assert_eq!(listed[0]["status"], "pending");
    let accepted = json(&["workflow", "member", "accept", id]).await?;
    assert_eq!(
        (&accepted["status"], &accepted["member_id"]),
        (&json!("accepted"), &json!(project))
    );
    let printed = member.zonda(&["execution", "create", "shared", "--watch"]);
    let printed: Value = serde_json::from_str(&printed.await?)?;
    assert_eq!(printed, json!({ "of": "theirs" }));
    let rejected = json(&["workflow", "member", "reject", id]).await?;
    assert_eq!(rejected["status"], "rejected");
    case.is_hidden_from(&case.member).await
}
