//! The engine of workflows, driven event by event over scripted outcomes. Every event comes twice, and every step is
//! made over a snapshot built from the records alone as well as over the one that went along.

mod commands;
mod data;
mod direct;
mod events;
mod items;
mod joins;
mod policies;
mod reruns;
mod reverse;
mod sub_workflows;
mod world;

use world::{Action, Outcome, World};
