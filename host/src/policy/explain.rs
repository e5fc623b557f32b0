//! Why a decision is as it is: the tree of checks with the truth of each.

use serde::Serialize;

use super::{Rules, Target, check::Check};
use crate::auth::Caller;

/// A check, and whether it lets the caller pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The check as text.
    pub check: String,
    /// Whether it lets the caller pass.
    pub passes: bool,
    /// What was compared, or what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What it is made of, or what the rule says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Self>,
}

impl Rules {
    /// How the rule `name` decides about `caller`, every part of it tried.
    #[must_use]
    pub fn explain(&self, name: &str, caller: &Caller, target: &Target<'_>) -> Explanation {
        self.explain_check(&Check::Rule(name.to_owned()), caller, target)
    }

    fn explain_check(&self, check: &Check, caller: &Caller, target: &Target<'_>) -> Explanation {
        let parts: Vec<&Check> = if let Check::Rule(name) = check {
            self.check(name).into_iter().collect()
        } else {
            check.parts().iter().collect()
        };
        Explanation {
            check: check.to_string(),
            passes: check.passes(caller, target, self),
            because: self.because(check, caller, target),
            parts: parts
                .into_iter()
                .map(|part| self.explain_check(part, caller, target))
                .collect(),
        }
    }

    fn because(&self, check: &Check, caller: &Caller, target: &Target<'_>) -> Option<String> {
        let unknown = || "no call has what it names".to_owned();
        match check {
            Check::Rule(name) if !self.has(name) => Some(match self.check(name) {
                Some(_) => format!("there is no rule {name}, so that `default` decides"),
                None => format!("there is no rule {name}"),
            }),
            Check::Role(text) => {
                let roles = format!("the roles are [{}]", caller.roles.join(", "));
                Some(match text.text(target) {
                    Some(role) if text.has_places() => format!("{roles}; {text} is {role}"),
                    Some(_) => roles,
                    None => unknown(),
                })
            }
            Check::Equals(subject, text) => {
                let Some(wanted) = text.text(target) else {
                    return Some(unknown());
                };
                let value = match subject.value(caller) {
                    Some(value) => Some(format!("{} is {value}", subject.written)),
                    None if subject.is_unknown() => {
                        return Some(format!("callers have no {}", subject.written));
                    }
                    None => None,
                };
                let wanted = text.has_places().then(|| format!("{text} is {wanted}"));
                let compared: Vec<String> = value.into_iter().chain(wanted).collect();
                (!compared.is_empty()).then(|| compared.join("; "))
            }
            Check::Rule(_)
            | Check::Always
            | Check::Never
            | Check::Not(_)
            | Check::All(_)
            | Check::Any(_) => None,
        }
    }
}
