#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod action;
pub mod bindings;
pub mod cloud;
mod context;
#[doc(hidden)]
pub mod export;
mod failure;
mod host;
pub mod http;
mod log;
mod paging;
mod response;
mod schema;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use action::{Action, Answer, Outcome, Pending};
pub use bindings::exports::zonda::action::actions::ActionSpec;
pub use bindings::zonda::action::cloud::TokenFacts;
pub use bindings::zonda::action::execution::RunFacts;
pub use bindings::zonda::action::types::AccessRule;
pub use cloud::{Cloud, Request};
pub use context::Context;
pub use failure::{Failure, Result};
pub use http::Http;
pub use log::Log;
pub use response::Response;
pub use schemars::{self, JsonSchema};
