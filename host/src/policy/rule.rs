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
    ActionsListAllProjects = "actions:list:all_projects", AdminOnly, "List the actions of other projects.";
    AuditEventsList = "audit_events:list", AdminOnly, "List the project's audit trail.";
    AuditEventsListAllProjects = "audit_events:list:all_projects", AdminOnly, "List the audit trail of other projects.";
    EnvironmentsCreate = "environments:create", AdminOrOwner, "Create an environment.";
    EnvironmentsDelete = "environments:delete", AdminOrOwner, "Delete an environment.";
    EnvironmentsGet = "environments:get", AdminOrOwner, "Show an environment.";
    EnvironmentsList = "environments:list", AdminOrOwner, "List the environments that the project can use.";
    EnvironmentsListAllProjects = "environments:list:all_projects", AdminOnly, "List the environments of other projects.";
    EnvironmentsPublicize = "environments:publicize", AdminOnly, "Make an environment that every project sees.";
    EnvironmentsUpdate = "environments:update", AdminOrOwner, "Change an environment.";
    ListEnvironments = "list_environments", AdminOrOwner, "List environments as Murano does.";
    ListEnvironmentsAllTenants = "list_environments_all_tenants", AdminOnly,
        "List the environments of other projects as Murano does.";
    MembersCreate = "members:create", AdminOrOwner, "Offer an object to another project.";
    MembersDelete = "members:delete", AdminOrOwner, "Take an object back from another project.";
    MembersGet = "members:get", AdminOrOwner, "Show with whom an object is shared.";
    MembersList = "members:list", AdminOrOwner, "List with whom an object is shared.";
    MembersUpdate = "members:update", AdminOrOwner, "Accept or reject an object that another project offers.";
    ModulesCreate = "modules:create", AdminOrOwner, "Upload a module.";
    ModulesDelete = "modules:delete", AdminOrOwner, "Delete a module.";
    ModulesGet = "modules:get", AdminOrOwner, "Show or download a module.";
    ModulesList = "modules:list", AdminOrOwner, "List the modules that the project can use.";
    ModulesListAllProjects = "modules:list:all_projects", AdminOnly, "List the modules of other projects.";
    ModulesPublicize = "modules:publicize", AdminOnly, "Upload a module that every project sees.";
    ModulesUpdate = "modules:update", AdminOrOwner, "Upload a module's next version, or roll it back.";
    QuotasDelete = "quotas:delete", AdminOnly, "Give a project the usual quotas again.";
    QuotasGet = "quotas:get", AdminOrOwner, "Show the project's quotas and what it uses of them.";
    QuotasListAllProjects = "quotas:list:all_projects", AdminOnly, "Show the quotas of other projects.";
    QuotasUpdate = "quotas:update", AdminOnly, "Give a project quotas of its own.";
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
        // An admin's tasks within a project.
        let others = [
            Rule::AuditEventsList,
            Rule::QuotasUpdate,
            Rule::QuotasDelete,
        ];
        for rule in Rule::ALL {
            let reaches_beyond = ["all_projects", "all_tenants", "publicize"]
                .iter()
                .any(|end| rule.name().ends_with(end));
            assert_eq!(
                rule.default_check() == Check::AdminOnly,
                reaches_beyond || others.contains(rule),
                "{}",
                rule.name()
            );
        }
    }
}
