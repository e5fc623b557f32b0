//! Consent from both sides: what the module declares and the operator grants, and how much of it is left to a run.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use http::Method;
use serde::{Deserialize, Serialize};

use crate::domain::{Grant, GrantedRule, ModuleName, Params};

use super::{Error, allow::Asked, session::RunScope, trace::Trace};

/// How many mutating requests one run may make, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutatingBudget {
    /// So many.
    pub limit: u64,
    /// The setting or the parameter that it comes from.
    pub setting: Cow<'static, str>,
}

/// What one run may ask, besides what its action declares, and how its caller wants it watched.
#[derive(Debug, Serialize, Deserialize)]
pub struct Consent {
    module: ModuleName,
    grant: Option<Grant>,
    budget: MutatingBudget,
    is_dry_run: bool,
    is_audited: bool,
    #[serde(skip)]
    mutating_requests: AtomicU64,
}

impl Consent {
    /// For one run of an action of `module`. Without a `grant`, what the module declares is granted.
    #[must_use]
    pub fn new(
        module: ModuleName,
        grant: Option<Grant>,
        budget: MutatingBudget,
        params: &Params,
    ) -> Self {
        Self {
            module,
            grant,
            budget,
            is_dry_run: params.dry_run,
            is_audited: params.audit,
            mutating_requests: AtomicU64::new(0),
        }
    }

    /// Whatever is declared is granted.
    #[cfg(test)]
    #[must_use]
    pub fn for_tests() -> Self {
        let budget = MutatingBudget {
            limit: 1000,
            setting: "runtime.mutating_requests".into(),
        };
        let module = ModuleName::parse("test").expect("it is a word");
        Self::new(module, None, budget, &Params::default())
    }

    /// Counts a request that passed every check, once however often it is sent.
    pub(super) fn charge(&self, method: &Method) -> Result<(), Error> {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let MutatingBudget { limit, setting } = &self.budget;
        let one_more = |made| (made < *limit).then(|| made + 1);
        self.mutating_requests
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map(|_| ())
            .map_err(|_| {
                Error::OverBudget(format!(
                    "it asked for more than {limit} mutating requests ({setting} = {limit})"
                ))
            })
    }

    /// Whether a request is planned in place of being sent.
    pub(super) fn is_planned(&self, method: &Method) -> bool {
        self.is_dry_run && !matches!(*method, Method::GET | Method::HEAD)
    }
}

/// Holds a request against both sides' rules. A refusal is a line for the user with the rule to add. `via` is the
/// header or the parameter by which another request reaches this one.
pub(super) fn check(
    scope: &RunScope,
    asked: &Asked<'_>,
    via: Option<&str>,
    project_id: Option<&str>,
    trace: &Trace,
    clean: impl Fn(String) -> String,
) -> Result<(), Error> {
    let consent = &scope.consent;
    let is_declared = asked.is_allowed(&scope.spec.access);
    let is_granted = consent
        .grant
        .as_ref()
        .is_none_or(|grant| asked.is_granted(grant));
    let is_allowed = is_declared && is_granted;
    if consent.is_audited {
        let rule = asked.rule(project_id);
        scope.journal.learn(rule, is_allowed);
    }
    if is_allowed {
        return Ok(());
    }
    let what = format!(
        "{}{} {} {}",
        via.map(|via| format!("by {via}: ")).unwrap_or_default(),
        asked.method,
        asked.service_type,
        asked.path()
    );
    let mut refusals = Vec::new();
    if !is_declared {
        refusals.push(by_module(&what, scope, asked, project_id));
    }
    if !is_granted {
        refusals.push(by_operator(&what, scope, asked, project_id));
    }
    // A redirect's path is the cloud's own words.
    let mut refusals: Vec<String> = refusals.into_iter().map(clean).collect();
    for refusal in &refusals {
        trace.warn(refusal);
    }
    Err(Error::Denied(refusals.swap_remove(0)))
}

fn by_module(what: &str, scope: &RunScope, asked: &Asked<'_>, project_id: Option<&str>) -> String {
    let rule = asked.rule(project_id);
    format!(
        "{what} is outside the access rules that the module declares for {}; its author can add \
         {{service_type: {}, method: {}, path: {}}}",
        scope.spec.name, rule.service_type, rule.method, rule.path
    )
}

fn by_operator(
    what: &str,
    scope: &RunScope,
    asked: &Asked<'_>,
    project_id: Option<&str>,
) -> String {
    let module = &scope.consent.module;
    let granted = GrantedRule {
        rule: asked.rule(project_id),
        region: asked.region.map(str::to_owned),
    };
    let project = toml::Value::String(scope.project_id.to_string());
    format!(
        "{what} is outside what the operator grants to module {module}; a grant that allows it:\n\
         [[grants]]\nproject = {project}\nmodule = \"{module}\"\naccess = [{granted}]"
    )
}
