//! Every route of v2 on one page.

pub mod action_executions;
pub mod actions;
pub mod audit_events;
pub mod cron_triggers;
pub mod definitions;
pub mod environments;
pub mod event_triggers;
pub mod executions;
pub mod members;
pub mod modules;
pub mod quotas;
pub mod tasks;
mod triggers;
pub mod workbooks;
pub mod workflows;

use super::routes::Routes;

/// Adds the routes of v2.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = action_executions::routes(routes);
    let routes = actions::routes(routes);
    let routes = cron_triggers::routes(routes);
    let routes = environments::routes(routes);
    let routes = event_triggers::routes(routes);
    let routes = executions::routes(routes);
    let routes = tasks::routes(routes);
    let routes = modules::routes(routes);
    let routes = quotas::routes(routes);
    let routes = workbooks::routes(routes);
    let routes = workflows::routes(routes);
    audit_events::routes(routes)
}
