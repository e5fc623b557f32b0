//! Consent from both sides, dry runs and audits, against the real clouds.

use anyhow::{Context as _, Result};
use e2e::client::{Client, Run, id_of, result_of};
use e2e::cloud::{Cloud, Tenant, Token};
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use e2e::{guests, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// The stock command has no option for other `params`; the library that it is made of has.
const RUN_BY_PARAMS: &str = r#"
import json, os, sys
from mistralclient.api.client import client
env = os.environ
mistral = client(
    mistral_url=env["OS_MISTRAL_URL"], target_auth_url=env["OS_TARGET_AUTH_URL"],
    target_username=env["OS_TARGET_USERNAME"], target_api_key=env["OS_TARGET_PASSWORD"],
    target_project_name=env["OS_TARGET_TENANT_NAME"], target_region_name=env["OS_TARGET_REGION_NAME"],
    target_user_domain_name="Default", target_project_domain_name="Default")
run = mistral.action_executions.create("probe.request", json.loads(sys.argv[1]), dry_run=True, audit=True)
print(run.output)
"#;

/// A `[[grants]]` entry for the module `probe`.
fn grant(project: &str, access: &Value, mutating_requests: Option<u64>) -> Result<toml::Value> {
    let mut entry = json!({ "project": project, "module": "probe", "access": access });
    if let Some(limit) = mutating_requests {
        entry["mutating_requests"] = json!(limit);
    }
    Ok(toml::Value::try_from(entry)?)
}

fn rule(service_type: &str, method: &str, path: &str) -> Value {
    json!({ "service_type": service_type, "method": method, "path": path })
}

/// A host whose operator grants `grants`, with the module `probe`.
async fn host_with(grants: Vec<toml::Value>) -> Result<(Host, Client)> {
    let settings = Settings::new().list("grants", grants);
    let host = Host::start_with(settings).await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    Ok((host, client))
}

/// A run of `action` on a user's own cloud.
fn on<'a>(client: &'a Client, tenant: &Tenant, token: &Token, action: &str) -> Result<Run<'a>> {
    client.run(action).headers(tenant.target_headers(token))
}

/// What the output has beside the result.
fn report_of(execution: &Value) -> Result<Value> {
    let output = execution["output"].as_str().context("no output")?;
    Ok(serde_json::from_str(output)?)
}

fn create_stack(name: &str) -> Value {
    json!({ "service_type": "orchestration", "method": "POST", "path": "/stacks",
        "body": { "stack_name": name, "template": Cloud::template() } })
}

async fn stacks(tenant: &Tenant, token: &Token) -> Result<usize> {
    let listed = tenant
        .cloud
        .service(token, Method::GET, "orchestration", "/stacks", None)
        .await?;
    Ok(listed["stacks"].as_array().map_or(0, Vec::len))
}

#[tokio::test]
async fn what_the_operator_does_not_grant_is_denied_with_the_grant_to_paste() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let region = tenant.cloud.region();
    let mut elsewhere = rule("network", "GET", "/**");
    elsewhere["region"] = json!("Elsewhere");
    let mut here = rule("image", "GET", "/images");
    here["region"] = json!(region);
    let access = json!([rule("orchestration", "GET", "/stacks"), elsewhere, here]);
    let (_host, client) = host_with(vec![grant("*", &access, None)?]).await?;
    let ask = async |service_type: &str, method: &str, path: &str| -> Result<Value> {
        let input = json!({ "service_type": service_type, "method": method, "path": path });
        on(&client, &tenant, &token, "probe.request")?
            .input(input)
            .result()
            .await
    };
    assert_eq!(ask("orchestration", "GET", "/stacks").await?["status"], 200);
    assert_eq!(ask("image", "GET", "/v2/images").await?["status"], 200);
    for (service_type, method, path) in [
        ("orchestration", "POST", "/stacks"),
        ("orchestration", "GET", "/stacks/17"),
        ("compute", "GET", "/servers"),
        ("network", "GET", "/v2.0/networks"),
    ] {
        let denied = ask(service_type, method, path).await?;
        let error = denied["error"].as_str().unwrap_or_default();
        assert!(
            error.contains("the operator grants to module probe"),
            "{denied}"
        );
        let (_, pasted) = error.split_once("allows it:\n").context("no grant")?;
        let read: toml::Table = pasted.parse()?;
        let access = &read["grants"][0]["access"][0];
        assert_eq!(access["method"].as_str(), Some(method));
        assert_eq!(access["region"].as_str(), Some(region));
    }
    // The line is in the run's own log, too.
    let run = on(&client, &tenant, &token, "probe.request")?
        .input(json!({ "service_type": "compute", "path": "/servers" }))
        .saved()
        .param("run_sync", true)
        .created()
        .await?;
    let log = client
        .get(&format!("/v2/action_executions/{}/log", id_of(&run)?))
        .await?
        .expect(200)?;
    assert!(log.to_string().contains("[[grants]]"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_grant_is_of_its_project_and_module_and_adds_nothing_to_what_is_declared() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let nothing = json!([]);
    let everything = json!([rule("*", "*", "/**")]);
    let ask = async |grants: Vec<toml::Value>, action: &str| -> Result<Value> {
        let (_host, client) = host_with(grants).await?;
        on(&client, &tenant, &token, action)?
            .input(json!({ "service_type": "orchestration", "path": "/stacks" }))
            .result()
            .await
    };
    // A grant of another project or module says nothing about this one.
    let mut other = grant("*", &nothing, None)?;
    if let Some(module) = other.get_mut("module") {
        *module = "other".into();
    }
    let others = vec![grant("not-mine", &nothing, None)?, other];
    assert_eq!(ask(others, "probe.request").await?["status"], 200);
    let denied = ask(vec![grant("*", &nothing, None)?], "probe.request").await?;
    assert!(denied.to_string().contains("the operator"), "{denied}");
    // `probe.narrow` may only look at projects, whatever is granted.
    let denied = ask(vec![grant("*", &everything, None)?], "probe.narrow").await?;
    assert!(
        denied
            .to_string()
            .contains("the module declares for probe.narrow"),
        "{denied}"
    );
    Ok(())
}

#[tokio::test]
async fn the_uploader_is_shown_what_is_declared_and_what_of_it_is_granted() -> Result<()> {
    let access = json!([
        rule("identity", "GET", "/projects/**"),
        rule("compute", "GET", "/**")
    ]);
    let settings = Settings::new().list("grants", vec![grant("*", &access, Some(7))?]);
    let host = Host::start_with(settings).await?;
    let client = host.client()?;
    let component = guests::guest("probe")?;
    let pushed = client.push("probe", component.clone()).await?.expect(201)?;
    let updated = client
        .update_module("probe", component)
        .await?
        .expect(200)?;
    let shown = client.get("/v2/modules/probe").await?.expect(200)?;
    for module in [&pushed, &updated, &shown] {
        let consent = &module["consent"];
        assert_eq!(consent["mutating_requests"], 7, "{module}");
        assert_eq!(consent["granted"][1]["path"], "/**");
        let declared = consent["declared"].as_array().context("no rules")?;
        let granted = |service_type: &str, method: &str, path: &str| {
            let rule = declared.iter().find(|rule| {
                rule["service_type"] == service_type
                    && rule["method"] == method
                    && rule["path"] == path
            });
            rule.map(|rule| rule["granted"].clone())
        };
        assert_eq!(granted("compute", "*", "/**"), Some(json!("some")));
        assert_eq!(granted("network", "*", "/**"), Some(json!("none")));
        assert_eq!(
            granted("identity", "GET", "/v3/projects/{id}"),
            Some(json!("all"))
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_run_over_its_budget_of_mutating_requests_ends() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let everything = json!([rule("*", "*", "/**")]);
    let (_host, client) = host_with(vec![grant("*", &everything, Some(2))?]).await?;
    let names: Vec<String> = (0..3).map(|_| unique("stack")).collect();
    let requests: Vec<Value> = names.iter().map(|name| create_stack(name)).collect();
    let run = |requests: &[Value]| -> Result<Run<'_>> {
        let run = on(&client, &tenant, &token, "probe.requests")?;
        Ok(run.input(json!({ "requests": requests })))
    };
    let error = run(&requests)?.error().await?;
    assert!(error.contains("grants.mutating_requests = 2"), "{error}");
    assert!(stacks(&tenant, &token).await? <= 2);
    let error = run(&requests)?
        .param("mutating_requests", 0)
        .error()
        .await?;
    assert!(error.contains("params.mutating_requests = 0"), "{error}");
    let refused = run(&[])?.param("mutating_requests", 3).send().await?;
    let fault = refused.fault(400)?;
    assert!(fault.contains("params.mutating_requests"), "{fault}");
    // What reads costs nothing.
    let list = json!({ "service_type": "orchestration", "path": "/stacks" });
    let all = vec![list; 4];
    run(&all)?.param("mutating_requests", 0).result().await?;
    Ok(())
}

#[tokio::test]
async fn a_dry_run_creates_nothing_and_says_what_it_would_have_done() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let (_host, client) = host_with(Vec::new()).await?;
    let name = unique("stack");
    let network = json!({ "service_type": "network", "method": "POST", "path": "/v2.0/networks",
        "body": { "network": { "name": name } } });
    let list = json!({ "service_type": "orchestration", "path": "/stacks" });
    let requests = json!({ "requests": [create_stack(&name), network, list] });
    let execution = on(&client, &tenant, &token, "probe.requests")?
        .input(requests)
        .param("dry_run", true)
        .created()
        .await?;
    let answers = result_of(&execution)?;
    assert_eq!(
        (&answers[0]["status"], &answers[1]["status"]),
        (&json!(202), &json!(202))
    );
    assert!(answers[0].to_string().contains("x-zonda-dry-run"));
    // What reads went to the cloud.
    assert_eq!(answers[2]["status"], 200);
    let mut plan = report_of(&execution)?["plan"].clone();
    let plan = plan.as_array_mut().context("no plan")?;
    plan.sort_by_key(|row| row["service_type"].to_string());
    assert_eq!(plan.len(), 2);
    assert_eq!(plan[0]["body"]["network"]["name"], json!(name));
    assert_eq!(plan[0]["path"], "/v2.0/networks");
    assert_eq!(plan[1]["body"]["stack_name"], json!(name));
    assert_eq!(plan[1]["region"], tenant.cloud.region());

    assert_eq!(stacks(&tenant, &token).await?, 0);
    let path = format!("/v2.0/networks?name={name}");
    let listed = tenant
        .cloud
        .service(&token, Method::GET, "network", &path, None)
        .await?;
    assert_eq!(listed["networks"], json!([]));

    // A streamed body is planned with its length.
    let input = json!({ "service_type": "object-store", "path": "/c/o", "bytes": 100_000, "chunk": 30_000 });
    let execution = on(&client, &tenant, &token, "probe.upload")?
        .input(input)
        .param("dry_run", true)
        .created()
        .await?;
    assert_eq!(
        report_of(&execution)?["plan"][0]["body_bytes"],
        100_000,
        "{execution}"
    );
    Ok(())
}

#[tokio::test]
async fn consent_plan_and_rules_reach_into_and_out_of_a_projects_own_process() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let access = json!([rule("orchestration", "*", "/stacks")]);
    let settings = Settings::new()
        .set("executor", "isolation", "project")
        .list("grants", vec![grant("*", &access, Some(1))?]);
    let host = Host::start_with(settings).await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let (name, flavors) = (unique("stack"), rule("compute", "GET", "/flavors"));
    let run = |requests: Value| -> Result<Run<'_>> {
        let run = on(&client, &tenant, &token, "probe.requests")?;
        let run = run.input(json!({ "requests": requests }));
        Ok(run.param("dry_run", true).param("audit", true))
    };
    let execution = run(json!([create_stack(&name), flavors]))?
        .created()
        .await?;
    let report = report_of(&execution)?;
    assert_eq!(report["plan"][0]["body"]["stack_name"], json!(name));
    assert_eq!(
        report["access_rules"],
        json!([rule("orchestration", "POST", "/stacks")])
    );
    assert_eq!(
        report["denied"],
        json!([rule("compute", "GET", "/flavors")])
    );
    let over = run(json!([create_stack(&name), create_stack(&name)]))?;
    let error = over.error().await?;
    assert!(error.contains("grants.mutating_requests = 1"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_rules_of_an_audit_let_the_same_run_pass_and_nothing_else() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let (name, container) = (unique("stack"), unique("container"));
    let object = format!("/{container}/o");
    let mut requests = vec![create_stack(&name)];
    for (service_type, method, path) in [
        ("orchestration", "GET", "/stacks"),
        ("object-store", "PUT", format!("/{container}").as_str()),
        ("object-store", "PUT", &object),
        (
            "identity",
            "GET",
            &format!("/v3/projects/{}", tenant.project_id),
        ),
    ] {
        requests.push(rule(service_type, method, path));
    }
    requests[3]["body"] = json!("content");
    let one_by_one = async |client: &Client, param: &str| -> Result<Vec<Value>> {
        let mut executions = Vec::new();
        for request in &requests {
            let run = on(client, &tenant, &token, "probe.request")?.input(request.clone());
            executions.push(run.param(param, true).created().await?);
        }
        Ok(executions)
    };
    // Learn, without doing it.
    let (_host, client) = host_with(Vec::new()).await?;
    let input = json!({ "requests": requests });
    let learned = on(&client, &tenant, &token, "probe.requests")?
        .input(input)
        .param("dry_run", true)
        .param("audit", true)
        .created()
        .await?;
    let report = report_of(&learned)?;
    let rules = report["access_rules"].clone();
    assert_eq!(report["denied"], json!([]));
    assert!(!rules.to_string().contains(&tenant.project_id), "{rules}");
    assert_eq!(stacks(&tenant, &token).await?, 0);

    // Grant just that.
    let (_host, client) = host_with(vec![grant("*", &rules, None)?]).await?;
    for execution in one_by_one(&client, "audit").await? {
        let status = result_of(&execution)?["status"].as_u64().unwrap_or(0);
        assert!((200..300).contains(&status), "{execution}");
        assert_eq!(report_of(&execution)?["denied"], json!([]));
    }
    assert_eq!(stacks(&tenant, &token).await?, 1);
    for (service_type, method, path) in [
        ("orchestration", "DELETE", "/stacks"),
        ("orchestration", "GET", "/stacks/detail"),
        ("object-store", "GET", &object),
        ("object-store", "PUT", &format!("/{container}/other")),
        ("compute", "GET", "/servers"),
    ] {
        let execution = on(&client, &tenant, &token, "probe.request")?
            .input(rule(service_type, method, path))
            .param("audit", true)
            .created()
            .await?;
        assert_eq!(result_of(&execution)?["kind"], "Denied", "{execution}");
        let report = report_of(&execution)?;
        assert_eq!(report["access_rules"], json!([]));
        assert_eq!(report["denied"][0]["method"], method);
    }
    Ok(())
}

#[tokio::test]
async fn a_copy_in_the_object_store_needs_the_rule_of_its_source() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let token = tenant.token().await?;
    let (open, secret) = (unique("open"), unique("secret"));
    for (path, body) in [
        (format!("/{open}"), None),
        (format!("/{secret}"), None),
        (format!("/{secret}/o"), Some(json!("content"))),
    ] {
        tenant
            .cloud
            .service(&token, Method::PUT, "object-store", &path, body)
            .await?;
    }
    let copy = async |access: Value| -> Result<Value> {
        let (_host, client) = host_with(vec![grant("*", &access, None)?]).await?;
        let mut input = rule("object-store", "PUT", &format!("/{open}/copy"));
        input["headers"] = json!([["X-Copy-From", format!("/{secret}/o")]]);
        on(&client, &tenant, &token, "probe.request")?
            .input(input)
            .result()
            .await
    };
    let put = rule("object-store", "PUT", &format!("/{open}/*"));
    let denied = copy(json!([put])).await?;
    assert!(
        denied["error"]
            .as_str()
            .is_some_and(|text| text.contains("by x-copy-from: GET")),
        "{denied}"
    );
    let get = rule("object-store", "GET", &format!("/{secret}/o"));
    assert_eq!(copy(json!([put, get])).await?["status"], 201);
    Ok(())
}

#[tokio::test]
async fn pythons_client_asks_for_a_dry_run_and_an_audit_by_params() -> Result<()> {
    let tenant = Cloud::a()?.tenant().await?;
    let (host, _client) = host_with(Vec::new()).await?;
    let name = unique("stack");
    let printed = Mistral::new(&host)
        .target(&tenant)
        .python(RUN_BY_PARAMS, &[&create_stack(&name).to_string()])
        .await?;
    let output: Value = serde_json::from_str(&printed)?;
    assert_eq!(output["result"]["status"], 202, "{output}");
    assert_eq!(output["plan"][0]["body"]["stack_name"], json!(name));
    assert_eq!(
        output["access_rules"],
        json!([rule("orchestration", "POST", "/stacks")])
    );
    assert_eq!(stacks(&tenant, &tenant.token().await?).await?, 0);
    Ok(())
}
