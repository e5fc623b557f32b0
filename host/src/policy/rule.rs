//! Every rule, with its name in policy files, its default and what it governs.

/// A rule that governs nothing by itself, and that others refer to.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    /// Its name in policy files.
    pub name: &'static str,
    /// What holds unless the operator says otherwise.
    pub check: &'static str,
    /// Whom it lets pass.
    pub description: &'static str,
}

/// The rules that others refer to: Mistral's two, and Murano's.
pub const BASE: &[Base] = &[
    Base {
        name: "admin_only",
        check: "is_admin:True",
        description: "Administrators: who has the role admin.",
    },
    Base {
        name: "admin_or_owner",
        check: "is_admin:True or project_id:%(project_id)s",
        description: "Administrators, and everybody within the own project.",
    },
    Base {
        name: "admin_api",
        check: "is_admin:True",
        description: "Administrators, by Murano's name.",
    },
];

macro_rules! rules {
    ($($variant:ident = $name:literal, $check:literal, $description:literal;)*) => {
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
            pub const fn default_check(self) -> &'static str {
                match self { $(Self::$variant => $check),* }
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
    ActionExecutionsCreate = "action_executions:create", "rule:admin_or_owner", "Run an action.";
    ActionExecutionsDelete = "action_executions:delete", "rule:admin_or_owner",
        "Delete an action execution that has ended.";
    ActionExecutionsGet = "action_executions:get", "rule:admin_or_owner",
        "Show an action execution, its log and its requests.";
    ActionExecutionsList = "action_executions:list", "rule:admin_or_owner", "List the project's action executions.";
    ActionExecutionsListAllProjects = "action_executions:list:all_projects", "rule:admin_only",
        "List the action executions of other projects.";
    ActionExecutionsUpdate = "action_executions:update", "rule:admin_or_owner",
        "Complete, pause, resume or cancel an action execution.";
    ActionsGet = "actions:get", "rule:admin_or_owner", "Show an action.";
    ActionsList = "actions:list", "rule:admin_or_owner", "List the actions that the project can run.";
    ActionsListAllProjects = "actions:list:all_projects", "rule:admin_only", "List the actions of other projects.";
    AuditEventsList = "audit_events:list", "rule:admin_only", "List the project's audit trail.";
    AuditEventsListAllProjects = "audit_events:list:all_projects", "rule:admin_only",
        "List the audit trail of other projects.";
    EnvironmentsCreate = "environments:create", "rule:admin_or_owner", "Create an environment.";
    EnvironmentsDelete = "environments:delete", "rule:admin_or_owner", "Delete an environment.";
    EnvironmentsGet = "environments:get", "rule:admin_or_owner", "Show an environment.";
    EnvironmentsList = "environments:list", "rule:admin_or_owner", "List the environments that the project can use.";
    EnvironmentsListAllProjects = "environments:list:all_projects", "rule:admin_only",
        "List the environments of other projects.";
    EnvironmentsPublicize = "environments:publicize", "rule:admin_only",
        "Make an environment that every project sees.";
    EnvironmentsUpdate = "environments:update", "rule:admin_or_owner", "Change an environment.";
    ListEnvironments = "list_environments", "rule:admin_or_owner", "List environments as Murano does.";
    ListEnvironmentsAllTenants = "list_environments_all_tenants", "rule:admin_api",
        "List the environments of other projects as Murano does.";
    MembersCreate = "members:create", "rule:admin_or_owner", "Offer an object to another project.";
    MembersDelete = "members:delete", "rule:admin_or_owner", "Take an object back from another project.";
    MembersGet = "members:get", "rule:admin_or_owner", "Show with whom an object is shared.";
    MembersList = "members:list", "rule:admin_or_owner", "List with whom an object is shared.";
    MembersUpdate = "members:update", "rule:admin_or_owner",
        "Accept or reject an object that another project offers.";
    ModulesCreate = "modules:create", "rule:admin_or_owner", "Upload a module.";
    ModulesDelete = "modules:delete", "rule:admin_or_owner", "Delete a module.";
    ModulesGet = "modules:get", "rule:admin_or_owner", "Show or download a module.";
    ModulesList = "modules:list", "rule:admin_or_owner", "List the modules that the project can use.";
    ModulesListAllProjects = "modules:list:all_projects", "rule:admin_only", "List the modules of other projects.";
    ModulesPublicize = "modules:publicize", "rule:admin_only", "Upload a module that every project sees.";
    ModulesUpdate = "modules:update", "rule:admin_or_owner", "Upload a module's next version, or roll it back.";
    QuotasDelete = "quotas:delete", "rule:admin_only", "Give a project the usual quotas again.";
    QuotasGet = "quotas:get", "rule:admin_or_owner", "Show the project's quotas and what it uses of them.";
    QuotasListAllProjects = "quotas:list:all_projects", "rule:admin_only", "Show the quotas of other projects.";
    QuotasUpdate = "quotas:update", "rule:admin_only", "Give a project quotas of its own.";
    CronTriggersCreate = "cron_triggers:create", "rule:admin_or_owner", "Create a cron trigger.";
    CronTriggersDelete = "cron_triggers:delete", "rule:admin_or_owner", "Delete a cron trigger.";
    CronTriggersGet = "cron_triggers:get", "rule:admin_or_owner", "Show a cron trigger.";
    CronTriggersList = "cron_triggers:list", "rule:admin_or_owner", "List the project's cron triggers.";
    CronTriggersListAllProjects = "cron_triggers:list:all_projects", "rule:admin_only",
        "List the cron triggers of other projects.";
    CronTriggersPublicize = "cron_triggers:publicize", "rule:admin_only",
        "Make a cron trigger that every project sees.";
    EventTriggersCreate = "event_triggers:create", "rule:admin_or_owner", "Create an event trigger.";
    EventTriggersDelete = "event_triggers:delete", "rule:admin_or_owner", "Delete an event trigger.";
    EventTriggersGet = "event_triggers:get", "rule:admin_or_owner", "Show an event trigger.";
    EventTriggersList = "event_triggers:list", "rule:admin_or_owner", "List the project's event triggers.";
    EventTriggersUpdate = "event_triggers:update", "rule:admin_or_owner", "Change an event trigger.";
    EventTriggersListAllProjects = "event_triggers:list:all_projects", "rule:admin_only",
        "List the event triggers of other projects.";
    EventTriggersPublicize = "event_triggers:publicize", "rule:admin_only",
        "Make an event trigger that every project sees.";
    ExecutionsCreate = "executions:create", "rule:admin_or_owner", "Start an execution.";
    ExecutionsDelete = "executions:delete", "rule:admin_or_owner", "Delete an execution.";
    ExecutionsGet = "executions:get", "rule:admin_or_owner", "Show an execution, its report and its events.";
    ExecutionsList = "executions:list", "rule:admin_or_owner", "List the project's executions.";
    ExecutionsUpdate = "executions:update", "rule:admin_or_owner", "Pause, resume or end an execution, or describe it.";
    ExecutionsListAllProjects = "executions:list:all_projects", "rule:admin_only",
        "List the executions of other projects.";
    TasksGet = "tasks:get", "rule:admin_or_owner", "Show a task.";
    TasksList = "tasks:list", "rule:admin_or_owner", "List the project's tasks.";
    TasksUpdate = "tasks:update", "rule:admin_or_owner", "Run a task again, or skip it.";
    TasksListAllProjects = "tasks:list:all_projects", "rule:admin_only",
        "List the tasks of other projects.";
    WorkbooksCreate = "workbooks:create", "rule:admin_or_owner", "Create a workbook.";
    WorkbooksDelete = "workbooks:delete", "rule:admin_or_owner", "Delete a workbook.";
    WorkbooksGet = "workbooks:get", "rule:admin_or_owner", "Show a workbook.";
    WorkbooksList = "workbooks:list", "rule:admin_or_owner", "List the workbooks that the project can use.";
    WorkbooksUpdate = "workbooks:update", "rule:admin_or_owner", "Change a workbook.";
    WorkbooksListAllProjects = "workbooks:list:all_projects", "rule:admin_only",
        "List the workbooks of other projects.";
    WorkbooksPublicize = "workbooks:publicize", "rule:admin_only",
        "Make a workbook that every project sees.";
    WorkflowsCreate = "workflows:create", "rule:admin_or_owner", "Create a workflow.";
    WorkflowsDelete = "workflows:delete", "rule:admin_or_owner", "Delete a workflow.";
    WorkflowsGet = "workflows:get", "rule:admin_or_owner", "Show a workflow.";
    WorkflowsList = "workflows:list", "rule:admin_or_owner", "List the workflows that the project can use.";
    WorkflowsUpdate = "workflows:update", "rule:admin_or_owner", "Change a workflow.";
    WorkflowsListAllProjects = "workflows:list:all_projects", "rule:admin_only",
        "List the workflows of other projects.";
    WorkflowsPublicize = "workflows:publicize", "rule:admin_only",
        "Make a workflow that every project sees.";
    ActionsCreate = "actions:create", "rule:admin_or_owner", "Create an ad-hoc action.";
    ActionsDelete = "actions:delete", "rule:admin_or_owner", "Delete an ad-hoc action.";
    ActionsPublicize = "actions:publicize", "rule:admin_only", "Make an ad-hoc action that every project sees.";
    ActionsUpdate = "actions:update", "rule:admin_or_owner", "Change an ad-hoc action.";
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
                rule.default_check() != "rule:admin_or_owner",
                reaches_beyond || others.contains(rule),
                "{}",
                rule.name()
            );
        }
    }
}
