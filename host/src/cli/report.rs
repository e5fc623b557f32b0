//! What a run tells beside its result, for people: the plan of a dry run as a table, the rules of an audit to paste.

use serde_json::Value;

use super::{
    api_client::Object,
    output::{cell, decoded, table},
};
use crate::domain::{AccessRule, GrantedRule};

const PLAN_COLUMNS: [&str; 6] = ["service_type", "region", "method", "path", "query", "body"];

/// The texts to show of an action execution's plan and rules; none when it has neither.
pub(super) fn texts(execution: &Object) -> Vec<String> {
    let output = execution.get("output").cloned().unwrap_or_default();
    let output = decoded("output", output);
    let list = |member: &str| output.get(member).and_then(Value::as_array);
    let plan = list("plan").map(|requests| plan(requests, output.get("plan_left_out")));
    let needed = list("access_rules").map(|list| {
        rules(
            "access rules that the run needs, for its module's declaration and for [[grants]]",
            list,
        )
    });
    // A run that was refused nothing needs no second list.
    let denied = list("denied")
        .filter(|list| !list.is_empty())
        .map(|list| rules("rules of requests that were denied", list));
    plan.into_iter().chain(needed).chain(denied).collect()
}

fn plan(requests: &[Value], left_out: Option<&Value>) -> String {
    if requests.is_empty() {
        return "dry run: nothing would have been changed".to_owned();
    }
    let rows = requests.iter().map(|request| {
        let value = |column: &str| match (column, request.get(column)) {
            ("body", None) => match request.get("body_bytes") {
                Some(bytes) => format!("{bytes} bytes"),
                None => String::new(),
            },
            (_, value) => value.map(cell).unwrap_or_default(),
        };
        PLAN_COLUMNS.map(value).to_vec()
    });
    let mut text = format!(
        "dry run: this would have been asked\n{}",
        table(&PLAN_COLUMNS, rows.collect(), None)
    );
    if let Some(count) = left_out.and_then(Value::as_u64) {
        text.push_str(&format!("\n{count} more were not kept"));
    }
    text
}

/// The rules as TOML, which an operator can paste.
fn rules(what: &str, list: &[Value]) -> String {
    let mut text = format!("# {what}\naccess = [");
    let rules = list
        .iter()
        .filter_map(|rule| serde_json::from_value::<AccessRule>(rule.clone()).ok());
    for rule in rules {
        let rule = GrantedRule { rule, region: None };
        text.push_str(&format!("\n    {rule},"));
    }
    text.push_str(if list.is_empty() { "]" } else { "\n]" });
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_a_table_and_rules_can_be_pasted() {
        let output = json!({
            "result": null,
            "plan": [{"service_type": "network", "region": "One", "method": "POST", "path": "/v2.0/networks",
                "body": {"network": {}}},
                {"service_type": "object-store", "region": null, "method": "PUT", "path": "/c/o", "body_bytes": 7,
                "body_left_out": "it is streamed"}],
            "access_rules": [{"service_type": "network", "method": "POST", "path": "/networks"}],
            "denied": [{"service_type": "compute", "method": "GET", "path": "/servers/{id}"}],
        });
        let Value::Object(execution) = json!({"output": output.to_string()}) else {
            panic!("it is an object");
        };
        let texts = texts(&execution);
        assert!(
            texts[0].contains("/v2.0/networks") && texts[0].contains("7 bytes"),
            "{}",
            texts[0]
        );
        for (text, path) in [(&texts[1], "/networks"), (&texts[2], "/servers/{id}")] {
            let read: toml::Table = text.parse().unwrap();
            assert_eq!(read["access"][0]["path"].as_str(), Some(path));
        }
    }

    #[test]
    fn a_usual_run_has_no_report() {
        let Value::Object(execution) = json!({"output": "{\"result\": {\"plan\": [1]}}"}) else {
            panic!("it is an object");
        };
        assert!(texts(&execution).is_empty());
    }
}
