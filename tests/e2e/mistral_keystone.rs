//! The real `mistral` and `openstack` commands with Keystone authentication: three members in three projects, one admin.
//!
//! A resource is added by a test that makes one object for each member and hands it to [`People::see_their_own`].

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::guests;
use e2e::host::{Host, Settings};
use e2e::keystone::Keystone;
use e2e::mistral::Mistral;
use e2e::unique;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// What the client says to a member who asks for what is the admin's.
const FORBIDDEN: &str = "Operation forbidden (insufficient permissions)";

/// Lists action executions by the client's library, at a URL with a token.
const LIST_BY_TOKEN: &str = "
import sys
from mistralclient.api import httpclient
from mistralclient.api.v2 import action_executions
http = httpclient.HTTPClient(sys.argv[1], auth_token=sys.argv[2])
action_executions.ActionExecutionManager(http).list()
";

/// Three members, each in a project of their own, and an admin in a fourth.
struct People {
    host: Host,
    members: Vec<Tenant>,
    admin: Tenant,
}

impl People {
    async fn gather() -> Result<Self> {
        let cloud = Cloud::a()?;
        let members = try_join_all((0..3).map(|_| cloud.tenant())).await?;
        Ok(Self {
            host: Host::start_with(Settings::new().keystone(&cloud)).await?,
            members,
            admin: cloud.tenant_with(&["admin"]).await?,
        })
    }

    /// The command line as `who` has it.
    fn mistral(&self, who: &Tenant) -> Mistral {
        Mistral::new(&self.host).caller(who)
    }

    /// A caller of the REST API.
    async fn client(&self, who: &Tenant) -> Result<Client> {
        Ok(self.host.client()?.with_token(&who.token().await?.secret))
    }

    /// Makes one object for each member, of what `document` is with a name of its own in place of `$`; the names.
    async fn define(&self, path: &str, document: &str) -> Result<Vec<String>> {
        let made = self.members.iter().map(async |member| {
            let name = unique("own");
            let document = document.replace('$', &name);
            let client = self.client(member).await?;
            let answer = client.send_text(Method::POST, path, &document).await?;
            answer.expect(201)?;
            anyhow::Ok(name)
        });
        try_join_all(made).await
    }

    /// Checks that of `objects`, one of each member's, everybody lists their own and the admin all, shows their own by
    /// each of the commands in `show`, and finds others neither by these nor by those in `change`.
    ///
    /// `column` is the one of the list that names an object, and the last argument of every other command.
    async fn see_their_own(
        &self,
        list: &str,
        column: &str,
        objects: &[String],
        show: &[&[&str]],
        change: &[&[&str]],
    ) -> Result<()> {
        let every: BTreeSet<&str> = objects.iter().map(String::as_str).collect();
        let named = async |who: &Tenant, filter: &[&str]| {
            let arguments = [&[list][..], filter].concat();
            let rows = self.mistral(who).json(&arguments).await?;
            let rows = rows.as_array().context("a list is an array")?.clone();
            let names = rows.iter().filter_map(|row| row[column].as_str());
            anyhow::Ok(names.map(str::to_owned).collect::<BTreeSet<_>>())
        };
        let all = ["--filter", "all_projects=true"];
        for (member, own) in self.members.iter().zip(objects) {
            let listed = named(member, &[]).await?;
            let seen: Vec<_> = every
                .iter()
                .filter(|name| listed.contains(**name))
                .collect();
            assert_eq!(seen, [own], "{list}");
            let refused = complaint(named(member, &all).await)?;
            assert!(refused.contains(FORBIDDEN), "{list}: {refused}");
        }
        let listed = named(&self.admin, &all).await?;
        assert!(every.iter().all(|name| listed.contains(*name)), "{list}");
        let listed = named(&self.admin, &[]).await?;
        assert!(!every.iter().any(|name| listed.contains(*name)), "{list}");

        let owner = self.mistral(&self.members[0]);
        let stranger = self.mistral(&self.members[1]);
        let object = [objects[0].as_str()];
        try_join_all(
            show.iter()
                .map(async |command| owner.run(&[*command, &object[..]].concat()).await),
        )
        .await?;
        try_join_all(show.iter().chain(change).map(async |command| {
            let words = complaint(stranger.run(&[*command, &object[..]].concat()).await)?;
            // Of a report, the client says no more.
            let is_told = words.contains("not found") || words.contains("(HTTP 404)");
            ensure!(is_told, "{command:?}: {words}");
            Ok(())
        }))
        .await?;
        Ok(())
    }
}

/// What a command complained of.
fn complaint<T>(answer: Result<T>) -> Result<String> {
    Ok(format!("{:#}", answer.err().context("it succeeded")?))
}

/// The id that `run-action -s` printed.
async fn started(mistral: Mistral, action: &str, input: &str) -> Result<String> {
    let printed = mistral.json(&["run-action", "-s", action, input]).await?;
    let id = printed["ID"].as_str().context("it prints no ID")?;
    Ok(id.to_owned())
}

#[tokio::test]
async fn with_keystone_each_member_sees_their_own_action_executions_and_the_admin_all() -> Result<()>
{
    let people = People::gather().await?;
    let begun = people
        .members
        .iter()
        .map(|member| started(people.mistral(member), "std.async_noop", "{}"));
    let ids = try_join_all(begun).await?;
    people
        .see_their_own(
            "action-execution-list",
            "ID",
            &ids,
            &[
                &["action-execution-get"],
                &["action-execution-get-input"],
                &["action-execution-get-output"],
            ],
            &[
                &["action-execution-update", "--state", "SUCCESS"],
                &["action-execution-delete"],
            ],
        )
        .await?;

    // What a stranger may not, the owner may.
    let owner = people.mistral(&people.members[0]);
    let id = ids[0].as_str();
    let update = [
        "action-execution-update",
        "--state",
        "SUCCESS",
        "--output",
        r#"{"a": 1}"#,
        id,
    ];
    assert_eq!(owner.json(&update).await?["State"], "SUCCESS");
    owner.run(&["action-execution-delete", id]).await?;
    let gone = complaint(owner.run(&["action-execution-get", id]).await)?;
    assert!(
        gone.contains(&format!("ActionExecution not found [id={id}]")),
        "{gone}"
    );
    Ok(())
}

#[tokio::test]
async fn with_keystone_each_member_sees_their_own_definitions_and_the_admin_all() -> Result<()> {
    let people = People::gather().await?;
    for (noun, document) in [
        (
            "workflow",
            "version: '2.0'\n$: {tasks: {one: {action: std.noop}}}",
        ),
        ("workbook", "version: '2.0'\nname: $"),
        ("action", "version: '2.0'\n$: {base: std.noop}"),
    ] {
        let names = people.define(&format!("/v2/{noun}s"), document).await?;
        let command = |verb: &str| format!("{noun}-{verb}");
        let [get, definition, delete] = ["get", "get-definition", "delete"].map(command);
        let show: [&[&str]; 2] = [&[&get], &[&definition]];
        let list = command("list");
        people
            .see_their_own(&list, "Name", &names, &show, &[&[&delete]])
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn with_keystone_each_member_sees_their_own_executions_and_the_admin_all() -> Result<()> {
    let people = People::gather().await?;
    let begun = people.members.iter().map(async |member| {
        let client = people.client(member).await?;
        let document = "version: '2.0'\nheld: {tasks: {wait: {action: std.async_noop}}}";
        client.create_workflows(document).await?;
        let execution = id_of(&client.execute("held", json!({})).await?)?;
        let task = client.task_in(&execution, "wait", "RUNNING").await?;
        anyhow::Ok((execution, id_of(&task)?))
    });
    let (executions, tasks): (Vec<_>, Vec<_>) = try_join_all(begun).await?.into_iter().unzip();
    people
        .see_their_own(
            "execution-list",
            "ID",
            &executions,
            &[
                &["execution-get"],
                &["execution-get-input"],
                &["execution-get-output"],
                &["execution-get-published"],
                &["execution-get-report"],
                &["execution-get-sub-executions"],
            ],
            &[
                &["execution-update", "-s", "CANCELLED"],
                &["execution-delete", "--force"],
            ],
        )
        .await?;
    people
        .see_their_own(
            "task-list",
            "ID",
            &tasks,
            &[
                &["task-get"],
                &["task-get-result"],
                &["task-get-published"],
                &["task-get-sub-executions"],
                &["action-execution-list"],
            ],
            &[&["task-rerun"]],
        )
        .await
}

#[tokio::test]
async fn with_keystone_actions_run_for_whom_they_belong_to() -> Result<()> {
    let people = People::gather().await?;
    let [owner, stranger] = [0, 1].map(|number| people.mistral(&people.members[number]));
    let token = people.members[0].token().await?;
    let client = people.host.client()?.with_token(&token.secret);
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;

    for mistral in [&owner, &stranger] {
        let printed = mistral
            .run(&["run-action", "std.echo", r#"{"output": 7}"#])
            .await?;
        assert_eq!(
            serde_json::from_str::<Value>(&printed)?,
            json!({ "result": 7 })
        );
    }
    let run = ["run-action", "probe.context"];
    let facts: Value = serde_json::from_str(&owner.run(&run).await?)?;
    assert!(
        facts.to_string().contains(&people.members[0].project_id),
        "{facts}"
    );
    let unknown = complaint(stranger.run(&run).await)?;
    assert!(
        unknown.contains("Failed to find action [action_name=probe.context]"),
        "{unknown}"
    );

    assert_eq!(
        owner.json(&["action-get", "probe.context"]).await?["Name"],
        "probe.context"
    );
    let unknown = complaint(stranger.run(&["action-get", "probe.context"]).await)?;
    assert!(unknown.contains("not found"), "{unknown}");
    let filter = ["action-list", "--filter", "name=probe.context"];
    assert_eq!(owner.json(&filter).await?[0]["Name"], "probe.context");
    assert!(!stranger.run(&filter).await?.contains("probe.context"));
    Ok(())
}

#[tokio::test]
async fn with_keystone_a_bad_login_is_told_in_words() -> Result<()> {
    let people = People::gather().await?;
    let list = ["action-execution-list"];
    let wrong = Tenant {
        password: "wrong".into(),
        ..people.members[0].clone()
    };
    // Keystone refuses it, of which the client prints no word.
    complaint(people.mistral(&wrong).run(&list).await)?;

    // What the host refuses is told in the words that Keystone's middleware has for it.
    let unscoped = people.members[0].unscoped_token().await?;
    let url = format!("{}/v2", people.host.url());
    for (token, expected) in [
        ("made-up-token", "Keystone does not know the token"),
        (&unscoped.secret, "the token is not scoped to a project"),
    ] {
        let mistral = Mistral::default();
        let listed = mistral.python(LIST_BY_TOKEN, &[&url, token]).await;
        let words = complaint(listed)?;
        let expected = format!("APIException: Failed to validate access token: {expected}");
        assert!(words.contains(&expected), "{words}");
    }
    Ok(())
}

/// As `docs/operate.md` registers a host, with the same commands.
#[tokio::test]
async fn with_keystone_clients_find_the_host_in_the_catalog() -> Result<()> {
    let keystone = Keystone::start().await?;
    let cloud = keystone.cloud()?;
    keystone.publish().await?;
    let operator = Mistral::default().operator(&cloud);
    for command in [
        "project create --or-show service",
        "user create --project service --password service-password zonda",
        "role add --user zonda --project service service",
        "service create --name zonda --description Actions workflowv2",
    ] {
        let arguments: Vec<_> = command.split(' ').collect();
        operator.openstack(&arguments).await?;
    }
    let settings = Settings::new()
        .keystone(&cloud)
        .set("auth.keystone", "username", "zonda")
        .set("auth.keystone", "password", "service-password")
        .set("auth.keystone", "project_name", "service");
    let host = Host::start_with(settings).await?;
    let url = format!("{}/v2", host.url());
    let region = cloud.region();
    operator
        .openstack(&[
            "endpoint",
            "create",
            "--region",
            region,
            "workflowv2",
            "public",
            &url,
        ])
        .await?;

    let member = cloud.tenant().await?;
    let mistral = Mistral::default().caller(&member);
    let id = started(mistral.clone(), "std.echo", r#"{"output": 1}"#).await?;
    let echo = [
        "action",
        "execution",
        "run",
        "std.echo",
        r#"{"output": "hi"}"#,
    ];
    let printed = mistral.openstack(&echo).await?;
    assert_eq!(
        serde_json::from_str::<Value>(&printed)?,
        json!({ "result": "hi" })
    );
    let rows = mistral
        .openstack(&["action", "execution", "list", "-f", "json"])
        .await?;
    assert_eq!(serde_json::from_str::<Value>(&rows)?[0]["ID"], id.as_str());
    let rows = mistral
        .openstack(&["action", "definition", "list", "-f", "json"])
        .await?;
    assert!(rows.contains("std.echo"), "{rows}");

    let rows = mistral
        .zonda(&["action-execution", "list", "-f", "json"])
        .await?;
    let rows: Value = serde_json::from_str(&rows)?;
    let found = rows.as_array().into_iter().flatten().map(id_of);
    assert!(found.flatten().any(|found| found == id), "{rows}");
    Ok(())
}
