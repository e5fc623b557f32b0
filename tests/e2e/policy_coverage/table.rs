//! How each guarded route is called, and what is made for it.

use anyhow::{Context as _, Result};
use e2e::client::id_of;
use e2e::{guests, unique};
use futures::FutureExt as _;
use reqwest::Method;
use serde_json::json;

use super::{Cast, Exercise, Made, Who, call};

/// How each guarded route is called.
pub(super) fn table() -> Vec<Exercise> {
    [
        actions(),
        definitions(),
        modules(),
        environments(),
        triggers(),
        executions(),
        the_operators(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn actions() -> Vec<Exercise> {
    vec![
        call("POST /v2/action_executions").json(r#"{"name": "std.noop"}"#),
        call("GET /v2/action_executions").of(saved_run),
        call("GET /v2/action_executions/{id}").of(saved_run),
        call("PUT /v2/action_executions/{id}")
            .of(pending_run)
            .json(r#"{"state": "CANCELLED"}"#),
        call("DELETE /v2/action_executions/{id}").of(saved_run),
        call("GET /v2/action_executions/{id}/log").of(saved_run),
        call("GET /v2/action_executions/{id}/requests").of(saved_run),
        call("GET /v2/actions").of(module),
        call("GET /v2/actions/{name}").of(action),
        call("GET /v2/actions/{name}/{namespace}").of(action),
        call("POST /v2/actions").text("version: '2.0'\n$unique: {base: std.noop}"),
        call("PUT /v2/actions")
            .of(ad_hoc_action)
            .text("version: '2.0'\nwalked: {base: std.echo}"),
        call("POST /v2/actions/validate").text("version: '2.0'\na: {base: std.noop}"),
        call("PUT /v2/actions/{name}")
            .of(ad_hoc_action)
            .text("version: '2.0'\nwalked: {base: std.echo}"),
        call("DELETE /v2/actions/{name}").of(ad_hoc_action),
        call("DELETE /v2/actions/{name}/{namespace}").of(ad_hoc_action_within),
    ]
}

fn definitions() -> Vec<Exercise> {
    vec![
        call("POST /v2/workbooks").text("version: '2.0'\nname: $unique"),
        call("GET /v2/workbooks").of(workbook),
        call("GET /v2/workbooks/{workbook}").of(workbook),
        call("PUT /v2/workbooks")
            .of(workbook)
            .text("version: '2.0'\nname: walked\ntags: [changed]"),
        call("POST /v2/workbooks/validate").text("version: '2.0'\nname: book"),
        call("DELETE /v2/workbooks/{workbook}").of(workbook),
        call("POST /v2/workflows")
            .text("version: '2.0'\n$unique: {tasks: {a: {action: std.noop}}}"),
        call("GET /v2/workflows").of(workflow),
        call("GET /v2/workflows/{workflow}").of(workflow),
        call("PUT /v2/workflows")
            .of(workflow)
            .text("version: '2.0'\nwalked: {tasks: {fail: {action: std.fail}}}"),
        call("PUT /v2/workflows/{workflow}")
            .of(workflow)
            .text("version: '2.0'\nwalked: {tasks: {fail: {action: std.fail}}}"),
        call("POST /v2/workflows/validate")
            .text("version: '2.0'\na: {tasks: {b: {action: std.noop}}}"),
        call("DELETE /v2/workflows/{workflow}").of(other_workflow),
        call("POST /v2/workflows/{workflow}/members")
            .of(other_workflow)
            .json(r#"{"member_id": "$unique"}"#),
        call("GET /v2/workflows/{workflow}/members").of(workflow_offer),
        call("GET /v2/workflows/{workflow}/members/{member_id}").of(workflow_offer),
        call("PUT /v2/workflows/{workflow}/members/{member_id}")
            .of(workflow_offer_to_the_stranger)
            .json(r#"{"status": "rejected"}"#)
            .by(Who::Stranger),
        call("DELETE /v2/workflows/{workflow}/members/{member_id}").of(workflow_offer),
    ]
}

fn modules() -> Vec<Exercise> {
    vec![
        call("POST /v2/modules")
            .of(no_module)
            .query("name=probe")
            .wasm(),
        call("GET /v2/modules").of(module),
        call("GET /v2/modules/{module}").of(module),
        call("PUT /v2/modules/{module}").of(module).wasm(),
        call("DELETE /v2/modules/{module}").of(module),
        call("GET /v2/modules/{module}/content").of(module),
        call("POST /v2/modules/{module}/rollback")
            .of(module_of_two_versions)
            .json(r#"{"version": 1}"#),
        call("POST /v2/modules/{module}/members")
            .of(module)
            .json(r#"{"member_id": "$unique"}"#),
        call("GET /v2/modules/{module}/members").of(offer),
        call("GET /v2/modules/{module}/members/{member_id}").of(offer),
        call("PUT /v2/modules/{module}/members/{member_id}")
            .of(offer_to_the_stranger)
            .json(r#"{"status": "rejected"}"#)
            .by(Who::Stranger),
        call("DELETE /v2/modules/{module}/members/{member_id}").of(offer),
    ]
}

fn environments() -> Vec<Exercise> {
    vec![
        call("POST /v2/environments").json(r#"{"name": "$unique", "variables": {}}"#),
        call("GET /v2/environments").of(environment),
        call("GET /v2/environments/{environment}").of(environment),
        call("PUT /v2/environments")
            .of(environment)
            .json(r#"{"name": "walked", "description": "changed"}"#),
        call("GET /v1/environments").of(environment),
        call("GET /v1/environments/{environment}").of(environment),
        call("GET /v1/environments/{environment}/services").of(environment),
        call("GET /v1/environments/{environment}/deployments").of(environment),
        call("GET /v1/catalog/packages"),
        call("DELETE /v2/environments/{environment}").of(environment),
    ]
}

fn triggers() -> Vec<Exercise> {
    vec![
        call("POST /v2/cron_triggers")
            .of(workflow)
            .json(r#"{"name": "$unique", "workflow_name": "walked", "pattern": "@yearly"}"#),
        call("GET /v2/cron_triggers").of(cron_trigger),
        call("GET /v2/cron_triggers/{cron_trigger}").of(cron_trigger),
        call("DELETE /v2/cron_triggers/{cron_trigger}").of(cron_trigger),
        call("POST /v2/event_triggers")
            .of(workflow)
            .json(r#"{"workflow_id": "{workflow}", "webhook": true}"#),
        call("GET /v2/event_triggers").of(event_trigger),
        call("GET /v2/event_triggers/{event_trigger}").of(event_trigger),
        call("PUT /v2/event_triggers/{event_trigger}")
            .of(event_trigger)
            .json(r#"{"name": "changed"}"#),
        call("DELETE /v2/event_triggers/{event_trigger}").of(event_trigger),
    ]
}

fn executions() -> Vec<Exercise> {
    vec![
        call("POST /v2/executions")
            .of(workflow)
            .json(r#"{"workflow_name": "walked"}"#),
        call("GET /v2/executions").of(failed_task),
        call("GET /v2/executions/{id}").of(failed_execution),
        call("GET /v2/executions/{id}/tasks").of(failed_execution),
        call("GET /v2/executions/{id}/executions").of(failed_execution),
        call("GET /v2/executions/{id}/report").of(failed_execution),
        call("GET /v2/executions/{id}/events").of(failed_execution),
        call("PUT /v2/executions/{id}")
            .of(failed_execution)
            .json(r#"{"description": "changed"}"#),
        call("DELETE /v2/executions/{id}").of(failed_execution),
        call("GET /v2/tasks").of(failed_task),
        call("GET /v2/tasks/{id}").of(failed_task),
        call("GET /v2/tasks/{id}/action_executions").of(failed_task),
        call("GET /v2/tasks/{id}/action_executions/{action_execution_id}").of(failed_task),
        call("GET /v2/tasks/{id}/workflow_executions").of(failed_task),
        call("GET /v2/tasks/{id}/executions").of(failed_task),
        call("PUT /v2/tasks/{id}")
            .of(failed_task)
            .json(r#"{"state": "SKIPPED"}"#),
    ]
}

fn the_operators() -> Vec<Exercise> {
    vec![
        call("GET /v2/quotas").of(saved_run),
        call("GET /v2/quotas/defaults"),
        call("GET /v2/quotas/{project_id}").of(project),
        call("PUT /v2/quotas/{project_id}")
            .of(project)
            .json(r#"{"modules": 10}"#)
            .by(Who::Admin),
        call("DELETE /v2/quotas/{project_id}")
            .of(project)
            .by(Who::Admin),
        call("GET /v2/audit_events").by(Who::Admin),
        // Last, since the name is then everybody's.
        call("POST /v2/modules")
            .query("name=probe&scope=public")
            .wasm()
            .by(Who::Admin),
    ]
}

/// Makes something of the owner's for every list.
pub(super) async fn one_of_each(cast: &Cast) -> Result<()> {
    for make in [
        saved_run,
        module,
        environment,
        failed_task,
        cron_trigger,
        event_trigger,
        workbook,
    ] {
        make(cast).await?;
    }
    Ok(())
}

fn saved_run(cast: &Cast) -> Made<'_> {
    async {
        let run = cast.owner.run("std.echo").input(json!({ "output": 1 }));
        let run = run.saved().param("run_sync", true).created().await?;
        Ok(vec![("id", id_of(&run)?)])
    }
    .boxed()
}

fn pending_run(cast: &Cast) -> Made<'_> {
    async {
        let run = cast.owner.run("std.async_noop").created().await?;
        Ok(vec![("id", id_of(&run)?)])
    }
    .boxed()
}

fn module(cast: &Cast) -> Made<'_> {
    async {
        if cast.owner.get("/v2/modules/probe").await?.status == 404 {
            let component = guests::guest("probe")?;
            cast.owner.push("probe", component).await?.expect(201)?;
        }
        Ok(vec![("module", "probe".to_owned())])
    }
    .boxed()
}

fn module_of_two_versions(cast: &Cast) -> Made<'_> {
    async {
        let made = module(cast).await?;
        let component = guests::guest("probe")?;
        cast.owner
            .update_module("probe", component)
            .await?
            .expect(200)?;
        Ok(made)
    }
    .boxed()
}

fn no_module(cast: &Cast) -> Made<'_> {
    async {
        cast.owner.delete("/v2/modules/probe").await?;
        Ok(Vec::new())
    }
    .boxed()
}

fn action(cast: &Cast) -> Made<'_> {
    async {
        module(cast).await?;
        Ok(vec![
            ("name", "probe.context".to_owned()),
            ("namespace", "any".to_owned()),
        ])
    }
    .boxed()
}

async fn offer_to(cast: &Cast, project: String) -> Result<Vec<(&'static str, String)>> {
    module(cast).await?;
    // Who is offered it does not find it by its name.
    let module = id_of(&cast.owner.get("/v2/modules/probe").await?.expect(200)?)?;
    let body = json!({ "member_id": project });
    cast.owner
        .send_json(Method::POST, "/v2/modules/probe/members", &body)
        .await?
        .expect(201)?;
    Ok(vec![("module", module), ("member_id", project)])
}

fn offer(cast: &Cast) -> Made<'_> {
    offer_to(cast, unique("project")).boxed()
}

fn offer_to_the_stranger(cast: &Cast) -> Made<'_> {
    offer_to(cast, cast.projects[1].project_id.clone()).boxed()
}

fn environment(cast: &Cast) -> Made<'_> {
    async {
        let body = json!({ "name": "walked", "variables": {} });
        let path = "/v2/environments";
        if cast.owner.get("/v2/environments/walked").await?.status == 404 {
            cast.owner
                .send_json(Method::POST, path, &body)
                .await?
                .expect(201)?;
        }
        let environment = cast.owner.get("/v2/environments/walked").await?;
        Ok(vec![("environment", id_of(&environment.expect(200)?)?)])
    }
    .boxed()
}

fn workflow(cast: &Cast) -> Made<'_> {
    async {
        if cast.owner.get("/v2/workflows/walked").await?.status == 404 {
            let document = "version: '2.0'\nwalked: {tasks: {fail: {action: std.fail}}}";
            cast.owner.create_workflows(document).await?;
        }
        let workflow = cast.owner.get("/v2/workflows/walked").await?;
        Ok(vec![("workflow", id_of(&workflow.expect(200)?)?)])
    }
    .boxed()
}

/// A workflow that no other exercise needs.
fn other_workflow(cast: &Cast) -> Made<'_> {
    async {
        let name = unique("workflow");
        let document = format!("version: '2.0'\n{name}: {{tasks: {{one: {{action: std.noop}}}}}}");
        cast.owner.create_workflows(&document).await?;
        let made = cast.owner.get(&format!("/v2/workflows/{name}")).await?;
        Ok(vec![("workflow", id_of(&made.expect(200)?)?)])
    }
    .boxed()
}

async fn offer_workflow(cast: &Cast, project: String) -> Result<Vec<(&'static str, String)>> {
    let mut made = other_workflow(cast).await?;
    let (_, workflow) = made.first().context("no workflow")?;
    let path = format!("/v2/workflows/{workflow}/members");
    let body = json!({ "member_id": project });
    let offered = cast.owner.send_json(Method::POST, &path, &body).await?;
    offered.expect(201)?;
    made.push(("member_id", project));
    Ok(made)
}

fn workflow_offer(cast: &Cast) -> Made<'_> {
    offer_workflow(cast, unique("project")).boxed()
}

fn workflow_offer_to_the_stranger(cast: &Cast) -> Made<'_> {
    offer_workflow(cast, cast.projects[1].project_id.clone()).boxed()
}

/// Makes what `document` defines at `path`, where it is not there yet.
async fn define(cast: &Cast, path: &str, document: &str) -> Result<()> {
    let answer = cast.owner.send_text(Method::POST, path, document).await?;
    if answer.status == 409 {
        return Ok(());
    }
    answer.expect(201).map(drop)
}

fn workbook(cast: &Cast) -> Made<'_> {
    async {
        define(cast, "/v2/workbooks", "version: '2.0'\nname: walked").await?;
        Ok(vec![("workbook", "walked".to_owned())])
    }
    .boxed()
}

fn ad_hoc_action(cast: &Cast) -> Made<'_> {
    async {
        let document = "version: '2.0'\nwalked: {base: std.noop}";
        define(cast, "/v2/actions", document).await?;
        Ok(vec![("name", "walked".to_owned())])
    }
    .boxed()
}

fn ad_hoc_action_within(cast: &Cast) -> Made<'_> {
    async {
        let document = "version: '2.0'\nwalked: {base: std.noop}";
        define(cast, "/v2/actions?namespace=here", document).await?;
        let names = [("name", "walked"), ("namespace", "here")];
        Ok(names.map(|(name, value)| (name, value.to_owned())).to_vec())
    }
    .boxed()
}

fn cron_trigger(cast: &Cast) -> Made<'_> {
    async {
        workflow(cast).await?;
        let body =
            json!({ "name": unique("trigger"), "workflow_name": "walked", "pattern": "@yearly" });
        let path = "/v2/cron_triggers";
        let made = cast.owner.send_json(Method::POST, path, &body).await?;
        Ok(vec![("cron_trigger", id_of(&made.expect(201)?)?)])
    }
    .boxed()
}

fn event_trigger(cast: &Cast) -> Made<'_> {
    async {
        let made = workflow(cast).await?;
        let (_, workflow) = made.first().context("no workflow")?;
        let body = json!({ "workflow_id": workflow, "webhook": true });
        let path = "/v2/event_triggers";
        let made = cast.owner.send_json(Method::POST, path, &body).await?;
        Ok(vec![("event_trigger", id_of(&made.expect(201)?)?)])
    }
    .boxed()
}

fn failed_execution(cast: &Cast) -> Made<'_> {
    async {
        workflow(cast).await?;
        let id = id_of(&cast.owner.execute("walked", json!({})).await?)?;
        cast.owner.execution_in(&id, "ERROR").await?;
        Ok(vec![("id", id)])
    }
    .boxed()
}

fn failed_task(cast: &Cast) -> Made<'_> {
    async {
        let made = failed_execution(cast).await?;
        let (_, execution) = made.first().context("no execution")?;
        let task = id_of(&cast.owner.task_in(execution, "fail", "ERROR").await?)?;
        let path = format!("/v2/tasks/{task}/action_executions");
        let runs = cast.owner.get(&path).await?.expect(200)?;
        let run = id_of(&runs["action_executions"][0])?;
        Ok(vec![("id", task), ("action_execution_id", run)])
    }
    .boxed()
}

fn project(cast: &Cast) -> Made<'_> {
    async { Ok(vec![("project_id", cast.projects[0].project_id.clone())]) }.boxed()
}
