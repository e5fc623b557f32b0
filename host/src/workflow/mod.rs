//! What follows: the engine of workflows as a pure function of an execution and an event.
//!
//! [`Draft::step`] takes an [`Event`] and gives [`Changes`]: the records that became others, and the [`Command`]s to
//! carry out. It does no I/O, reads no clock and makes no ids: both come in with the draft. What it has to look up
//! elsewhere it asks for by a [`Lookup`], and is asked again with the answer among its [`Facts`].

mod begin;
mod call;
mod child;
mod command;
mod context;
mod direct;
mod draft;
mod end;
mod event;
mod facts;
mod graph;
mod hold;
mod inbound;
mod index;
mod input;
mod join;
mod policy;
mod report;
mod rerun;
mod reverse;
mod scope;
#[cfg(any(test, feature = "simulator"))]
pub mod simulator;
mod snapshot;
mod step;
mod stop;
mod text;
mod view;
mod with_items;

pub use command::Command;
pub use draft::Draft;
pub use event::{ChildId, Ended, Event};
pub use facts::{ActionFacts, Fact, Facts, Lookup, Needed, WorkflowFacts};
pub use input::complete as complete_input;
pub use snapshot::{Changes, Child, Limits, Moment, Snapshot, merge};

#[cfg(test)]
mod tests;
