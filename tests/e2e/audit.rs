//! The audit trail: who did what to which object from where, kept with the change, without secrets, for admins.

use anyhow::{Context as _, Result};
use e2e::client::{Client, headers, id_of};
use e2e::cloud::Cloud;
use e2e::guests;
use e2e::host::{Host, Settings};
use e2e::marks::Marks;
use e2e::{unique, wait};
use reqwest::Method;
use serde_json::{Value, json};

async fn events(admin: &Client, query: &str) -> Result<Vec<Value>> {
    let path = format!("/v2/audit_events?all_projects=true&{query}");
    let list = admin.get(&path).await?.expect(200)?;
    Ok(list["audit_events"].as_array().context("no list")?.clone())
}

/// Does one of everything, with `secret` wherever a request has room for it; answers with the id of the saved run.
async fn act(client: &Client, admin: &Client, project_id: &str, secret: &str) -> Result<String> {
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    client
        .update_module("probe", guests::guest("probe")?)
        .await?
        .expect(200)?;
    client.roll_back("probe", 1).await?.expect(200)?;
    let forged = [("X-Forwarded-For", "192.0.2.7"), ("X-Secret", secret)];
    let run = client
        .run("std.async_noop")
        .member("description", json!(secret))
        .custom_context(json!({ "key": secret }))
        .headers(forged)?;
    let id = id_of(&run.created().await?)?;
    let end = json!({ "state": "SUCCESS", "output": { "mark": secret } });
    client
        .update_action_execution(&id, &end)
        .await?
        .expect(200)?;
    client
        .delete(&format!("/v2/action_executions/{id}"))
        .await?
        .expect(204)?;
    client.delete("/v2/modules/probe").await?.expect(204)?;
    // An unsaved run leaves nothing.
    client
        .run("std.echo")
        .input(json!({ "output": secret }))
        .result()
        .await?;
    let quotas = format!("/v2/quotas/{project_id}");
    let set = json!({ "modules": 5 });
    admin
        .send_json(Method::PUT, &quotas, &set)
        .await?
        .expect(200)?;
    admin.delete(&quotas).await?.expect(204)?;
    let path = format!("{quotas}?note={secret}");
    client
        .send_json(Method::PUT, &path, &json!({ "modules": secret }))
        .await?
        .fault(403)?;
    client
        .get("/v2/modules?all_projects=true")
        .await?
        .fault(403)?;
    Ok(id)
}

#[tokio::test]
async fn the_trail_tells_who_did_what_to_which_object_and_from_where() -> Result<()> {
    let cloud = Cloud::a()?;
    let mut host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let tenant = cloud.tenant().await?;
    let token = tenant.token().await?.secret;
    let client = host.client()?.with_token(&token);
    let admin_token = cloud.admin_token().await?.secret;
    let admin = host.client()?.with_token(&admin_token);

    let mut marks = Marks::default();
    marks.add("the caller's token", &token);
    marks.add("the admin's token", &admin_token);
    let secret = unique("mark");
    marks.add("what a request holds", &secret);

    let id = act(&client, &admin, &tenant.project_id, &secret).await?;
    let quotas = format!("/v2/quotas/{}", tenant.project_id);

    let refused = wait::until("both refusals are in the trail", || async {
        let refused = events(&admin, "outcome=refused").await?;
        Ok(Some(refused).filter(|events| events.len() == 2))
    })
    .await?;
    host.kill().await?;
    host.restart().await?;
    let admin = host.client()?.with_token(&admin_token);
    assert_eq!(events(&admin, "outcome=refused").await?, refused);

    let all = events(&admin, "").await?;
    let shown = |event: &Value| {
        ["rule", "method", "object_type", "outcome"]
            .map(|it| event[it].as_str().unwrap_or("").to_owned())
    };
    let done: Vec<_> = all
        .iter()
        .filter(|it| it["outcome"] == "ok")
        .map(shown)
        .collect();
    let expected = [
        ["modules:create", "POST", "module"],
        ["modules:update", "PUT", "module"],
        ["modules:update", "POST", "module"],
        ["action_executions:create", "POST", "action_execution"],
        ["action_executions:update", "PUT", "action_execution"],
        ["action_executions:delete", "DELETE", "action_execution"],
        ["modules:delete", "DELETE", "module"],
        ["quotas:update", "PUT", "quota"],
        ["quotas:delete", "DELETE", "quota"],
    ]
    .map(|[rule, method, object]| [rule, method, object, "ok"].map(str::to_owned));
    assert_eq!(done, expected);
    let started = &all[3];
    assert_eq!(started["project_id"], tenant.project_id.as_str());
    assert_eq!(started["user_id"], tenant.user_id.as_str());
    assert!(started["user_name"].is_string(), "{started}");
    assert_eq!(started["object_id"], id.as_str());
    assert_eq!(started["object_name"], "std.async_noop");
    assert_eq!(started["path"], "/v2/action_executions");
    assert_eq!(started["source_address"], "127.0.0.1");
    assert!(
        started["request_id"]
            .as_str()
            .is_some_and(|it| it.starts_with("req-"))
    );
    assert_eq!(all[0]["object_name"], "probe");
    assert_eq!(all[7]["object_id"], tenant.project_id.as_str());

    let refusals: Vec<_> = refused.iter().map(shown).collect();
    assert_eq!(refusals[0][..3], ["quotas:update", "PUT", "quota"]);
    assert_eq!(
        refusals[1][..3],
        ["modules:list:all_projects", "GET", "module"]
    );
    assert_eq!(refused[0]["status"], 403);
    assert_eq!(refused[0]["user_id"], tenant.user_id.as_str());
    assert_eq!(refused[0]["path"], quotas.as_str());

    let text = serde_json::to_vec(&all)?;
    assert_eq!(marks.found_in(&text), Vec::<&str>::new());
    Ok(())
}

#[tokio::test]
async fn the_trail_is_for_admins_and_nobody_changes_it() -> Result<()> {
    let cloud = Cloud::a()?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let tenant = cloud.tenant().await?;
    let client = host.client()?.with_token(&tenant.token().await?.secret);
    let admin = host
        .client()?
        .with_token(&cloud.admin_token().await?.secret);
    client.run("std.async_noop").created().await?;
    for path in ["/v2/audit_events", "/v2/audit_events?all_tenants=true"] {
        client.get(path).await?.fault(403)?;
    }
    let event = events(&admin, "outcome=ok").await?.remove(0);
    let path = format!("/v2/audit_events/{}", id_of(&event)?);
    for method in [Method::DELETE, Method::PUT] {
        let answer = admin
            .send(method, &path, headers::<&str, &str>([])?, None)
            .await?;
        assert!(matches!(answer.status, 404 | 405), "{}", answer.text());
    }
    assert_eq!(events(&admin, "outcome=ok").await?.len(), 1);

    // Without the flag an admin sees the trail of the admin's own project.
    let own = admin.get("/v2/audit_events").await?.expect(200)?;
    assert_eq!(own["audit_events"], json!([]));
    for (query, found) in [
        (format!("outcome=ok&project_id={}", tenant.project_id), 1),
        ("rule=action_executions:create".to_owned(), 1),
        ("rule=modules:create".to_owned(), 0),
        (
            format!("user_id={}&object_type=action_execution", tenant.user_id),
            1,
        ),
        (
            format!(
                "object_id={}",
                event["object_id"].as_str().unwrap_or_default()
            ),
            1,
        ),
        ("outcome=ok&created_at=lt:2020-01-01 00:00:00".to_owned(), 0),
        (
            "outcome=ok&created_at=gte:2020-01-01 00:00:00".to_owned(),
            1,
        ),
    ] {
        assert_eq!(events(&admin, &query).await?.len(), found, "{query}");
    }
    Ok(())
}
