//! Every list as a member and as an admin, with and without all tenants, page by page to its end.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use e2e::client::Client;
use e2e::cloud::{Cloud, Tenant};
use e2e::guests;
use e2e::host::{Host, Settings};
use serde_json::json;

const LISTS: [&str; 3] = ["action_executions", "modules", "actions"];

const FORBIDDEN: &str = "Operation forbidden (insufficient permissions)";

struct Users {
    host: Host,
    one: Tenant,
    other: Tenant,
    admin: Tenant,
}

impl Users {
    /// Two members and an admin, each in a project with a module, its actions and three saved runs.
    async fn start() -> Result<Self> {
        let cloud = Cloud::a()?;
        let users = Self {
            host: Host::start_with(Settings::new().keystone(&cloud)).await?,
            one: cloud.tenant().await?,
            other: cloud.tenant().await?,
            admin: cloud.tenant_with(&["admin"]).await?,
        };
        for tenant in [&users.one, &users.other, &users.admin] {
            let client = users.client(tenant).await?;
            client
                .push("probe", guests::guest("probe")?)
                .await?
                .expect(201)?;
            for action in ["std.echo", "std.noop", "std.fail"] {
                let run = client.run(action).saved().param("run_sync", true);
                let run = match action {
                    "std.echo" => run.input(json!({ "output": 1 })),
                    _ => run,
                };
                run.created().await?;
            }
        }
        Ok(users)
    }

    async fn client(&self, tenant: &Tenant) -> Result<Client> {
        Ok(self
            .host
            .client()?
            .with_token(&tenant.token().await?.secret))
    }
}

/// Everything that `query` lists, page by page: what it is called, and whose it is.
async fn walk(client: &Client, list: &str, query: &str) -> Result<Vec<(String, Option<String>)>> {
    // Actions are many: the host ships some.
    let limit = if list == "actions" { 37 } else { 2 };
    let mut path = format!("/v2/{list}?limit={limit}&{query}");
    let mut found = Vec::new();
    loop {
        let page = client.get(&path).await?.expect(200)?;
        for object in page[list]
            .as_array()
            .context("the page has its collection")?
        {
            let name = object["id"].as_str().context("an object has an id")?;
            let project = object["project_id"].as_str().map(str::to_owned);
            found.push((name.to_owned(), project));
        }
        ensure!(found.len() < 10_000, "{path} does not end");
        let Some(next) = page["next"].as_str() else {
            break;
        };
        let next = url::Url::parse(next)?;
        path = format!("{}?{}", next.path(), next.query().unwrap_or_default());
    }
    let distinct: BTreeSet<_> = found.iter().collect();
    ensure!(distinct.len() == found.len(), "{list}?{query}: {found:?}");
    Ok(found)
}

/// The projects of all that `query` lists, without the host's own objects.
async fn projects(client: &Client, list: &str, query: &str) -> Result<BTreeSet<String>> {
    let found = walk(client, list, query).await?;
    Ok(found
        .into_iter()
        .filter_map(|(_, project)| project)
        .collect())
}

#[tokio::test]
async fn a_member_sees_its_own_project_and_no_other_however_it_asks() -> Result<()> {
    let users = Users::start().await?;
    let client = users.client(&users.one).await?;
    let (own, foreign) = (&users.one.project_id, &users.other.project_id);
    for list in LISTS {
        for query in [
            String::new(),
            "all_projects=false".into(),
            "all_projects=".into(),
            "all_tenants=False".into(),
            "all_tenants=&all_projects=no".into(),
            format!("project_id={own}"),
            format!("project_id=eq:{own}&all_tenants=false"),
            format!("project_id=in:{own},{foreign}"),
            "project_id=neq:x".into(),
        ] {
            let seen = projects(&client, list, &query).await?;
            assert_eq!(seen, BTreeSet::from([own.clone()]), "{list}?{query}");
        }
        for query in [
            "all_projects=true".into(),
            "all_tenants=True".into(),
            "all_projects=1&all_tenants=false".into(),
            format!("project_id={foreign}"),
            format!("project_id=eq:{foreign}"),
            format!("project_id={foreign}&all_tenants=false"),
            format!("project_id={own}&all_tenants=true"),
        ] {
            let refusal = client.get(&format!("/v2/{list}?{query}")).await?;
            assert_eq!(refusal.fault(403)?, FORBIDDEN, "{list}?{query}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_admin_sees_all_tenants_only_when_it_asks_for_them() -> Result<()> {
    let users = Users::start().await?;
    let client = users.client(&users.admin).await?;
    let own = BTreeSet::from([users.admin.project_id.clone()]);
    let one = BTreeSet::from([users.one.project_id.clone()]);
    let all: BTreeSet<_> = own
        .union(&one)
        .cloned()
        .chain([users.other.project_id.clone()])
        .collect();
    for list in LISTS {
        for query in ["", "all_projects=false", "all_tenants="] {
            assert_eq!(projects(&client, list, query).await?, own, "{list}?{query}");
        }
        for query in [
            "all_projects=true",
            "all_tenants=1",
            "all_tenants=on&all_projects=0",
        ] {
            assert_eq!(projects(&client, list, query).await?, all, "{list}?{query}");
        }
        for query in ["", "&all_tenants=true", "&all_tenants=false"] {
            let query = format!("project_id={}{query}", users.one.project_id);
            let found = walk(&client, list, &query).await?;
            assert!(!found.is_empty(), "{list}?{query}");
            for (name, project) in found {
                assert_eq!(
                    project.as_ref(),
                    Some(&users.one.project_id),
                    "{list}: {name}"
                );
            }
        }
        let nobodys = walk(&client, list, "project_id=nobody").await?;
        assert_eq!(nobodys, []);
    }
    Ok(())
}

#[tokio::test]
async fn pages_of_all_tenants_have_everything_once_in_every_order() -> Result<()> {
    let users = Users::start().await?;
    let client = users.client(&users.admin).await?;
    for (list, columns) in [
        (
            "action_executions",
            &[
                "created_at",
                "name",
                "state",
                "updated_at",
                "input",
                "state,name",
            ][..],
        ),
        (
            "modules",
            &["created_at", "name", "scope", "version", "project_id"][..],
        ),
        (
            "actions",
            &["name", "id", "module", "project_id", "created_at"][..],
        ),
    ] {
        let mut expected = walk(&client, list, "all_tenants=true").await?;
        expected.sort();
        assert!(expected.len() >= 4, "{list}: {expected:?}");
        for column in columns {
            for direction in ["asc", "desc", "desc,desc"] {
                let keys = if direction.contains(',') && !column.contains(',') {
                    format!("{column},id")
                } else {
                    (*column).to_owned()
                };
                let query = format!("all_tenants=true&sort_keys={keys}&sort_dirs={direction}");
                let found = walk(&client, list, &query).await;
                let mut found = found.with_context(|| query.clone())?;
                found.sort();
                assert_eq!(found, expected, "{list}?{query}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_marker_of_another_project_tells_nothing() -> Result<()> {
    let users = Users::start().await?;
    let theirs = users.client(&users.other).await?;
    let client = users.client(&users.one).await?;
    for list in ["action_executions", "modules"] {
        let foreign = walk(
            &theirs,
            list,
            &format!("project_id={}", users.other.project_id),
        )
        .await?;
        let marker = &foreign.first().context("there is one")?.0;
        let refusal = client
            .get(&format!("/v2/{list}?sort_keys=name&marker={marker}"))
            .await?
            .fault(400)?;
        assert!(refusal.contains("marker"), "{refusal}");
    }
    Ok(())
}

#[tokio::test]
async fn filters_compare_by_type_and_refuse_what_is_of_no_type() -> Result<()> {
    let users = Users::start().await?;
    let client = users.client(&users.one).await?;
    let names = async |query: &str| -> Result<usize> {
        Ok(walk(&client, "action_executions", query).await?.len())
    };
    for (query, count) in [
        ("state=ERROR", 1),
        ("state=in:ERROR,SUCCESS", 3),
        ("name=std.echo&state=ERROR", 0),
        ("created_at=gte:2000-01-01 00:00:00", 3),
        ("created_at=lt:2000-01-01", 0),
        ("created_at=gt:2000-01-01&sort_keys=name", 3),
        ("updated_at=gt:2000-01-01T00:00:00", 3),
        ("nulls=description,tags", 3),
        ("nulls=updated_at", 0),
        ("input=has:output", 1),
    ] {
        assert_eq!(names(query).await?, count, "{query}");
    }
    for query in [
        "created_at=gt:yesterday",
        "accepted=perhaps",
        "nulls=colour",
        "sort_keys=colour",
        "sort_dirs=up",
        "colour=red",
        "limit=0",
        "sort_keys=name&marker=00000000-0000-0000-0000-000000000000",
    ] {
        client
            .get(&format!("/v2/action_executions?{query}"))
            .await?
            .fault(400)?;
    }
    Ok(())
}
