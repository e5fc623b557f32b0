//! What a run is watched for when its caller asks: what it would have done, and which rules it needed.

use std::{borrow::Cow, collections::BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{AccessRule, JsonText, Params};

/// The most bytes of all bodies of a plan.
const BODY_BYTES: usize = 64 << 10;
/// The most bytes of a plan, bodies included.
const PLAN_BYTES: usize = 256 << 10;
/// So many rules an action may declare; when there are more, they become wider.
const RULES: usize = 512;

/// A mutating request that a dry run did not send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlannedRequest {
    /// The service type, or `http` for a request outside the cloud.
    pub service_type: String,
    /// The region whose endpoint it was for.
    pub region: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The path below the service's endpoint; outside the cloud, the URL. Without query.
    pub path: String,
    /// The query, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The body, where it is JSON and there is room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
    /// The length in bytes of a body that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// Why the body is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_left_out: Option<Cow<'static, str>>,
}

/// What one run would have done, and the rules that its requests need.
#[derive(Debug, Default)]
pub(super) struct Report {
    plan: Vec<PlannedRequest>,
    plan_bytes: usize,
    body_bytes: usize,
    left_out: u64,
    allowed: BTreeSet<AccessRule>,
    denied: BTreeSet<AccessRule>,
}

/// The report on the wire, beside the result.
#[derive(Serialize)]
struct View<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a [PlannedRequest]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_left_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_rules: Option<Vec<&'a AccessRule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denied: Option<Vec<&'a AccessRule>>,
}

impl Report {
    /// Adds a request that was not sent, as far as there is room.
    pub(super) fn plan(&mut self, mut request: PlannedRequest) {
        let length = request.body.as_ref().map_or(0, |body| body.get().len());
        if self.body_bytes + length > BODY_BYTES {
            request.body = None;
            request.body_bytes = Some(length as u64);
            request.body_left_out = Some("the plan's bodies are longer than 64 KiB".into());
        } else {
            self.body_bytes += length;
        }
        let bytes = request.bytes();
        if self.plan_bytes + bytes > PLAN_BYTES {
            self.left_out += 1;
            return;
        }
        self.plan_bytes += bytes;
        self.plan.push(request);
    }

    /// Adds the rule of a request that was allowed, or of one that was denied.
    pub(super) fn learn(&mut self, rule: AccessRule, is_allowed: bool) {
        let rules = if is_allowed {
            &mut self.allowed
        } else {
            &mut self.denied
        };
        if rules.len() < RULES || rules.contains(&rule) {
            rules.insert(rule);
        } else {
            rules.insert(AccessRule {
                path: "/**".to_owned(),
                ..rule
            });
        }
    }

    /// The members that `params` ask for, as a JSON object; none when they ask for nothing.
    pub(super) fn text(&self, params: &Params) -> Option<JsonText> {
        if !params.dry_run && !params.audit {
            return None;
        }
        let view = View {
            plan: params.dry_run.then_some(self.plan.as_slice()),
            plan_left_out: (params.dry_run && self.left_out > 0).then_some(self.left_out),
            access_rules: params.audit.then(|| smallest(&self.allowed)),
            denied: params.audit.then(|| smallest(&self.denied)),
        };
        let text = serde_json::to_string(&view).expect("texts, numbers and checked JSON serialize");
        Some(JsonText::parse(text).expect("serde_json wrote it"))
    }
}

impl PlannedRequest {
    fn bytes(&self) -> usize {
        // The names of the members.
        const FRAME: usize = 128;
        let region = self.region.as_ref().map_or(0, String::len);
        let query = self.query.as_ref().map_or(0, String::len);
        let body = self.body.as_ref().map_or(0, |body| body.get().len());
        let texts = self.service_type.len() + self.method.len() + self.path.len();
        FRAME + texts + region + query + body
    }
}

/// The rules without those that others cover, in order.
fn smallest(rules: &BTreeSet<AccessRule>) -> Vec<&AccessRule> {
    rules
        .iter()
        .filter(|rule| {
            !rules.iter().any(|other| {
                other != *rule && other.covers(rule) && (!rule.covers(other) || other < *rule)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn rule(path: &str) -> AccessRule {
        AccessRule {
            service_type: "compute".to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
        }
    }

    fn planned(body: Option<&str>) -> PlannedRequest {
        PlannedRequest {
            service_type: "compute".to_owned(),
            region: None,
            method: "POST".to_owned(),
            path: "/servers".to_owned(),
            query: None,
            body: body.map(|text| RawValue::from_string(text.to_owned()).unwrap()),
            body_bytes: None,
            body_left_out: None,
        }
    }

    fn text(report: &Report, dry_run: bool, audit: bool) -> Option<Value> {
        let params = Params {
            dry_run,
            audit,
            ..Params::default()
        };
        report.text(&params).map(|text| text.to().unwrap())
    }

    #[test]
    fn a_report_has_what_was_asked_for() {
        let mut report = Report::default();
        report.plan(planned(Some(r#"{"a": 1}"#)));
        for path in ["/servers/{id}", "/servers/detail", "/flavors"] {
            report.learn(rule(path), true);
        }
        report.learn(rule("/os-secrets"), false);
        assert_eq!(text(&report, false, false), None);
        assert_eq!(
            text(&report, true, false).unwrap(),
            json!({"plan": [{"service_type": "compute", "region": null, "method": "POST", "path": "/servers",
                "body": {"a": 1}}]})
        );
        let rule = |path: &str| json!({"service_type": "compute", "method": "GET", "path": path});
        assert_eq!(
            text(&report, false, true).unwrap(),
            json!({"access_rules": [rule("/flavors"), rule("/servers/{id}")], "denied": [rule("/os-secrets")]})
        );
    }

    #[test]
    fn a_plan_has_no_more_bodies_and_requests_than_its_caps() {
        let mut report = Report::default();
        let long = format!("\"{}\"", "x".repeat(40 << 10));
        for _ in 0..2 {
            report.plan(planned(Some(&long)));
        }
        let value = text(&report, true, false).unwrap();
        assert!(value["plan"][0]["body"].is_string());
        assert_eq!(value["plan"][1]["body"], Value::Null);
        assert_eq!(value["plan"][1]["body_bytes"], long.len());
        assert!(value["plan"][1]["body_left_out"].is_string());
        for _ in 0..3000 {
            report.plan(planned(None));
        }
        let value = text(&report, true, false).unwrap();
        assert!(value["plan_left_out"].as_u64().unwrap() > 0);
        assert!(value.to_string().len() < PLAN_BYTES);
    }

    #[test]
    fn more_rules_than_an_action_may_declare_become_wider() {
        let mut report = Report::default();
        for n in 0..2000 {
            report.learn(rule(&format!("/a{n}")), true);
        }
        assert_eq!(report.allowed.len(), RULES + 1);
        let rules = text(&report, false, true).unwrap();
        assert_eq!(rules["access_rules"].as_array().unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn no_rule_of_the_smallest_set_covers_another_and_every_rule_is_covered(
            paths in prop::collection::btree_set("(/([ab]|\\{id\\}|\\*)){0,3}(/\\*\\*)?", 0..12)
        ) {
            let rules: BTreeSet<AccessRule> = paths.iter().map(|path| rule(path)).collect();
            let kept = smallest(&rules);
            for rule in &rules {
                prop_assert!(kept.iter().any(|kept| kept.covers(rule)), "{rule}");
            }
            for one in &kept {
                prop_assert!(!kept.iter().any(|other| other != one && other.covers(one)), "{one}");
            }
        }
    }
}
