//! Every rule, with its name in policy files, its default and what it governs.

/// What a rule asks of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// `rule:admin_or_owner`.
    AdminOrOwner,
    /// `rule:admin_only`.
    AdminOnly,
}

macro_rules! rules {
    ($($variant:ident = $name:literal, $check:ident, $description:literal;)*) => {
        /// One rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(#[doc = $description] $variant,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in policy files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What holds unless the operator says otherwise.
            #[must_use]
            pub const fn default_check(self) -> Check {
                match self { $(Self::$variant => Check::$check),* }
            }

            /// What it governs.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),* }
            }
        }
    };
}

rules! {
    ActionExecutionsCreate = "action_executions:create", AdminOrOwner, "Run an action.";
    ActionExecutionsDelete = "action_executions:delete", AdminOrOwner, "Delete an action execution that has ended.";
    ActionExecutionsGet = "action_executions:get", AdminOrOwner, "Show an action execution, its log and its requests.";
    ActionExecutionsList = "action_executions:list", AdminOrOwner, "List the project's action executions.";
    ActionExecutionsListAllProjects = "action_executions:list:all_projects", AdminOnly,
        "List the action executions of other projects.";
    ActionExecutionsUpdate = "action_executions:update", AdminOrOwner,
        "Complete, pause, resume or cancel an action execution.";
    ActionsGet = "actions:get", AdminOrOwner, "Show an action.";
    ActionsList = "actions:list", AdminOrOwner, "List the actions that the project can run.";
    ModulesCreate = "modules:create", AdminOrOwner, "Upload a module.";
    ModulesDelete = "modules:delete", AdminOrOwner, "Delete a module.";
    ModulesGet = "modules:get", AdminOrOwner, "Show or download a module.";
    ModulesList = "modules:list", AdminOrOwner, "List the modules that the project can use.";
    ModulesListAllProjects = "modules:list:all_projects", AdminOnly, "List the modules of other projects.";
    ModulesPublicize = "modules:publicize", AdminOnly, "Upload a module that every project sees.";
    ModulesUpdate = "modules:update", AdminOrOwner, "Upload a module's next version, or roll it back.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rules_have_names_of_their_own() {
        let names: HashSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
    }

    #[test]
    fn what_reaches_beyond_a_project_is_for_admins() {
        for rule in Rule::ALL {
            let reaches_beyond =
                rule.name().ends_with(":all_projects") || rule.name().ends_with(":publicize");
            assert_eq!(
                rule.default_check() == Check::AdminOnly,
                reaches_beyond,
                "{}",
                rule.name()
            );
        }
    }
}
