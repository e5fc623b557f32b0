//! Who may do what: one rule for each route and for what goes beyond the caller's project.

mod rule;

pub use rule::{Check, Rule};

use crate::auth::Caller;

/// The caller may not do this.
#[derive(Debug, thiserror::Error)]
#[error("the rule {0} forbids it")]
pub struct Forbidden(pub &'static str);

/// Decides by each rule's default.
#[derive(Debug, Default, Clone, Copy)]
pub struct Policy;

impl Policy {
    /// Lets `caller` pass or not.
    ///
    /// # Errors
    /// When the rule's check refuses the caller.
    pub fn enforce(&self, caller: &Caller, rule: Rule) -> Result<(), Forbidden> {
        let passes = match rule.default_check() {
            // An object's project is the caller's own by the time it is found, so the check is on the caller alone.
            Check::AdminOrOwner => true,
            Check::AdminOnly => caller.is_admin,
        };
        if passes {
            Ok(())
        } else {
            Err(Forbidden(rule.name()))
        }
    }
}
