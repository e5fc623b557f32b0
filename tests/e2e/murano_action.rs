//! Murano's environments by an action: of one project, and of all of them for an admin.

use anyhow::Result;
use e2e::client::Client;
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::unique;
use reqwest::Method;
use serde_json::{Value, json};

const ACTION: &str = "murano.environments_list";

/// Makes an environment in the real Murano.
async fn make_environment(tenant: &Tenant) -> Result<String> {
    let name = unique("environment");
    let token = tenant.token().await?;
    let body = json!({ "name": name });
    let path = "/v1/environments";
    tenant
        .cloud
        .service(
            &token,
            Method::POST,
            "application-catalog",
            path,
            Some(body),
        )
        .await?;
    Ok(name)
}

async fn list(client: &Client, tenant: &Tenant, input: Value) -> Result<Value> {
    let headers = tenant.target_headers(&tenant.token().await?);
    client
        .run(ACTION)
        .input(input)
        .headers(headers)?
        .result()
        .await
}

fn names(list: &Value) -> Vec<&str> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|environment| environment["name"].as_str())
        .collect()
}

#[tokio::test]
async fn an_admin_of_the_target_sees_the_environments_of_every_project() -> Result<()> {
    let cloud = Cloud::a()?;
    let (one, other, admin) = tokio::try_join!(
        cloud.tenant(),
        cloud.tenant(),
        cloud.tenant_with(&["admin"])
    )?;
    let (of_one, of_other) = tokio::try_join!(make_environment(&one), make_environment(&other))?;
    let host = Host::start().await?;
    let client = host.client()?;

    let own = list(&client, &one, json!({})).await?;
    assert_eq!(names(&own), [of_one.as_str()]);
    assert_eq!(own[0]["tenant_id"], one.project_id.as_str());

    let all = list(&client, &admin, json!({ "all_tenants": true })).await?;
    assert!(names(&all).contains(&of_one.as_str()) && names(&all).contains(&of_other.as_str()));
    let none = list(&client, &admin, json!({ "all_tenants": false })).await?;
    assert_eq!(names(&none), Vec::<&str>::new());
    let others = list(&client, &admin, json!({ "tenant_id": other.project_id })).await?;
    assert_eq!(names(&others), [of_other.as_str()]);
    Ok(())
}

#[tokio::test]
async fn a_member_of_the_target_is_refused_the_environments_of_other_projects() -> Result<()> {
    let cloud = Cloud::a()?;
    let (tenant, other) = tokio::try_join!(cloud.tenant(), cloud.tenant())?;
    make_environment(&other).await?;
    let host = Host::start().await?;
    let client = host.client()?;
    let of_other = list(&client, &other, json!({})).await?;

    let no_list = "Access was denied to this resource.";
    let no_environment = "User is not authorized to access these tenant resources";
    for (action, input, words) in [
        (ACTION, json!({ "all_tenants": true }), no_list),
        (ACTION, json!({ "tenant_id": other.project_id }), no_list),
        (
            "murano.environments_get",
            json!({ "environment_id": of_other[0]["id"] }),
            no_environment,
        ),
    ] {
        let headers = tenant.target_headers(&tenant.token().await?);
        let run = client.run(action).input(input).headers(headers)?;
        let error: Value = serde_json::from_str(&run.error().await?)?;
        assert_eq!(
            error["message"],
            format!("{action} failed: {words} (HTTP 403)")
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_of_one_cloud_lists_the_environments_of_another() -> Result<()> {
    let (target, home) = (Cloud::a()?, Cloud::b()?);
    let (tenant, caller) = tokio::try_join!(target.tenant(), home.tenant())?;
    let name = make_environment(&tenant).await?;
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);

    let listed = client
        .run(ACTION)
        .custom_context(json!({ "os.auth": tenant.os_auth() }))
        .result()
        .await?;
    assert_eq!(names(&listed), [name.as_str()]);
    let shown = client
        .run("murano.environments_get")
        .input(json!({ "environment_id": listed[0]["id"] }))
        .custom_context(json!({ "os.auth": tenant.os_auth() }))
        .result()
        .await?;
    assert_eq!(shown["name"], name.as_str());
    assert_eq!(shown["services"], json!([]));
    Ok(())
}
