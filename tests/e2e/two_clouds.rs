//! One action on two clouds at once: each run sees its own cloud and no other.

use anyhow::Result;
use e2e::client::Client;
use e2e::cloud::{Cloud, Tenant};
use e2e::host::Host;
use e2e::unique;
use reqwest::Method;
use serde_json::{Value, json};

/// Runs an action by a token in headers.
async fn by_headers(client: &Client, tenant: &Tenant, action: &str, input: Value) -> Result<Value> {
    let token = tenant.token().await?;
    let headers = tenant.target_headers(&token);
    client
        .run(action)
        .input(input)
        .headers(headers)?
        .result()
        .await
}

/// Runs an action by a password in `os.auth`.
async fn by_password(
    client: &Client,
    tenant: &Tenant,
    action: &str,
    input: Value,
) -> Result<Value> {
    client
        .run(action)
        .input(input)
        .custom_context(json!({ "os.auth": tenant.os_auth() }))
        .result()
        .await
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|entry| entry[member].as_str())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn simultaneous_runs_see_only_their_own_stacks() -> Result<()> {
    let (a, b) = (Cloud::a()?.tenant().await?, Cloud::b()?.tenant().await?);
    let host = Host::start().await?;
    let client = host.client()?;

    let (on_a, on_b) = (unique("stack"), unique("stack"));
    let stack = |name: &str| json!({ "stack_name": name, "template": Cloud::template() });
    tokio::try_join!(
        by_headers(&client, &a, "heat.stacks_create", stack(&on_a)),
        by_password(&client, &b, "heat.stacks_create", stack(&on_b)),
    )?;

    for _ in 0..3 {
        let (list_a, list_b) = tokio::try_join!(
            by_headers(&client, &a, "heat.stacks_list", json!({})),
            by_password(&client, &b, "heat.stacks_list", json!({})),
        )?;
        assert_eq!(names(&list_a, "stack_name"), [on_a.as_str()]);
        assert_eq!(names(&list_b, "stack_name"), [on_b.as_str()]);
    }
    Ok(())
}

#[tokio::test]
async fn an_image_made_on_one_cloud_is_not_on_the_other() -> Result<()> {
    let (a, b) = (Cloud::a()?.tenant().await?, Cloud::b()?.tenant().await?);
    let host = Host::start().await?;
    let client = host.client()?;

    let name = unique("image");
    let image = json!({ "name": name, "disk_format": "raw", "container_format": "bare" });
    let (made, _) = tokio::try_join!(
        by_password(&client, &b, "glance.images_create", image),
        by_headers(&client, &a, "glance.images_list", json!({})),
    )?;
    assert_eq!(made["name"], name.as_str());

    let (list_a, list_b) = tokio::try_join!(
        by_headers(&client, &a, "glance.images_list", json!({})),
        by_headers(&client, &b, "glance.images_list", json!({})),
    )?;
    assert!(!names(&list_a, "name").contains(&name));
    assert!(names(&list_b, "name").contains(&name));
    // The cloud itself says the same.
    let token = b.token().await?;
    let images = b
        .cloud
        .service(&token, Method::GET, "image", "/v2/images", None)
        .await?;
    assert!(names(&images["images"], "name").contains(&name));
    Ok(())
}

#[tokio::test]
async fn every_credential_of_os_auth_works_on_both_clouds() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for cloud in [Cloud::a()?, Cloud::b()?] {
        let tenant = cloud.tenant().await?;
        let mut by_token = tenant.os_auth_base();
        by_token["auth_token"] = json!(tenant.token().await?.secret);
        let mut by_credential = tenant.os_auth_base();
        let (id, secret) = tenant.application_credential().await?;
        by_credential["application_credential_id"] = json!(id);
        by_credential["application_credential_secret"] = json!(secret);
        for auth in [by_token, by_credential, tenant.os_auth()] {
            let run = client
                .run("heat.stacks_list")
                .custom_context(json!({ "os.auth": auth }));
            assert_eq!(run.result().await?, json!([]), "on cloud {}", cloud.name());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_catalog_that_comes_along_is_used() -> Result<()> {
    let tenant = Cloud::b()?.tenant().await?;
    let host = Host::start().await?;
    let token = tenant.token().await?;
    let mut headers = tenant.target_headers(&token);
    headers.push(("X-Target-Service-Catalog", token.catalog_header()));
    let client = host.client()?;
    assert_eq!(
        client
            .run("heat.stacks_list")
            .headers(headers)?
            .result()
            .await?,
        json!([])
    );
    Ok(())
}
