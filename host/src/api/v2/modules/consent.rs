//! What a module may ask of clouds, on the wire: declared by the module, granted by the operator.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{AccessRule, Grant},
    engine::ModuleConsent,
    openstack::Granted,
};

/// What the actions of a module's current version may ask of clouds, in the caller's project.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ConsentView {
    /// What they declare.
    declared: Vec<DeclaredRuleView>,
    /// What the operator's `[[grants]]` for the module allow; null without any: then what is declared is granted.
    granted: Option<Vec<GrantedRuleView>>,
    /// The most requests other than GET, HEAD and OPTIONS that one run may make.
    mutating_requests: u64,
}

/// A rule that an action declares.
#[derive(Debug, Serialize, JsonSchema)]
struct DeclaredRuleView {
    service_type: String,
    method: String,
    path: String,
    /// How much of it the operator grants: all, some or none.
    granted: &'static str,
}

/// A rule that the operator grants.
#[derive(Debug, Serialize, JsonSchema)]
struct GrantedRuleView {
    service_type: String,
    method: String,
    path: String,
    /// The only region that it holds for; null for every region.
    region: Option<String>,
}

impl From<ModuleConsent> for ConsentView {
    fn from(consent: ModuleConsent) -> Self {
        Self {
            declared: consent.declared.into_iter().map(declared).collect(),
            granted: consent.grant.map(granted),
            mutating_requests: consent.mutating_requests,
        }
    }
}

fn declared((rule, granted): (AccessRule, Granted)) -> DeclaredRuleView {
    DeclaredRuleView {
        service_type: rule.service_type,
        method: rule.method,
        path: rule.path,
        granted: match granted {
            Granted::All => "all",
            Granted::Some => "some",
            Granted::None => "none",
        },
    }
}

fn granted(grant: Grant) -> Vec<GrantedRuleView> {
    let rules = grant.access.into_iter();
    rules
        .map(|granted| GrantedRuleView {
            service_type: granted.rule.service_type,
            method: granted.rule.method,
            path: granted.rule.path,
            region: granted.region,
        })
        .collect()
}
