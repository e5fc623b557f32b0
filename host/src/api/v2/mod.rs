//! Every route of v2 on one page.

pub mod action_executions;
pub mod actions;
pub mod audit_events;
pub mod environments;
pub mod members;
pub mod modules;
pub mod quotas;

use super::routes::Routes;

/// Adds the routes of v2.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = action_executions::routes(routes);
    let routes = actions::routes(routes);
    let routes = environments::routes(routes);
    let routes = modules::routes(routes);
    let routes = quotas::routes(routes);
    audit_events::routes(routes)
}
