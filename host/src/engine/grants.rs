//! What the operator grants to modules: the `[[grants]]` of the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Engine, Error};
use crate::{
    domain::{
        AccessRule, Grant, GrantedRule, ModuleName, ModuleVersion, Operation, Params, ProjectId,
    },
    openstack::{Consent, Granted, MutatingBudget, granted},
};

/// `[[grants]]`: what runs of a module may ask of clouds. Entries of the same project and module are joined; a module
/// without any may ask what it declares. A grant never adds to that.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantSettings {
    /// The id of the caller's project, or `*` for every project.
    pub project: String,
    /// The module's name, or `*` for every module.
    pub module: String,
    /// What may be asked.
    pub access: Vec<GrantRuleSettings>,
    /// Requests other than GET, HEAD and OPTIONS that one run may make; where entries are joined, the smallest number.
    /// Default: `[runtime] mutating_requests`.
    #[serde(default)]
    pub mutating_requests: Option<u64>,
}

/// One kind of cloud request, in the grammar of Keystone's application credential access rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRuleSettings {
    /// The service type as in the catalog, or `*`.
    pub service_type: String,
    /// The HTTP method in capitals, or `*`.
    pub method: String,
    /// The path below the service's endpoint: `*` and `{name}` stand for one segment, `**` for any rest.
    pub path: String,
    /// The region whose endpoints may be asked; default every region.
    #[serde(default)]
    pub region: Option<String>,
}

impl GrantSettings {
    /// What is wrong with it: the member with its place, and why.
    #[must_use]
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        if self.project.is_empty() {
            let why = "must be the id of a project, or `*`";
            faults.push(("project".to_owned(), why.to_owned()));
        }
        if self.module != ANY
            && let Err(bad) = ModuleName::parse(&self.module)
        {
            let why = format!("must be the name of a module, or `*`: {bad}");
            faults.push(("module".to_owned(), why));
        }
        for (at, rule) in self.access.iter().enumerate() {
            let granted = GrantedRule::from(rule);
            if let Some(why) = granted.rule.fault() {
                faults.push((
                    format!("access[{at}]"),
                    format!("`{}`: {why}", granted.rule),
                ));
            }
        }
        faults
    }

    fn is_for(&self, project: &ProjectId, module: &ModuleName) -> bool {
        (self.project == ANY || self.project == project.as_str())
            && (self.module == ANY || self.module == module.as_str())
    }
}

const ANY: &str = "*";

impl From<&GrantRuleSettings> for GrantedRule {
    fn from(rule: &GrantRuleSettings) -> Self {
        Self {
            rule: AccessRule {
                service_type: rule.service_type.clone(),
                method: rule.method.clone(),
                path: rule.path.clone(),
            },
            region: rule.region.clone(),
        }
    }
}

/// The entries for `module` in `project`, joined; none when there is none.
fn find(grants: &[GrantSettings], project: &ProjectId, module: &ModuleName) -> Option<Grant> {
    let grants = grants.iter().filter(|entry| entry.is_for(project, module));
    grants
        .map(|entry| Grant {
            access: entry.access.iter().map(GrantedRule::from).collect(),
            mutating_requests: entry.mutating_requests,
        })
        .reduce(|mut joined, grant| {
            joined.join(grant);
            joined
        })
}

/// What a module may ask in the caller's project: what it declares, and how much of that the operator grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleConsent {
    /// Each rule that one of its actions declares, and how much of it is granted.
    pub declared: Vec<(AccessRule, Granted)>,
    /// What the operator's entries for it allow; none when there are none.
    pub grant: Option<Grant>,
    /// The most mutating requests of one run.
    pub mutating_requests: u64,
}

impl Engine {
    /// What the actions of `version` may ask for in the caller's project, as the module `name`.
    #[must_use]
    pub fn module_consent(
        &self,
        op: &Operation,
        name: &ModuleName,
        version: &ModuleVersion,
    ) -> ModuleConsent {
        let grant = find(&self.settings.grants, &op.project_id, name);
        let mut rules: Vec<&AccessRule> = version
            .actions
            .iter()
            .flat_map(|spec| &spec.access)
            .collect();
        rules.sort();
        rules.dedup();
        let extent = |rule: &&AccessRule| {
            let all = Granted::All;
            (
                (*rule).clone(),
                grant.as_ref().map_or(all, |grant| granted(rule, grant)),
            )
        };
        ModuleConsent {
            declared: rules.iter().map(extent).collect(),
            mutating_requests: self.budget(grant.as_ref()).limit,
            grant,
        }
    }

    /// The consent under which a run of an action of `module` is made.
    pub(super) fn consent(
        &self,
        project: &ProjectId,
        module: &ModuleName,
        params: &Params,
    ) -> Consent {
        let grant = find(&self.settings.grants, project, module);
        let mut budget = self.budget(grant.as_ref());
        if let Some(limit) = params.mutating_requests
            && limit < budget.limit
        {
            budget = MutatingBudget {
                limit,
                setting: "params.mutating_requests".into(),
            };
        }
        Consent::new(module.clone(), grant, budget, params)
    }

    /// Refuses a budget of the caller's that is larger than the operator's.
    pub(super) fn check_budget(
        &self,
        project: &ProjectId,
        module: &ModuleName,
        params: &Params,
    ) -> Result<(), Error> {
        let Some(wished) = params.mutating_requests else {
            return Ok(());
        };
        let grant = find(&self.settings.grants, project, module);
        let MutatingBudget { limit, setting } = self.budget(grant.as_ref());
        if wished <= limit {
            return Ok(());
        }
        Err(Error::BadInput(format!(
            "params.mutating_requests: at most {limit}, or whatever the operator sets as {setting}."
        )))
    }

    fn budget(&self, grant: Option<&Grant>) -> MutatingBudget {
        match grant.and_then(|grant| grant.mutating_requests) {
            Some(limit) => MutatingBudget {
                limit,
                setting: "grants.mutating_requests".into(),
            },
            None => MutatingBudget {
                limit: self.settings.mutating_requests,
                setting: "runtime.mutating_requests".into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(project: &str, module: &str, path: &str, budget: Option<u64>) -> GrantSettings {
        GrantSettings {
            project: project.to_owned(),
            module: module.to_owned(),
            access: vec![GrantRuleSettings {
                service_type: "compute".to_owned(),
                method: "GET".to_owned(),
                path: path.to_owned(),
                region: None,
            }],
            mutating_requests: budget,
        }
    }

    fn found(
        grants: &[GrantSettings],
        project: &str,
        module: &str,
    ) -> Option<(Vec<String>, Option<u64>)> {
        let module = ModuleName::parse(module).unwrap();
        find(grants, &ProjectId::new(project), &module).map(|grant| {
            let paths = grant.access.iter().map(|granted| granted.rule.path.clone());
            (paths.collect(), grant.mutating_requests)
        })
    }

    #[test]
    fn entries_of_project_and_module_are_joined_and_others_are_not() {
        let grants = [
            entry("p", "m", "/a", Some(5)),
            entry("*", "m", "/b", Some(3)),
            entry("p", "*", "/c", None),
            entry("q", "m", "/d", Some(1)),
            entry("p", "n", "/e", Some(1)),
        ];
        let paths = |all: &[&str]| {
            all.iter()
                .map(|path| (*path).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(&grants, "p", "m"),
            Some((paths(&["/a", "/b", "/c"]), Some(3)))
        );
        assert_eq!(found(&grants, "r", "m"), Some((paths(&["/b"]), Some(3))));
        assert_eq!(found(&grants, "p", "o"), Some((paths(&["/c"]), None)));
        assert_eq!(found(&grants, "r", "o"), None);
    }

    #[test]
    fn faults_have_their_place() {
        let mut bad = entry("", "no name", "servers", None);
        bad.access
            .insert(0, entry("p", "m", "/servers/**", None).access.remove(0));
        let places: Vec<String> = bad.faults().into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["project", "module", "access[1]"]);
        assert_eq!(entry("*", "*", "/**", None).faults(), []);
    }
}
