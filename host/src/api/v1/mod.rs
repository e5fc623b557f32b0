//! What of Murano's API v1 is served: its list of environments, and what a poller asks around it.

mod environments;
mod fault;

pub(super) use environments::routes;
pub(super) use fault::{MuranoFaultView, in_muranos_words};
