//! A third party's module: reports what a project has on a cloud, whichever services that cloud offers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zonda_sdk::{Action, Context, JsonSchema, Request, Result, export_actions};

/// What is counted: service type, path, and where the list is in the answer.
const LISTS: [(&str, &str, &str); 3] = [
    ("compute", "/servers", "servers"),
    ("image", "/v2/images", "images"),
    ("orchestration", "/stacks", "stacks"),
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// Report only what has a name that begins with this.
    prefix: Option<String>,
}

/// What the action reads of the caller's private context.
#[derive(Deserialize)]
struct CustomContext {
    correlation_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Report {
    /// The project on the cloud, by name if that is known.
    project: Option<String>,
    region: Option<String>,
    /// The caller's own mark, from the custom context.
    correlation_id: Option<String>,
    /// Names by kind, for each service that the cloud has.
    found: BTreeMap<String, Vec<String>>,
}

fn report(ctx: &Context, input: Input) -> Result<Report> {
    let cloud = ctx.cloud()?;
    let facts = cloud.facts();
    let lists: Vec<_> = LISTS
        .into_iter()
        .filter(|(service, ..)| cloud.has(service))
        .collect();
    let requests = lists
        .iter()
        .map(|(service, path, _)| Request::get(*service, *path));

    let mut found = BTreeMap::new();
    for ((service, _, kind), answer) in lists.iter().zip(cloud.send_all(requests)) {
        let answer: Value = answer?.json()?;
        let items = answer
            .get(*kind)
            .and_then(Value::as_array)
            .map(Vec::as_slice);
        let names: Vec<String> = items
            .unwrap_or_default()
            .iter()
            .filter_map(|item| {
                item.get("name")
                    .or_else(|| item.get("stack_name"))?
                    .as_str()
            })
            .filter(|name| {
                input
                    .prefix
                    .as_ref()
                    .is_none_or(|prefix| name.starts_with(prefix))
            })
            .map(str::to_owned)
            .collect();
        ctx.log()
            .field("service", service)
            .field("count", names.len())
            .info(format!("listed {kind}"));
        found.insert((*kind).to_owned(), names);
    }
    let CustomContext { correlation_id } = ctx.custom_context()?;
    let project = facts.project_name.or(facts.project_id);
    Ok(Report {
        project,
        region: facts.region,
        correlation_id,
        found,
    })
}

fn report_action() -> Action {
    let action = Action::new("inventory.report", report)
        .describe("Reports the names of the project's servers, images and stacks.")
        .idempotent();
    LISTS
        .into_iter()
        .fold(action, |action, (service, path, _)| {
            action.access(service, "GET", path)
        })
}

export_actions![report_action()];

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zonda_sdk::testing::Test;

    use super::*;

    #[test]
    fn the_report_covers_the_services_that_exist() {
        let images = json!({"images": [{"name": "demo-a"}, {"name": "other"}]});
        let test = Test::new()
            .custom_context(json!({"correlation_id": "c-1"}))
            .answer("image", "GET", "/v2/images", 200, images)
            .answer(
                "orchestration",
                "GET",
                "/stacks",
                200,
                json!({"stacks": []}),
            );
        let report = test
            .run(&report_action(), json!({"prefix": "demo-"}))
            .unwrap();
        assert_eq!(report["found"], json!({"images": ["demo-a"], "stacks": []}));
        assert_eq!(report["correlation_id"], "c-1");
        assert_eq!(report["project"], "cloud-project");
    }
}
