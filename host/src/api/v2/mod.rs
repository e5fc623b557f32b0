//! Every route of v2 on one page.

pub mod action_executions;
pub mod actions;
pub mod environments;
pub mod members;
pub mod modules;

use super::routes::Routes;

/// Adds the routes of v2.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = action_executions::routes(routes);
    let routes = actions::routes(routes);
    let routes = environments::routes(routes);
    modules::routes(routes)
}
