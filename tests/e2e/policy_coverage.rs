//! Walks the table of routes, as `/v2/openapi.json` tells it: every route without a token, with a stranger's, with the
//! right one; every list with and without other projects.
//!
//! A route that is added needs a line in [`table`](table::table), which says how a call of it comes about.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::client::{Answer, Client, headers};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::{guests, unique};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::Method;
use serde_json::Value;

/// Rules of lists that are for admins within a project, too.
const LISTS_FOR_ADMINS: &[&str] = &["audit_events:list"];

// ---- What an exercise is.

/// What stands for the variable parts of a path: names and values.
type Made<'a> = BoxFuture<'a, Result<Vec<(&'static str, String)>>>;

fn nothing(_: &Cast) -> Made<'_> {
    async { Ok(Vec::new()) }.boxed()
}

/// A call that succeeds for who has the right to it, and for nobody else.
struct Exercise {
    /// Method and path as the table of routes has them.
    route: &'static str,
    make: fn(&Cast) -> Made<'_>,
    query: &'static str,
    body: Body,
    right: Who,
}

/// Who has the right to a call. Everybody else is refused, which a stranger tries, or an admin of another project where
/// the stranger has the right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Owner,
    Stranger,
    Admin,
}

#[derive(Clone, Copy)]
enum Body {
    None,
    Json(&'static str),
    Text(&'static str),
    Wasm,
}

const fn call(route: &'static str) -> Exercise {
    Exercise {
        route,
        make: nothing,
        query: "",
        body: Body::None,
        right: Who::Owner,
    }
}

impl Exercise {
    /// The owner's object that it is about, which is made first, also for a list.
    const fn of(mut self, make: fn(&Cast) -> Made<'_>) -> Self {
        self.make = make;
        self
    }

    /// Its query; `$owner` and `$stranger` are their projects' ids, `$unique` a name of its own, as in [`Self::json`].
    const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    /// Its body.
    const fn json(mut self, body: &'static str) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// Its body, a document.
    const fn text(mut self, body: &'static str) -> Self {
        self.body = Body::Text(body);
        self
    }

    /// Its body is the component `probe`.
    const fn wasm(mut self) -> Self {
        self.body = Body::Wasm;
        self
    }

    /// Another than the owner has the right to it.
    const fn by(mut self, right: Who) -> Self {
        self.right = right;
        self
    }

    /// Whether it is about one object of a project.
    fn has_object(&self) -> bool {
        self.route.contains('{')
    }

    /// The call, with `made` in its path and its body.
    fn request(&self, cast: &Cast, made: &[(&'static str, String)]) -> Result<Request> {
        let (method, path) = self.route.split_once(' ').context(self.route)?;
        let mut path = path.to_owned();
        for (name, value) in made {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        ensure!(
            !path.contains('{'),
            "{}: what it is `of` gives no {path}",
            self.route
        );
        if !self.query.is_empty() {
            path = format!("{path}?{}", cast.filled(self.query));
        }
        let (media_type, body) = match self.body {
            Body::None => (None, None),
            Body::Json(text) => {
                let text = made.iter().fold(cast.filled(text), |text, (name, value)| {
                    text.replace(&format!("{{{name}}}"), value)
                });
                (Some("application/json"), Some(text.into_bytes()))
            }
            Body::Text(text) => (Some("text/plain"), Some(cast.filled(text).into_bytes())),
            Body::Wasm => (Some("application/wasm"), Some(guests::guest("probe")?)),
        };
        Ok(Request {
            method: method.parse()?,
            path,
            media_type,
            body,
        })
    }
}

struct Request {
    method: Method,
    path: String,
    media_type: Option<&'static str>,
    body: Option<Vec<u8>>,
}

impl Request {
    async fn send(&self, client: &Client) -> Result<Answer> {
        let headers = headers(self.media_type.map(|it| ("content-type", it)))?;
        client
            .send(self.method.clone(), &self.path, headers, self.body.clone())
            .await
    }
}

/// Three users in three projects, and nobody.
struct Cast {
    _host: Host,
    projects: [Tenant; 3],
    owner: Client,
    stranger: Client,
    admin: Client,
    nobody: Client,
}

impl Cast {
    async fn meet() -> Result<Self> {
        let cloud = Cloud::a()?;
        let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
        let projects = [
            cloud.tenant().await?,
            cloud.tenant().await?,
            cloud.tenant_with(&["admin"]).await?,
        ];
        let mut clients = Vec::new();
        for tenant in &projects {
            clients.push(host.client()?.with_token(&tenant.token().await?.secret));
        }
        let [owner, stranger, admin] = <[Client; 3]>::try_from(clients)
            .ok()
            .context("three projects have three clients")?;
        Ok(Self {
            nobody: host.client()?,
            _host: host,
            projects,
            owner,
            stranger,
            admin,
        })
    }

    fn filled(&self, text: &str) -> String {
        let [owner, stranger, _] = &self.projects;
        text.replace("$owner", &owner.project_id)
            .replace("$stranger", &stranger.project_id)
            .replace("$unique", &unique("name"))
    }
}

/// Every guarded route: method and path, and what the document says of it.
async fn guarded_routes(nobody: &Client) -> Result<BTreeMap<String, Value>> {
    let document = nobody.get("/v2/openapi.json").await?.expect(200)?;
    let mut routes = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in operations.as_object().context("no operations")? {
            if operation["x-policy-rule"].is_string() {
                let route = format!("{} {path}", method.to_uppercase());
                routes.insert(route, operation.clone());
            }
        }
    }
    ensure!(
        routes.len() > 15,
        "only {} routes are guarded",
        routes.len()
    );
    Ok(routes)
}

fn arguments(operation: &Value) -> BTreeSet<&str> {
    operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect()
}

// ---- The walks.

#[tokio::test]
async fn every_route_without_a_token_is_401() -> Result<()> {
    let host = Host::start_with(Settings::new().keystone(&Cloud::a()?)).await?;
    let nobody = host.client()?;
    for route in guarded_routes(&nobody).await?.keys() {
        let (method, path) = route.split_once(' ').context("no path")?;
        let path = path.replace(['{', '}'], "");
        for client in [nobody.clone(), nobody.clone().with_token("made-up")] {
            let request = Request {
                method: method.parse()?,
                path: path.clone(),
                media_type: Some("application/json"),
                body: (method != "GET").then(|| b"{}".to_vec()),
            };
            let answer = request.send(&client).await?;
            assert_eq!(answer.status, 401, "{route}: {}", answer.text());
            assert!(answer.headers.contains_key("www-authenticate"), "{route}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_route_has_its_exercise_and_every_exercise_its_route() -> Result<()> {
    let host = Host::start().await?;
    let routes = guarded_routes(&host.client()?).await?;
    let routes: BTreeSet<String> = routes.into_keys().collect();
    let exercised: BTreeSet<String> = table::table()
        .iter()
        .map(|it| it.route.to_owned())
        .collect();
    let missing: Vec<&String> = routes.difference(&exercised).collect();
    let idle: Vec<&String> = exercised.difference(&routes).collect();
    assert!(missing.is_empty(), "without an exercise: {missing:?}");
    assert!(idle.is_empty(), "exercises of no route: {idle:?}");
    Ok(())
}

#[tokio::test]
async fn every_route_refuses_a_stranger_and_works_for_who_may() -> Result<()> {
    let cast = Cast::meet().await?;
    let owners = &cast.projects[0];
    for exercise in table::table() {
        let route = exercise.route;
        let made = (exercise.make)(&cast)
            .await
            .with_context(|| route.to_owned())?;
        let request = exercise.request(&cast, &made)?;
        let (right, wrong) = match exercise.right {
            Who::Owner => (&cast.owner, &cast.stranger),
            Who::Stranger => (&cast.stranger, &cast.admin),
            Who::Admin => (&cast.admin, &cast.stranger),
        };
        if exercise.has_object() || exercise.right == Who::Admin {
            let answer = request.send(wrong).await?;
            assert!(
                matches!(answer.status, 403 | 404),
                "{route} by who may not is {}: {}",
                answer.status,
                answer.text()
            );
        } else if request.method == Method::GET {
            let answer = request.send(wrong).await?;
            assert_eq!(answer.status, 200, "{route}: {}", answer.text());
            let text = answer.text();
            for mark in [&owners.project_id, &owners.user_id] {
                assert!(!text.contains(mark), "{route} shows a stranger {text}");
            }
        }
        let answer = request.send(right).await?;
        assert!(
            (200..300).contains(&answer.status),
            "{route} by who may is {}: {}",
            answer.status,
            answer.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_list_shows_other_projects_to_admins_alone() -> Result<()> {
    let cast = Cast::meet().await?;
    table::one_of_each(&cast).await?;
    let mut lists = 0;
    for (route, operation) in guarded_routes(&cast.nobody).await? {
        let arguments = arguments(&operation);
        let rule = operation["x-policy-rule"].as_str().unwrap_or_default();
        let Some(path) = route.strip_prefix("GET ").filter(|it| !it.contains('{')) else {
            continue;
        };
        // Murano has one of the two names.
        let flags: &[&str] = if path.starts_with("/v1/") {
            &["all_tenants"]
        } else {
            &["all_projects", "all_tenants"]
        };
        let has_flags = flags.iter().all(|flag| arguments.contains(flag));
        let is_list = rule.ends_with(":list") || rule.starts_with("list_");
        if path == "/v1/catalog/packages" {
            // Always empty.
            continue;
        }
        if is_list && !has_flags {
            bail!("{path} takes no {flags:?}");
        }
        if !has_flags {
            continue;
        }
        lists += 1;
        let own = if LISTS_FOR_ADMINS.contains(&rule) {
            403
        } else {
            200
        };
        let answer = |client: &Client, query: String| {
            let client = client.clone();
            async move { client.get(&query).await }
        };
        let owners = &cast.projects[0].project_id;
        let member = answer(&cast.stranger, path.to_owned()).await?;
        assert_eq!(member.status, own, "{path}: {}", member.text());
        assert!(!member.text().contains(owners), "{path}: {}", member.text());
        let admin = answer(&cast.admin, path.to_owned()).await?;
        assert_eq!(admin.status, 200, "{path}: {}", admin.text());
        assert!(!admin.text().contains(owners), "{path}: {}", admin.text());
        for flag in flags {
            // To Murano, 1 is not true.
            let (yeses, noes): (&[&str], &[&str]) = if path.starts_with("/v1/") {
                (&["true", "True"], &["false", "0", "1"])
            } else {
                (&["true", "True", "1"], &["false", "False", "0"])
            };
            for yes in yeses {
                let query = format!("{path}?{flag}={yes}");
                let member = answer(&cast.stranger, query.clone()).await?;
                assert_eq!(member.status, 403, "{query}: {}", member.text());
                assert!(!member.text().contains(owners), "{query}");
                let admin = answer(&cast.admin, query.clone()).await?;
                assert_eq!(admin.status, 200, "{query}: {}", admin.text());
                assert!(admin.text().contains(owners), "{query}: {}", admin.text());
            }
            for no in noes {
                let query = format!("{path}?{flag}={no}");
                let member = answer(&cast.stranger, query.clone()).await?;
                assert_eq!(member.status, own, "{query}: {}", member.text());
                let admin = answer(&cast.admin, query.clone()).await?;
                assert!(!admin.text().contains(owners), "{query}: {}", admin.text());
            }
        }
    }
    ensure!(lists >= 12, "only {lists} lists were walked");
    Ok(())
}
