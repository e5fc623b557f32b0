//! What an operator lets a module's runs ask of clouds.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::AccessRule;

/// A rule of a grant: an access rule, perhaps for one region alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedRule {
    /// What may be asked.
    pub rule: AccessRule,
    /// Of which region's endpoints; of every region's when none.
    pub region: Option<String>,
}

/// What the operator grants to the runs of one module in one project. It narrows what the module declares and never
/// adds to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What may be asked of clouds.
    pub access: Vec<GrantedRule>,
    /// The most mutating requests of one run, where the operator says so.
    pub mutating_requests: Option<u64>,
}

impl Grant {
    /// Adds another grant that holds as well: all that either allows, and the smaller budget.
    pub fn join(&mut self, other: Self) {
        self.access.extend(other.access);
        self.mutating_requests = match (self.mutating_requests, other.mutating_requests) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
    }
}

/// As an entry of TOML's `access` list.
impl fmt::Display for GrantedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AccessRule {
            service_type,
            method,
            path,
        } = &self.rule;
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        write!(
            f,
            "{{ service_type = {}, method = {}, path = {}",
            quoted(service_type),
            quoted(method),
            quoted(path)
        )?;
        if let Some(region) = &self.region {
            write!(f, ", region = {}", quoted(region))?;
        }
        f.write_str(" }")
    }
}
