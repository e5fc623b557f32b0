//! Who may do what: oslo.policy's language, one rule for each route and for what goes beyond the caller's project.

mod check;
mod explain;
mod file;
mod follow;
#[cfg(test)]
mod fuzz;
mod parse;
mod rule;
mod rules;
mod settings;
mod template;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

pub use check::Target;
pub use explain::Explanation;
pub use file::Error;
pub use follow::Follower;
pub use rule::{BASE, Base, Rule};
pub use rules::{Effective, Rules};
pub use settings::Settings;

use crate::auth::Caller;

/// The caller may not do this.
#[derive(Debug, thiserror::Error)]
#[error("the rule {0} forbids it")]
pub struct Forbidden(pub &'static str);

/// Decides by the rules that hold at the moment. Clones share them.
#[derive(Debug, Default, Clone)]
pub struct Policy(Arc<RwLock<Arc<Rules>>>);

impl Policy {
    /// The policy of `settings`, and what keeps it up to date.
    ///
    /// # Errors
    /// When the policy file cannot be read or has faults.
    pub fn load(settings: &Settings) -> Result<(Self, Follower), Error> {
        Follower::begin(settings)
    }

    /// Lets `caller` pass or not.
    ///
    /// # Errors
    /// When the rule's check refuses the caller.
    pub fn enforce(&self, caller: &Caller, rule: Rule) -> Result<(), Forbidden> {
        let rules = self.rules();
        let check = rules.check(rule.name());
        // An object's project is the caller's own by the time it is found, so the check is on the caller alone.
        let target = Target::of(caller);
        if check.is_some_and(|check| check.passes(caller, &target, &rules)) {
            Ok(())
        } else {
            Err(Forbidden(rule.name()))
        }
    }

    /// The rules that hold at the moment.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, rules: Rules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}
