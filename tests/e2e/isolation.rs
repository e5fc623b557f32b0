//! A target cloud never decides what a caller may see.

use anyhow::{Context as _, Result};
use e2e::client::{Client, id_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::{guests, unique, wait};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Target headers that claim somebody else's project.
fn claim(victim: &Tenant, token: &str) -> [(&'static str, String); 4] {
    [
        ("X-Target-Auth-Uri", victim.cloud.auth_url().to_owned()),
        ("X-Target-Auth-Token", token.to_owned()),
        ("X-Target-Project-Id", victim.project_id.clone()),
        ("X-Target-User-Id", victim.user_id.clone()),
    ]
}

async fn listed(client: &Client) -> Result<Vec<String>> {
    let list = client.get("/v2/action_executions").await?.expect(200)?;
    list["action_executions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(id_of)
        .collect()
}

#[tokio::test]
async fn a_target_project_of_somebody_else_opens_nothing() -> Result<()> {
    let cloud = Cloud::a()?;
    let (victim, other) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let theirs = host.client()?.with_token(&victim.token().await?.secret);
    let other_token = other.token().await?.secret;
    let ours = host.client()?.with_token(&other_token);

    theirs
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let kept = id_of(
        &theirs
            .run("std.echo")
            .input(json!({ "output": 1 }))
            .saved()
            .created()
            .await?,
    )?;

    for token in [other_token.as_str(), "made-up"] {
        let headers = claim(&victim, token);
        let fault = ours
            .run("probe.context")
            .headers(headers.clone())?
            .send()
            .await?
            .fault(400)?;
        assert!(
            fault.contains("Failed to find action") || fault.to_lowercase().contains("project"),
            "{fault}"
        );

        let map = e2e::client::headers(headers)?;
        for path in [
            format!("/v2/action_executions/{kept}"),
            "/v2/modules/probe".into(),
            "/v2/actions/probe.context".into(),
        ] {
            let answer = ours.send(Method::GET, &path, map.clone(), None).await?;
            assert!(
                matches!(answer.status, 400 | 404),
                "{path}: {}",
                answer.text()
            );
        }
        for path in ["/v2/action_executions", "/v2/modules", "/v2/actions"] {
            let answer = ours.send(Method::GET, path, map.clone(), None).await?;
            assert!(
                !answer.text().contains(&kept) && !answer.text().contains("probe"),
                "{path}: {}",
                answer.text()
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_run_on_another_cloud_is_filed_under_its_caller() -> Result<()> {
    let (home, away) = (Cloud::a()?, Cloud::b()?);
    let (caller, target) = (home.tenant().await?, away.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);

    let auth = json!({ "os.auth": target.os_auth() });
    let run = client
        .run("heat.stacks_list")
        .custom_context(auth)
        .saved()
        .param("run_sync", true);
    let execution = run.created().await?;
    let id = id_of(&execution)?;

    assert_eq!(execution["state"], "SUCCESS", "{execution}");
    assert_eq!(execution["project_id"], caller.project_id.as_str());
    assert_eq!(listed(&client).await?, [id]);
    Ok(())
}

#[tokio::test]
async fn projects_do_not_see_each_other() -> Result<()> {
    let cloud = Cloud::a()?;
    let (one, two) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let first = host.client()?.with_token(&one.token().await?.secret);
    let second = host.client()?.with_token(&two.token().await?.secret);

    let id = id_of(&first.run("std.async_noop").created().await?)?;
    let path = format!("/v2/action_executions/{id}");
    assert_eq!(listed(&second).await?, Vec::<String>::new());
    second.get(&path).await?.fault(404)?;
    second.get(&format!("{path}/log")).await?.fault(404)?;
    second.get(&format!("{path}/requests")).await?.fault(404)?;
    second
        .update_action_execution(&id, &json!({ "state": "CANCELLED" }))
        .await?
        .fault(404)?;
    second.delete(&path).await?.fault(404)?;
    assert_eq!(first.get(&path).await?.expect(200)?["state"], "RUNNING");

    // The same name is free in every project.
    let component = guests::guest("probe")?;
    first.push("probe", component.clone()).await?.expect(201)?;
    second.push("probe", component).await?.expect(201)?;
    Ok(())
}

#[tokio::test]
async fn without_a_good_token_there_is_no_answer() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let revoked = tenant.token().await?;
    tenant.revoke(&revoked).await?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;

    let nobody = host.client()?;
    for client in [
        nobody.clone(),
        nobody.clone().with_token(&unique("made-up")),
        nobody.with_token(&revoked.secret),
    ] {
        for path in ["/v2/action_executions", "/v2/actions", "/v2/modules"] {
            assert_eq!(client.get(path).await?.status, 401);
        }
        assert_eq!(client.run("std.noop").send().await?.status, 401);
        assert_eq!(client.get("/").await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_target_the_caller_works_on_their_own_cloud() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let client = host.client()?.with_token(&tenant.token().await?.secret);
    assert_eq!(
        client.run("heat.stacks_list").result().await?,
        Value::Array(Vec::new())
    );
    Ok(())
}

/// What an attacker sends along, and from where.
struct Form {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    custom_context: Option<Value>,
}

/// Every way to claim to be `victim`: as target, as what Keystone's middleware tells services, with tokens of the
/// attacker's own, of a third project's, and of nobody's.
fn forms(victim: &Tenant, own: &str, third: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    for (name, token) in [("own", own), ("third", third), ("made-up", "made-up-token")] {
        let os_auth = json!({
            "auth_url": victim.cloud.auth_url(), "auth_token": token,
            "project_id": victim.project_id, "user_id": victim.user_id,
        });
        let context = Some(json!({ "os.auth": os_auth }));
        let headers = claim(victim, token).to_vec();
        for (headers, custom_context) in [
            (headers.clone(), None),
            (Vec::new(), context.clone()),
            (headers, context),
        ] {
            forms.push(Form {
                name,
                headers,
                custom_context,
            });
        }
    }
    let project = victim.project_id.as_str();
    let headers = [
        ("X-Project-Id", project),
        ("X-Tenant-Id", project),
        ("X-Tenant", project),
        ("X_Project_Id", project),
        ("X-User-Id", &victim.user_id),
        ("X-Roles", "admin"),
        ("X-Is-Admin", "True"),
        ("X-Identity-Status", "Confirmed"),
        ("X-Service-Token", third),
        ("Forwarded", "for=127.0.0.1"),
    ];
    forms.push(Form {
        name: "middleware",
        headers: headers
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec(),
        custom_context: None,
    });
    forms
}

/// Every guarded operation with a variable part, as the host itself lists them.
async fn operations(client: &Client) -> Result<Vec<(Method, String)>> {
    let document = client.get("/v2/openapi.json").await?.expect(200)?;
    let paths = document["paths"].as_object().context("no paths")?;
    let mut operations = Vec::new();
    for (path, methods) in paths.iter().filter(|(path, _)| path.contains('{')) {
        for method in methods.as_object().context("no methods")?.keys() {
            if let Ok(method) = method.to_uppercase().parse() {
                operations.push((method, path.clone()));
            }
        }
    }
    Ok(operations)
}

/// `path` with each of its variable parts in place of `names`, by collection.
fn filled(path: &str, names: &[(&str, &str)]) -> String {
    let name = names
        .iter()
        .find(|(collection, _)| path.contains(collection));
    let name = name.map_or("probe", |(_, name)| *name);
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { name } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// One that is a workflow and, with the same name, would do as another's.
const DOCUMENT: &str = "version: '2.0'\nheld: {tasks: {wait: {action: std.async_noop}}}";

/// Status and text of an operation on what `names` name, without these names in it.
async fn answered(
    client: &Client,
    method: &Method,
    path: &str,
    names: &[(&str, &str)],
    headers: &HeaderMap,
) -> Result<(u16, String)> {
    let path = filled(path, names);
    let (kind, body) = match path.rsplit('/').next() {
        _ if *method == Method::GET => ("text/plain", Vec::new()),
        Some("rollback") => ("application/json", br#"{"version": 1}"#.to_vec()),
        _ if path.ends_with("/members") || path.contains("/members/") => {
            ("application/json", br#"{"status": "accepted"}"#.to_vec())
        }
        _ if ["/workflows/", "/workbooks/", "/actions/"]
            .iter()
            .any(|part| path.contains(part)) =>
        {
            ("text/plain", DOCUMENT.as_bytes().to_vec())
        }
        _ if path.contains("/modules/") => ("application/wasm", b"\0asm".to_vec()),
        _ if path.contains("event_triggers") => ("application/json", br#"{"name": "n"}"#.to_vec()),
        _ => ("application/json", br#"{"state": "SUCCESS"}"#.to_vec()),
    };
    let mut headers = headers.clone();
    headers.insert("content-type", kind.parse()?);
    let answer = client
        .send(method.clone(), &path, headers, Some(body))
        .await?;
    let named = names.iter().map(|(_, name)| *name).chain(["probe"]);
    let text = named
        .filter(|name| !name.is_empty())
        .fold(answer.text(), |text, name| text.replace(name, "NAME"));
    Ok((answer.status, text))
}

/// What somebody has: one object of every kind.
struct Belongings {
    /// In the names of what is found by name.
    mark: String,
    run: String,
    execution: String,
    task: String,
    workflow: String,
    event_trigger: String,
    project: String,
}

impl Belongings {
    async fn make(theirs: &Client, project: &str) -> Result<Self> {
        let mark = unique("mark");
        let component = guests::guest("probe")?;
        theirs.push("probe", component).await?.expect(201)?;
        let run = theirs
            .run("std.async_noop")
            .member("description", json!(mark));
        let run = id_of(&run.created().await?)?;
        theirs.create_workflows(DOCUMENT).await?;
        for (path, document) in [
            ("/v2/workbooks", format!("version: '2.0'\nname: {mark}")),
            (
                "/v2/actions",
                format!("version: '2.0'\n{mark}: {{base: std.noop}}"),
            ),
        ] {
            let made = theirs.send_text(Method::POST, path, &document).await?;
            made.expect(201)?;
        }
        let workflow = id_of(&theirs.get("/v2/workflows/held").await?.expect(200)?)?;
        let execution = id_of(&theirs.execute("held", json!({})).await?)?;
        let task = id_of(&theirs.task_in(&execution, "wait", "RUNNING").await?)?;
        let mut event_trigger = Value::Null;
        for (path, body) in [
            ("/v2/environments", json!({ "name": mark, "variables": {} })),
            (
                "/v2/cron_triggers",
                json!({ "name": mark, "workflow_id": workflow, "pattern": "@yearly" }),
            ),
            (
                "/v2/event_triggers",
                json!({ "name": mark, "workflow_id": workflow, "webhook": true }),
            ),
        ] {
            let made = theirs.send_json(Method::POST, path, &body).await?;
            event_trigger = made.expect(201)?;
        }
        Ok(Self {
            event_trigger: id_of(&event_trigger)?,
            project: project.to_owned(),
            mark,
            run,
            execution,
            task,
            workflow,
        })
    }

    /// How each is named in a path, by collection.
    fn names(&self) -> [(&str, &str); 10] {
        [
            ("/v2/executions", &self.execution),
            ("/v2/tasks", &self.task),
            ("action_executions", &self.run),
            ("/actions", "probe.context"),
            ("/v2/workflows", &self.workflow),
            ("/v2/workbooks", &self.mark),
            ("environments", &self.mark),
            ("cron_triggers", &self.mark),
            ("event_triggers", &self.event_trigger),
            ("quotas", &self.project),
        ]
    }

    /// What nobody else is to read.
    fn secrets(&self) -> [&str; 8] {
        [
            &self.run,
            &self.mark,
            &self.execution,
            &self.task,
            &self.workflow,
            &self.event_trigger,
            &self.project,
            "probe",
        ]
    }

    /// Checks that a stranger with `headers` is told of them what is told of what there is not.
    async fn are_not_there(
        &self,
        stranger: &Client,
        operations: &[(Method, String)],
        headers: &HeaderMap,
    ) -> Result<()> {
        let names = self.names();
        for (method, path) in operations {
            let foreign = answered(stranger, method, path, &names, headers).await?;
            let none = answered(stranger, method, path, &NOTHING, headers).await?;
            assert_eq!(foreign, none, "{method} {path}");
            if path.contains("/actions/") {
                let ad_hoc = [("/actions", self.mark.as_str())];
                let ad_hoc = answered(stranger, method, path, &ad_hoc, headers).await?;
                assert_eq!(ad_hoc, none, "{method} {path}");
            }
            // What is an admin's to do is refused before anything is looked for.
            let is_refused = match foreign.0 {
                400 | 404 => true,
                401 => path.ends_with("/webhook"),
                status => status == 403 && path.contains("quotas"),
            };
            assert!(is_refused, "{method} {path}: {foreign:?}");
        }
        for list in LISTS {
            for query in ["", "?limit=1", "?sort_dirs=desc"] {
                let path = format!("{list}{query}");
                let answer = stranger.send(Method::GET, &path, headers.clone(), None);
                let text = answer.await?.text();
                for secret in self.secrets() {
                    assert!(!text.contains(secret), "{path}: {text}");
                }
            }
        }
        Ok(())
    }
}

/// The names of nothing that there is, in place of [`Belongings::names`].
const NOTHING: [(&str, &str); 8] = [
    ("/v2/executions", UNKNOWN),
    ("/v2/tasks", UNKNOWN),
    ("action_executions", UNKNOWN),
    ("/actions", "prose.context"),
    ("/v2/workflows", UNKNOWN),
    ("quotas", UNKNOWN),
    ("event_triggers", UNKNOWN),
    ("", "prose"),
];

const UNKNOWN: &str = "0196a1b2-0000-7000-8000-000000000001";

const LISTS: [&str; 12] = [
    "/v1/environments",
    "/v2/action_executions",
    "/v2/actions",
    "/v2/cron_triggers",
    "/v2/environments",
    "/v2/event_triggers",
    "/v2/executions",
    "/v2/modules",
    "/v2/quotas",
    "/v2/tasks",
    "/v2/workbooks",
    "/v2/workflows",
];

#[tokio::test]
async fn in_no_form_does_a_false_target_show_change_or_tell_of_anything() -> Result<()> {
    let cloud = Cloud::a()?;
    let [victim, attacker, third] = [
        cloud.tenant().await?,
        cloud.tenant().await?,
        cloud.tenant().await?,
    ];
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let theirs = host.client()?.with_token(&victim.token().await?.secret);
    let own_token = attacker.token().await?.secret;
    let ours = host.client()?.with_token(&own_token);
    let belongings = Belongings::make(&theirs, &victim.project_id).await?;
    let before = theirs.get("/v2/modules/probe").await?.expect(200)?;
    let operations = operations(&ours).await?;
    assert!(operations.len() > 10, "{operations:?}");
    for form in forms(&victim, &own_token, &third.token().await?.secret) {
        let headers = e2e::client::headers(form.headers.clone())?;
        belongings
            .are_not_there(&ours, &operations, &headers)
            .await?;
        // What it runs is its own, wherever it works, or is not run at all.
        let run = ours
            .run("std.echo")
            .input(json!({ "output": 1 }))
            .saved()
            .param("run_sync", true);
        let run = run.headers(form.headers.clone())?;
        let run = match &form.custom_context {
            Some(context) => run.custom_context(context.clone()),
            None => run,
        };
        let answer = run.send().await?;
        match answer.status {
            201 => assert_eq!(answer.body["project_id"], attacker.project_id.as_str()),
            status => assert_eq!(status, 400, "{}: {}", form.name, answer.text()),
        }
        let run = ours.run("probe.context").headers(form.headers)?;
        let words = run.send().await?.fault(400)?;
        assert!(!words.contains(&belongings.mark), "{words}");
    }

    assert!(listed(&theirs).await?.contains(&belongings.run));
    let execution = theirs.execution(&belongings.execution).await?;
    let run = theirs
        .action_execution(&belongings.run)
        .await?
        .expect(200)?;
    assert_eq!(
        (&execution["state"], &run["state"]),
        (&json!("RUNNING"), &json!("RUNNING"))
    );
    assert_eq!(theirs.get("/v2/modules/probe").await?.expect(200)?, before);
    Ok(())
}

#[tokio::test]
async fn filters_and_markers_tell_nothing_of_other_projects() -> Result<()> {
    let cloud = Cloud::a()?;
    let (victim, other) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let theirs = host.client()?.with_token(&victim.token().await?.secret);
    let ours = host.client()?.with_token(&other.token().await?.secret);
    let kept = id_of(&theirs.run("std.async_noop").created().await?)?;
    let own = id_of(&ours.run("std.async_noop").created().await?)?;
    // Two answers are compared below: nothing of it may change between them.
    wait::until("the own run waits for whoever completes it", || async {
        let run = ours.action_execution(&own).await?.expect(200)?;
        Ok(run["updated_at"].is_string().then_some(()))
    })
    .await?;
    let nobody = "0123456789abcdef0123456789abcdef";

    for query in [
        "project_id=PROJECT",
        "project_id=eq:PROJECT",
        "project_id=neq:PROJECT",
        "project_id=in:PROJECT",
        "project_id=PROJECT&all_projects=false",
        "all_projects=true&project_id=PROJECT",
        "all_tenants=1",
        "marker=EXECUTION",
        "marker=EXECUTION&limit=1",
        "marker=EXECUTION&sort_dirs=desc",
        "id=EXECUTION",
        "id=in:EXECUTION,EXECUTION",
        "name=std.async_noop&limit=2",
        "limit=1",
    ] {
        let path = format!("/v2/action_executions?{query}");
        let mut answers = Vec::new();
        for (project, execution) in [
            (victim.project_id.as_str(), kept.as_str()),
            (nobody, UNKNOWN),
        ] {
            let path = path
                .replace("PROJECT", project)
                .replace("EXECUTION", execution);
            let answer = ours.get(&path).await?;
            let text = answer
                .text()
                .replace(project, "PROJECT")
                .replace(execution, "EXECUTION");
            answers.push((answer.status, text));
        }
        assert_eq!(answers[0], answers[1], "{query}");
        assert!(
            answers[0].0 != 200 || !answers[0].1.contains(&kept),
            "{query}"
        );
    }
    // The second of two values does not undo what the first was checked for.
    let twice = format!(
        "project_id={}&project_id={}",
        other.project_id, victim.project_id
    );
    let answer = ours.get(&format!("/v2/action_executions?{twice}")).await?;
    assert!(!answer.text().contains(&kept), "{}", answer.text());
    assert_eq!(listed(&ours).await?, [own]);
    Ok(())
}

#[tokio::test]
async fn an_action_that_asks_no_cloud_needs_none_of_its_callers() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let settings = Settings::new().keystone(&cloud);
    // The caller's own cloud is on loopback, to which this host does not go.
    let nowhere = settings.set("openstack", "allow", Vec::<String>::new());
    let host = Host::start_with(nowhere).await?;
    let client = host.client()?.with_token(&tenant.token().await?.secret);
    let echo = client.run("std.echo").input(json!({ "output": "hi" }));
    assert_eq!(echo.result().await?, "hi");
    let refused = client.run("heat.stacks_list").send().await?.fault(400)?;
    assert!(refused.contains("loopback"), "{refused}");
    Ok(())
}
