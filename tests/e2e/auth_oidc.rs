//! Callers of a real OpenID provider in Keycloak's layout, whose realms are projects.

use anyhow::{Context as _, Result};
use e2e::client::{Answer, Client, headers, id_of};
use e2e::cloud::Cloud;
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use e2e::oidc::Provider;
use e2e::wait;
use reqwest::Method;
use serde_json::{Value, json};

const LIST: &str = "/v2/action_executions";

/// Why a token was refused; the refusal must have the shape that clients know, and must not repeat the token.
fn refusal(answer: &Answer, token: &str) -> Result<String> {
    let header = |name: &str| -> Result<&str> {
        let value = answer.headers.get(name);
        Ok(value.with_context(|| format!("no {name}"))?.to_str()?)
    };
    assert_eq!(answer.status, 401, "{}", answer.text());
    let reason = header("server-error-message")?.to_owned();
    assert!(
        reason.starts_with("Failed to validate access token: "),
        "{reason}"
    );
    assert!(answer.text().contains("401 Unauthorized"));
    let challenge = header("www-authenticate")?;
    assert!(
        challenge.starts_with("Bearer realm=\"http://"),
        "{challenge}"
    );
    assert!(
        challenge.ends_with(", error=\"invalid_token\""),
        "{challenge}"
    );
    for part in token.split('.').filter(|part| part.len() > 8) {
        let said = format!("{:?} {}", answer.headers, answer.text());
        assert!(!said.contains(part), "{said}");
    }
    Ok(reason)
}

async fn ask(host: &Host, token: &str) -> Result<Answer> {
    host.client()?.with_token(token).get(LIST).await
}

/// A saved execution's id.
async fn saved(client: &Client) -> Result<String> {
    let run = client.run("std.echo").input(json!({ "output": 1 }));
    id_of(&run.saved().param("run_sync", true).created().await?)
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_taken_in_either_header() -> Result<()> {
    let provider = Provider::start(&["blue"]).await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    for algorithm in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    ] {
        let resource = format!("https://zonda.test/{algorithm}");
        let token = provider.service_token("blue", &resource).await?;
        let execution = host
            .client()?
            .with_token(&token)
            .run("std.echo")
            .input(json!({ "output": algorithm }))
            .saved()
            .param("run_sync", true)
            .created()
            .await?;
        assert_eq!(execution["project_id"], "blue", "{algorithm}");

        let bearer = headers([("authorization", format!("Bearer {token}"))])?;
        let client = host.client()?;
        client
            .send(Method::GET, LIST, bearer.clone(), None)
            .await?
            .expect(200)?;
        let both = client.clone().with_token(&token);
        both.send(Method::GET, LIST, bearer.clone(), None)
            .await?
            .expect(200)?;
        let different = client.with_token("another");
        let answer = different.send(Method::GET, LIST, bearer, None).await?;
        let reason = refusal(&answer, &token)?;
        assert!(reason.contains("different tokens"), "{reason}");
    }
    assert_eq!(provider.asked("blue").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_bad_token_is_a_401_that_says_what_is_wrong_and_repeats_nothing() -> Result<()> {
    let provider = Provider::start(&["blue", "red"]).await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    let good = provider.token("blue", "member").await?;
    ask(&host, &good).await?.expect(200)?;
    let forged = [
        (
            "has expired",
            json!({ "claims": { "exp": 1_700_000_000, "iat": 1_600_000_000 } }),
        ),
        ("no `exp`", json!({ "claims": { "exp": null } })),
        (
            "not valid yet",
            json!({ "claims": { "nbf": 7_000_000_000_u64 } }),
        ),
        (
            "`aud` has none of `zonda`",
            json!({ "claims": { "aud": "account" } }),
        ),
        (
            "`aud` has none of `zonda`",
            json!({ "claims": { "aud": null, "azp": "zonda" } }),
        ),
        (
            "no realm of the configured",
            json!({ "claims": { "iss": "https://evil.example/realms/blue" } }),
        ),
        (
            "no realm of the configured",
            json!({ "claims": { "iss": format!("{}/realms/../realms/blue", provider.url()) } }),
        ),
        (
            "does not know",
            json!({ "claims": { "iss": provider.issuer("green") } }),
        ),
        // Signed by blue's keys, in the name of red.
        (
            "none of its realm's keys",
            json!({ "claims": { "iss": provider.issuer("red") } }),
        ),
        (
            "none of its realm's keys",
            json!({ "header": { "kid": "made-up" } }),
        ),
        ("no `kid`", json!({ "header": { "kid": null } })),
        ("not signed by", json!({ "alg": "none" })),
        ("not signed by", json!({ "alg": "HS256" })),
        (
            "does not fit",
            json!({ "alg": "RS256", "header": { "alg": "ES256" } }),
        ),
        (
            "signature is wrong",
            json!({ "alg": "RS256", "header": { "alg": "PS256" } }),
        ),
        ("`crit`", json!({ "header": { "crit": ["exp"] } })),
        (
            "key of its own",
            json!({ "header": { "jku": format!("{}/keys", provider.url()) } }),
        ),
        ("no access token", json!({ "claims": { "typ": "ID" } })),
        ("no `sub`", json!({ "claims": { "sub": null } })),
    ];
    for (expected, how) in forged {
        let token = provider.forge("blue", how.clone()).await?;
        let reason = refusal(&ask(&host, &token).await?, &token)?;
        assert!(reason.contains(expected), "{how}: {reason}");
    }
    // A real token for another service, and a good one with other claims or another signature.
    let other = provider
        .service_token("blue", "https://other.example/")
        .await?;
    let admin = provider.token("blue", "admin").await?;
    let parts: Vec<&str> = good.split('.').collect();
    let of_admin: Vec<&str> = admin.split('.').collect();
    for (expected, token) in [
        ("`aud` has none of", other),
        (
            "signature is wrong",
            [parts[0], of_admin[1], parts[2]].join("."),
        ),
        (
            "signature is wrong",
            [parts[0], parts[1], of_admin[2]].join("."),
        ),
        ("signature is wrong", [parts[0], parts[1], ""].join(".")),
        ("no signed JWT", "gAAAAABnot-a-jwt-at-all".to_owned()),
    ] {
        let reason = refusal(&ask(&host, &token).await?, &token)?;
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    let nobody = host.client()?.get(LIST).await?;
    assert_eq!(nobody.status, 401);
    let challenge = nobody.headers["www-authenticate"].to_str()?;
    assert_eq!(challenge, format!("Bearer realm=\"{}\"", provider.url()));
    assert!(
        !host.log().contains(parts[1]) && !host.log().contains(parts[2]),
        "the log has a token"
    );
    Ok(())
}

#[tokio::test]
async fn a_new_key_is_taken_without_a_restart_and_a_removed_one_is_not_taken_anymore() -> Result<()>
{
    let provider = Provider::start(&["blue"]).await?;
    let settings = Settings::new().oidc(&provider);
    let host = Host::start_with(settings.set("auth.oidc", "keys_max_age_secs", 1)).await?;
    let old = provider.token("blue", "member").await?;
    ask(&host, &old).await?.expect(200)?;

    provider.rotate("blue", true).await?;
    let new = provider.token("blue", "member").await?;
    wait::until("the new key is known", || async {
        let answer = ask(&host, &new).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    ask(&host, &old).await?.expect(200)?;

    provider.rotate("blue", false).await?;
    let reason = wait::until("the old key is forgotten", || async {
        let answer = ask(&host, &old).await?;
        (answer.status != 200)
            .then(|| refusal(&answer, &old))
            .transpose()
    })
    .await?;
    assert!(reason.contains("none of its realm's keys"), "{reason}");
    let newest = provider.token("blue", "member").await?;
    ask(&host, &newest).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn while_the_provider_is_down_its_known_realms_go_on_and_others_are_told() -> Result<()> {
    let mut provider = Provider::start(&["blue", "red"]).await?;
    let settings = Settings::new().oidc(&provider);
    let host = Host::start_with(settings.set("auth.oidc", "keys_max_age_secs", 1)).await?;
    let known = provider.token("blue", "member").await?;
    let newcomer = provider.token("blue", "admin").await?;
    let unknown = provider.token("red", "member").await?;
    ask(&host, &known).await?.expect(200)?;
    provider.kill().await?;

    let answer = ask(&host, &unknown).await?;
    let fault = answer.fault(503)?;
    assert!(
        fault.contains("the OpenID provider at 127.0.0.1"),
        "{fault}"
    );
    // Long enough for the keys to have aged: the host says that it cannot fetch them.
    wait::until("the host has asked for blue's keys again", || async {
        ask(&host, &known).await?.expect(200)?;
        let complaints = host.log().matches("keys cannot be fetched").count();
        Ok((complaints > 1).then_some(()))
    })
    .await?;
    ask(&host, &known).await?.expect(200)?;
    ask(&host, &newcomer).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_realm_is_a_project_and_realms_see_nothing_of_each_other() -> Result<()> {
    let provider = Provider::start(&["blue", "red"]).await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    let client = |token: String| Ok::<_, anyhow::Error>(host.client()?.with_token(&token));
    let blue = client(provider.token("blue", "member").await?)?;
    let red = client(provider.token("red", "member").await?)?;
    let id = saved(&blue).await?;
    red.get(&format!("{LIST}/{id}")).await?.fault(404)?;
    let listed = |list: Value| list["action_executions"].as_array().map(Vec::len);
    assert_eq!(listed(red.get(LIST).await?.expect(200)?), Some(0));
    assert_eq!(listed(blue.get(LIST).await?.expect(200)?), Some(1));
    // Another user of the same realm is in the same project.
    let colleague = client(provider.token("blue", "admin").await?)?;
    colleague.get(&format!("{LIST}/{id}")).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn the_realm_role_admin_lists_all_tenants() -> Result<()> {
    let provider = Provider::start(&["blue", "red"]).await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    let member = host
        .client()?
        .with_token(&provider.token("blue", "member").await?);
    let admin = host
        .client()?
        .with_token(&provider.token("red", "admin").await?);
    let id = saved(&member).await?;
    let all = format!("{LIST}?all_tenants=true");
    let list = admin.get(&all).await?.expect(200)?;
    assert_eq!(list["action_executions"][0]["id"], id.as_str(), "{list}");
    member.get(&all).await?.fault(403)?;
    Ok(())
}

#[tokio::test]
async fn realms_that_are_not_listed_stay_outside() -> Result<()> {
    let provider = Provider::start(&["blue", "red"]).await?;
    let settings = Settings::new().oidc(&provider);
    let host = Host::start_with(settings.set("auth.oidc", "realms", vec!["blue"])).await?;
    ask(&host, &provider.token("blue", "member").await?)
        .await?
        .expect(200)?;
    let outside = provider.token("red", "admin").await?;
    let reason = refusal(&ask(&host, &outside).await?, &outside)?;
    assert!(reason.contains("not among those"), "{reason}");
    assert_eq!(provider.asked("red").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_oidc_caller_works_on_a_keystone_cloud_and_without_a_target_on_none() -> Result<()> {
    let (provider, cloud) = (Provider::start(&["blue"]).await?, Cloud::a()?);
    let tenant = cloud.tenant().await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    let client = host
        .client()?
        .with_token(&provider.token("blue", "member").await?);
    let token = tenant.token().await?;
    let stacks = client
        .run("heat.stacks_list")
        .headers(tenant.target_headers(&token))?
        .result()
        .await?;
    assert_eq!(stacks, json!([]));
    let by_password = json!({ "os.auth": tenant.os_auth() });
    let run = client.run("heat.stacks_list").custom_context(by_password);
    assert_eq!(run.result().await?, json!([]));
    let error = client.run("heat.stacks_list").error().await?;
    assert!(error.contains("no target cloud"), "{error}");
    // The cloud's token is for the cloud, and lets nobody in here.
    let reason = refusal(&ask(&host, &token.secret).await?, &token.secret)?;
    assert!(reason.contains("no signed JWT"), "{reason}");
    Ok(())
}

#[tokio::test]
async fn the_stock_client_logs_in_as_it_does_at_keycloak() -> Result<()> {
    let provider = Provider::start(&["blue"]).await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    let mistral = Mistral::new(&host).oidc_caller(&provider, "blue", "member");
    let printed = mistral
        .run(&["run-action", "std.echo", r#"{"output": "hi"}"#])
        .await?;
    assert_eq!(
        serde_json::from_str::<Value>(&printed)?,
        json!({ "result": "hi" })
    );
    let stranger = Mistral::new(&host).run(&["action-list"]).await;
    let words = stranger.err().context("nobody was let in")?.to_string();
    assert!(words.contains("there is no token"), "{words}");
    Ok(())
}

#[tokio::test]
async fn the_zonda_command_takes_a_bearer_token() -> Result<()> {
    let provider = Provider::start(&["blue"]).await?;
    let host = Host::start_with(Settings::new().oidc(&provider)).await?;
    let token = provider.token("blue", "member").await?;
    let list = ["action-execution", "list"];
    for (arguments, variables) in [
        (vec!["--os-token", token.as_str()], vec![]),
        (vec![], vec![("OS_TOKEN", token.as_str())]),
    ] {
        let arguments = [arguments, list.to_vec()].concat();
        let output = host.client_command(&arguments, &variables).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let output = host
        .client_command(&list, &[("OS_TOKEN", "expired")])
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("no signed JWT"),
        "{said}"
    );
    Ok(())
}
